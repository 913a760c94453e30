"""A second brain for evaluation: the fibres of a real person, measured by diffusion; everything else is made up.

Fractional anisotropy (FA) and principal direction (V1) are those of a whole-brain diffusion scan as FSL's dtifit
writes them. No susceptibility of this person was measured. The tensor is X = MMS I + MSA (v v^T - I/3) with v from
the scan, MSA proportional to FA in white matter, and an invented MMS; what comes of it is simulated.

This brain is for evaluation only: nothing may be tuned or trained on it.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

import napari_sti
from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.b0 import read_direction
from napari_sti.io.nifti import read_volume
from napari_sti.maps.coherence import coherence_table
from napari_sti.simulate.anatomy import MARGIN_MM
from napari_sti.simulate.phantom import Phantom, make_phantom, repeated

MSA_PER_FA = 0.05
"""MSA in ppm for each unit of FA in white matter: the middle of the 0.03 to 0.08 that the published off-diagonal
components and the peak of the published figure of merit allow."""
MSA_LARGEST = 0.08
"""ppm; the largest anisotropy that the published figure of merit knows."""

CHI_WHITE, CHI_GREY, CHI_FLUID = -0.030, 0.020, 0.0
"""Mean susceptibility in ppm, the values of the sample brain."""
CHI_TEXTURE = 0.008
"""Standard deviation in ppm of the smooth variation of the mean within tissue."""
TEXTURE_MM = 9.0

IRON = ((0.13, 6.0), (0.11, 4.5), (0.10, 4.0), (0.045, 9.0), (0.04, 8.0))
"""Susceptibility in ppm and radius in mm of invented iron-rich bodies, each on both sides: without them the mean would
lack the strong sources that every real brain has."""
IRON_MM = 32.0
"""How far from the middle of the brain they lie."""

WHITE_FROM, WHITE_FULL = 0.20, 0.35
"""FA at which white matter begins and is full."""
FLUID_BELOW, FLUID_DEPTH_MM = 0.18, 25.0
"""Local mean of FA in the ventricles, and how deep in the brain they lie."""
RIM_MM = 4.0
"""At the surface of the brain FA is high from noise and motion; no white matter is believed there."""


@dataclass(frozen=True, eq=False)
class Diffusion:
    """FA and V1 of one brain.

    Parameters
    ----------
    fa : (X, Y, Z) float32 array
        0 to 1, 0 outside the brain.
    v1 : (X, Y, Z, 3) float32 array
        Unit vectors in voxel axes.
    mask : (X, Y, Z) bool array
        The brain.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    """

    fa: NDArray[np.float32]
    v1: NDArray[np.float32]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]


def find_real_data(folder: str | Path | None = None) -> Path | None:
    """Find the folder that holds ``dti_brain`` and maybe ``b0_dirs``; None if there is none.

    Looked for in `folder` and its ``data``; without one in ``data`` of the folder that the environment variable
    NAPARI_STI_SHARED names, or of ``shared`` beside the checkout.

    Raises
    ------
    InputError
        If `folder` is given and does not hold it.
    """
    if folder is not None:
        places = [Path(folder), Path(folder) / "data"]
    else:
        beside = Path(napari_sti.__file__).resolve().parents[2] / "shared"
        places = [Path(os.environ.get("NAPARI_STI_SHARED", beside)) / "data"]
    for place in places:
        if (place / "dti_brain" / "FA.nii.gz").is_file() and (place / "dti_brain" / "V1.nii.gz").is_file():
            return place
    if folder is not None:
        raise InputError(
            "dti_brain/FA.nii.gz and dti_brain/V1.nii.gz are not there",
            file=folder,
            mend="give the folder that holds dti_brain with FA and V1 as dtifit writes them",
        )
    return None


def load_diffusion(folder: Path) -> Diffusion:
    """Read ``FA.nii.gz`` and ``V1.nii.gz`` of FSL's dtifit and bring the directions to voxel axes.

    Raises
    ------
    InputError
        If the two do not fit, or a flip or swap of axes would make the directions follow the bundles better: then
        the vectors are not in FSL's convention.
    """
    fa_file, v1_file = folder / "FA.nii.gz", folder / "V1.nii.gz"
    fa, v1 = read_volume(fa_file, what="FA"), read_volume(v1_file, dims=4, what="V1")
    if v1.data.shape != (*fa.data.shape, 3):
        raise InputError(f"V1 has the shape {v1.data.shape} and FA {fa.data.shape}", file=v1_file, mend="give a pair")
    values = np.clip(np.nan_to_num(fa.data), 0, 1).astype(np.float32)
    directions = frames.rotate_vectors(np.nan_to_num(v1.data), frames.between("fsl", "voxel", fa.affine))
    table = coherence_table(directions, values, voxel_size=frames.voxel_size(fa.affine), threshold=WHITE_FROM)
    if not table.as_stored_is_best:
        raise InputError(
            "the directions do not follow the bundles: with flipped or swapped axes they would do so better",
            file=v1_file,
            mend="give V1 as FSL's dtifit writes it",
        )
    mask = ndimage.binary_fill_holes(values > 0)
    return Diffusion(values, directions.astype(np.float32), mask, np.asarray(fa.affine, np.float64))


@lru_cache(maxsize=1)
def real_fibre_phantom(folder: Path, voxel_size: float, *, finer: bool = True) -> Phantom:
    """Build the brain with real fibres.

    Parameters
    ----------
    folder : path
        As `find_real_data` gives it.
    voxel_size : float
        Wanted edge in mm; the nearest multiple of the scan's own voxels is taken, at least one.
    finer : bool
        Simulate the field on the grid of the scan if the voxels are larger than its own, else on a grid twice as
        fine in which every voxel of the scan is filled evenly.
    """
    scan = _padded(load_diffusion(folder / "dti_brain"), voxel_size)
    factor = _factor(scan.affine, voxel_size)
    source, white, fluid = _tensor(scan)
    if not finer:
        whole = make_phantom(source, factor, white, fluid, scan.fa)
        return Phantom(whole.truth, whole.truth, 1, whole.wm_mask, whole.csf_mask, whole.magnitude)
    if factor > 1:
        return make_phantom(source, factor, white, fluid, scan.fa)
    chi, mask, white, fluid, image = (repeated(a, 2) for a in (source.chi, scan.mask, white, fluid, scan.fa))
    affine = scan.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, 0.5)
    fine = TensorField(chi, affine, mask, "voxel", source.provenance, source.name)
    return make_phantom(fine, 2, white, fluid, image)


def real_directions(folder: Path | None, count: int, *, max_tilt: float, seed: int) -> NDArray[np.float64] | None:
    """Draw B0 directions of real head orientations.

    Parameters
    ----------
    folder : path or None
        As `find_real_data` gives it; the directions are the files in its ``b0_dirs``, one vector each, LPS.
    count : int
        How many.
    max_tilt : float
        Directions tilted further against the axis of the bore are left out, degrees.
    seed : int
        Of the draw. More directions of one seed contain the fewer ones; the first is the least tilted of a dozen.

    Returns
    -------
    (count, 3) array or None
        Unit vectors in RAS; None where there is no such folder.

    Raises
    ------
    InputError
        If there are fewer.
    """
    files = sorted((folder / "b0_dirs").glob("*.txt")) if folder is not None else []
    if not files:
        return None
    lps = np.array([read_direction(file) for file in files])
    pool = lps / np.linalg.norm(lps, axis=1, keepdims=True) * (-1, -1, 1)
    tilt = np.degrees(np.arccos(np.clip(np.abs(pool[:, 2]), 0, 1)))
    pool, tilt = pool[tilt <= max_tilt], tilt[tilt <= max_tilt]
    if len(pool) < count:
        raise InputError(
            f"{len(pool)} real head orientations are tilted by at most {max_tilt:g} degrees and {count} are asked for",
            mend="allow larger tilts or ask for fewer orientations",
        )
    order = np.random.default_rng([seed, 23]).permutation(len(pool))
    first = int(np.argmin(tilt[order[:12]]))
    order = np.r_[order[first], np.delete(order, first)]
    return cast(NDArray[np.float64], pool[order[:count]])


# ---- the tensor -------------------------------------------------------------------------------------------------


def _factor(affine: NDArray[np.float64], voxel_size: float) -> int:
    return max(1, round(voxel_size / float(np.mean(frames.voxel_size(affine)))))


def _padded(scan: Diffusion, voxel_size: float) -> Diffusion:
    """Lay an empty rim around the brain, such that the circular convolution keeps it away from its own copies."""
    factor, size = _factor(scan.affine, voxel_size), frames.voxel_size(scan.affine)
    pads, offset = [], []
    for n, edge in zip(scan.fa.shape, size, strict=True):
        wanted = fft.next_fast_len(-(-(n + 2 * int(np.ceil(MARGIN_MM / edge))) // factor), real=True) * factor
        before = (wanted - n) // 2
        pads.append((before, wanted - n - before))
        offset.append(before)
    affine = scan.affine.copy()
    affine[:3, 3] -= scan.affine[:3, :3] @ offset
    return Diffusion(np.pad(scan.fa, pads), np.pad(scan.v1, [*pads, (0, 0)]), np.pad(scan.mask, pads), affine)


def _tensor(scan: Diffusion) -> tuple[TensorField, NDArray[np.float32], NDArray[np.float32]]:
    """Tensor in voxel axes, and fractions of white matter and of fluid."""
    white, fluid = _tissue(scan)
    mms = _mean_susceptibility(scan, white, fluid)
    msa = white * np.clip(MSA_PER_FA * scan.fa, 0, MSA_LARGEST)
    v = scan.v1
    chi = frames.from_matrix(v[..., :, None] * v[..., None, :]).astype(np.float32) * msa[..., None]
    chi[..., [0, 3, 5]] += (mms - msa / 3)[..., None]
    what = {
        "method": "simulation",
        "simulated": True,
        "remarks": [
            "Simulated: fibre directions and FA of a real diffusion scan; "
            f"MSA = {MSA_PER_FA} ppm x FA in white matter and the mean susceptibility are invented."
        ],
    }
    chi = np.where(scan.mask[..., None], chi, np.float32(0))
    return TensorField(chi, scan.affine, scan.mask, "voxel", what, "brain with real fibres"), white, fluid


def _tissue(scan: Diffusion) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fractions of white matter and of fluid, from FA alone."""
    size = frames.voxel_size(scan.affine)
    depth = ndimage.distance_transform_edt(scan.mask, sampling=size)
    white = np.clip((scan.fa - WHITE_FROM) / (WHITE_FULL - WHITE_FROM), 0, 1) * (depth > RIM_MM)
    # Single voxels of grey matter exceed any threshold of FA by noise; bundles are wider.
    white = white * ndimage.binary_opening(ndimage.median_filter(white, 3) > 0.3)
    smooth = ndimage.gaussian_filter(scan.fa, 2.0 / np.array(size))
    fluid = _largest((smooth < FLUID_BELOW) & (depth > FLUID_DEPTH_MM) & (white == 0))
    return white.astype(np.float32), fluid.astype(np.float32)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    return cast(NDArray[np.bool_], parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))


def _mean_susceptibility(
    scan: Diffusion, white: NDArray[np.float32], fluid: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Invented mean susceptibility in ppm: tissue, a smooth variation, and iron-rich bodies near the middle."""
    rng = np.random.default_rng(20)
    size = np.array(frames.voxel_size(scan.affine))
    texture = ndimage.gaussian_filter(rng.standard_normal(scan.mask.shape), TEXTURE_MM / size)
    texture *= CHI_TEXTURE / texture[scan.mask].std()
    mms = white * CHI_WHITE + (1 - white) * (1 - fluid) * CHI_GREY + texture * (1 - fluid)
    for chi, share in _iron(scan, white, rng):
        mms = mms * (1 - share) + chi * share
    return np.where(scan.mask, mms, 0).astype(np.float32)


def _iron(scan: Diffusion, white: NDArray[np.float32], rng: np.random.Generator) -> list[tuple[float, NDArray[Any]]]:
    """Susceptibility and share of each kind of invented body; they spare the white matter, as nuclei do."""
    world = np.moveaxis(np.indices(scan.mask.shape), 0, -1) @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    middle = world[scan.mask].mean(0)
    away = world - middle
    near = scan.mask & (np.linalg.norm(away, axis=-1) < IRON_MM) & (np.abs(away[..., 0]) > 8) & (white < 0.1)
    places = away[near]
    found = []
    for chi, radius in IRON:
        x, y, z = places[rng.integers(len(places))]
        reach = [np.linalg.norm(away - (side * abs(x), y, z), axis=-1) for side in (-1, 1)]
        share = np.clip((radius - np.minimum(*reach)) / 2.0 + 0.5, 0, 1) * (1 - white)
        found.append((chi, share))
    return found
