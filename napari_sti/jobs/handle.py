"""What the viewer holds of a run that it has submitted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from napari_sti.jobs import protocol
from napari_sti.jobs.job import Job

HandleState = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]


class RunHandle:
    """A submitted run: bound to its job and folder for good, whatever is selected when it ends.

    Attributes
    ----------
    id : str
        In every event of this run.
    job : Job
        What was submitted.
    state : {"queued", "running", "cancelling", "done", "failed", "cancelled"}
        How it stands; set before the event that says so is handed on.
    outcome : dict or None
        Its last event, once there is one.
    """

    def __init__(self, name: str, job: Job, cancel: Callable[[str], None]) -> None:
        self.id, self.job = name, job
        self.state: HandleState = "queued"
        self.outcome: dict[str, Any] | None = None
        self._cancel, self._over = cancel, threading.Event()

    @property
    def folder(self) -> Path | None:
        """Folder of the run."""
        return self.job.out

    @property
    def result(self) -> Path | None:
        """Result file, once it is done."""
        return Path(self.outcome["result"]) if self.outcome is not None and self.state == "done" else None

    def cancel(self) -> None:
        """Ask it to stop; returns at once, the end comes as an event."""
        self._cancel(self.id)

    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Wait for its end (never in the viewer's own thread) and return its last event, None if time ran out."""
        self._over.wait(timeout)
        return self.outcome if self._over.is_set() else None

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "started" and self.state == "queued":
            self.state = "running"
        elif kind == "cancelling":
            self.state = "cancelling"
        elif kind in protocol.FINAL:
            self.state, self.outcome = kind, event

    def _end(self) -> None:
        self._over.set()
