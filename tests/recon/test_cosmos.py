"""COSMOS against a dense solve, and what it says."""

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.isotropic import isotropic_tensor
from napari_sti.recon.reconstruct import reconstruct
from tests.recon.dense import directions, measured, scalar_matrix
from tests.recon.memory import peak_and_estimate
from tests.recon.orders import every_order_agrees


@pytest.mark.parametrize("shape", [(5, 3, 7), (4, 5, 6)])
@pytest.mark.parametrize("count", [2, 4])
def test_minimises_its_functional(shape: tuple[int, int, int], count: int) -> None:
    given, lam = measured(shape, count), 0.01
    inside = given.mask.ravel()
    a, y = scalar_matrix(given)[:, inside], np.asarray(given.field, np.float64).ravel()
    expected = np.linalg.solve(a.T @ a + lam * np.eye(a.shape[1]), a.T @ y)
    found = reconstruct(given, "cosmos", device="cpu", lam=lam, tol=0, max_iterations=300)
    np.testing.assert_allclose(found.chi[given.mask, 0], expected, atol=2e-5 * np.abs(expected).max())
    objective = (np.sum((a @ expected - y) ** 2) + lam * expected @ expected) / 2
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(objective, rel=1e-5)


def phantom(shape: tuple[int, int, int], count: int) -> tuple[np.ndarray, Acquisition]:
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    mask = (place**2).sum(0) < 0.8
    chi = 0.05 * np.random.default_rng(0).normal(size=shape).astype(np.float32) * mask
    affine, h = np.diag([1, 1.3, 2.0, 1]), directions(count)
    return chi, Acquisition(simulate_field(isotropic_tensor(chi), affine, h, mask), h, mask, affine)


@pytest.mark.parametrize("shape", [(11, 13, 9), (12, 10, 8)])
def test_recovers_an_isotropic_susceptibility_within_a_mask(shape: tuple[int, int, int]) -> None:
    chi, given = phantom(shape, 4)
    found = reconstruct(given, "cosmos", device="cpu", tol=1e-6, max_iterations=200)
    assert np.linalg.norm(found.mms - chi) < 0.01 * np.linalg.norm(chi)
    assert not found.msa.any()
    assert not found.pev.any()
    assert not found.chi[~given.mask].any()


def test_starts_from_the_closed_form_or_from_another_result() -> None:
    chi, given = phantom((11, 13, 9), 3)
    steps: list[Step] = []
    reconstruct(given, "cosmos", device="cpu", max_iterations=1, progress=steps.append)
    assert steps[0].residual is not None
    assert steps[0].residual < 0.5
    first = reconstruct(given, "cosmos", device="cpu", max_iterations=20, tol=0)
    again = reconstruct(given, "cosmos", device="cpu", max_iterations=1, tol=0, start=first)
    assert again.provenance["iterations"][0]["residual"] <= first.provenance["iterations"][-1]["residual"]
    np.testing.assert_allclose(again.mms, first.mms, atol=0.01 * np.abs(chi).max())


def test_says_that_it_is_isotropic_and_when_it_is_not_determined() -> None:
    enough = reconstruct(measured((5, 4, 6), 3), "cosmos").provenance["remarks"]
    assert enough == [
        "COSMOS (isotropic, several orientations) is isotropic by construction: "
        "its MSA is 0 and it has no principal direction."
    ]
    few = reconstruct(measured((5, 4, 6), 2), "cosmos").provenance["remarks"]
    assert few[0] == (
        "2 different B0 directions leave the susceptibility underdetermined where the kernels of all are small "
        "(3 are needed)."
    )
    with pytest.raises(InputError, match="needs at least 2 orientations and the study has 1"):
        reconstruct(measured((5, 4, 6), 1), "cosmos")


def test_previews_are_isotropic_and_the_last_is_the_result() -> None:
    steps: list[Step] = []
    found = reconstruct(measured((5, 4, 6), 3), "cosmos", device="cpu", progress=steps.append, max_iterations=5, tol=0)
    assert steps[-1].preview is not None
    np.testing.assert_array_equal(steps[-1].preview(), found.chi)
    assert [s.iteration for s in steps] == [1, 2, 3, 4, 5]


def test_the_order_of_storage_does_not_matter() -> None:
    every_order_agrees("cosmos", orientations=4, max_iterations=6, tol=0.0)


def test_memory_is_estimated_from_above_and_not_far() -> None:
    peak, estimate = peak_and_estimate("cosmos", 4, max_iterations=2)
    assert peak < 1.05 * estimate
    assert estimate < 1.5 * peak
