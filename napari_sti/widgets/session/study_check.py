"""What can be said about a study from its headers: what is missing, the directions, the tilts, the grid."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.io.study import Problem, Study

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class StudyCheck:
    """The outcome for one study.

    Parameters
    ----------
    study : Study
        Which study it is about.
    problems : tuple of Problem
        What keeps it from being loaded.
    directions : tuple of vectors or None
        Unit vector of B0 in RAS for each orientation, where it can be told.
    tilts : tuple of float or None
        Angle of each to the first, degrees.
    shape, voxel_size, axes
        Grid of the first readable field map, if any: voxels, mm, letters such as ``"LAS"``.
    oblique : float
        Largest angle between a voxel axis and the world, degrees.
    warnings : tuple of str
        Sentences for the person.
    """

    study: Study
    problems: tuple[Problem, ...] = ()
    directions: tuple[Vector | None, ...] = ()
    tilts: tuple[float | None, ...] = ()
    shape: tuple[int, int, int] | None = None
    voxel_size: tuple[float, float, float] | None = None
    axes: str = ""
    oblique: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the study can be loaded."""
        return not self.problems

    @property
    def faulty(self) -> frozenset[int]:
        """Orientations that something is wrong with."""
        return frozenset(p.orientation for p in self.problems if p.orientation is not None)


def check_study(study: Study) -> StudyCheck:
    """Look at the headers and text files of a study; reads no image."""
    directions, header, warnings = _directions(study)
    shape = size = None
    axes, oblique = "", 0.0
    if header is not None:
        shape, size = header.shape[:3], frames.voxel_size(header.affine)
        axes, oblique = frames.axis_codes(header.affine), frames.obliquity_degrees(header.affine)
    return StudyCheck(
        study=study,
        problems=study.problems() if study.orientations else (),
        directions=tuple(directions),
        tilts=_tilts(directions),
        shape=shape,
        voxel_size=size,
        axes=axes,
        oblique=oblique,
        warnings=(*study.warnings, *warnings),
    )


def _directions(study: Study) -> tuple[list[Vector | None], Any, list[str]]:
    from napari_sti.io.nifti import read_header
    from napari_sti.io.problems import world_direction

    found: list[Vector | None] = []
    warnings: list[str] = []
    first = None
    for index, orientation in enumerate(study.orientations):
        header = None
        try:
            if orientation.field is not None:
                header = read_header(orientation.field)
                first = first or header
            vector, warning = world_direction(orientation, index, header)
        except (InputError, OSError):
            found.append(None)
            continue
        length = float(np.linalg.norm(vector))
        found.append((vector[0] / length, vector[1] / length, vector[2] / length))
        warnings += [warning] if warning else []
    return found, first, warnings


def _tilts(directions: list[Vector | None]) -> tuple[float | None, ...]:
    if not directions or directions[0] is None:
        return (None,) * len(directions)
    first = directions[0]
    return tuple(None if d is None else float(frames.tilt_degrees(np.array([first, d]))[1]) for d in directions)


def outline(study: Study, check: StudyCheck) -> Any:
    """Stand-in for the acquisition that `Method.check` and `Method.remarks` can be asked about before anything is read.

    It has the attributes of `Acquisition` that can be told from headers; masks and fields are only there or not.
    """
    return SimpleNamespace(
        field=True if study.has_fields else None,
        n_orientations=len(study.orientations),
        b0_dirs=np.array([d or (np.nan,) * 3 for d in check.directions]).reshape(-1, 3),
        tilts=np.array([np.nan if t is None else t for t in check.tilts]),
        shape=check.shape,
        voxel_size=check.voxel_size,
        mask=study.mask,
        wm_mask=study.wm_mask,
        csf_mask=study.csf_mask,
        magnitude=study.magnitude or None,
        r2prime=study.r2prime or None,
        qsm=study.qsm,
        b0=study.tesla,
        simulated=study.simulated,
        name=study.name,
    )


def refusal(method: Method, study: Study, check: StudyCheck) -> str:
    """Why a method cannot run on a study; empty if it can."""
    try:
        method.check(outline(study, check))
    except InputError as error:
        return str(error)
    return ""


def remarks(method: Method, study: Study, check: StudyCheck) -> tuple[str, ...]:
    """What the person should know before running a method on a study."""
    return (*method.remarks(outline(study, check)), *check.warnings)
