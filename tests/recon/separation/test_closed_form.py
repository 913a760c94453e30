"""The floor: exact where the data are, and the best that the signs allow where they are not."""

from itertools import product

import numpy as np
import pytest

from napari_sti.recon.separation.closed_form import ClosedForm, ClosedFormParams
from tests.recon.separation.given import SHAPE, scalar_input, sources, tensor_input

METHOD = ClosedForm()
FREE = ClosedFormParams(signs=False)


def test_scalar_without_signs_is_half_of_sum_and_difference() -> None:
    given = scalar_input(noise=0.05)
    found = METHOD.run(given, FREE)
    rate = given.rates[0] / 114
    np.testing.assert_allclose(found.chi_pos, (given.chi + rate) / 2, atol=1e-6)
    np.testing.assert_allclose(found.chi_neg, (given.chi - rate) / 2, atol=1e-6)
    assert (found.chi_pos < 0).any() and not found.signed


@pytest.mark.parametrize("dr", [(114.0, 114.0), (114.0, 60.0), (80.0, 137.0)])
@pytest.mark.parametrize("params", [FREE, ClosedFormParams(tol=1e-6)])
def test_scalar_recovers_sources_without_noise(dr: tuple[float, float], params: ClosedFormParams) -> None:
    pos, tensor = sources()
    found = METHOD.run(scalar_input(2, dr=dr), params)
    np.testing.assert_allclose(found.chi_pos, pos, atol=2e-5)
    np.testing.assert_allclose(found.chi_neg, tensor[..., [0, 3, 5]].mean(-1), atol=2e-5)


@pytest.mark.parametrize("orientations", [1, 2, 5])
@pytest.mark.parametrize("signs", [True, False])
def test_tensor_recovers_sources_without_noise(orientations: int, signs: bool) -> None:
    pos, neg = sources()
    found = METHOD.run(tensor_input(orientations), ClosedFormParams(signs=signs, tol=1e-6, max_iterations=400))
    np.testing.assert_allclose(found.chi_pos, pos, atol=3e-5)
    np.testing.assert_allclose(found.chi_neg_tensor.chi, neg, atol=3e-5)


def test_signs_give_the_best_that_they_allow() -> None:
    given = scalar_input(2, noise=0.06, dr=(114.0, 70.0))
    found = METHOD.run(given, ClosedFormParams(tol=0.0, max_iterations=200))
    ratio, rate = 70 / 114, given.rates.mean(0) / 114

    def value(p: np.ndarray, n: np.ndarray) -> np.ndarray:
        return (p + n - given.chi) ** 2 + (p - ratio * n - rate) ** 2

    inside = given.acquisition.mask
    best = np.full(SHAPE, np.inf)
    # By brute force: a fine grid of both sources around what was found, as far as signs allow.
    for dp, dn in product(np.linspace(-0.1, 0.1, 41), repeat=2):
        best = np.minimum(best, value(np.maximum(found.chi_pos + dp, 0), np.minimum(found.chi_neg + dn, 0)))
    reached = value(found.chi_pos, found.chi_neg)
    assert (reached[inside] <= best[inside] + 1e-8).all()


def test_accelerated_fit_ends_where_plain_steps_end() -> None:
    import torch

    from napari_sti.recon.sources.run import Posed, Sparsity
    from napari_sti.recon.sources.solver import fit, functional, threshold_and_project

    posed = Posed(tensor_input(3, noise=0.05), Sparsity(0.0, 0.0, levels=1))
    quick = fit(posed.problem, tol=1e-6, max_iterations=500)
    plain = threshold_and_project(posed.problem, 1 / posed.problem.curvature, tol=1e-7, max_iterations=3000)
    assert quick.stopped == "tolerance" and len(quick.iterations) < len(plain.iterations)
    torch.testing.assert_close(quick.x, plain.x, rtol=0, atol=1e-5)
    assert functional(posed.problem, quick.x) == pytest.approx(plain.iterations[-1]["objective"], rel=1e-4)
