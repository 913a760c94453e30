"""The bound on the normal operator that the step lengths of proximal gradients rest on."""

import numpy as np
import pytest
import torch

from napari_sti.recon.curvature import component_curvature
from napari_sti.recon.operator import StiOperator


def tilted(count: int, degrees: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tilt, turn = np.radians(rng.uniform(0, degrees, count)), rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)


def largest(op: StiOperator, curvature: np.ndarray, steps: int = 60) -> float:
    """Largest eigenvalue of L^(-1/2) A^T A L^(-1/2) by power iteration."""
    scale = torch.tensor(curvature, dtype=torch.float64).rsqrt().view(6, 1, 1, 1)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, *op.shape)))
    value = 0.0
    for _ in range(steps):
        x /= torch.linalg.norm(x)
        next_one = scale * op.normal(scale * x)
        value = float((x * next_one).sum())
        x = next_one
    return value


@pytest.mark.parametrize("shape", [(7, 9, 8), (8, 2, 5)])
@pytest.mark.parametrize("directions", [tilted(7, 60), tilted(6, 15), tilted(1, 30), tilted(3, 90, 1)])
def test_bounds_the_normal_operator_and_is_not_far_from_it(shape: tuple[int, int, int], directions: np.ndarray) -> None:
    curvature = component_curvature(directions)
    whole = StiOperator(shape, (0.8, 1.1, 2.3), directions, None, dtype=torch.float64)
    found = largest(whole, curvature)
    assert found <= 1
    if min(shape) > 5:
        assert found > 0.7
    mask = np.random.default_rng(2).random(shape) < 0.5
    masked = StiOperator(shape, (0.8, 1.1, 2.3), directions, mask, dtype=torch.float64)
    assert largest(masked, curvature, 30) <= 1


def test_holds_between_the_directions_that_were_looked_at() -> None:
    directions = tilted(5, 45, 3)
    curvature = component_curvature(directions)
    n = np.random.default_rng(1).normal(size=(20000, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    twice = np.array([1, 2, 2, 1, 2, 1])
    rows, columns = np.triu_indices(3)
    normal = np.zeros((len(n), 6, 6))
    for h in directions:
        even = (h[rows] * n[:, columns] + n[:, rows] * h[columns]) / 2
        d = twice * (h[rows] * h[columns] / 3 - (n @ h)[:, None] * even)
        normal += d[:, :, None] * d[:, None, :]
    lowest = np.linalg.eigvalsh(np.diag(curvature) - normal)[:, 0]
    assert lowest.min() >= 0


def test_small_tilts_leave_small_curvatures_and_none_is_zero() -> None:
    small = component_curvature(tilted(6, 10))
    assert small[[0, 1, 3]].max() < 0.05 * small[5]
    upright = component_curvature([[0, 0, 1.0]])
    assert (upright > 0).all()
    assert np.isfinite(upright).all()
