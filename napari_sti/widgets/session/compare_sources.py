"""What can be compared: finished runs and result folders, what they can be compared with, and reading both."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.frames import Frame
from napari_sti.core.progress import Step
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.grid import order_onto
from napari_sti.io.nifti import Volume, read_header
from napari_sti.io.replicates import count_replicates
from napari_sti.io.results import load_tensor
from napari_sti.io.sidecars import SIDECAR
from napari_sti.io.study import read_study
from napari_sti.maps.comparison import compare
from napari_sti.maps.dti import read_dti
from napari_sti.maps.one_grid import Reference
from napari_sti.maps.references import open_result
from napari_sti.viz.compare_layers import MapKind, ShownComparison, shown_comparison
from napari_sti.viz.compare_regions import Drawn
from napari_sti.viz.display import DisplayGrid

DTI = "dti"


@dataclass(frozen=True, eq=False)
class Truth:
    """A tensor that a study gives for comparison.

    Parameters
    ----------
    path : Path
        Its file.
    frame : {"voxel", "ras", "lps", "fsl"} or None
        Axes of its components where no sidecar states them.
    name : str
        ``"ground truth"`` if the study is simulated, else ``"reference tensor"``.
    study : str
        Name of the study.
    """

    path: Path
    frame: Frame | None
    name: str
    study: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A result that can be compared.

    Parameters
    ----------
    name : str
        What it is called in the window; no two have the same.
    folder : Path
        Result folder.
    shape, affine
        Its grid.
    about : str
        On what study it was made.
    truth : Truth or None
        What its study gives for comparison.
    replicates : int
        How many runs without one orientation it keeps.
    """

    name: str
    folder: Path
    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    about: str = ""
    truth: Truth | None = None
    replicates: int = 0

    def fits(self, other: "Candidate") -> bool:
        """Whether both lie on one grid of the world, in whatever storage order."""
        return order_onto(self.shape, self.affine, other.shape, other.affine) is not None


@dataclass(frozen=True)
class Source:
    """Where a candidate is to be found.

    Parameters
    ----------
    name : str
        Of the run or the folder.
    folder : Path
        Result folder.
    study : Path or None
        Study file that it was made from.
    about : str
        Study in words.
    """

    name: str
    folder: Path
    study: Path | None = None
    about: str = ""


@dataclass(frozen=True)
class Choice:
    """What is to be compared with what.

    Parameters
    ----------
    runs : tuple of str
        Names of candidates, the reference not among them.
    reference : str
        ``"truth:PATH"``, ``"run:NAME"``, ``"dti"``, or nothing yet.
    v1, fa : Path or None
        Files of a DTI.
    frame : str
        Axes of V1, empty where they are not stated.
    map : {"pev_colour", "msa", "mms"}
        Which map is shown.
    regions, white : str
        Names of Labels layers; empty for none.
    """

    runs: tuple[str, ...] = ()
    reference: str = ""
    v1: Path | None = None
    fa: Path | None = None
    frame: str = ""
    map: MapKind = "pev_colour"
    regions: str = ""
    white: str = ""

    def compared(self) -> tuple[str, ...]:
        """Runs that are compared: those that were chosen, but not the reference."""
        return tuple(name for name in self.runs if self.reference != f"run:{name}")

    def why_not(self) -> str:
        """Why this cannot be compared, in one line; empty if it can."""
        if not self.runs:
            return "Check the runs to compare."
        if not self.reference:
            return "Choose what to compare with."
        if not self.compared():
            return "Check a run besides the reference."
        if self.reference == DTI:
            if self.v1 is None or self.fa is None:
                return "Choose the files of V1 and FA."
            if not self.frame:
                return "State the axes of V1: FSL's dtifit writes fsl."
        return ""


def look_at(sources: Sequence[Source]) -> list[Candidate]:
    """Read the headers of results; what cannot be read is left out."""
    found: list[Candidate] = []
    for source in sources:
        try:
            header = read_header(source.folder / "chi.nii.gz", what="tensor")
        except (InputError, OSError):
            continue
        if not (source.folder / SIDECAR).is_file():
            continue
        name = free_name(source.name, {one.name for one in found})
        truth = _truth(source)
        kept = count_replicates(source.folder)
        found.append(Candidate(name, source.folder, header.shape[:3], header.affine, source.about, truth, kept))
    return found


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    used, number = set(taken), 2
    if name not in used:
        return name
    while f"{name} ({number})" in used:
        number += 1
    return f"{name} ({number})"


def _truth(source: Source) -> Truth | None:
    """Find the tensor that the study of a result gives, by the study file or else by what the result was made from."""
    try:
        if source.study is None:
            return _truth_of_result(source.folder)
        study = read_study(source.study)
    except (InputError, OSError, ValueError):
        return None
    path = study.reference_tensor
    if path is None or not path.is_file():
        return None
    return Truth(path, study.reference_frame, _truth_name(study.simulated), study.name)


def _truth_of_result(folder: Path) -> Truth | None:
    provenance = json.loads((folder / SIDECAR).read_text(encoding="utf-8")).get("provenance") or {}
    for entry in provenance.get("inputs") or ():
        if isinstance(entry, dict) and entry.get("role") == "reference tensor":
            path = Path(str(entry.get("path") or ""))
            if path.is_file():
                return Truth(path, None, _truth_name(bool(provenance.get("simulated"))), folder.name)
    return None


def _truth_name(simulated: bool) -> str:
    return "ground truth" if simulated else "reference tensor"


class Canceller:
    """Told by the comparison where it is; says it on, and stops it when asked to."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self.cancelled = False

    def __call__(self, step: Step) -> None:
        """Say where it is, or stop."""
        if self.cancelled:
            raise Cancelled
        self._say(f"{step.message} ({step.iteration + 1} of {step.total})" if step.total else step.message)


def make_comparison(
    choice: Choice, candidates: Mapping[str, Candidate], drawn: Mapping[str, Drawn], progress: Canceller
) -> ShownComparison:
    """Read what was chosen, compare it and bring it to the screen's order; for a thread.

    Parameters
    ----------
    choice : Choice
        Complete.
    candidates : mapping of str to Candidate
        By their names.
    drawn : mapping of str to Drawn
        Labels for ``"regions"`` and ``"white"``, where they were chosen.
    progress : Canceller
        Told what is done.
    """
    results: dict[str, TensorField] = {}
    for number, name in enumerate(choice.compared()):
        progress(Step(number, len(choice.compared()), message=f"reading {name}"))
        results[name] = open_result(candidates[name].folder)
    progress(Step(0, 0, message="reading the reference"))
    reference, reference_name = _read_reference(choice, candidates)
    first = next(iter(results.values()))
    volumes: dict[str, Volume] = {
        what: labels.on_grid(DisplayGrid(first.affine, first.shape)) for what, labels in drawn.items()
    }
    white = volumes.get("white")
    comparison = compare(
        results,
        reference,
        reference_name=free_name(reference_name, results),
        white=white,
        labels=volumes.get("regions"),
        progress=progress,
    )
    progress(Step(0, 0, message="preparing the maps"))
    return shown_comparison(comparison)


def _read_reference(choice: Choice, candidates: Mapping[str, Candidate]) -> tuple[Reference, str]:
    if choice.reference == DTI:
        assert choice.v1 is not None
        dti = read_dti(choice.v1, choice.fa, frame=choice.frame or None)
        return replace(dti, name="DTI"), "DTI"
    kind, _, which = choice.reference.partition(":")
    if kind == "run":
        return open_result(candidates[which].folder), which
    truths = (one.truth for one in candidates.values())
    truth = next(one for one in truths if one is not None and str(one.path) == which)
    return load_tensor(truth.path, frame=truth.frame), truth.name
