"""What a result holds in one place: tensor, eigenvalues, direction, and the field of every orientation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import eigen, frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.load import load
from napari_sti.io.study import read_study
from napari_sti.maps.predicted_field import field_along, field_tensor
from napari_sti.maps.references import open_result

Where = Literal["inside", "outside the mask", "outside the volume", "no value"]
_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class FieldsHere:
    """The local field of every orientation in one place, in ppm; NaN where it is not known.

    Parameters
    ----------
    labels : tuple of str
        Name of each orientation.
    tilts : (N,) array
        Angle of each B0 direction to the first, in degrees.
    b0_ras : (N, 3) array
        Directions of B0 in RAS.
    measured, predicted : (N,) arrays
        The field that the study gives, and that which the tensor makes.
    """

    labels: tuple[str, ...]
    tilts: NDArray[np.float64]
    b0_ras: NDArray[np.float64]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @property
    def misfit(self) -> float:
        """Root mean square of measured minus predicted over the orientations, in ppm; NaN where neither is known."""
        apart = self.measured - self.predicted
        known = apart[np.isfinite(apart)]
        return float(np.sqrt(np.mean(known**2))) if known.size else _NAN


@dataclass(frozen=True, eq=False)
class Probe:
    """One result in one place.

    Parameters
    ----------
    name : str
        Of the result.
    place : (3,) array
        What was asked for, in RAS mm.
    voxel : three ints
        Nearest voxel, in the order in which the result's file is stored.
    centre : (3,) array
        Centre of that voxel in RAS mm.
    where : {"inside", "outside the mask", "outside the volume", "no value"}
        Whether there is a tensor; "no value" is NaN.
    chi : (3, 3) array
        Tensor in ppm, in RAS axes; NaN unless it is inside.
    eigenvalues : (3,) array
        In ppm, the largest first.
    mms, msa : float
        Their mean, and the first minus the mean of the others, in ppm.
    direction : (3,) array
        Unit eigenvector of the largest one in RAS, sign free; zero where there is none.
    fields : FieldsHere or None
        None where the study of the result is not known.
    """

    name: str
    place: NDArray[np.float64]
    voxel: tuple[int, int, int]
    centre: NDArray[np.float64]
    where: Where
    chi: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    mms: float
    msa: float
    direction: NDArray[np.float64]
    fields: FieldsHere | None = None

    @property
    def inside(self) -> bool:
        """Whether there is a tensor."""
        return self.where == "inside"


@dataclass(frozen=True, eq=False)
class Probeable:
    """A result that can be probed: its tensor, and what is needed for its fields once that has been read.

    Parameters
    ----------
    name : str
        What it is called.
    chi : (X, Y, Z, 6) array
        Tensor in ppm, in the order in which its file is stored.
    mask : (X, Y, Z) array of bool
        Where it is meant.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes of the components.
    provenance : mapping
        Of the result; states the study.
    study : Acquisition or None
        What it was made from; only field maps, directions and mask are used.
    form : (X, Y, Z, 6) array or None
        `field_tensor` of it.
    remark : str
        Why there are no measured fields, in one sentence.
    """

    name: str
    chi: NDArray[np.floating]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    frame: Frame = "voxel"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    study: Acquisition | None = None
    form: NDArray[np.float32] | None = None
    remark: str = ""

    def at(self, place: ArrayLike) -> Probe:
        """Look at the voxel that is nearest to a place (3,) in RAS mm."""
        asked = np.asarray(place, np.float64)
        affine = self.affine
        voxel = _nearest(asked, affine)
        centre = affine[:3, :3] @ np.array(voxel) + affine[:3, 3]
        where: Where = "outside the volume"
        six = np.full(6, _NAN)
        if _within(voxel, self.mask.shape):
            here = np.asarray(self.chi[voxel], np.float64)
            where = "inside" if self.mask[voxel] else "outside the mask"
            where = where if np.isfinite(here).all() else "no value"
            if where == "inside":
                six = frames.rotate_tensors(here, frames.to_ras(self.frame, affine))
        mms, msa, pev = (found[0] for found in eigen.principal(six[None]))
        fields = self._fields(voxel, asked) if where == "inside" and self.study is not None else None
        return Probe(
            name=self.name,
            place=asked,
            voxel=voxel,
            centre=centre,
            where=where,
            chi=np.asarray(frames.to_matrix(six), np.float64),
            eigenvalues=eigen.eigenvalues(six[None])[0],
            mms=float(mms),
            msa=float(msa),
            direction=np.asarray(pev, np.float64),
            fields=fields,
        )

    def _fields(self, voxel: tuple[int, int, int], place: NDArray[np.float64]) -> FieldsHere:
        study = self.study
        assert study is not None and study.field is not None
        to_ras = frames.to_ras("voxel", study.affine)
        b0_ras = frames.rotate_vectors(study.b0_dirs, to_ras)
        measured = np.full(study.n_orientations, _NAN)
        there = _nearest(place, study.affine)
        if _within(there, study.shape) and study.mask[there]:
            measured = study.field[(slice(None), *there)].astype(np.float64)
        predicted = np.full(study.n_orientations, _NAN)
        if self.form is not None:
            own = frames.rotate_vectors(b0_ras, frames.between("ras", "voxel", self.affine))
            predicted = field_along(self.form[voxel], own)
        return FieldsHere(study.labels, study.tilts, b0_ras, measured, predicted)


def open_probeable(path: str | Path, name: str, *, frame: Frame | str | None = None) -> Probeable:
    """Read the tensor of a result folder, or of a tensor file; its fields come with `with_fields`.

    Raises
    ------
    InputError
        If it is neither.
    """
    return probeable(name, open_result(path, frame=frame))


def probeable(name: str, tensor: TensorField) -> Probeable:
    """Make a tensor ready to be probed; its arrays are shared."""
    mask = np.asarray(tensor.mask)
    return Probeable(name, tensor.chi, mask, tensor.affine, tensor.frame, tensor.provenance)


def with_fields(result: Probeable, study: str | Path | None = None) -> Probeable:
    """Read the field maps that a result was made from, and compute what its tensor predicts.

    Parameters
    ----------
    result : Probeable
        With its tensor.
    study : path, optional
        Study file; by default the one that the result states. Where that is not to be found, the result is returned
        with a remark instead of fields.

    Raises
    ------
    InputError
        If the study that was given cannot be read.
    """
    path, remark = (Path(study), "") if study is not None else study_of(result.provenance)
    if path is None:
        return replace(result, remark=remark)
    try:
        # Only what is needed: the rest of a study may be many times larger.
        given = replace(
            read_study(path),
            magnitude=(),
            r2prime=(),
            r2star=(),
            r2=None,
            qsm=None,
            reference_tensor=None,
            wm_mask=None,
            csf_mask=None,
        )
        acquisition = load(given)
    except InputError as error:
        if study is not None:
            raise
        return replace(result, remark=f"The measured fields cannot be read: {error}")
    if acquisition.field is None:
        return replace(result, remark="The study of this result has no field maps.")
    in_voxel_axes = result.chi
    if result.frame != "voxel":
        in_voxel_axes = frames.rotate_tensors(result.chi, frames.between(result.frame, "voxel", result.affine))
    form = field_tensor(np.where(result.mask[..., None], in_voxel_axes, np.float32(0)), result.affine)
    return replace(result, study=acquisition, form=form, remark=remark)


def study_of(provenance: Mapping[str, Any]) -> tuple[Path | None, str]:
    """Return the study file that a result states, if it is there, and what has to be said about it."""
    for entry in provenance.get("inputs") or ():
        if not isinstance(entry, Mapping) or entry.get("role") != "study":
            continue
        path = Path(str(entry.get("path") or ""))
        if not path.is_file():
            return None, f"No measured fields: the study file {path} is not there any more."
        if entry.get("sha256") and file_hash(path) != entry["sha256"]:
            return path, f"The study file {path.name} was changed after this result was made."
        return path, ""
    return None, "No measured fields: the result does not say which study file it was made from."


def probe_places(results: Sequence[Probeable], places: ArrayLike) -> list[list[Probe]]:
    """Look at every place (P, 3) in RAS mm of every result; one list for each place."""
    return [[result.at(place) for result in results] for place in np.asarray(places, np.float64).reshape(-1, 3)]


def _nearest(place: NDArray[np.float64], affine: NDArray[np.float64]) -> tuple[int, int, int]:
    index = np.linalg.solve(affine[:3, :3], place - affine[:3, 3])
    # Far out of the volume is far enough: what no integer can hold is cut.
    i, j, k = np.rint(np.clip(index, -1e9, 1e9)).astype(int).tolist()
    return i, j, k


def _within(voxel: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return all(0 <= index < count for index, count in zip(voxel, shape, strict=True))


_SIGNS = {"R": 1, "L": -1, "A": 1, "P": -1, "S": 1, "I": -1}
_LETTERED = re.compile(r"^([RL])\s*([\d.]+)[\s,]*([AP])\s*([\d.]+)[\s,]*([SI])\s*([\d.]+)\s*(?:MM)?$")


def parse_place(text: str) -> tuple[float, float, float]:
    """Read a place in RAS mm: ``12, -34.5, 8``, or as the status line writes it, ``R 12.0  P 34.5  S 8.0 mm``.

    Raises
    ------
    InputError
        If it is neither.
    """
    wrong = InputError(
        f"{text!r} is not a place", mend='give R, A and S in mm, such as "12, -34.5, 8" or "R 12 P 34.5 S 8"'
    )
    lettered = _LETTERED.match(text.strip().upper())
    try:
        if lettered:
            parts = lettered.groups()
            numbers = [_SIGNS[parts[i]] * float(parts[i + 1]) for i in (0, 2, 4)]
        else:
            numbers = [float(word) for word in re.split(r"[\s,;]+", text.strip().lower().removesuffix("mm").strip())]
    except ValueError:
        raise wrong from None
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise wrong
    r, a, s = (float(number) for number in numbers)
    return r, a, s
