"""One field map inverted in k-space: the same operator, penalty and minimum as in image space, and sooner."""

import numpy as np
import pytest
import torch

from napari_sti.recon.scalar import ScalarOperator
from napari_sti.recon.scalar_kspace import KSpacePenalty, KSpacePreconditioner, ScalarKSpaceOperator, inner
from napari_sti.recon.scalar_penalty import GradientPenalty
from napari_sti.recon.solvers.cgls import FollowedPenalty, cgls
from tests.recon.dense import directions

SIZE = (0.9, 1.1, 2.5)
SHAPES = [(6, 5, 4), (5, 4, 7), (1, 6, 5), (4, 3, 1)]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def penalty_on(shape: tuple[int, int, int]) -> GradientPenalty:
    weights = np.random.default_rng(3).random((3, *shape)) < 0.7
    return GradientPenalty(weights, 0.1, SIZE, dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_operator_on_volumes(shape: tuple[int, int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.7
    operator = ScalarOperator(shape, SIZE, directions(2), mask, dtype=torch.float64)
    spectra = ScalarKSpaceOperator(operator)
    x, y = random(1, *shape), random(2, *shape, seed=1)
    z = spectra.from_image(x)
    torch.testing.assert_close(spectra.to_image(z), x)
    torch.testing.assert_close(spectra.forward(z), operator.forward(x))
    torch.testing.assert_close(spectra.to_image(spectra.adjoint(y)), operator.adjoint(y))
    assert spectra.squared_norm(z) == pytest.approx(float((x * x).sum()))
    assert inner(z, spectra.adjoint(y), shape) == pytest.approx(float((operator.forward(x) * y).sum()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("warm", [False, True])
def test_penalty_follows_the_unknown(shape: tuple[int, int, int], warm: bool) -> None:
    operator = ScalarOperator(shape, SIZE, directions(1), dtype=torch.float64)
    spectra, plain = ScalarKSpaceOperator(operator), penalty_on(shape)
    penalty = KSpacePenalty(plain, operator, ridge=0.2)
    assert isinstance(penalty, FollowedPenalty)
    assert penalty.largest == plain.largest + 0.2
    x = random(1, *shape) if warm else torch.zeros(1, *shape, dtype=torch.float64)

    def check() -> None:
        expected, out = x * -0.2, torch.zeros_like(spectra.from_image(x))
        own = plain.subtract_gradient(x, expected) + 0.2 * float((x * x).sum())
        assert penalty.subtract_gradient(spectra.from_image(x), out) == pytest.approx(own, abs=1e-12)
        torch.testing.assert_close(spectra.to_image(out), expected)

    if warm:
        check()
    for seed, alpha in ((1, 0.7), (2, -0.3), (3, 1.5)):
        p = random(1, *shape, seed=seed)
        value = penalty.value(spectra.from_image(p))
        assert value == pytest.approx(plain.value(p) + 0.2 * float((p * p).sum()))
        penalty.move(alpha)
        x = x + alpha * p
        check()


def test_preconditioner_is_the_inverse_where_everything_is_even() -> None:
    shape = (6, 5, 4)
    operator = ScalarOperator(shape, SIZE, directions(1), dtype=torch.float64)
    penalty = GradientPenalty(np.zeros((3, *shape)), 1.0, SIZE, dtype=torch.float64)
    p = KSpacePreconditioner(operator.kernel, penalty, shape, covered=1.0, ridge=0.3)
    x = random(1, *shape)
    normal = operator.adjoint(operator.forward(x)) + 0.3 * x
    spectra = ScalarKSpaceOperator(operator)
    out = spectra.from_image(torch.zeros_like(x))
    value = p.apply(spectra.from_image(normal), out)
    torch.testing.assert_close(spectra.to_image(out), x)
    assert value == pytest.approx(float((normal * x).sum()))


@pytest.mark.parametrize(("ridge", "tol", "gain"), [(1e-2, 1e-8, 1.1), (1e-6, 2e-3, 0.75)])
def test_reaches_the_same_minimum_as_in_image_space_and_sooner(ridge: float, tol: float, gain: float) -> None:
    shape = (16, 14, 12)
    rng = np.random.default_rng(1)
    mask = np.zeros(shape, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    operator = ScalarOperator(shape, SIZE, directions(1), mask, dtype=torch.float64)
    spectra = ScalarKSpaceOperator(operator)
    penalty = GradientPenalty(rng.random((3, *shape)) < 0.7, 0.1, SIZE, dtype=torch.float64)
    data = torch.from_numpy(rng.normal(size=(1, *shape)) * mask)
    p = KSpacePreconditioner(operator.kernel, penalty, shape, float(mask.mean()), ridge)
    plain = cgls(operator, data, ridge=ridge, penalty=penalty, tol=tol, max_iterations=1000)
    quick, slow = (
        cgls(
            spectra,
            data,
            penalty=KSpacePenalty(penalty, operator, ridge),
            preconditioner=each,
            tol=tol,
            max_iterations=1000,
        )
        for each in (p, None)
    )
    assert plain.stopped == quick.stopped == slow.stopped == "tolerance"
    # The small ridge is asked for 2e-3 only: at 1e-3 the gradient stays near the limit for twenty iterations, and
    # rounding tells which is the last, after steps that agree to 1e-12 for the first thirty.
    assert len(slow.iterations) == pytest.approx(len(plain.iterations), rel=0.02)
    objectives = [[record["objective"] for record in found.iterations[:30]] for found in (plain, slow)]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-11)
    assert len(quick.iterations) < gain * len(plain.iterations)
    for found in (quick, slow):
        assert found.iterations[-1]["objective"] == pytest.approx(plain.iterations[-1]["objective"], rel=5 * tol)
        if tol < 1e-6:
            torch.testing.assert_close(spectra.to_image(found.x), plain.x, rtol=1e-5, atol=1e-5)


def test_rounding_does_not_move_the_mean() -> None:
    shape = (9, 12, 7)
    rng = np.random.default_rng(2)
    mask = rng.random(shape) < 0.8
    operator = ScalarOperator(shape, SIZE, directions(1), mask)
    penalty = GradientPenalty(rng.random((3, *shape)) < 0.7, 0.3, SIZE)
    data = torch.from_numpy((rng.normal(size=(1, *shape)) * mask).astype(np.float32))
    p = KSpacePreconditioner(operator.kernel, penalty, shape, float(mask.mean()), 1e-6)
    found = cgls(
        ScalarKSpaceOperator(operator),
        data,
        penalty=KSpacePenalty(penalty, operator, 1e-6),
        preconditioner=p,
        max_iterations=6,
    )
    assert found.x.abs().max() > 0.1
    # No field tells it and every difference is blind to it: the ridge alone sets it, to 0.
    np.testing.assert_array_equal(found.x[0, 0, 0, :2], 0)
