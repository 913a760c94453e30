"""STIimag on simulated data: what it recovers, what it says, what it takes."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.eigen import principal
from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Step
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method

AFFINE = np.diag([1.0, 1.2, 1.8, 1.0])


def wide(count: int, tilt: float = 60.0) -> np.ndarray:
    """Upright, then `tilt` degrees all around."""
    around = 2 * np.pi * np.arange(count) / max(count - 1, 1)
    tilts = np.radians([0] + [tilt] * (count - 1))
    return np.stack([np.sin(tilts) * np.cos(around), np.sin(tilts) * np.sin(around), np.cos(tilts)], -1)


def phantom(shape: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Tensors of smooth fibres (X, Y, Z, 6) within an ellipsoid, and the larger one in which the field is measured."""
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    inside, mask = (place**2).sum(0) < 0.4, (place**2).sum(0) < 0.9
    v = np.stack([gaussian_filter(rng.normal(size=shape), 2) for _ in range(3)], -1)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    mean = gaussian_filter(rng.normal(size=shape), 2)
    matrix = mean[..., None, None] * np.eye(3) + 0.03 * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3)
    return matrix[..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]] * inside[..., None], mask


def angle(chi: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean angle in degrees between principal directions."""
    one, other = (principal(c[where])[2] for c in (chi, truth))
    return float(np.degrees(np.arccos(np.clip(np.abs((one * other).sum(-1)), 0, 1))).mean())


def test_recovers_the_tensor_where_everything_is_measured() -> None:
    shape = (17, 19, 15)
    chi, _ = phantom(shape)
    mask = np.ones(shape, bool)
    h = wide(7)
    found = reconstruct(
        Acquisition(simulate_field(chi, AFFINE, h), h, mask, AFFINE), "stiimag", tol=1e-6, max_iterations=300
    )
    truth = chi - chi.mean((0, 1, 2))  # k = 0 is not measured: every component comes with zero mean
    assert np.linalg.norm(found.chi - truth) < 1e-3 * np.linalg.norm(truth)


def test_recovers_directions_within_a_mask() -> None:
    shape = (33, 29, 30)
    chi, mask = phantom(shape)
    h = wide(7)
    field = simulate_field(chi, AFFINE, h, mask)
    rng = np.random.default_rng(1)
    field = field + mask * field[:, mask].std() * 10 ** (-40 / 20) * rng.normal(size=field.shape)
    found = reconstruct(Acquisition(field, h, mask, AFFINE), "stiimag")
    assert angle(found.chi, chi, chi.any(-1)) < 6
    assert found.frame == "voxel"
    assert not found.chi[~mask].any()


def test_fewer_orientations_run_and_say_that_they_do_not_determine_the_tensor() -> None:
    chi, mask = phantom((12, 11, 10))
    h = wide(3)
    found = reconstruct(Acquisition(simulate_field(chi, AFFINE, h, mask), h, mask, AFFINE), max_iterations=5)
    assert any("3 orientations leave the tensor underdetermined" in remark for remark in found.provenance["remarks"])
    h = wide(6)
    found = reconstruct(Acquisition(simulate_field(chi, AFFINE, h, mask), h, mask, AFFINE), max_iterations=5)
    assert found.provenance["remarks"] == []


def test_ridge_shrinks_the_tensor() -> None:
    chi, mask = phantom((12, 11, 10))
    h = wide(7)
    acquisition = Acquisition(simulate_field(chi, AFFINE, h, mask), h, mask, AFFINE)
    norms = [float(np.linalg.norm(reconstruct(acquisition, lam=lam).chi)) for lam in (0.0, 0.1, 1.0)]
    assert norms == sorted(norms, reverse=True)
    assert norms[2] < 0.7 * norms[0]


def test_progress_comes_once_an_iteration_with_a_preview_and_cancel_passes_through() -> None:
    chi, mask = phantom((12, 11, 10))
    h = wide(7)
    acquisition = Acquisition(simulate_field(chi, AFFINE, h, mask), h, mask, AFFINE)
    steps: list[Step] = []
    found = reconstruct(acquisition, progress=steps.append, max_iterations=6, tol=0)
    assert [s.iteration for s in steps] == list(range(1, 7))
    assert [s.total for s in steps] == [6] * 6
    assert [r["residual"] for r in found.provenance["iterations"]] == [s.residual for s in steps]
    assert steps[-1].preview is not None
    np.testing.assert_array_equal(steps[-1].preview(), found.chi)

    def leave(step: Step) -> None:
        if step.iteration == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(acquisition, progress=leave)


PEAK = """
import sys
import numpy as np, psutil, torch
from napari_sti.core.acquisition import Acquisition
from napari_sti.recon.reconstruct import reconstruct
torch.set_num_threads(1)
def acquisition(shape, n):
    h = np.random.default_rng(0).normal(size=(n, 3))
    field = np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)
    return Acquisition(field, h / np.linalg.norm(h, axis=1, keepdims=True), np.ones(shape), np.eye(4))
reconstruct(acquisition((12, 12, 12), 2), max_iterations=2)
shape, n = (96, 104, 80), int(sys.argv[1])
given = acquisition(shape, n)
before = psutil.Process().memory_info().rss
reconstruct(given, max_iterations=2)
# Of this program alone: getrusage starts with the size of the parent.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) * 1024 - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured in Linux's way")
@pytest.mark.parametrize("count", [2, 7])
def test_memory_is_estimated_from_above_and_not_far(count: int) -> None:
    method = get_method("stiimag")
    estimate = method.memory_bytes((96, 104, 80), count, method.Params())
    command = [sys.executable, "-c", PEAK, str(count)]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert peak < 1.05 * estimate
    assert estimate < 1.5 * peak


def test_memory_grows_with_the_grid_and_the_orientations() -> None:
    method = get_method("stiimag")
    small, large = (method.memory_bytes(s, 4, method.Params()) for s in ((64, 64, 64), (128, 128, 128)))
    assert 6 < large / small < 8.5
    assert method.memory_bytes((64, 64, 64), 7, method.Params()) > small
    assert math.isfinite(small)
