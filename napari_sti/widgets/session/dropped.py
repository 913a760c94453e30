"""What files mean that are dropped or chosen: a study, field maps, masks, B0 directions."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.io.b0 import TEXT_FRAME, read_directions
from napari_sti.io.nifti import check_volume
from napari_sti.io.study import STUDY_NAMES, Orientation, Study

_IMAGES = (".nii", ".nii.gz")
_STUDIES = (".yaml", ".yml", ".json")
_TEXTS = (".txt", ".dat", ".csv", ".tsv")

_ROLES = (
    ("wm_mask", re.compile(r"(?<![a-z])(wm|white)(?![a-z])")),
    ("csf_mask", re.compile(r"(?<![a-z])csf(?![a-z])")),
    ("magnitude", re.compile(r"(?<![a-z])mag(nitude)?s?(?![a-z])")),
    ("r2prime", re.compile(r"(?<![a-z])r2(p|prime|')(?![a-z0-9])")),
    ("qsm", re.compile(r"(?<![a-z])qsm(?![a-z])")),
    ("mask", re.compile(r"mask|(?<![a-z])bet(?![a-z])")),
)
"""Roles by name; the first that matches."""


@dataclass
class Dropped:
    """Files by what they mean.

    Attributes
    ----------
    studies, fields, directions, unknown : list of Path
        Study files, field maps, text files with B0 directions, and what nobody can use.
    roles : dict
        Other images by the attribute of `Study` that they belong to.
    """

    studies: list[Path] = field(default_factory=list)
    fields: list[Path] = field(default_factory=list)
    directions: list[Path] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)
    roles: dict[str, list[Path]] = field(default_factory=dict)


_ROLE_DIMS: dict[str, tuple[str, tuple[int, ...]]] = {
    "mask": ("mask", (3,)),
    "wm_mask": ("white matter mask", (3,)),
    "csf_mask": ("CSF mask", (3,)),
    "magnitude": ("magnitude", (3, 4)),
    "r2prime": ("R2' map", (3,)),
    "qsm": ("susceptibility map", (3,)),
}
"""What images of a role are called, and the dimensions that they may have."""


def natural(path: Path) -> tuple[object, ...]:
    """Key that sorts ``ori2`` before ``ori10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def sort_out(paths: Iterable[str | Path]) -> Dropped:
    """Tell what each file is, by its ending and its name; folders are opened one level deep."""
    found = Dropped()
    for path in sorted(_files(paths), key=natural):
        name = path.name.lower()
        if name.endswith(_IMAGES):
            role = next((role for role, pattern in _ROLES if pattern.search(name)), None)
            (found.fields if role is None else found.roles.setdefault(role, [])).append(path)
        elif name.endswith(_STUDIES):
            found.studies.append(path)
        elif name.endswith(_TEXTS):
            found.directions.append(path)
        else:
            found.unknown.append(path)
    if found.fields:  # a sidecar beside its image is no study
        images = [*found.fields, *(p for paths in found.roles.values() for p in paths)]
        stems = {stem(p) for p in images}
        found.studies = [p for p in found.studies if stem(p) not in stems]
    return found


def check_files(dropped: Dropped) -> tuple[Dropped, list[InputError]]:
    """Read every image to its end, and every text with B0 directions; return what is sound, and what is wrong.

    What cannot be used is to be said before it is in the study, and not when everything is loaded.
    """
    wrong: list[InputError] = []

    def sound(path: Path, what: str, dims: tuple[int, ...]) -> bool:
        try:
            check_volume(path, dims=dims, what=what)
        except InputError as error:
            wrong.append(error)
            return False
        return True

    fields = [path for path in dropped.fields if sound(path, "field", (3,))]
    roles = {
        role: good
        for role, paths in dropped.roles.items()
        if (good := [p for p in paths if sound(p, *_ROLE_DIMS[role])])
    }
    directions = []
    for path in dropped.directions:
        try:
            read_directions(path)
            directions.append(path)
        except InputError as error:
            said = f"this text file is neither a field map nor a B0 direction ({error.what})"
            mend = "give field maps as .nii or .nii.gz, and directions as three numbers each"
            wrong.append(InputError(said, file=path, mend=mend))
    return Dropped(dropped.studies, fields, directions, dropped.unknown, roles), wrong


def in_one(wrong: Sequence[InputError]) -> str:
    """The first fault with its mend, and the names of other files that were left out, too."""
    names = [error.file.name for error in wrong[1:] if error.file is not None]
    more = f" Left out, too: {', '.join(names[:3])}{' and others' if len(names) > 3 else ''}." if names else ""
    return f"{wrong[0]}{more}"


def stem(path: Path) -> str:
    """File name without its endings, also ``.nii.gz``."""
    return re.sub(r"(\.nii)?\.[^.]+$", "", path.name)


def _files(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for given in paths:
        path = Path(given)
        if not path.is_dir():
            files.append(path)
            continue
        study = next((path / name for name in STUDY_NAMES if (path / name).is_file()), None)
        inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        files += [study] if study is not None else [p for p in inside if p.name.lower().endswith((*_IMAGES, *_TEXTS))]
    return files


def add_to(study: Study, dropped: Dropped) -> Study:
    """Add images and B0 directions to a study.

    New field maps become orientations in the order of their names and take the unit of those that are there.
    Directions go to the orientations that have none yet, else to all from the first.

    Raises
    ------
    InputError
        If a text file holds no directions, or there are more of them than orientations.
    """
    orientations = list(study.orientations)
    last = orientations[-1] if orientations else Orientation()
    known = {o.field for o in orientations}
    for path in dropped.fields:
        if path not in known:
            orientations.append(Orientation(field=path, units=last.units, te=last.te))
    study = replace(study, orientations=tuple(orientations))
    for role, paths in dropped.roles.items():
        many = role in ("magnitude", "r2prime")
        values: dict[str, Any] = {role: (*getattr(study, role), *paths) if many else paths[-1]}
        study = replace(study, **values)
    return add_directions(study, dropped.directions) if dropped.directions else study


def add_directions(study: Study, files: list[Path], rows: list[int] | None = None) -> Study:
    """Give orientations their B0 directions from text files: one file for each, or one for all of them.

    Parameters
    ----------
    study : Study
        With its orientations.
    files : list of Path
        Text files; one that holds several directions is read here and its vectors are taken over, in LPS.
    rows : list of int, optional
        Which orientations; by default those without a direction, else all.

    Raises
    ------
    InputError
        If a file holds no directions, or their number does not fit.
    """
    given: list[tuple[Any, Frame | None]] = []
    for path in files:
        vectors = read_directions(path)
        if len(vectors) == 1:
            given.append((path, None))
        else:
            given += [(tuple(float(x) for x in vector), TEXT_FRAME) for vector in vectors]
    if rows is None:
        rows = [i for i, o in enumerate(study.orientations) if o.b0_dir is None]
        if len(rows) != len(given):
            rows = list(range(len(study.orientations)))
    if len(given) > len(rows):
        raise InputError(
            f"{len(given)} B0 directions for {len(rows)} orientations",
            file=files[0],
            mend="add the field maps first, then their directions",
        )
    orientations = list(study.orientations)
    for row, (b0_dir, frame) in zip(rows, given, strict=False):
        orientations[row] = replace(orientations[row], b0_dir=b0_dir, frame=frame)
    return replace(study, orientations=tuple(orientations))
