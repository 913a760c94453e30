"""The brain of two sources: it adds up, has the right signs, and its R2' depends on the angle as it should."""

import numpy as np
import pytest

from napari_sti.core import eigen
from napari_sti.recon.separate import separate
from napari_sti.simulate.anatomy import anatomy_on, brain_grid
from napari_sti.simulate.fibres import fibre_field
from napari_sti.simulate.sources import SourceParams, brain_sources, simulate_r2prime, simulate_separation
from napari_sti.simulate.susceptibility import susceptibility_tensor


@pytest.fixture(scope="module")
def brain():
    anatomy = anatomy_on(brain_grid((7.0, 7.0, 8.0), oblique=0.0))
    return anatomy, fibre_field(anatomy)


@pytest.fixture(scope="module")
def sources(brain):
    return brain_sources(*brain)


def test_both_sources_are_the_tensor_of_the_sample_brain(brain, sources) -> None:
    np.testing.assert_allclose(sources.total, susceptibility_tensor(*brain), atol=1e-6)


def test_signs_and_places(brain, sources) -> None:
    anatomy, _ = brain
    assert (sources.pos >= 0).all() and eigen.eigenvalues(sources.neg).max() < 1e-7
    assert not sources.pos[~anatomy.mask].any() and not sources.neg[~anatomy.mask].any()
    white, grey = (anatomy.wm > 0.9) & anatomy.mask, (anatomy.gm > 0.9) & anatomy.mask
    assert sources.neg_mean[white].mean() < 2 * sources.neg_mean[grey].mean() < 0
    assert sources.pos[grey].mean() > 1.5 * sources.pos[white].mean() > 0


def test_the_least_diamagnetic_axis_is_the_fibre(brain, sources) -> None:
    anatomy, fibres = brain
    _, _, pev = eigen.principal(sources.neg)
    clear = (anatomy.wm > 0.9) & (fibres.coherence > 0.7)
    cosine = np.abs((pev * fibres.direction).sum(-1))[clear]
    assert np.median(cosine) > 0.999


def test_consistent_rates_are_those_of_the_tensor(sources) -> None:
    (rate,) = simulate_r2prime(sources, [0, 0, 1.0], dr=100)
    np.testing.assert_allclose(rate, 100 * (sources.pos - sources.neg[..., 5]), atol=1e-4)


def test_theory_is_largest_across_the_fibres(brain, sources) -> None:
    anatomy, fibres = brain
    rates = simulate_r2prime(sources, np.eye(3), "theory", tesla=3.0)
    i, j, k = np.argwhere((anatomy.wm > 0.9) & (fibres.coherence > 0.8))[0]
    v, s = fibres.direction[i, j, k], fibres.coherence[i, j, k]
    for rate, h in zip(rates, np.eye(3), strict=True):
        across = s * (1 - (v @ h) ** 2) + (1 - s) * 2 / 3
        expected = 3 * (107.84 * sources.pos[i, j, k] - 133.77 * across * sources.neg_mean[i, j, k])
        assert rate[i, j, k] == pytest.approx(expected, rel=1e-4)


def test_a_study_of_it_is_separated_well_with_its_own_dr() -> None:
    wanted = SourceParams(orientations=3, voxel_size="8", rate_snr=60, snr=60, dr=137)
    acquisition, truth = simulate_separation(wanted)
    assert acquisition.simulated and acquisition.r2prime.shape[0] == 3
    right, wrong = (separate(acquisition, "closed_form", dr=dr, device="cpu") for dr in (137, 114))
    inside = truth.mask
    errors = [np.abs(found.chi_pos - truth.pos)[inside].mean() for found in (right, wrong)]
    assert errors[0] < 5e-4 < 2e-3 < errors[1]
