"""What was measured: field maps of one or several head orientations with everything that gives them meaning."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.frames import Frame
from napari_sti.core.relaxometry import negatives_remark, without_negatives
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.units import (
    FieldUnit,
    check_b0,
    parse_field_unit,
    ppm_per_unit,
)
from napari_sti.core.values import check_plausible, check_scanner_units, check_values

NOT_UNIT_TOLERANCE = 0.02
"""A direction whose length is off by less is normalised with a warning; otherwise it is refused."""


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Acquisition:
    """Field maps and their meaning: validated on construction, immutable afterwards.

    Whatever units and frame it is made with, it holds ppm and voxel axes.

    Parameters
    ----------
    field : (N, X, Y, Z) array or None
        Local field shift of each orientation, after unwrapping and background removal, in `units`; (X, Y, Z) is
        taken as one orientation. Held as float32 in ppm, 0 outside the mask. None for studies without field maps
        (source separation from a given susceptibility).
    b0_dirs : (N, 3) array
        Unit vector of the main field for each orientation, in `frame`. Held as float64 in voxel axes.
    mask : (X, Y, Z) array
        Above 0.5 inside the brain.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    b0 : float, optional
        Field strength in T; needed when the field is in Hz or rad.
    units : {"ppm", "Hz", "rad"}
        Unit of `field` as given; afterwards always "ppm".
    frame : {"voxel", "ras", "lps", "fsl"}
        Frame of `b0_dirs` as given; afterwards always "voxel".
    te : float, optional
        Echo time in s, for fields in rad.
    name : str
        What the person calls the study.
    wm_mask, csf_mask : (X, Y, Z) arrays, optional
        Tissue masks.
    magnitude : (M, X, Y, Z) array, optional
        Magnitude images; (X, Y, Z) is taken as one.
    r2prime : (N, X, Y, Z) array, optional
        R2' in Hz; negative values are set to 0, and a warning counts them.
    qsm : (X, Y, Z) array, optional
        A given isotropic susceptibility in ppm.
    reference_tensor : TensorField, optional
        A tensor to compare with, such as the ground truth of a simulation.
    labels : sequence of str, optional
        Name of each orientation.
    inputs : list of dict
        Files it came from (``role``, ``path``, ``sha256``), for provenance.
    simulated : bool
        Whether the field maps were simulated; shown wherever the data are shown.
    r2star : (N, X, Y, Z) array, optional
        R2* in Hz.
    r2 : (X, Y, Z) array, optional
        R2 in Hz.

    Raises
    ------
    InputError
        With one sentence, if anything does not fit together.
    """

    field: NDArray[np.float32] | None
    b0_dirs: NDArray[np.float64]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    b0: float | None = None
    units: FieldUnit = "ppm"
    frame: Frame = "voxel"
    te: InitVar[float | None] = None
    name: str = "study"
    wm_mask: NDArray[np.bool_] | None = None
    csf_mask: NDArray[np.bool_] | None = None
    magnitude: NDArray[np.float32] | None = None
    r2prime: NDArray[np.float32] | None = None
    qsm: NDArray[np.float32] | None = None
    reference_tensor: TensorField | None = None
    labels: tuple[str, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()
    simulated: bool = False
    r2star: NDArray[np.float32] | None = dataclasses.field(default=None, kw_only=True)
    r2: NDArray[np.float32] | None = dataclasses.field(default=None, kw_only=True)
    warnings: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)

    def __post_init__(self, te: float | None) -> None:
        if self.b0 is not None:
            check_b0(self.b0)
        self._set(affine=_frozen(frames.check_affine(self.affine)))
        self._set(mask=_frozen(_as_mask(self.mask, "mask")))
        if not self.mask.any():
            raise InputError("the mask is empty", mend="give a mask that is not zero inside the brain")
        self._take_field(te)
        self._take_directions()
        for name in ("wm_mask", "csf_mask"):
            if getattr(self, name) is not None:
                self._set(**{name: _frozen(_as_mask(getattr(self, name), name, self.shape))})
        self._take_images()
        self._check_reference()
        if self.labels and len(self.labels) != self.n_orientations:
            raise InputError(f"{len(self.labels)} labels for {self.n_orientations} orientations", mend="give one each")
        self._set(labels=tuple(self.labels) or tuple(f"orientation {i + 1}" for i in range(self.n_orientations)))
        self._set(inputs=tuple(self.inputs))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _take_field(self, te: float | None) -> None:
        unit = parse_field_unit(self.units)
        self._set(units="ppm")
        if self.field is None:
            return
        given = _as_stack(self.field, "field", self.shape)
        out = np.zeros(given.shape, np.float32)
        factor = ppm_per_unit(unit, b0=self.b0, te=te)
        for i, volume in enumerate(given):
            inside = volume[self.mask]
            check_values(inside, f"the field of orientation {i + 1}")
            check_scanner_units(inside, unit, what=f"the field of orientation {i + 1}")
            inside = inside * factor
            check_plausible(inside, unit, what=f"the field of orientation {i + 1}")
            out[i][self.mask] = inside
        self._set(field=_frozen(out))

    def _take_directions(self) -> None:
        dirs, warnings = check_directions(self.b0_dirs)
        count = None if self.field is None else len(self.field)
        if count is not None and len(dirs) != count:
            raise InputError(
                f"{count} field maps but {len(dirs)} B0 directions",
                mend="give one direction for each field map",
            )
        given = frames.parse_frame(self.frame)
        dirs = frames.rotate_vectors(dirs, frames.between(given, "voxel", self.affine))
        self._set(b0_dirs=_frozen(dirs), frame="voxel", warnings=(*self.warnings, *warnings))

    def _take_images(self) -> None:
        if self.magnitude is not None:
            self._set(magnitude=_frozen(_as_stack(self.magnitude, "magnitude", self.shape).astype(np.float32)))
        if self.qsm is not None:
            given = _as_stack(self.qsm, "qsm", self.shape)
            if len(given) != 1:
                raise InputError(f"the qsm has {len(given)} volumes", mend="give one susceptibility map")
            qsm = given[0].astype(np.float32)
            check_values(qsm[self.mask], "the qsm")
            self._set(qsm=_frozen(np.where(self.mask, qsm, np.float32(0))))
        if self.r2prime is not None:
            r2 = _as_stack(self.r2prime, "R2'", self.shape).astype(np.float32)
            check_values(r2[:, self.mask], "R2'")
            kept, count = without_negatives(r2, self.mask)
            self._set(r2prime=_frozen(kept), warnings=(*self.warnings, *negatives_remark(count, r2, self.mask)))
        for name, title in (("r2star", "R2*"), ("r2", "R2")):
            if getattr(self, name) is not None:
                rates = _as_stack(getattr(self, name), title, self.shape).astype(np.float32)
                check_values(rates[:, self.mask], title)
                rates = np.where(self.mask, rates, np.float32(0))
                self._set(**{name: _frozen(rates if name == "r2star" else _one_volume(rates, title))})

    def _check_reference(self) -> None:
        if self.reference_tensor is None:
            return
        if self.reference_tensor.shape != self.shape:
            raise InputError(
                f"the reference tensor is {shape_text(self.reference_tensor.shape)} voxels, "
                f"the mask {shape_text(self.shape)}",
                mend="resample it to the grid of the study",
            )
        corners = np.array(list(itertools.product(*((0, n - 1) for n in self.shape), (1,)))).T
        moved = ((self.affine - self.reference_tensor.affine) @ corners)[:3]
        distance = float(np.max(np.linalg.norm(moved, axis=0)))
        if distance > 0.1 * min(self.voxel_size):
            raise InputError(
                f"the affine of the reference tensor disagrees with that of the study (by up to {distance:.3g} mm)",
                mend="resample it to the grid of the study, or correct the header that is wrong",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        return cast(tuple[int, int, int], self.mask.shape)

    @property
    def n_orientations(self) -> int:
        """Number of head orientations."""
        return len(self.b0_dirs)

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in mm along i, j, k."""
        return frames.voxel_size(self.affine)

    @property
    def tilts(self) -> NDArray[np.float64]:
        """Angle of each B0 direction to the first, in degrees."""
        return frames.tilt_degrees(self.b0_dirs)


def check_directions(b0_dirs: ArrayLike) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return unit vectors (N, 3) and the warnings that normalising them gave.

    Raises
    ------
    InputError
        If a direction has not three finite numbers, is zero, or is far from unit length.
    """
    try:
        dirs = np.array(b0_dirs, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "the B0 directions are not all vectors of three numbers", mend="give x, y and z for each"
        ) from None
    if dirs.ndim == 1 and dirs.size == 3:
        dirs = dirs[None]
    if dirs.ndim != 2 or dirs.shape[1] != 3 or len(dirs) == 0:
        raise InputError(
            f"the B0 directions have the shape {shape_text(dirs.shape)}",
            mend="give three numbers (x, y, z) for each orientation",
        )
    warnings = []
    for i, direction in enumerate(dirs, 1):
        length = float(np.linalg.norm(direction))
        if not np.isfinite(length) or length < 1e-6:
            raise InputError(
                f"the B0 direction of orientation {i} is {'zero' if length < 1e-6 else 'not finite'}",
                mend="give a unit vector along the main field",
            )
        if abs(length - 1) > NOT_UNIT_TOLERANCE:
            raise InputError(
                f"the B0 direction of orientation {i} has length {length:.3g} instead of 1",
                mend="give a unit vector along the main field",
            )
        if abs(length - 1) > 1e-4:
            warnings.append(f"The B0 direction of orientation {i} has length {length:.4f} and was normalised.")
    return dirs / np.linalg.norm(dirs, axis=1, keepdims=True), tuple(warnings)


def _real(given: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(given)
    except ValueError:
        raise InputError(f"the volumes of the {name} differ in shape", mend="bring all to the same grid") from None
    if array.dtype.kind == "c":
        raise InputError(f"the {name} is complex", mend="give real values (for phase data: the unwrapped phase)")
    if array.dtype.kind not in "biuf":
        raise InputError(f"the {name} is not made of numbers (RGB, perhaps)", mend="give one real value per voxel")
    return array


def _one_volume(stack: NDArray[Any], name: str) -> NDArray[Any]:
    if len(stack) != 1:
        raise InputError(f"the {name} has {len(stack)} volumes", mend="give one; it does not depend on the orientation")
    return np.asarray(stack[0])


def _as_mask(given: Any, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.bool_]:
    mask = _real(given, name.replace("_", " "))
    if mask.ndim != 3:
        raise InputError(
            f"the {name.replace('_', ' ')} has {mask.ndim} dimensions instead of 3", mend="give one volume"
        )
    if shape is not None and mask.shape != shape:
        raise InputError(
            f"the {name.replace('_', ' ')} is {shape_text(mask.shape)} voxels, the mask {shape_text(shape)}",
            mend="bring both to the same grid",
        )
    if mask.dtype.kind == "f":
        mask = np.nan_to_num(mask)
    return np.array(mask > 0.5)


def _as_stack(given: Any, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    stack = _real(given, name)
    if stack.ndim == 3:
        stack = stack[None]
    if stack.ndim != 4 or stack.shape[0] == 0:
        raise InputError(f"the {name} has the shape {shape_text(stack.shape)}", mend="give (orientations, x, y, z)")
    if stack.shape[1:] != shape:
        raise InputError(
            f"the {name} is {shape_text(stack.shape[1:])} voxels and the mask {shape_text(shape)}",
            mend="bring both to the same grid",
        )
    return stack
