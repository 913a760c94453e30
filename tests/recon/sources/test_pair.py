"""The published iteration for two unknowns against the formulas, in pieces of any length."""

import numpy as np
import pytest
import torch

from napari_sti.recon.sources.pair import next_of_pair


@pytest.mark.parametrize("length", [3, 11, 100])
@pytest.mark.parametrize("mixed", [0.0, -0.3])
def test_is_what_the_formulas_say(length: int, mixed: float) -> None:
    rng = np.random.default_rng(0)
    z, x, b = (rng.normal(size=(2, 11)) for _ in range(3))
    mask, matrix, step = rng.random(11) < 0.7, [[0.6, mixed], [mixed, 0.4]], 0.2
    new = z * mask
    new = np.stack([np.maximum(new[0], 0), np.minimum(new[1], 0)])
    given = [torch.tensor(array, dtype=torch.float64) for array in (z, x, mask, b)]
    found = next_of_pair(*given, step, matrix, length)
    np.testing.assert_allclose(given[0], new)
    np.testing.assert_allclose(given[1], np.array(matrix) @ new + step * b)
    gram = new @ new.T
    expected = [gram[0, 0], gram[0, 1], gram[1, 1], (b * new).sum(), ((x - new) ** 2).sum()]
    np.testing.assert_allclose(found, expected)
