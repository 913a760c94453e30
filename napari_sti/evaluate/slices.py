"""Slices of tensors as figures show them: one plane of the world, the same windows, left and right known."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.eigen import principal
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.grid import same_affine
from napari_sti.maps import metrics
from napari_sti.maps.colour import msa_limits, pev_colour

Axis = Literal["axial", "coronal", "sagittal"]
AXES: tuple[str, ...] = get_args(Axis)

Convention = Literal["neurological", "radiological"]

_NORMAL = {"sagittal": 0, "coronal": 1, "axial": 2}
_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
ROOM_MM = 9.0
"""Around the brain, for the letters that mark the sides."""


@dataclass(frozen=True)
class Windows:
    """Limits within which values are shown, the same for everything that is compared.

    Parameters
    ----------
    mms : float
        MMS runs from minus this to plus this, ppm.
    msa : (float, float)
        In ppm: PEV colours are black up to the first and brightest from the second on; MSA runs from 0 to the second.
    angle : float
        Angles run from 0 to this, degrees.
    """

    mms: float
    msa: tuple[float, float]
    angle: float = 90.0


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice as it lies on the page: first row at the top, first column at the left.

    Parameters
    ----------
    mms, msa : (H, W) float32 arrays
        In ppm, 0 outside the mask.
    pev : (H, W, 3) float32 array
        Unit vectors in RAS, zero where there is no direction.
    mask : (H, W) bool array
        Where the tensor is meant.
    """

    mms: NDArray[np.float32]
    msa: NDArray[np.float32]
    pev: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def colour(self, windows: Windows) -> NDArray[np.uint8]:
        """Direction colours (H, W, 3)."""
        return pev_colour(self.pev, self.msa, *windows.msa)

    def angle(self, reference: "Slice") -> NDArray[np.float32]:
        """Angle in degrees to the reference where that is anisotropic, else NaN; 90 where this has no direction."""
        counted = reference.mask & self.mask & (reference.msa > metrics.ECSE_THRESHOLD)
        angle = np.nan_to_num(metrics.pev_angle(self.pev, reference.pev), nan=90.0)
        return np.where(counted, angle, np.float32(np.nan)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Plane:
    """Where slices are cut and how they are laid on the page.

    Parameters
    ----------
    axis : {"axial", "coronal", "sagittal"}
        Kind of slice.
    index : int
        Slice along its axis in the nearest RAS order.
    position : float
        Its world coordinate in mm along that axis, at the middle of the grid.
    box : pair of slices
        Part of the other two axes, in the nearest RAS order, in which there is a brain.
    pixel : (float, float)
        Height and width of a voxel on the page, mm.
    convention : {"neurological", "radiological"}
        Whether the left of the person is on the left of the page or on the right.
    oblique : float
        Degrees by which the grid is turned against the world; slices run along the grid.
    """

    axis: Axis
    index: int
    position: float
    box: tuple[slice, slice]
    pixel: tuple[float, float]
    convention: Convention
    oblique: float

    @property
    def _swapped(self) -> bool:
        # A sagittal slice has no left and right: the front is on the left of the page as radiologists have it.
        return self.convention == "radiological"

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Letters at the left, right, top and bottom of the page."""
        across, up = (a for a in range(3) if a != _NORMAL[self.axis])
        right, left = _LETTERS[across]
        top, bottom = _LETTERS[up]
        return (right, left, top, bottom) if self._swapped else (left, right, top, bottom)

    @property
    def view(self) -> NDArray[np.float64]:
        """Rows: unit vectors in RAS that point to the right of the page, to its top and at the reader."""
        across, up = (a for a in range(3) if a != _NORMAL[self.axis])
        right = np.eye(3)[across] * (-1 if self._swapped else 1)
        return np.array([right, np.eye(3)[up], np.cross(right, np.eye(3)[up])])

    @property
    def size_mm(self) -> tuple[float, float]:
        """Height and width of the part that is shown, mm."""
        across, up = self.box
        return (up.stop - up.start) * self.pixel[0], (across.stop - across.start) * self.pixel[1]

    def cut(self, tensor: TensorField) -> Slice:
        """Cut a tensor; its maps are computed for this slice only."""
        chi, mask = _ras_order(tensor)
        where: list[Any] = [*self.box]
        where.insert(_NORMAL[self.axis], self.index)
        inside = mask[tuple(where)]
        values = frames.rotate_tensors(chi[tuple(where)], frames.to_ras(tensor.frame, tensor.affine))
        inside = inside & np.isfinite(values).all(-1)
        mms, msa, pev = principal(values, mask=inside)
        return Slice(*(self._laid_out(each) for each in (mms, msa, pev, inside)))

    def cut_volume(self, volume: NDArray[Any], affine: NDArray[np.float64]) -> NDArray[Any]:
        """Cut a volume (X, Y, Z, ...) of any storage order that lies on the grid; first row at the top of the page."""
        shown = frames.reorder_volume(volume, frames.canonical_orientation(affine))
        where: list[Any] = [*self.box]
        where.insert(_NORMAL[self.axis], self.index)
        return self._laid_out(shown[tuple(where)])

    def _laid_out(self, values: NDArray[Any]) -> NDArray[Any]:
        """From (across, up) to rows from the top and columns from the left."""
        page = np.swapaxes(values, 0, 1)[::-1]
        return page[:, ::-1] if self._swapped else page

    def describe(self) -> str:
        """Say where the slice lies and which side is left."""
        letter = _LETTERS[_NORMAL[self.axis]][0 if self.position >= 0 else 1]
        along = f" of a grid turned by {self.oblique:.0f}°" if self.oblique >= 1 else ""
        side = self.letters[0]
        if self.axis == "sagittal":
            where = f"{'front' if side == 'A' else 'back'} of the head on the left"
        else:
            where = f"{self.convention} (the person's {'left' if side == 'L' else 'right'} is on the left)"
        return f"{self.axis} slice{along}, {letter} {abs(self.position):.1f} mm, {where}"


def choose_plane(
    shown: TensorField,
    *,
    axis: str = "axial",
    slice_mm: float | None = None,
    convention: str = "neurological",
) -> Plane:
    """Choose a slice through a tensor.

    Parameters
    ----------
    shown : TensorField
        The reference, or the first of what is compared; all have to lie on its grid.
    axis : {"axial", "coronal", "sagittal"}
        Kind of slice.
    slice_mm : float, optional
        World coordinate (RAS mm) along its axis; by default the slice that holds most anisotropy.
    convention : {"neurological", "radiological"}
        See `Plane`.

    Raises
    ------
    InputError
        If the axis or the convention is not known, or the coordinate lies outside the grid.
    """
    if axis not in AXES:
        raise InputError(f"the axis {axis!r} is not known", mend=f"use one of {', '.join(AXES)}")
    if convention not in get_args(Convention):
        raise InputError(f"the convention {convention!r} is not known", mend="use neurological or radiological")
    normal = _NORMAL[axis]
    affine = frames.reorder_affine(shown.affine, frames.canonical_orientation(shown.affine), shown.shape)
    _, mask = _ras_order(shown)
    size = np.array(frames.voxel_size(affine))
    middle = (np.array(mask.shape) - 1) / 2
    centre = affine[:3, :3] @ middle + affine[:3, 3]
    first = centre[normal] - size[normal] * middle[normal]
    if slice_mm is None:
        index = _fullest_slice(shown, normal)
    else:
        index = round((slice_mm - first) / size[normal])
        if not 0 <= index < mask.shape[normal]:
            last = first + size[normal] * (mask.shape[normal] - 1)
            raise InputError(
                f"the {axis} slice at {slice_mm:g} mm lies outside the volume",
                mend=f"choose one from {first:.1f} to {last:.1f} mm",
            )
    across, up = (a for a in range(3) if a != normal)
    return Plane(
        axis=cast(Axis, axis),
        index=index,
        position=float(first + size[normal] * index),
        box=(_extent(mask, normal, index, across, size), _extent(mask, normal, index, up, size)),
        pixel=(float(size[up]), float(size[across])),
        convention=cast(Convention, convention),
        oblique=frames.obliquity_degrees(shown.affine),
    )


def suited_windows(reference: TensorField | None, others: Iterable[TensorField]) -> Windows:
    """Windows that suit the reference or, without one, everything that is compared."""
    shown = [reference] if reference is not None else list(others)
    mms, msa = 0.0, (0.0, 1e-3)
    for tensor in shown:
        values = np.abs(tensor.mms[tensor.mask])
        values = values[np.isfinite(values)]
        mms = max(mms, float(np.percentile(values, 99)) if values.size else 0.0)
        msa = max(msa, msa_limits(tensor.msa, tensor.mask), key=lambda limits: limits[1])
    return Windows(mms=_rounded_up(mms), msa=msa)


def check_one_grid(tensors: dict[str, TensorField]) -> None:
    """Refuse tensors that do not lie on one grid of the world; storage orders may differ.

    Raises
    ------
    InputError
        That names the two that do not fit.
    """
    grids = {}
    for name, tensor in tensors.items():
        orientation = frames.canonical_orientation(tensor.affine)
        shape = _ras_order(tensor)[1].shape
        grids[name] = (shape, frames.reorder_affine(tensor.affine, orientation, tensor.shape))
    (first, (shape, affine)), *rest = grids.items()
    for name, (other_shape, other_affine) in rest:
        if other_shape != shape or not same_affine(shape, affine, other_affine):
            raise InputError(
                f"{name} ({shape_text(other_shape)} voxels) lies on another grid than {first} ({shape_text(shape)})",
                mend="compare results of one grid, or resample them first",
            )


def mean_angle(tensor: TensorField, reference: TensorField) -> float:
    """Mean angle in degrees between principal directions where the reference is anisotropic; NaN if undefined.

    NaN, too, if the tensor is isotropic wherever the reference is not. Storage orders and frames may differ.
    """
    chi, mask = _ras_order(tensor)
    true_chi, true_mask = _ras_order(reference)
    counted = true_mask & mask
    counted[counted] = principal(true_chi[counted])[1] > metrics.ECSE_THRESHOLD
    if not counted.any():
        return float("nan")
    both = []
    for each, field in ((chi, tensor), (true_chi, reference)):
        both.append(principal(frames.rotate_tensors(each[counted], frames.to_ras(field.frame, field.affine))))
    (_, msa, pev), (_, _, true_pev) = both
    if not np.nanmax(msa, initial=0) > 1e-6:
        return float("nan")
    return metrics.summarise_angles(metrics.pev_angle(pev, true_pev)).mean


def _ras_order(tensor: TensorField) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Components, still in their frame, and mask in the nearest RAS order of axes (views)."""
    orientation = frames.canonical_orientation(tensor.affine)
    assert tensor.mask is not None
    return frames.reorder_volume(tensor.chi, orientation), frames.reorder_volume(tensor.mask, orientation)


def _fullest_slice(tensor: TensorField, normal: int) -> int:
    """Slice with most anisotropy inside the mask, or through the middle of the mask if there is none."""
    orientation = frames.canonical_orientation(tensor.affine)
    msa = np.nan_to_num(frames.reorder_volume(tensor.msa, orientation))
    others = tuple(a for a in range(3) if a != normal)
    amount = np.where(msa > metrics.ECSE_THRESHOLD, msa, 0).sum(others, dtype=np.float64)
    if not amount.any():
        amount = _ras_order(tensor)[1].sum(others, dtype=np.float64)
    return int(np.argmax(amount))


def _extent(mask: NDArray[np.bool_], normal: int, index: int, axis: int, size: NDArray[np.float64]) -> slice:
    """Voxels along an axis in which a slice shows the brain, with room around it for the letters of the sides."""
    n = mask.shape[axis]
    inside = np.take(mask, index, normal)
    other = 3 - axis - normal
    found = np.flatnonzero(inside.any(0 if other < axis else 1))
    if not len(found):
        return slice(0, n)
    rim = max(1, round(ROOM_MM / float(size[axis])))
    return slice(max(0, int(found[0]) - rim), min(n, int(found[-1]) + 1 + rim))


def _rounded_up(value: float) -> float:
    """Round up to one digit, or to 0.05 from 0.1 on: limits that a colour bar can name."""
    if not value > 0:
        return 0.1
    step = 0.05 if value >= 0.1 else 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(value / step - 1e-9) * step:.6g}")
