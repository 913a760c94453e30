"""Read and write study files: our own and those of the published DeepSTI and WaveSep programs.

A study file is YAML or JSON (``study.sti.yaml`` is the recommended name). Our own form::

    name: head 1
    tesla: 3
    units: Hz                 # ppm, Hz or rad (with te in seconds); never guessed
    frame: lps                # of vectors written here: voxel, ras, lps or fsl; never guessed
    field: [a.nii.gz, b.nii.gz]
    b0_dirs: [[0, 0, 1], b0_of_b.txt]     # vectors, text files (LPS unless stated), or affine
    mask: mask.nii.gz

or, where orientations differ in more than that::

    orientations:
    - {field: a.nii.gz, b0_dir: affine, units: rad, te: 0.02}
    - {field: b.nii.gz, b0_dir: [0.1, 0, 0.995], frame: voxel, units: ppm, label: tilted left}

Further keys: wm_mask, csf_mask, magnitude, r2prime, r2star, r2 [Hz], qsm [ppm], reference_tensor [ppm] (with
reference_tensor_frame where no sidecar states it), simulated. Paths are relative to the study file.

The published programs' keys are taken as those programs define them: ``phase`` is in Hz and ``H0`` names text files
in LPS unless the file states otherwise, and a tensor (``gt``, ``sti_fn``) is in voxel axes. Their files hold lists of
cases, of which one is a study; and their paths are relative to the folder in which the program is started, so that
folders above the study file and the working folder are searched as well.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from napari_sti.core.errors import InputError
from napari_sti.io import atomic
from napari_sti.io.study_keys import parse_case
from napari_sti.io.study_model import Orientation, Problem, Study
from napari_sti.io.text_data import parse_text

__all__ = ["STUDY_NAMES", "Orientation", "Problem", "Study", "read_studies", "read_study", "write_study"]

STUDY_NAMES = ("study.sti.yaml", "study.yaml", "study.yml", "study.json")
"""Names by which a study is found in a folder."""

_TOP = ("units", "frame", "te")


def read_study(path: str | Path, *, case: str | None = None) -> Study:
    """Read one study from a file; nothing that it names is opened except lists of directions.

    Parameters
    ----------
    path : path
        YAML or JSON file, or a folder that holds one called ``study.sti.yaml`` or ``study.yaml``. ``FILE#CASE``
        chooses one case of a file that lists several.
    case : str, optional
        Name of the case, the same in another way. Without it the first is taken and a warning says so.

    Raises
    ------
    InputError
        If the file is missing, broken, asks for object construction, has unknown keys or wrong values; with the
        line where that can be known.
    """
    path = Path(path)
    if case is None and not os.path.exists(path) and "#" in path.name:
        name, _, case = path.name.partition("#")
        path = path.with_name(name)
    studies = read_studies(path)
    names = ", ".join(study.name for study in studies)
    if case is not None:
        for study in studies:
            if study.name == case:
                # So that whoever reads this path again gets the same case.
                file = study.path or path
                return study if len(studies) == 1 else replace(study, path=file.with_name(f"{file.name}#{case}"))
        raise InputError(f"the file has no case {case!r}", file=path, mend=f"it has {names}")
    first = studies[0]
    if len(studies) == 1:
        return first
    note = f"{path.name} lists {len(studies)} cases ({names}); the first is taken (write {path.name}#NAME for another)."
    return replace(first, warnings=(*first.warnings, note))


def read_studies(path: str | Path) -> tuple[Study, ...]:
    """Read every case of a study file; ours have one, the published programs' may have several.

    Raises
    ------
    InputError
        As `read_study`.
    """
    path = _find(Path(path))
    content = parse_text(path)
    cases = content if isinstance(content, list) else [content]
    if not cases or not all(isinstance(case, dict) for case in cases):
        raise InputError("the study file is empty or no list of keys", file=path, mend="write name: ..., field: ...")
    return tuple(parse_case(case, path) for case in cases)


def _find(path: Path) -> Path:
    if not os.path.isdir(path):
        return path
    for name in STUDY_NAMES:
        if (path / name).is_file():
            return path / name
    raise InputError("the folder holds no study file", file=path, mend=f"give the file, or call it {STUDY_NAMES[0]}")


def write_study(study: Study, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a study in our own form, as JSON if the name ends in .json, else as YAML.

    Paths are written relative to the file where they lie on the same tree, so that a folder with study and data
    can be moved as a whole.

    Raises
    ------
    InputError
        If the file exists (unless `overwrite`) or cannot be written.
    """
    path = Path(path)
    content = _content(study, path.absolute().parent)
    if path.suffix.lower() == ".json":
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    else:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
        text = "# A study of napari-sti; paths are relative to this file.\n" + text
    atomic.write_text(path, text, overwrite=overwrite)


def _content(study: Study, folder: Path) -> dict[str, Any]:
    def shown(file: Path) -> str:
        return _relative(file, folder)

    content: dict[str, Any] = {"name": study.name}
    if study.tesla is not None:
        content["tesla"] = study.tesla
    shared = {key: _common(study, key) for key in _TOP}
    content |= {key: value for key, value in shared.items() if value is not None}
    content["orientations"] = [_orientation_content(o, shared, shown) for o in study.orientations]
    for key in ("mask", "wm_mask", "csf_mask", "qsm", "r2", "reference_tensor"):
        if getattr(study, key) is not None:
            content[key] = shown(getattr(study, key))
    if study.reference_frame is not None:
        content["reference_tensor_frame"] = study.reference_frame
    for key in ("magnitude", "r2prime", "r2star"):
        if getattr(study, key):
            content[key] = [shown(file) for file in getattr(study, key)]
    content |= {key: shown(Path(value)) if Path(value).is_absolute() else value for key, value in study.more}
    if study.simulated:
        content["simulated"] = True
    return content


def _common(study: Study, key: str) -> Any:
    """Return the value of a key that all orientations share, else None."""
    values = {getattr(o, key) for o in study.orientations}
    return values.pop() if len(values) == 1 else None


def _orientation_content(orientation: Orientation, shared: dict[str, Any], shown: Any) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if orientation.label is not None:
        content["label"] = orientation.label
    if orientation.field is not None:
        content["field"] = shown(orientation.field)
    b0 = orientation.b0_dir
    if b0 is not None:
        content["b0_dir"] = shown(b0) if isinstance(b0, Path) else b0 if isinstance(b0, str) else list(map(float, b0))
    for key in _TOP:
        value = getattr(orientation, key)
        if value is not None and shared[key] is None:
            content[key] = value
    return content


def _relative(file: Path, folder: Path) -> str:
    absolute = file.absolute()
    common = Path(os.path.commonpath([absolute, folder])) if absolute.drive == folder.drive else None
    if common is None or common == Path(common.anchor):
        return absolute.as_posix()
    return Path(os.path.relpath(absolute, folder)).as_posix()
