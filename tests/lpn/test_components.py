import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.lpn.components import ENTRY, channel_matrix, mix


def test_mixed_and_back():
    matrix = channel_matrix({ENTRY: [[2.0, 1.0], [0.0, 0.5]]})
    values = np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype(np.float32)
    mixed = mix(values, matrix)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed[1, 2, 3], matrix @ values[1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(mix(mixed, np.linalg.inv(matrix)), values, atol=1e-6)


def test_nothing_stated_is_nothing_mixed():
    assert channel_matrix({"scale": 1.0}) is None


@pytest.mark.parametrize("stated", ["x", [[1, 2]], [[1, 1], [1, 1]], [[np.inf, 0], [0, 1]], []])
def test_a_card_that_states_nonsense_is_refused(stated):
    with pytest.raises(InputError, match="states no matrix that can be undone"):
        channel_matrix({ENTRY: stated})


def test_other_components_are_refused():
    with pytest.raises(InputError, match="3 components where the network takes 2"):
        mix(np.zeros((4, 4, 4, 3)), np.eye(2))
