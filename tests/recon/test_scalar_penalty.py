"""The penalty on gradients against a matrix."""

import numpy as np
import pytest
import torch

from napari_sti.recon import scalar_penalty
from napari_sti.recon.scalar_penalty import GradientPenalty
from tests.recon.dense import gradient_matrix

SIZE = (0.9, 1.1, 2.5)


@pytest.mark.parametrize("shape", [(5, 4, 6), (1, 4, 3), (4, 1, 1), (1, 1, 1), (2, 3, 2)])
@pytest.mark.parametrize("planes", [1, 2, 100])
def test_is_the_matrix(shape: tuple[int, int, int], planes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalar_penalty, "SLAB_VOXELS", planes * shape[1] * shape[2])
    rng = np.random.default_rng(0)
    weights = rng.random((3, *shape))
    rows = 0.7 * gradient_matrix(np.sqrt(weights), SIZE)
    x = rng.normal(size=shape)
    expected = (rows.T @ rows @ x.ravel()).reshape(shape)
    penalty = GradientPenalty(weights, 0.7, SIZE, dtype=torch.float64)
    given, out = torch.from_numpy(x)[None], torch.ones(1, *shape, dtype=torch.float64)
    before = given.clone()
    value = penalty.subtract_gradient(given, out)
    np.testing.assert_allclose(1 - out[0].numpy(), expected, atol=1e-12)
    np.testing.assert_allclose([value, penalty.value(given)], [(x * expected).sum()] * 2, atol=1e-12)
    assert torch.equal(given, before)
    assert np.linalg.eigvalsh(rows.T @ rows).max(initial=0) <= penalty.largest + 1e-12


def test_a_ramp_costs_the_same_on_any_voxels() -> None:
    ramp = torch.arange(6, dtype=torch.float64)[None, :, None, None].expand(1, 6, 3, 3)
    costs = [
        GradientPenalty(np.ones((3, 6, 3, 3)), 1.0, (size, 1, 1), dtype=torch.float64).value(size * ramp)
        for size in (0.5, 2.0)
    ]
    assert costs == [45.0, 45.0]
