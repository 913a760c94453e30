"""The runs of the window: started, followed, cancelled; every result stays bound to the run that made it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.study import Study, write_study
from napari_sti.jobs.client import WorkerClient
from napari_sti.jobs.history import RunRecord, new_run_folder, relist, unlist
from napari_sti.jobs.job import Job, JobKind
from napari_sti.jobs.sentences import sentence_for
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.run import Run, earlier_runs, from_record

_MOST_LISTED = 50


class RunSession(QObject):
    """Keeps the list of runs and talks to the worker process.

    Parameters
    ----------
    make_client : callable
        Takes a function for events and returns the client; tests give a stand-in.
    """

    devices_changed = Signal()
    added = Signal(object)
    changed = Signal(object)
    """A `Run` stands differently."""
    finished = Signal(object)
    """A `Run` is done, failed or cancelled."""
    preview = Signal(object, object)
    """A `Run` and the path of its current estimate."""
    failed = Signal(str)
    """One sentence about something that could not be started."""
    listed = Signal()
    """The list of earlier runs was read."""
    _event = Signal(object)

    def __init__(
        self, make_client: Callable[[Callable[[Any], None]], Any] = WorkerClient, parent: QObject | None = None
    ):
        super().__init__(parent)
        self.runs: list[Run] = []
        self._make_client = make_client
        self._client: Any = None
        self._by_id: dict[str, Run] = {}
        self._event.connect(self._take)  # queued: the client's events come from a thread of its own
        self._history = Background(self)
        self._history.done.connect(self._have_history)

    @property
    def devices(self) -> list[dict[str, Any]]:
        """Devices of this machine as the worker knows them; empty while it has not said."""
        return list(self._client.devices) if self._client is not None else []

    @property
    def active(self) -> Run | None:
        """The run that is under way, else the first that waits."""
        return self.first_active()

    def first_active(self, *kinds: str) -> Run | None:
        """The run under way among those of these kinds (of all, if none is named), else the first that waits."""
        waiting = [run for run in reversed(self.runs) if run.active and (not kinds or run.job.kind in kinds)]
        return next((run for run in waiting if run.state == "running"), waiting[0] if waiting else None)

    @property
    def waiting(self) -> list[Run]:
        """Runs that wait for the one under way, the next first."""
        return [run for run in reversed(self.runs) if run.active and run is not self.active]

    def warm_up(self) -> None:
        """Start the worker process in the background, so that its devices are known and Run begins at once."""
        self._the_client().start()

    def read_history(self) -> None:
        """Read the list of earlier runs in the background."""
        self._history.start(earlier_runs, _MOST_LISTED)

    def start(
        self,
        study: Study,
        method: str,
        params: Mapping[str, Any],
        *,
        kind: JobKind = "recon",
        device: str = "auto",
        about: str = "",
        start: Path | None = None,
    ) -> Run | None:
        """Reconstruct a study, or map what can be trusted; its own copy of the study file lies in the run's folder.

        Parameters
        ----------
        study, method, params, device
            As for `napari_sti.jobs.job.Job`.
        kind : {"recon", "trust"}
            Once, or also without each orientation.
        about : str
            The study in words.
        start : Path, optional
            Folder of the result to start from.
        """
        name = self._free_name(_stem(kind, method))
        try:
            folder = new_run_folder(name)
            file = folder / "study.sti.json"
            write_study(study, file)
            job = Job(kind, file, method, dict(params), device, out=folder, name=name, start=start)
            return self._submit(job, about)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None

    def start_separation(
        self,
        study: Study,
        method: str,
        params: Mapping[str, Any],
        given: Mapping[str, Any],
        *,
        device: str = "auto",
        about: str = "",
        prepare: Callable[[Path], Mapping[str, Any]] | None = None,
    ) -> Run | None:
        """Separate the sources of a study; see `start`.

        Parameters
        ----------
        study, method, params, given, device
            As for `napari_sti.jobs.job.Job`.
        about : str
            The study in words.
        prepare : callable, optional
            Takes the folder of the run, writes there what is in no file yet, and returns what that adds to `given`.
        """
        name = self._free_name(method)
        try:
            folder = new_run_folder(name)
            file = folder / "study.sti.json"
            write_study(study, file)
            more = {} if prepare is None else prepare(folder)
            job = Job("separate", file, method, dict(params), device, out=folder, name=name, given={**given, **more})
            return self._submit(job, about)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None

    def again(self, run: Run) -> Run | None:
        """Run the job of a run again, under a name and in a folder of its own."""
        name = self._free_name(_stem(run.job.kind, run.job.method))
        try:
            return self._submit(replace(run.job, out=new_run_folder(name), name=name), run.about)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None

    def place(self, stem: str) -> tuple[str, Path]:
        """Return a free name for a run, and a new folder for it.

        Raises
        ------
        InputError
            If the folder cannot be made.
        """
        name = self._free_name(stem)
        return name, new_run_folder(name)

    def submit(self, job: Job, about: str = "") -> Run | None:
        """Start a job that was put together elsewhere, under a name and in a folder from `place`."""
        try:
            return self._submit(job, about)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None

    def make_sample(self, *, oblique: bool = False) -> Run | None:
        """Make the study of the sample brain; the result of the run is its study file."""
        name = "sample brain, oblique" if oblique else "sample brain"
        try:
            return self._submit(Job("sample", params={"oblique": oblique}, out=new_run_folder("sample"), name=name), "")
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None

    def cancel_waiting(self) -> None:
        """Take back what waits; the run under way goes on."""
        for run in reversed(self.waiting):  # the last first, so that none of them begins meanwhile
            self.cancel(run)

    def cancel(self, run: Run | None = None) -> None:
        """Cancel a run, by default the one under way."""
        run = run or self.active
        if run is not None and run.active and self._client is not None:
            self._client.cancel(run.id)

    def place_of(self, run: Run) -> int | None:
        """Where a run stands in the list; None if it is not there."""
        return self.runs.index(run) if run in self.runs else None

    def remove(self, run: Run) -> bool:
        """Take a run that has ended off the list, here and in later sessions; its folder stays as it is."""
        if run.active or run not in self.runs or not self._mark(run, unlist):
            return False
        self.runs.remove(run)
        self.listed.emit()
        return True

    def put_back(self, run: Run, place: int) -> bool:
        """Bring a run back onto the list."""
        if run in self.runs or not self._mark(run, relist):
            return False
        self.runs.insert(min(place, len(self.runs)), run)
        self.listed.emit()
        return True

    def _mark(self, run: Run, how: Callable[[Path], None]) -> bool:
        """Write in the folder of a run whether it is listed; a folder that is gone has nothing to say."""
        try:
            if run.job.out is not None and run.job.out.is_dir():
                how(run.job.out)
        except OSError as error:
            self.failed.emit(sentence_for(error))
            return False
        return True

    def show_preview(self, run: Run, on: bool) -> None:
        """Begin or stop to get the current estimate of a run."""
        if self._client is not None and run.active:
            self._client.show_preview(run.id, on)

    def close(self) -> None:
        """End the worker, with whatever it does."""
        self._history.close()
        if self._client is not None:
            client, self._client = self._client, None
            client.close()

    def _the_client(self) -> Any:
        if self._client is None:
            self._client = self._make_client(self._heard)
        return self._client

    def _heard(self, event: Mapping[str, Any]) -> None:
        """Carry an event over from the client's thread to that of the window."""
        try:
            self._event.emit(dict(event))
        except RuntimeError:  # the window is gone
            return

    def _submit(self, job: Job, about: str) -> Run:
        # Slots run later than this returns, so that the run is known before its first event is taken.
        handle = self._the_client().submit(job, preview=False)
        run = Run(id=handle.id, job=job, about=about, started=datetime.now(UTC))
        self._by_id[run.id] = run
        self.runs.insert(0, run)
        self.added.emit(run)
        return run

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if kind == "ready":
            self.devices_changed.emit()
        elif kind == "lost" and event.get("sentence"):
            self.failed.emit(str(event["sentence"]))
        run = self._by_id.get(str(event.get("id")))
        if run is None:
            return
        if kind == "preview":
            self.preview.emit(run, Path(str(event["path"])))
            return
        run.take(event)
        self.changed.emit(run)
        if kind in ("done", "failed", "cancelled"):
            del self._by_id[run.id]
            self.finished.emit(run)

    def _free_name(self, method: str) -> str:
        taken = {run.name for run in self.runs}
        number = 1
        while f"{method} {number}" in taken:
            number += 1
        return f"{method} {number}"

    def _have_history(self, records: list[tuple[RunRecord, str]]) -> None:
        mine = {run.job.out for run in self.runs}
        earlier = (from_record(r, about) for r, about in records if r.folder not in mine)
        self.runs += [run for run in earlier if run.listed]
        self.listed.emit()


def _stem(kind: str, method: str) -> str:
    return f"{method} trust" if kind == "trust" else method
