"""The penalty on gradients against a matrix, and a preconditioner that is one."""

import numpy as np
import pytest
import torch

from napari_sti.recon import scalar_penalty
from napari_sti.recon.scalar import ScalarOperator
from napari_sti.recon.scalar_penalty import GradientPenalty, KSpacePreconditioner
from napari_sti.recon.solvers.cgls import cgls
from tests.recon.dense import directions, gradient_matrix

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


def test_preconditioner_is_the_inverse_where_everything_is_even() -> None:
    shape = (6, 5, 4)
    operator = ScalarOperator(shape, SIZE, directions(1), dtype=torch.float64)
    penalty = GradientPenalty(np.zeros((3, *shape)), 1.0, SIZE, dtype=torch.float64)
    p = KSpacePreconditioner(operator.kernel, penalty, shape, covered=1.0, ridge=0.3)
    x = torch.randn(1, *shape, dtype=torch.float64)
    normal = operator.adjoint(operator.forward(x)) + 0.3 * x
    out = torch.empty_like(x)
    value = p.apply(normal, out)
    torch.testing.assert_close(out, x)
    assert value == pytest.approx(float((normal * x).sum()))


@pytest.mark.parametrize(("ridge", "tol", "gain"), [(1e-2, 1e-8, 1.1), (1e-6, 1e-3, 0.75)])
def test_preconditioner_reaches_the_same_minimum_and_sooner(ridge: float, tol: float, gain: float) -> None:
    shape = (16, 14, 12)
    rng = np.random.default_rng(1)
    mask = np.zeros(shape, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    operator = ScalarOperator(shape, SIZE, directions(1), mask, dtype=torch.float64)
    penalty = GradientPenalty(rng.random((3, *shape)) < 0.7, 0.1, SIZE, dtype=torch.float64)
    data = torch.from_numpy(rng.normal(size=(1, *shape)) * mask)
    p = KSpacePreconditioner(operator.kernel, penalty, shape, float(mask.mean()), ridge)
    plain, quick = (
        cgls(operator, data, ridge=ridge, penalty=penalty, preconditioner=each, tol=tol, max_iterations=1000)
        for each in (None, p)
    )
    assert plain.stopped == quick.stopped == "tolerance"
    assert len(quick.iterations) < gain * len(plain.iterations)
    assert quick.iterations[-1]["objective"] == pytest.approx(plain.iterations[-1]["objective"], rel=10 * tol)
    if tol < 1e-6:
        torch.testing.assert_close(plain.x, quick.x, rtol=1e-5, atol=1e-5)
