"""Truncated division against the formula over whole spectra."""

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.recon.reconstruct import reconstruct
from tests.recon.dense import dipole, measured
from tests.recon.memory import peak_and_estimate
from tests.recon.orders import every_order_agrees


def literal(given: Acquisition, index: int, threshold: float) -> tuple[np.ndarray, float]:
    """Susceptibility (X, Y, Z), and the mean over k-space of the kernel times its truncated inverse."""
    d = dipole(given.shape, given.voxel_size, given.b0_dirs[index])
    safe = np.where(np.abs(d) > threshold, d, np.sign(d) * threshold)
    inverse = np.divide(1, safe, out=np.zeros_like(d), where=np.abs(d) > 1e-6)
    chi = np.fft.ifftn(inverse * np.fft.fftn(np.asarray(given.field, np.float64)[index])).real
    return chi * given.mask, float((d * inverse).mean())


@pytest.mark.parametrize("shape", [(5, 3, 7), (8, 6, 4), (6, 7, 1), (5, 4, 2)])
@pytest.mark.parametrize("threshold", [0.05, 0.19])
def test_is_the_formula(shape: tuple[int, int, int], threshold: float) -> None:
    given = measured(shape, 3)
    plain = reconstruct(given, "tkd", device="cpu", threshold=threshold, orientation=2)
    expected, kept = literal(given, 1, threshold)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(plain.mms, expected, atol=1e-5 * scale)
    scaled = reconstruct(given, "tkd", device="cpu", threshold=threshold, orientation=2, correct_scale=True)
    np.testing.assert_allclose(scaled.mms, expected / kept, atol=1e-5 * scale / kept)
    assert not plain.msa.any()


def test_nothing_comes_from_frequencies_on_the_cone() -> None:
    # On a cube of voxels with B0 along an axis, k along the diagonal is exactly at the magic angle.
    rng = np.random.default_rng(0)
    given = Acquisition(rng.normal(size=(1, 7, 7, 7)) * 0.01, [[0, 0, 1.0]], np.ones((7, 7, 7)), np.eye(4))
    found = reconstruct(given, "tkd")
    assert abs(np.fft.fftn(found.mms.astype(np.float64))[1, 1, 1]) < 1e-5


def test_stages_are_told_and_the_residual_is_that_of_the_result() -> None:
    given, steps = measured((6, 5, 7), 1), []

    def note(step: Step) -> None:
        steps.append(step)

    found = reconstruct(given, "tkd", device="cpu", progress=note)
    assert [s.iteration for s in steps] == [1, 2, 3]
    d = dipole(given.shape, given.voxel_size, given.b0_dirs[0])
    field = np.fft.ifftn(d * np.fft.fftn(found.mms.astype(np.float64))).real * given.mask
    expected = np.linalg.norm(field - given.field[0]) / np.linalg.norm(given.field)
    assert steps[-1].residual == pytest.approx(expected, rel=1e-4)
    assert found.provenance["iterations"][-1]["residual"] == steps[-1].residual


def test_says_which_orientation_it_took_and_what_it_cannot_know() -> None:
    given = measured((6, 5, 7), 4)
    remarks = reconstruct(given, "tkd").provenance["remarks"]
    upright = int(np.argmax(np.abs(given.b0_dirs[:, 2]))) + 1
    assert f"Made from one of 4 orientations: orientation {upright}." in remarks
    assert any("not measured by one orientation" in remark for remark in remarks)
    assert any("its MSA is 0 and it has no principal direction" in remark for remark in remarks)
    with pytest.raises(InputError, match="orientation 9 is asked for and the study has 4"):
        reconstruct(given, "tkd", orientation=9)


def test_the_order_of_storage_does_not_matter() -> None:
    every_order_agrees("tkd", orientations=3, correct_scale=True)


def test_memory_is_estimated_from_above_and_not_far() -> None:
    peak, estimate = peak_and_estimate("tkd", 2)
    assert peak < 1.05 * estimate
    assert estimate < 1.5 * peak
