"""The tissue penalty against its formula, written out."""

import numpy as np
import pytest
import torch

from napari_sti.recon import penalties
from napari_sti.recon.penalties import DIAGONAL, OFF_DIAGONAL, Tissue, TissuePenalty
from napari_sti.recon.preconditioner import TissuePreconditioner

SIZE = (0.9, 1.2, 2.0)


def tissue(shape, *, empty=True):
    rng = np.random.default_rng(1)
    return Tissue(rng.random(shape), rng.random(shape) if empty else None, rng.random((3, *shape)))


def by_hand(given, x, components):
    diagonal = [x[i] for i in DIAGONAL[components]]
    trace = sum(diagonal)
    off = sum(x[i] ** 2 for i in OFF_DIAGONAL[components])
    a, b, c = diagonal
    total = (given.isotropic * (off + (a - b) ** 2 + (b - c) ** 2 + (c - a) ** 2)).sum()
    if given.empty is not None:
        total += (given.empty * sum(d**2 for d in diagonal)).sum()
    for axis, size in enumerate(SIZE):
        jump = np.diff(trace, axis=axis) / size
        total += (np.take(given.smooth[axis], range(jump.shape[axis]), axis=axis) * jump**2).sum()
    return total


@pytest.mark.parametrize("shape", [(7, 5, 6), (1, 4, 3), (5, 1, 2), (4, 3, 1)])
@pytest.mark.parametrize("components", [6, 9])
@pytest.mark.parametrize("slab", [1, 30, 10**9])
def test_value_and_gradient_are_those_of_the_formula(shape, components, slab, monkeypatch):
    monkeypatch.setattr(penalties, "_SLAB", slab)
    given = tissue(shape, empty=components == 6)
    penalty = TissuePenalty(given, SIZE, components, dtype=torch.float64)
    rng = np.random.default_rng(2)
    x, e = rng.normal(size=(2, components, *shape))
    expected = by_hand(given, x, components)
    assert penalty.value(torch.from_numpy(x)) == pytest.approx(expected, rel=1e-12)
    out = torch.zeros(x.shape, dtype=torch.float64)
    assert penalty.subtract_gradient(torch.from_numpy(x), out) == pytest.approx(expected, rel=1e-12)
    slope = (by_hand(given, x + 1e-4 * e, components) - by_hand(given, x - 1e-4 * e, components)) / 4e-4
    assert -float((out.numpy() * e).sum()) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("components", [6, 9])
def test_no_eigenvalue_is_above_the_bound(components):
    shape = (4, 3, 5)
    penalty = TissuePenalty(tissue(shape), SIZE, components, dtype=torch.float64)
    x = torch.randn(components, *shape, dtype=torch.float64)
    for _ in range(100):
        out = torch.zeros_like(x)
        penalty.subtract_gradient(x, out)
        x = out / out.norm()
    assert penalty.value(x) <= penalty.largest


def test_an_isotropic_constant_costs_nothing_in_tissue():
    shape = (5, 4, 3)
    penalty = TissuePenalty(tissue(shape, empty=False), SIZE, dtype=torch.float64)
    x = torch.zeros(6, *shape, dtype=torch.float64)
    x[[0, 3, 5]] = 0.7
    assert penalty.value(x) == pytest.approx(0, abs=1e-14)


def test_strong_isotropy_leaves_no_rounding_in_the_mean():
    shape = (5, 4, 3)
    given = Tissue(np.full(shape, 100.0), None, np.zeros((3, *shape)))
    penalty = TissuePenalty(given, SIZE, dtype=torch.float32)
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.normal(size=shape) + 1e-6 * rng.normal(size=(6, *shape))).astype(np.float32))
    out = torch.zeros_like(x)
    value = penalty.subtract_gradient(x, out)
    diagonal = x[[0, 3, 5]].double()
    spread = (diagonal - diagonal.roll(1, 0)).square().sum() + x[[1, 2, 4]].double().square().sum()
    assert value == pytest.approx(100 * float(spread), rel=1e-5)
    # Where the mean is free, its gradient comes from the data alone, which is a hundred times weaker.
    assert out[[0, 3, 5]].sum(0).abs().max() < 1e-9


def test_weights_that_were_given_are_left_alone():
    given = tissue((3, 4, 2))
    before = given.smooth.copy()
    TissuePenalty(given, SIZE, dtype=torch.float64)
    np.testing.assert_array_equal(given.smooth, before)


@pytest.mark.parametrize("components", [6, 9])
@pytest.mark.parametrize("empty", [True, False])
def test_preconditioner_is_the_inverse_where_the_mean_is_free(components, empty):
    shape = (5, 3, 4)
    given = tissue(shape, empty=empty)
    given = Tissue(given.isotropic, given.empty, np.zeros((3, *shape)))
    penalty = TissuePenalty(given, SIZE, components, dtype=torch.float64)
    precondition = TissuePreconditioner(penalty, 5)
    s = torch.randn(components, *shape, dtype=torch.float64)
    z = torch.empty_like(s)
    product = precondition.apply(s, z)
    assert product == pytest.approx(float((s * z).sum()))
    back = 0.04 * 5 * z
    penalty.subtract_gradient(-z, back)
    torch.testing.assert_close(back, s)
