"""A quality page as a job: read, look, write; the command line does the same without a job."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.io import atomic
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.jobs.job import Job
from napari_sti.maps.dti_mends import check_mend

if TYPE_CHECKING:
    from napari_sti.evaluate.quality_figures import Picture
    from napari_sti.maps.quality import Quality

RECORD = "quality.json"
"""The file that makes the page; it is written after all others."""
PAGE, ANGLE, RESIDUALS = "quality.html", "angle.nii.gz", "residuals.nii.gz"


@dataclass(frozen=True)
class QualityInput:
    """What a page is made of; paths as text, empty for none.

    Parameters
    ----------
    result : str
        Folder of a result, or a tensor file of six volumes.
    frame : str
        Axes of the components of a tensor file that no sidecar states.
    v1, fa, dti_frame : str
        Directions and FA of a DTI on the same grid, and the axes of the directions.
    white : str
        Mask of white matter, where angles count.
    dti_mend : str
        What to mend of V1 before it is compared: ``"auto"``, ``"undo"`` or one such as ``"x,-y,z"``.
    """

    result: str
    frame: str = ""
    v1: str = ""
    fa: str = ""
    dti_frame: str = ""
    white: str = ""
    dti_mend: str = ""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "QualityInput":
        """Read the parameters of a job.

        Raises
        ------
        InputError
            If one is unknown, no text, or the result is missing.
        """
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise InputError(f"a quality page has no parameter {name}", mend=f"known are {', '.join(known)}")
            if not isinstance(value, str):
                raise InputError(f"the {name} of the quality page is not a text", mend="put it in quotes")
        if not values.get("result"):
            raise InputError("the quality page is about no result", mend="name a result folder or a tensor file")
        if bool(values.get("v1")) != bool(values.get("fa")):
            raise InputError("V1 and FA of a DTI go together, and one is missing", mend="give both, or neither")
        if values.get("dti_mend"):
            if not values.get("v1"):
                raise InputError("a mend of V1 goes with V1 and FA", mend="give both, or leave the mend out")
            values = {**values, "dti_mend": check_mend(str(values["dti_mend"]))}
        return cls(**values)

    def mapping(self) -> dict[str, str]:
        """Parameters of a job; what is empty is left out."""
        return {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}

    def in_folder(self, folder: Path) -> "QualityInput":
        """The same with relative paths resolved against a folder."""
        paths = {
            name: str(folder / getattr(self, name)) for name in ("result", "v1", "fa", "white") if getattr(self, name)
        }
        return replace(self, **paths)

    def command(self, study: Path | None, out: str = "DIR") -> str:
        """``napari-sti quality ...`` that makes the same page."""
        words = ["napari-sti", "quality", self.result]
        words += ["--frame", self.frame] if self.frame else []
        words += ["--study", str(study)] if study is not None else []
        words += ["--dti", self.v1, self.fa] if self.v1 else []
        words += ["--dti-frame", self.dti_frame] if self.dti_frame else []
        words += [f"--dti-mend={self.dti_mend}"] if self.dti_mend else []
        words += ["--white", self.white] if self.white else []
        return shlex.join([*words, "-o", out])


def check_quality(params: Mapping[str, Any]) -> QualityInput:
    """Refuse what can be seen to fail before anything is loaded; see `QualityInput.from_mapping`."""
    return QualityInput.from_mapping(params)


def quality_in_job(job: Job, progress: Progress) -> tuple[Callable[[Path], Path], str]:
    """Make the page of a job; return how to save it, and the device. Relative paths are relative to its folder."""
    assert job.out is not None
    given = QualityInput.from_mapping(job.params).in_folder(job.out)
    quality = look(given, job.study, progress)
    return lambda staging: write_quality(quality, given, job.study, staging, progress=progress), "cpu"


def refuse_inputs(folder: Path, given: QualityInput, study: Path | None) -> None:
    """Refuse a folder in which the page would replace what it is about."""
    from napari_sti.io.results import refuse_to_replace

    refuse_to_replace(folder, ("angle", "residuals"), [given.result, given.v1, given.fa, given.white, study])


def look(given: QualityInput, study: Path | None, progress: Progress) -> "Quality":
    """Read everything and look at it.

    Raises
    ------
    InputError
        With one sentence that names the file.
    """
    from napari_sti.core.provenance import file_hash
    from napari_sti.io.load import load_study
    from napari_sti.maps.dti import read_dti
    from napari_sti.maps.dti_mends import mended_dti
    from napari_sti.maps.quality import assess
    from napari_sti.maps.references import open_result

    progress(Step(0, message="Reading the result"))
    tensor = open_result(given.result, frame=given.frame or None)
    acquisition = None
    if study is not None:
        progress(Step(0, message="Reading the study"))
        acquisition = load_study(study)
    dti = None
    if given.v1:
        progress(Step(0, message="Reading the DTI"))
        read = read_dti(given.v1, given.fa, frame=given.dti_frame or None)
        source = {"path": str(Path(given.v1).absolute()), "sha256": file_hash(given.v1)}
        dti = replace(mended_dti(read, given.dti_mend, source=source), name="the DTI")
    white = read_volume(given.white, what="white matter mask") if given.white else None
    return assess(tensor, acquisition=acquisition, dti=dti, white=white, progress=progress)


def write_quality(
    quality: "Quality",
    given: QualityInput,
    study: Path | None,
    folder: Path,
    *,
    progress: Progress,
    overwrite: bool = False,
) -> Path:
    """Write the page, its maps and pictures and, last, ``quality.json``; the folder exists."""
    from napari_sti.evaluate.quality_figures import quality_pictures
    from napari_sti.evaluate.quality_page import quality_html, quality_record

    about = {"inputs": _inputs(given, study, quality), "command": given.command(study)}
    progress(Step(5, 6, message="Drawing the page"))
    pictures = list(quality_pictures(quality))
    atomic.write_text(folder / PAGE, quality_html(quality, about=about, pictures=pictures), overwrite=overwrite)
    maps = _write_maps(quality, folder, overwrite)
    record = quality_record(quality, about=about)
    record |= {"page": PAGE, "maps": maps, "pictures": _write_pictures(pictures, folder)}
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    atomic.write_text(folder / RECORD, text, overwrite=overwrite)
    return folder / RECORD


def _write_maps(quality: "Quality", folder: Path, overwrite: bool) -> dict[str, str]:
    """Write angle map and residuals, and remove those of an earlier page that has them no longer."""
    maps: dict[str, tuple[Any, str]] = {}
    if quality.fit is not None:
        residuals = np.moveaxis(quality.fit.residual, 0, -1)
        maps["residuals"] = (residuals, "measured minus predicted field, ppm, one volume for each orientation")
    if quality.fibres is not None:
        maps["angle"] = (quality.fibres.angle, "angle of PEV and V1, degrees, 0 to 90; NaN where it does not count")
    for name, file in (("residuals", RESIDUALS), ("angle", ANGLE)):
        if name in maps:
            data, title = maps[name]
            write_volume(folder / file, data, quality.tensor.affine, overwrite=overwrite, description=title)
        elif overwrite:
            (folder / file).unlink(missing_ok=True)
    return {name: {"residuals": RESIDUALS, "angle": ANGLE}[name] for name in maps}


def _write_pictures(pictures: "list[Picture]", folder: Path) -> dict[str, dict[str, str]]:
    """Write the pictures as files, for the panel, which shows the page in short form; names by section and theme."""
    names: dict[str, dict[str, str]] = {}
    for picture in pictures:
        for theme, content in (("light", picture.light), ("dark", picture.dark)):
            path = folder / "pictures" / f"{picture.section}-{theme}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            names.setdefault(picture.section, {})[theme] = f"pictures/{path.name}"
    return names


def _inputs(given: QualityInput, study: Path | None, quality: "Quality") -> list[dict[str, str]]:
    from napari_sti.core.provenance import file_hash
    from napari_sti.io.sidecars import SIDECAR

    result = Path(given.result)
    named = (("V1", given.v1), ("FA", given.fa), ("white matter", given.white))
    files = [("result", result / SIDECAR if result.is_dir() else result)]
    files += [(role, Path(path)) for role, path in named if path]
    found = [{"role": role, "path": str(path.absolute()), "sha256": file_hash(path)} for role, path in files]
    if quality.acquisition is not None:
        found += [dict(entry) for entry in quality.acquisition.inputs]
    elif study is not None:
        found.append({"role": "study", "path": str(study.absolute()), "sha256": file_hash(study)})
    return found
