"""The edge-weighted inversion against a dense solve, and what it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.isotropic import isotropic_tensor
from napari_sti.recon.morphology import edge_weights
from napari_sti.recon.reconstruct import reconstruct
from tests.recon.dense import gradient_matrix, measured, scalar_matrix
from tests.recon.memory import peak_and_estimate
from tests.recon.orders import every_order_agrees


def with_magnitude(given: Acquisition) -> Acquisition:
    return replace(given, magnitude=np.random.default_rng(1).random((2, *given.shape)).astype(np.float32))


@pytest.mark.parametrize("shape", [(5, 3, 7), (4, 5, 6)])
@pytest.mark.parametrize("beta", [0.0, 0.4])
def test_minimises_its_functional(shape: tuple[int, int, int], beta: float) -> None:
    given, lam = with_magnitude(measured(shape, 1)), 0.02
    assert given.magnitude is not None
    weights = edge_weights(given.magnitude.mean(0), given.mask, given.voxel_size, share=0.3, smooth_mm=1.0)
    a, g = scalar_matrix(given), beta * gradient_matrix(weights, given.voxel_size)
    y = np.asarray(given.field, np.float64).ravel()
    expected = np.linalg.solve(a.T @ a + g.T @ g + lam * np.eye(a.shape[1]), a.T @ y)
    options = dict(beta=beta, lam=lam, share=0.3, smooth_mm=1.0, tol=0, max_iterations=300)
    found = reconstruct(given, "edge_qsm", device="cpu", **options)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.mms, expected.reshape(shape) * given.mask, atol=5e-5 * scale)
    objective = (np.sum((a @ expected - y) ** 2) + np.sum((g @ expected) ** 2) + lam * expected @ expected) / 2
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(objective, rel=1e-5)
    assert not found.msa.any()


def phantom(shape: tuple[int, int, int], noise: float = 0.0) -> tuple[np.ndarray, Acquisition]:
    """Susceptibility of smooth regions with sharp borders, seen by a magnitude image, too."""
    rng = np.random.default_rng(0)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    mask = (place**2).sum(0) < 0.9
    regions = np.sign(gaussian_filter(rng.normal(size=shape), 3))
    chi = (0.05 * regions * mask).astype(np.float32)
    affine, h = np.diag([1, 1.3, 2.0, 1]), [[0, 0.2, np.sqrt(0.96)]]
    field = simulate_field(isotropic_tensor(chi), affine, h, mask) + noise * rng.normal(size=shape) * mask
    return chi, Acquisition(field, h, mask, affine, magnitude=1 + 0.2 * regions)


def error(found: np.ndarray, chi: np.ndarray, mask: np.ndarray) -> float:
    difference = (found - chi)[mask]
    return float((difference - difference.mean()).std() / chi[mask].std())


def test_edges_of_the_right_image_help_against_streaks() -> None:
    chi, given = phantom((25, 22, 20), noise=0.002)
    errors = {
        edges: error(reconstruct(given, "edge_qsm", edges=edges, smooth_mm=1.0, share=0.2).mms, chi, given.mask)
        for edges in ("magnitude", "tkd")
    }
    division = error(reconstruct(given, "tkd").mms, chi, given.mask)
    assert errors["magnitude"] < errors["tkd"] < division
    assert errors["magnitude"] < 0.5 * division


def test_says_where_edges_came_from_and_refuses_a_magnitude_that_is_not_there() -> None:
    bare = measured((5, 6, 4), 2)
    remarks = reconstruct(with_magnitude(bare), "edge_qsm", max_iterations=2).provenance["remarks"]
    assert "Edges were taken from the magnitude." in remarks
    remarks = reconstruct(bare, "edge_qsm", max_iterations=2).provenance["remarks"]
    assert "Edges were taken from the truncated division of the field map (TKD)." in remarks
    assert any("the edges of an image set the susceptibility" in remark for remark in remarks)
    assert any("its MSA is 0" in remark for remark in remarks)
    with pytest.raises(InputError, match="from the magnitude and the study has none; add one, or use edges = tkd"):
        reconstruct(bare, "edge_qsm", edges="magnitude")


def test_a_magnitude_that_is_not_finite_is_refused() -> None:
    given = measured((5, 6, 4), 1)
    holes = np.full(given.shape, np.nan, np.float32)
    with pytest.raises(InputError, match="the image whose edges are wanted has NaN or infinite values"):
        reconstruct(replace(given, magnitude=holes), "edge_qsm")
    outside = np.where(given.mask, 1, np.nan).astype(np.float32)
    assert np.isfinite(reconstruct(replace(given, magnitude=outside), "edge_qsm", max_iterations=2).chi).all()


def test_begins_at_the_mean_of_another_result() -> None:
    _, given = phantom((11, 12, 9))
    first = reconstruct(given, "edge_qsm", device="cpu", max_iterations=30, tol=1e-4)
    steps: list[Step] = []
    reconstruct(given, "edge_qsm", device="cpu", max_iterations=1, tol=0, start=first, progress=steps.append)
    afresh = reconstruct(given, "edge_qsm", device="cpu", max_iterations=1, tol=0).provenance["iterations"][0]
    assert steps[0].objective is not None
    assert steps[0].objective < 0.5 * afresh["objective"]


def test_previews_are_isotropic_and_the_last_is_the_result() -> None:
    steps: list[Step] = []
    given = measured((5, 4, 6), 2)
    found = reconstruct(given, "edge_qsm", device="cpu", progress=steps.append, max_iterations=3, tol=0)
    assert steps[-1].preview is not None
    np.testing.assert_array_equal(steps[-1].preview(), found.chi)
    assert [s.iteration for s in steps] == [1, 2, 3]


@pytest.mark.parametrize("edges", ["magnitude", "tkd"])
def test_the_order_of_storage_does_not_matter(edges: str) -> None:
    every_order_agrees("edge_qsm", orientations=3, max_iterations=6, tol=0.0, edges=edges)


def test_memory_is_estimated_from_above_and_not_far() -> None:
    peak, estimate = peak_and_estimate("edge_qsm", 2, max_iterations=2)
    assert peak < 1.05 * estimate
    assert estimate < 1.5 * peak
