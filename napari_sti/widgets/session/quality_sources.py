"""What a quality page can be made of, and what one says once it is made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io.nifti import read_header
from napari_sti.io.sidecars import SIDECAR, sidecar_frame
from napari_sti.jobs.quality import ANGLE, PAGE, RECORD, RESIDUALS, QualityInput
from napari_sti.maps.dti_mends import check_mend
from napari_sti.maps.flips import MENDS, mend_text, net_mend, parse_mend
from napari_sti.viz.display import layer_info
from napari_sti.widgets.session.compare_sources import free_name
from napari_sti.widgets.session.layers import LayerSession

SHORT = (
    "flips",
    "residual",
    "worst",
    "residual_noise",
    "streaks_mean",
    "streaks_anisotropic",
    "rim_msa",
    "rank",
    "angle",
    "under_15",
    "under_30",
)
"""Lines of the page that its short form shows; the others only where they lie outside of their rule."""


@dataclass(frozen=True)
class Source:
    """A tensor that a page can be made about.

    Parameters
    ----------
    name : str
        What it is called in the window; no two have the same.
    path : Path
        Folder of the result, or the tensor file.
    study : Path or None
        Study that it was made from, where that is known and there.
    about : str
        In words.
    states_frame : bool
        Whether a sidecar states the axes of its components.
    mend : str
        What was mended after the reconstruction, all in all; empty if nothing was.
    """

    name: str
    path: Path
    study: Path | None = None
    about: str = ""
    states_frame: bool = True
    mend: str = ""

    @property
    def tensor(self) -> Path:
        """The file with the components."""
        return self.path / "chi.nii.gz" if self.path.suffix == "" and self.path.is_dir() else self.path


@dataclass(frozen=True)
class QualityChoice:
    """What is asked for.

    Parameters
    ----------
    source : str
        Name of a `Source`.
    frame : str
        Axes of its components where no sidecar states them.
    study, v1, fa, white : Path or None
        As on the command line.
    dti_frame : str
        Axes of V1.
    dti_mend : str
        What to mend of V1 before it is compared; empty for nothing.
    """

    source: str = ""
    frame: str = ""
    study: Path | None = None
    v1: Path | None = None
    fa: Path | None = None
    dti_frame: str = ""
    white: Path | None = None
    dti_mend: str = ""

    def why_not(self, sources: Mapping[str, Source]) -> str:
        """Why no page can be made of it, in one line; empty if one can."""
        source = sources.get(self.source)
        if source is None:
            return "Choose a result."
        if not source.states_frame and not self.frame:
            return "State the axes of this tensor: no sidecar tells them."
        if (self.v1 is None) != (self.fa is None):
            return "V1 and FA go together: choose both, or none."
        if self.v1 is not None and not self.dti_frame:
            return "State the axes of V1: FSL's dtifit writes fsl, MRtrix ras."
        try:
            check_mend(self.dti_mend)
        except InputError:
            return "Write the mend of V1 like x,-y,z or y,x,z, or auto, or undo."
        return ""

    def given(self, source: Source) -> QualityInput:
        """The same as a job takes it."""
        texts = {name: str(path) for name in ("v1", "fa", "white") if (path := getattr(self, name)) is not None}
        frame = "" if source.states_frame else self.frame
        texts |= {"dti_frame": self.dti_frame, "dti_mend": check_mend(self.dti_mend)} if self.v1 else {}
        return QualityInput(str(source.path), frame=frame, **texts)


@dataclass(frozen=True)
class QualityReport:
    """A page that was made.

    Parameters
    ----------
    folder : Path
        Where it lies.
    source : Source
        What it is about.
    record : mapping
        Content of its ``quality.json``.
    choice : QualityChoice
        What was asked for.
    """

    folder: Path
    source: Source
    record: Mapping[str, Any] = field(default_factory=dict)
    choice: QualityChoice = field(default_factory=QualityChoice)

    @property
    def page(self) -> Path:
        """The HTML file."""
        return self.folder / PAGE

    @property
    def residuals(self) -> Path | None:
        """Residuals of the fields, if there are any."""
        return self.folder / RESIDUALS if "residuals" in (self.record.get("maps") or {}) else None

    @property
    def angle(self) -> Path | None:
        """Angle map, if there is one."""
        return self.folder / ANGLE if "angle" in (self.record.get("maps") or {}) else None

    @property
    def worst(self) -> int:
        """Number (from 0) of the orientation that fits worst."""
        return int(self.record.get("worst") or 0)

    @property
    def mend(self) -> str:
        """The mend that is proposed; empty if none is."""
        return str(self.record.get("mend") or "")

    @property
    def v1_used(self) -> str:
        """The mend of V1 with which it was compared; empty for as stored."""
        records = self._dti.get("mends") or ()
        return str(records[-1]["mend"]) if self.choice.dti_mend and records else ""

    @property
    def v1_proposal(self) -> str:
        """The mend of V1 as stored that the page proposes; empty if it proposes none."""
        proposed = str(self._dti.get("mend") or "")
        if not proposed or not self.v1_used:
            return proposed
        return mend_text(parse_mend(proposed) @ parse_mend(self.v1_used))

    @property
    def v1_words(self) -> str:
        """What was found about the axes of V1."""
        return str(self._dti.get("mend_words") or "")

    @property
    def _dti(self) -> dict[str, Any]:
        return dict(self.record.get("dti") or {})

    @property
    def short(self) -> list[dict[str, Any]]:
        """Lines of the short form."""
        lines = [line for line in self.record.get("lines") or () if isinstance(line, dict)]
        known = [line for line in lines if line.get("value") != "not defined"]
        return [line for line in known if line.get("key") in SHORT or line.get("outside")]

    def pictures(self, theme: str) -> dict[str, Path]:
        """The pictures that the short form shows, by name."""
        drawn = self.record.get("pictures") or {}
        wanted = {"data": "residual of every field", "dti": "angle to the DTI"}
        found = {title: drawn[name] for name, title in wanted.items() if name in drawn}
        return {title: self.folder / str(files.get(theme) or files["light"]) for title, files in found.items()}


def shown_sources(layers: LayerSession) -> list[Source]:
    """Results that are shown and were read from folders of their own, by the names of their runs."""
    found = []
    for name in layers.run_names():
        infos = (layer_info(layer.metadata) or {} for layer in layers.of_run(name))
        path = next((Path(str(info["path"])) for info in infos if info.get("path") and info.get("maps")), None)
        if path is not None and (path / SIDECAR).is_file():
            found.append(Source(name, path))
    return found


def look_at_sources(given: Sequence[Source]) -> list[Source]:
    """Read what results say of themselves; what cannot be read is left out."""
    found: list[Source] = []
    for one in given:
        try:
            read_header(one.tensor, what="tensor")
            stated = sidecar_frame(one.tensor) is not None
        except (InputError, OSError):
            continue
        provenance = _provenance(one.path)
        records = [record for record in provenance.get(MENDS) or () if isinstance(record, dict)]
        name = free_name(one.name, {other.name for other in found})
        net = mend_text(net_mend(records)) if records else "x,y,z"
        mend = "" if net == "x,y,z" else net
        found.append(Source(name, one.path, one.study or _study_of(provenance), one.about, stated, mend))
    return found


def read_report(folder: Path, source: Source, choice: QualityChoice) -> QualityReport:
    """Read the record of a page."""
    return QualityReport(folder, source, json.loads((folder / RECORD).read_text(encoding="utf-8")), choice)


def _provenance(path: Path) -> dict[str, Any]:
    try:
        content = json.loads((path / SIDECAR).read_text(encoding="utf-8"))
        return dict(content.get("provenance") or {})
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _study_of(provenance: Mapping[str, Any]) -> Path | None:
    for entry in provenance.get("inputs") or ():
        if isinstance(entry, dict) and entry.get("role") == "study" and entry.get("path"):
            path = Path(str(entry["path"]))
            return path if path.is_file() else None
    return None
