"""What is missing or does not fit before a study can be loaded, from headers alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import check_directions
from napari_sti.core.errors import InputError
from napari_sti.core.units import check_b0, ppm_per_unit
from napari_sti.io.b0 import TEXT_FRAME, read_direction
from napari_sti.io.grid import check_grid
from napari_sti.io.nifti import Header, fit_dims, read_header
from napari_sti.io.study_model import Orientation, Problem, Study


def find_problems(study: Study) -> tuple[Problem, ...]:
    """Return everything that keeps a study from being loaded, the first thing to mend first."""
    return tuple(_with_file(problem, study) for problem in _find(study))


def _with_file(problem: Problem, study: Study) -> Problem:
    """What concerns no one file of the study is to be mended in the study file itself."""
    if problem.file is not None:
        return problem
    own = None if problem.orientation is None else study.orientations[problem.orientation].field
    return replace(problem, file=study.path or own)


def _find(study: Study) -> Iterator[Problem]:
    fields = study.has_fields
    if not study.orientations or not (fields or study.for_separation):
        yield Problem("the study has no field maps", "add the local field of at least one head orientation")
    headers: dict[int, Header] = {}
    for index, orientation in enumerate(study.orientations):
        if fields:
            yield from _field_problems(study, orientation, index, headers)
        yield from _direction_problems(orientation, index, headers.get(index))
    if sum(o.b0_dir == "affine" for o in study.orientations) > 1:
        yield Problem(
            "the B0 direction is taken from the affine for more than one orientation, but images that share one grid "
            "have been resampled, and their affine no longer tells it",
            "state the directions as vectors or text files",
        )
    if study.mask is None:
        yield Problem("the study has no brain mask", "add a mask that is 1 inside the brain (mask: FILE)")
    yield from _other_problems(study, next(iter(headers.values()), None))


def _problem(error: InputError, orientation: int | None = None) -> Problem:
    text = error.what if error.file is None else f"{error.file.name}: {error.what}"
    return Problem(text, error.mend or "", orientation, error.file)


def _field_problems(
    study: Study, orientation: Orientation, index: int, headers: dict[int, Header]
) -> Iterator[Problem]:
    if orientation.field is None:
        yield Problem(f"orientation {index + 1} has no field map", "choose its file", index)
        return
    try:
        header = read_header(orientation.field, what="field")
        fit_dims(header, 3, "field")
        if headers:
            check_grid(header, next(iter(headers.values())), "field")
        headers[index] = header
    except InputError as error:
        yield _problem(error, index)
    try:
        check_unit(study, orientation)
    except InputError as error:
        yield _problem(error, index)


def check_unit(study: Study, orientation: Orientation) -> float:
    """Return the factor from the field's unit to ppm, or refuse what is not stated."""
    if orientation.units is None:
        raise InputError(
            "the unit of the field is not stated",
            file=orientation.field,
            mend="state units: ppm, Hz, or rad together with te",
        )
    return ppm_per_unit(orientation.units, b0=study.tesla, te=orientation.te)


def _direction_problems(orientation: Orientation, index: int, header: Header | None) -> Iterator[Problem]:
    try:
        world_direction(orientation, index, header)
    except InputError as error:
        yield _problem(error, index)


def world_direction(orientation: Orientation, index: int, header: Header | None) -> tuple[list[float], str | None]:
    """Return the B0 direction of an orientation in RAS and a warning, or refuse it.

    Parameters
    ----------
    orientation : Orientation
        With its direction as stated.
    index : int
        Its number from 0, for messages.
    header : Header or None
        Of the file in whose axes the direction is stated; None where it could not be read.
    """
    given, frame = orientation.b0_dir, orientation.frame
    number = f"orientation {index + 1}"
    if given is None:
        raise InputError(f"{number} has no B0 direction", mend="state a vector, a text file, or affine")
    if given == "affine":
        return _from_affine(header, number), None
    if isinstance(given, tuple):
        if frame is None:
            raise InputError(
                f"the frame of the B0 direction of {number} is not stated",
                mend="state frame: voxel, ras, lps or fsl",
            )
        vector = given
    else:
        vector = read_direction(given)
    try:
        unit = check_directions([vector])[0][0]
    except InputError as error:
        text = error.what.replace("orientation 1", number)
        raise InputError(text, file=None if isinstance(given, tuple) else given, mend=error.mend) from None
    if header is None:
        return unit.tolist(), None
    stated = frame or TEXT_FRAME
    if not header.oriented and stated != "voxel":
        raise InputError(
            f"the header states no orientation, so that B0 directions in {stated} have no meaning",
            file=header.path,
            mend="set the sform, or state the directions along the stored axes (frame: voxel)",
        )
    # The vector as given, not the unit one: core says of itself when it normalises.
    world = frames.rotate_vectors(np.array(vector, float), frames.to_ras(stated, header.affine))
    return world.tolist(), _oblique_warning(orientation, header, number)


def _from_affine(header: Header | None, number: str) -> list[float]:
    if header is not None and not header.oriented:
        raise InputError(
            f"the header states no orientation, so that the B0 direction of {number} cannot be taken from it",
            file=header.path,
            mend="state it as a vector with its frame",
        )
    return [0.0, 0.0, 1.0]  # the bore, in RAS; core.frames.b0_from_affine says the same in voxel axes


def _oblique_warning(orientation: Orientation, header: Header, number: str) -> str | None:
    if isinstance(orientation.b0_dir, tuple) or orientation.frame is not None:
        return None
    tilt = frames.obliquity_degrees(header.affine)
    if tilt < 1:
        return None
    return (
        f"{header.path.name} is stored {tilt:.1f} degrees oblique: the B0 direction of {number} is read as LPS of the "
        "world; state frame: voxel if it is meant along the axes of the image."
    )


def _other_problems(study: Study, grid: Header | None) -> Iterator[Problem]:
    if study.tesla is not None:
        try:
            check_b0(study.tesla)
        except InputError as error:
            yield _problem(error)
    for what, path, dims in other_files(study):
        try:
            header = read_header(path, what=what)
            fit_dims(header, dims, what)
            if grid is None:
                grid = header
            else:
                check_grid(header, grid, what)
        except InputError as error:
            yield _problem(error)
    for name, maps in (("R2'", study.r2prime), ("R2*", study.r2star)):
        if len(maps) > 1 and len(maps) != len(study.orientations):
            yield Problem(
                f"{len(maps)} {name} maps for {len(study.orientations)} orientations", "give one, or one for each"
            )


def other_files(study: Study) -> list[tuple[str, Path, tuple[int, ...]]]:
    """Return (what it is, path, allowed dimensions) of every file beside the field maps."""
    single = [
        ("mask", study.mask, (3,)),
        ("white matter mask", study.wm_mask, (3,)),
        ("CSF mask", study.csf_mask, (3,)),
        ("susceptibility map", study.qsm, (3,)),
        ("R2 map", study.r2, (3,)),
        ("tensor", study.reference_tensor, (4,)),
    ]
    many: list[tuple[str, Path, tuple[int, ...]]] = [("magnitude", p, (3, 4)) for p in study.magnitude]
    many += [("R2' map", p, (3,)) for p in study.r2prime] + [("R2* map", p, (3,)) for p in study.r2star]
    return [(w, p, d) for w, p, d in [*single, *many] if p is not None]
