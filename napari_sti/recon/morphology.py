"""Where a susceptibility map may jump: edges of an image, as weights of pairs of neighbours (methods of Li and Shi)."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.frames import count_distinct
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.recon.edge_params import SOURCES

_COSMOS_FROM = 3
"""Distinct orientations from which the isotropic fit to all of them is preferred to that of one."""


def edge_weights(
    image: NDArray[np.floating],
    mask: NDArray[np.bool_],
    voxel_size: tuple[float, float, float],
    *,
    share: float = 0.5,
    smooth_mm: float = 2.0,
) -> NDArray[np.bool_]:
    """Weights w_G of the differences between neighbours: 0 on edges, 1 elsewhere.

    The image is smoothed within the mask. Of all differences between two voxels inside the mask, along all three axes
    together and per mm, the steepest are edges. So are all pairs across the border of the mask. Weights belong to
    pairs, so that it makes no difference in which order or direction the axes are stored.

    Parameters
    ----------
    image : (X, Y, Z) array
        Such as a susceptibility in ppm or a magnitude, of any unit; what it is outside the mask does not matter.
    mask : (X, Y, Z) array of bool
        Where the image means something.
    voxel_size : three floats
        In mm along i, j, k.
    share : float
        Share of the differences that are edges, 0 to 1; fewer where many are equal, as in a flat image.
    smooth_mm : float
        Standard deviation in mm of the Gaussian that the image is smoothed with before; 0 leaves it as it is.

    Returns
    -------
    (3, X, Y, Z) array of bool
        For the pair of each voxel and the next along i, j and k. False where there is no next.

    Raises
    ------
    InputError
        If the image is not finite inside the mask.
    """
    inside = np.asarray(mask, bool)
    if not np.isfinite(np.asarray(image)[inside]).all():
        raise InputError("the image whose edges are wanted has NaN or infinite values", mend="set them to 0")
    smooth = _smooth_within(np.where(inside, image, 0).astype(np.float64), inside, voxel_size, smooth_mm)
    steep = np.zeros((3, *inside.shape))
    within, across = np.zeros((3, *inside.shape), bool), np.zeros((3, *inside.shape), bool)
    weights = np.zeros((3, *inside.shape), bool)
    for axis, size in enumerate(voxel_size):
        here, there = _pair(axis)
        steep[axis][here] = np.abs(smooth[there] - smooth[here]) / size
        within[axis][here] = inside[there] & inside[here]
        across[axis][here] = inside[there] ^ inside[here]
        weights[axis][here] = True
    found = steep[within]
    limit = np.quantile(found, 1 - share) if found.size else 0.0
    weights &= ~(across | (within & (steep > limit)))
    return weights


def morphology_of(
    acquisition: Acquisition, source: str = "auto", *, device: str = "cpu", progress: Progress = silent
) -> tuple[NDArray[np.float32], str]:
    """Susceptibility map whose edges are to be used, and where it came from.

    Parameters
    ----------
    acquisition : Acquisition
        Field maps, and perhaps a given susceptibility.
    source : {"auto", "qsm", "cosmos", "edge_qsm", "tkd"}
        ``"auto"`` takes the given susceptibility (``qsm``) if there is one, else COSMOS if there are three distinct
        orientations or more, else the edge-weighted inversion of the least tilted orientation.
    device : str
        Where to compute.
    progress : callable
        Told what is being done, as preparation (iteration 0); may raise `Cancelled`.

    Returns
    -------
    chi : (X, Y, Z) float32 array
        In ppm, 0 outside the mask.
    name : str
        ``"qsm"``, ``"cosmos"``, ``"edge_qsm"`` or ``"tkd"``.

    Raises
    ------
    InputError
        If the source is not known, or the study does not have what it needs.
    """
    from napari_sti.recon.registry import get_method

    if source not in SOURCES:
        raise InputError(f"the source of edges {source!r} is not known", mend=f"use one of {', '.join(SOURCES)}")
    name = _choose(acquisition) if source == "auto" else source
    if name == "qsm":
        if acquisition.qsm is None:
            raise InputError("the study has no susceptibility map (qsm)", mend="add one, or let the edges be found")
        return acquisition.qsm, name
    method = get_method(name)

    def prepare(step: Step) -> None:
        progress(Step(0, message=f"Finding edges: {method.title}, iteration {step.iteration} of at most {step.total}"))

    tensor = method.run(acquisition, method.Params(), prepare, device=device)
    return tensor.chi[..., 0], name


def _choose(acquisition: Acquisition) -> str:
    if acquisition.qsm is not None:
        return "qsm"
    return "cosmos" if count_distinct(acquisition.b0_dirs) >= _COSMOS_FROM else "edge_qsm"


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the first and the second voxels of all pairs along an axis are."""
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -1), slice(1, None)
    return tuple(here), tuple(there)


def _smooth_within(
    image: NDArray[np.float64], mask: NDArray[np.bool_], voxel_size: tuple[float, float, float], width: float
) -> NDArray[np.float64]:
    """Gaussian mean over the voxels inside the mask; what lies outside does not bleed in."""
    from scipy.ndimage import gaussian_filter

    if width == 0:
        return image
    sigma = [width / size for size in voxel_size]
    share = gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    blurred = gaussian_filter(image, sigma, mode="constant")
    mean: NDArray[np.float64] = np.divide(blurred, share, out=np.zeros_like(image), where=mask)
    return mean
