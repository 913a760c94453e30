"""Prepare the real two-echo brain as a person would: unwrapped phase difference in rad, mask, study with units."""

import json
from pathlib import Path

import numpy as np

from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.io.study import Orientation, Study, write_study
from tests.shared_data import shared

SIEMENS_TURN = 4096


def raw_phase() -> tuple[Path, Path]:
    """The two phase images as the scanner gave them, 0..4095."""
    return tuple(shared(f"data/gre_brain/sub-fieldmap_phase{echo}.nii.gz") for echo in (1, 2))


def sidecar(path: Path) -> dict:
    """What the converter wrote about an image."""
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def smooth_part(volume: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The polynomial of third degree that fits a volume best inside the mask, there."""
    x, y, z = (np.linspace(-1, 1, n)[index] for n, index in zip(mask.shape, np.nonzero(mask), strict=True))
    powers = [(i, j, k) for i in range(4) for j in range(4) for k in range(4) if i + j + k <= 3]
    terms = np.stack([x**i * y**j * z**k for i, j, k in powers], axis=-1)
    weights, *_ = np.linalg.lstsq(terms, volume[mask], rcond=None)
    return terms @ weights


def make_gre_study(folder: Path) -> Path:
    """Write field [rad], mask, magnitude and a study of the real brain into `folder` and return the study file.

    The phase difference of the two echoes is unwrapped inside the brain, and a polynomial is taken out as a rough
    removal of the background field. Skips the test where the data are not there.
    """
    from scipy.ndimage import binary_erosion, binary_fill_holes, label
    from skimage.filters import threshold_otsu
    from skimage.restoration import unwrap_phase

    first, second = raw_phase()
    magnitude = read_volume(shared("data/gre_brain/sub-fieldmap_magnitude1.nii.gz"))
    echoes = [read_volume(path) for path in (first, second)]
    turns = [echo.data * (2 * np.pi / SIEMENS_TURN) for echo in echoes]
    difference = np.angle(np.exp(1j * (turns[1] - turns[0])))
    bright = binary_erosion(magnitude.data > threshold_otsu(magnitude.data))
    parts, count = label(bright)
    largest = np.bincount(parts.ravel())[1:].argmax() + 1 if count else 1
    mask = binary_fill_holes(parts == largest)
    unwrapped = unwrap_phase(np.ma.array(difference, mask=~mask), rng=0).filled(0)
    local = np.zeros(mask.shape)
    local[mask] = unwrapped[mask] - smooth_part(unwrapped, mask)

    folder.mkdir(parents=True, exist_ok=True)
    affine = echoes[0].affine
    write_volume(folder / "phase_difference.nii.gz", local, affine, overwrite=True)
    write_volume(folder / "mask.nii.gz", mask, affine, overwrite=True)
    write_volume(folder / "magnitude.nii.gz", magnitude.data, affine, overwrite=True)
    te = [sidecar(path)["EchoTime"] for path in (first, second)]
    orientation = Orientation(
        field=folder / "phase_difference.nii.gz", b0_dir="affine", units="rad", te=round(te[1] - te[0], 6)
    )
    study = Study(
        name="two-echo brain at 3 T",
        orientations=(orientation,),
        mask=folder / "mask.nii.gz",
        tesla=float(sidecar(first)["MagneticFieldStrength"]),
        magnitude=(folder / "magnitude.nii.gz",),
    )
    path = folder / "study.sti.yaml"
    write_study(study, path, overwrite=True)
    return path
