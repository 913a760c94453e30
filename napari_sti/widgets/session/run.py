"""One run as the window sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io.sidecars import SIDECAR
from napari_sti.io.study import Study, read_study
from napari_sti.jobs.history import RunRecord, list_runs, read_run
from napari_sti.jobs.job import Job, JobKind
from napari_sti.jobs.state import RunState
from napari_sti.widgets.words import count

LISTED_KINDS = ("recon", "trust", "separate")
"""Kinds of jobs that the list of runs shows: those that leave a result of a method."""

_WORDS: dict[RunState, str] = {
    "waiting": "waiting",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}
_MARKS: dict[RunState, str] = {
    "waiting": "\N{WHITE CIRCLE}",
    "running": "\N{CIRCLE WITH RIGHT HALF BLACK}",
    "done": "\N{CHECK MARK}",
    "failed": "\N{MULTIPLICATION X}",
    "cancelled": "\N{EN DASH}",
    "interrupted": "\N{EN DASH}",
}


@dataclass(eq=False)
class Run:
    """A run that this window started, or one found in the folder of the runs; changes only by its own events.

    Parameters
    ----------
    id : str
        The worker's name for it; the folder for runs of earlier sessions.
    job : Job
        What was asked for.
    about : str
        On what: the study with its orientations, said when it was started.
    """

    id: str
    job: Job
    about: str = ""
    state: RunState = "waiting"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    iteration: int = 0
    total: int = 0
    expected: int = 0
    """Iterations that it is going to take as things look; 0 while nobody knows."""
    residual: float | None = None
    objective: float | None = None
    left: float | None = None
    message: str = ""
    position: int = 0
    seconds: float | None = None
    sentence: str = ""
    details: str = ""
    result: Path | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    objectives: list[tuple[int, float]] = field(default_factory=list)
    """The functional over the iterations, for methods that minimise one."""
    cancelling: bool = False

    @property
    def name(self) -> str:
        """What the layers and the list call it."""
        return self.job.name or (self.job.out.name if self.job.out else self.job.kind)

    @property
    def listed(self) -> bool:
        """Whether it belongs into the list of runs."""
        return self.job.kind in LISTED_KINDS

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def mark(self) -> str:
        """One sign for its state, for lists."""
        return _MARKS[self.state]

    @property
    def word(self) -> str:
        """Its state in a word."""
        return "being cancelled" if self.cancelling and self.active else _WORDS[self.state]

    def take(self, event: Mapping[str, Any]) -> None:
        """Change by an event of the worker."""
        kind = event["event"]
        if kind == "started":
            self.state = "running"
        elif kind == "queued":
            self.position = int(event.get("position") or 0)
        elif kind == "progress":
            self._progress(event)
        elif kind == "cancelling":
            self.cancelling = True
        elif kind == "done":
            self.state, self.left = "done", 0.0
            self.result = Path(event["result"])
            self.seconds = event.get("seconds")
        elif kind in ("failed", "cancelled"):
            self.state, self.left = kind, None
            self.sentence = str(event.get("sentence") or "")
            self.details = str(event.get("details") or "")

    def _progress(self, event: Mapping[str, Any]) -> None:
        self.state = "running"
        self.iteration, self.total = int(event.get("iteration") or 0), int(event.get("total") or 0)
        self.expected = int(event.get("expected") or 0)
        self.residual, self.left = event.get("residual"), event.get("left")
        self.objective = event.get("objective")
        self.message = str(event.get("message") or "")
        for iteration, residual, *more in event.get("curve") or ():
            if residual is not None:
                self.curve.append((int(iteration), float(residual)))
            if more and more[0] is not None:
                self.objectives.append((int(iteration), float(more[0])))

    @property
    def folder(self) -> Path | None:
        """Folder of its result, once there is one."""
        return None if self.result is None else self.result.parent


def about_study(study: Study) -> str:
    """Say in words what a run is on."""
    kind = " (simulated)" if study.simulated and "simulated" not in study.name.lower() else ""
    number = "" if "orientation" in study.name else f", {count(len(study.orientations), 'orientation')}"
    return f"{study.name}{kind}{number}"


def from_record(record: RunRecord, about: str = "") -> Run:
    """Make a run of an earlier session from its folder; `about` is its study in words."""
    return Run(
        id=str(record.folder),
        job=record.job,
        about=about or str(record.study or ""),
        state=record.state,
        started=record.started,
        seconds=record.seconds,
        sentence=record.sentence,
        result=record.result,
    )


def earlier_runs(most: int) -> list[tuple[RunRecord, str]]:
    """Runs of this and of earlier sessions, newest first, each with its study in words; for a thread."""
    return [(record, _about(record)) for record in list_runs(limit=most)]


def _about(record: RunRecord) -> str:
    try:
        return about_study(read_study(record.study)) if record.study is not None else ""
    except (InputError, OSError):
        return ""


def run_of_folder(folder: Path, kind: JobKind, name: str, *, result: str = SIDECAR) -> Run:
    """Make the run that has left a folder, also where that was moved or written without a job.

    Parameters
    ----------
    folder : Path
        Of a finished run.
    kind : str
        Which kind of job it was.
    name : str
        What the person calls it.
    result : str
        Name of the file that makes the result.
    """
    record = read_run(folder)
    if record is not None and record.job.kind == kind:
        run = from_record(replace(record, job=replace(record.job, name=name)))
    else:
        run = Run(id=str(folder), job=Job(kind, folder / "study.sti.json", out=folder, name=name))
    run.state, run.result = "done", folder / result
    return run
