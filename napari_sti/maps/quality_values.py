"""Values that a tensor of a brain should hardly have, and what its mask lets in."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.metrics import PSNR_RANGE, WPSNR_PEAK
from napari_sti.maps.scores import ISOTROPIC

RIM_MM = 2.0
"""What is no deeper below the surface of the mask is its rim ..."""
DEEP_MM = 6.0
"""... and what is at least so deep is its inside."""

Mask = NDArray[np.bool_]
_NAN = float("nan")


@dataclass(frozen=True)
class Values:
    """Counts of voxels inside the mask, and the spread of the maps.

    Parameters
    ----------
    voxels : int
        Inside the mask.
    not_finite, zero : int
        In which a component is NaN or infinite; in which all six are 0, as if never computed.
    beyond_range : int
        In which a component leaves the range of the published training tensors, −0.857 to 0.631 ppm.
    beyond_msa : int
        Whose MSA exceeds 0.08 ppm.
    negative_mms : float
        Share, 0 to 1, with a mean susceptibility below 0. Susceptibility is relative, so that about half is usual.
    mms, msa : (float, float, float)
        5th, 50th and 95th percentile, ppm.
    msa_white, msa_fluid : float
        Median MSA in the masks of white matter and fluid, ppm; NaN where the study gives none.
    """

    voxels: int
    not_finite: int
    zero: int
    beyond_range: int
    beyond_msa: int
    negative_mms: float
    mms: tuple[float, float, float]
    msa: tuple[float, float, float]
    msa_white: float = _NAN
    msa_fluid: float = _NAN

    @property
    def isotropic(self) -> bool:
        """Whether there is no anisotropy at all, as in a COSMOS result."""
        return not self.msa[2] > ISOTROPIC


@dataclass(frozen=True, eq=False)
class Depths:
    """A map by its depth below the surface of the mask.

    Parameters
    ----------
    mm : (D,) array
        Middle of each layer.
    msa : (D,) array
        Median MSA in ppm.
    residual : (D,) array or None
        Root mean square of the residuals of the fields in ppm.
    """

    mm: NDArray[np.float64]
    msa: NDArray[np.float64]
    residual: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class MaskLeaks:
    """What a mask looks like, and what happens at its rim.

    Parameters
    ----------
    ml : float
        Volume.
    pieces : int
        Number of connected pieces (over faces, edges and corners).
    loose : float
        Share, 0 to 1, outside the largest piece.
    holes_ml : float
        Volume enclosed by the mask and not part of it.
    faces : int
        Faces of the volume that the mask touches: what lies beyond was cut off.
    outside : float
        Norm of the tensor outside the mask over the whole; 0 where a method sets it to 0.
    rim_msa, deep_msa : float
        Median MSA in ppm in the rim (`RIM_MM`) and inside (`DEEP_MM`).
    rim_residual, deep_residual : float
        The same of the residuals, root mean square; NaN without field maps.
    depths : Depths
        In between.
    """

    ml: float
    pieces: int
    loose: float
    holes_ml: float
    faces: int
    outside: float
    rim_msa: float
    deep_msa: float
    rim_residual: float
    deep_residual: float
    depths: Depths

    @property
    def msa_ratio(self) -> float:
        """MSA of the rim over that of the inside."""
        return self.rim_msa / self.deep_msa if self.deep_msa > 0 else _NAN

    @property
    def residual_ratio(self) -> float:
        """Residual of the rim over that of the inside."""
        return self.rim_residual / self.deep_residual if self.deep_residual > 0 else _NAN


def values_of(tensor: TensorField, white: Mask | None = None, fluid: Mask | None = None) -> Values:
    """Count what is implausible inside the mask of a tensor; `white` and `fluid` are masks on its grid."""
    mask = cast(Mask, tensor.mask)
    chi = tensor.chi[mask]
    finite = np.isfinite(chi).all(-1)
    low, high = PSNR_RANGE
    mms, msa = tensor.mms[mask], tensor.msa[mask]
    good = chi[finite]
    return Values(
        voxels=len(chi),
        not_finite=int((~finite).sum()),
        zero=int((~good.any(-1)).sum()),
        beyond_range=int(((good < low) | (good > high)).any(-1).sum()),
        beyond_msa=int((msa[finite] > WPSNR_PEAK).sum()),
        negative_mms=float((mms[finite] < 0).mean()) if finite.any() else _NAN,
        mms=_spread(mms[finite]),
        msa=_spread(msa[finite]),
        msa_white=_median(tensor.msa, None if white is None else white & mask),
        msa_fluid=_median(tensor.msa, None if fluid is None else fluid & mask),
    )


def mask_leaks(tensor: TensorField, mask: Mask, residual: NDArray[np.floating] | None = None) -> MaskLeaks:
    """Look at a mask, and at a tensor by depth below its surface.

    Parameters
    ----------
    tensor : TensorField
        Result.
    mask : (X, Y, Z) array
        Brain mask on its grid, not empty.
    residual : (N, X, Y, Z) array, optional
        Of the field maps, ppm.
    """
    from scipy import ndimage

    size = np.array(tensor.voxel_size)
    everywhere = np.ones((3, 3, 3), bool)
    pieces, count = ndimage.label(mask, everywhere)
    largest = int(np.bincount(pieces[mask]).max()) if count else 0
    holes = ndimage.binary_fill_holes(mask) & ~mask
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=size)[1:-1, 1:-1, 1:-1]
    misfit = None if residual is None else np.sqrt(np.mean(np.square(residual, dtype=np.float64), axis=0))
    rim, deep = mask & (depth <= max(RIM_MM, float(size.min()))), mask & (depth >= DEEP_MM)
    chi = np.nan_to_num(tensor.chi, nan=0, posinf=0, neginf=0).astype(np.float64)
    whole, outside = float(np.sum(chi**2)), float(np.sum(chi[~mask] ** 2))
    voxel_ml = float(np.prod(size)) / 1000
    return MaskLeaks(
        ml=float(mask.sum()) * voxel_ml,
        pieces=int(count),
        loose=1 - largest / max(1, int(mask.sum())),
        holes_ml=float(holes.sum()) * voxel_ml,
        faces=sum(bool(np.take(mask, end, axis).any()) for axis in range(3) for end in (0, -1)),
        outside=float(np.sqrt(outside / whole)) if whole > 0 else 0.0,
        rim_msa=_median(tensor.msa, rim),
        deep_msa=_median(tensor.msa, deep),
        rim_residual=_rms(misfit, rim),
        deep_residual=_rms(misfit, deep),
        depths=_depths(tensor, mask, depth, misfit, float(size.min())),
    )


def _depths(
    tensor: TensorField, mask: Mask, depth: NDArray[np.float64], misfit: NDArray[np.float64] | None, edge: float
) -> Depths:
    step = max(1.0, edge)
    layers = np.floor((depth[mask] - edge / 2) / step).astype(int).clip(0)
    last = min(int(layers.max()), 11)
    msa = np.nan_to_num(tensor.msa[mask])
    inside = [layers == layer for layer in range(last + 1)]
    found = [layer for layer, where in enumerate(inside) if where.any()]
    squares = None if misfit is None else misfit[mask] ** 2
    return Depths(
        mm=np.array([edge / 2 + (layer + 0.5) * step for layer in found]),
        msa=np.array([np.median(msa[inside[layer]]) for layer in found]),
        residual=None if squares is None else np.array([np.sqrt(squares[inside[layer]].mean()) for layer in found]),
    )


def _spread(values: NDArray[np.floating]) -> tuple[float, float, float]:
    if not values.size:
        return _NAN, _NAN, _NAN
    low, middle, high = np.percentile(values, (5, 50, 95))
    return float(low), float(middle), float(high)


def _median(values: NDArray[np.floating], where: Mask | None) -> float:
    if where is None or not where.any():
        return _NAN
    inside = values[where]
    inside = inside[np.isfinite(inside)]
    return float(np.median(inside)) if inside.size else _NAN


def _rms(values: NDArray[np.float64] | None, where: Mask) -> float:
    return _NAN if values is None or not where.any() else float(np.sqrt(np.mean(values[where] ** 2)))
