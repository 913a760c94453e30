"""The training of the window: begun, followed, stopped, taken up; it has a worker of its own beside the runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.jobs.client import WorkerClient
from napari_sti.jobs.history import runs_folder
from napari_sti.jobs.job import Job
from napari_sti.jobs.sentences import sentence_for
from napari_sti.learn.folder import PICTURES, TRAIN_FILE, Training, read_training
from napari_sti.learn.record import METRICS_FILE, read_record
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.run import Run

_ELSEWHERE = 5_000
"""Milliseconds between two looks at a training of another process."""
_IDLE = 60_000
"""Milliseconds after which the worker is ended: until then a training is resumed without waiting for it to start."""

Row = tuple[float, Mapping[str, float]]
"""A step and what was recorded there, by name."""


@dataclass(frozen=True)
class TrainState:
    """What is known of the training in a folder.

    Parameters
    ----------
    folder : path
        Where it lies.
    training : Training or None
        What its ``train.json`` says; None where there is no training yet.
    rows : tuple of (step, numbers by name)
        The record so far.
    pictures : mapping of paths
        The latest picture of each name.
    weights : path or None
        The exported weights, once there are some.
    problem : str
        Why the folder makes no sense; empty if it does.
    """

    folder: Path = Path()
    training: Training | None = None
    rows: tuple[Row, ...] = ()
    pictures: Mapping[str, Path] = field(default_factory=dict)
    weights: Path | None = None
    problem: str = ""

    def curve(self, name: str) -> tuple[tuple[float, float], ...]:
        """Steps and values of one of the numbers."""
        return tuple((step, numbers[name]) for step, numbers in self.rows if name in numbers)

    def latest(self, prefix: str) -> dict[str, float]:
        """The latest value of every number whose name begins so."""
        found: dict[str, float] = {}
        for _, numbers in self.rows:
            found |= {name: value for name, value in numbers.items() if name.startswith(prefix)}
        return found


class TrainSession(QObject):
    """Drives one training at a time, and knows how the one in a folder stands.

    A training takes hours, so that reconstructions must not wait for it: it has a worker of its own, which ends soon
    after it.

    Parameters
    ----------
    make_client : callable
        Makes the client of that worker; tests give a stand-in.
    """

    changed = Signal()
    """It stands differently."""
    finished = Signal(object)
    """The `Run` of a training is done, failed or stopped."""
    failed = Signal(str)
    """One sentence about a training that could not be started."""
    weights_wanted = Signal(str, str)
    """Weights are to be tried: the id of the method that takes them, and the file."""
    proposed = Signal(str, object)
    """A training is to be shown, ready to be begun: the id of its task, and parameters by name."""
    _event = Signal(object)

    def __init__(
        self, make_client: Callable[[Callable[[Any], None]], Any] = WorkerClient, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.state = TrainState()
        self.run: Run | None = None
        self._make_client = make_client
        self._client: Any = None
        self._event.connect(self._take)  # queued: the client's events come from a thread of its own
        self._reader, self._closer = Background(self), Background(self)
        self._reader.done.connect(self._have_read)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE)
        self._idle.timeout.connect(self._end_worker)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_ELSEWHERE)
        self._again.timeout.connect(self._look_again)

    @property
    def active(self) -> bool:
        """Whether a training is under way."""
        return self.run is not None and self.run.active

    def look(self, folder: Path) -> None:
        """Read how the training in a folder stands, in the background."""
        if folder != self.state.folder:
            self.state = TrainState(folder)
            if not self.active:
                self.run = None
            self.changed.emit()
        self._reader.start(read_folder, folder)

    def start(
        self, task: str, params: Mapping[str, Any], folder: Path, *, device: str = "auto", minutes: float | None = None
    ) -> Run | None:
        """Begin a training in a folder, or take up the one that lies there.

        Parameters
        ----------
        task, params, folder, device
            As for `napari_sti.jobs.job.Job`.
        minutes : float, optional
            After how many it stops by itself.
        """
        if self.active:
            return self.run
        name = f"{task} in {folder.name}"
        try:
            job = Job("train", None, task, dict(params), device, out=folder, name=name, minutes=minutes)
            self._idle.stop()
            self._client = self._client or self._make_client(self._heard)
            handle = self._client.submit(job, preview=False)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return None
        self.run = Run(id=handle.id, job=job, started=datetime.now(UTC))
        if folder != self.state.folder:
            self.state = TrainState(folder)
        if self.state.training is not None:  # what came after the saved state is computed again
            rows = tuple(row for row in self.state.rows if row[0] <= self.state.training.step)
            self.state = replace(self.state, rows=rows)
        self.changed.emit()
        return self.run

    def stop(self) -> None:
        """End the training in a saved state."""
        if self.run is not None and self.run.active and self._client is not None:
            self._client.cancel(self.run.id)

    def use_weights(self, method: str) -> None:
        """Have the exported weights tried with a method."""
        if self.state.weights is not None:
            self.weights_wanted.emit(method, str(self.state.weights))

    def propose(self, task: str, params: Mapping[str, Any]) -> None:
        """Have a new training shown with these parameters, unless one is under way."""
        if not self.active:
            self.proposed.emit(task, dict(params))

    def close(self) -> None:
        """End the worker; what was trained since the last saved state is lost."""
        self._idle.stop()
        self._again.stop()
        self._reader.close()
        self._closer.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _heard(self, event: Mapping[str, Any]) -> None:
        """Carry an event over from the client's thread to that of the window."""
        try:
            self._event.emit(dict(event))
        except RuntimeError:  # the window is gone
            return

    def _take(self, event: Mapping[str, Any]) -> None:
        run = self.run
        if run is None or str(event.get("id")) != run.id:
            return
        run.take(event)
        rows = tuple((float(step), _known(numbers)) for step, numbers in event.get("rows") or ())
        self.state = replace(self.state, rows=(*self.state.rows, *rows))
        if any(name.startswith("val") for _, numbers in rows for name in numbers):
            self._reader.start(read_folder, run.job.out)  # a validation leaves pictures and weights
        if not run.active:
            self._reader.start(read_folder, run.job.out)
            self._idle.start()
        self.changed.emit()
        if not run.active:
            self.finished.emit(run)

    def _end_worker(self) -> None:
        """Give back the memory that a training takes; waiting for its end is no matter of the window's thread."""
        client, self._client = self._client, None
        if client is not None:
            self._closer.start(client.close)

    def _have_read(self, read: TrainState) -> None:
        if read.folder != self.state.folder:
            return
        last = read.rows[-1][0] if read.rows else -1.0
        newer = tuple(row for row in self.state.rows if row[0] > last) if self.active else ()
        self.state = replace(read, rows=(*read.rows, *newer))
        if read.training is not None and read.training.state == "running" and not self.active:
            self._again.start()
        self.changed.emit()

    def _look_again(self) -> None:
        """Follow a training that was begun from the command line."""
        if not self.active:
            self._reader.start(read_folder, self.state.folder)


def _known(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """Without those that are no numbers, which the worker says as nothing."""
    return {name: float(value) for name, value in numbers.items() if value is not None}


def read_folder(folder: Path) -> TrainState:
    """Read how the training in a folder stands."""
    try:
        training = read_training(folder)
        record = folder / METRICS_FILE
        rows = read_record(record) if training is not None and record.exists() else []
    except InputError as error:
        return TrainState(folder, problem=str(error))
    numbers = tuple((row.pop("step"), row) for row in rows)
    weights = folder / Path(training.weights).name if training is not None and training.weights else None
    found = weights if weights is not None and weights.is_file() else None
    return TrainState(folder, training, numbers, latest_pictures(folder / PICTURES), found)


def latest_pictures(folder: Path) -> dict[str, Path]:
    """The newest of each kind of picture: they are called ``step-0001000-NAME.png``."""
    latest: dict[str, Path] = {}
    for path in sorted(folder.glob("step-*-*.png")):
        latest[path.stem.split("-", 2)[2]] = path
    return latest


def free_folder(task: str) -> Path:
    """A folder for a new training, among those of the runs, that does not exist yet."""
    root = runs_folder() / "trainings"
    taken = {path.name for path in root.iterdir()} if root.is_dir() else set()
    return root / next(name for name in map(f"{task}-{{}}".format, range(1, len(taken) + 2)) if name not in taken)


def left_behind() -> tuple[Path, str] | None:
    """The latest of the trainings that were stopped before their end, with a sentence about it."""
    root = runs_folder() / "trainings"
    folders = sorted(root.iterdir(), key=_changed_at, reverse=True) if root.is_dir() else []
    for folder in folders[:20]:
        training = read_folder(folder).training
        if training is not None and training.state in ("stopped", "failed") and training.step > 0:
            total = training.params.get("steps", "?")
            return folder, f"The training {folder.name} was stopped at step {training.step} of {total}."
    return None


def _changed_at(folder: Path) -> float:
    try:
        return (folder / TRAIN_FILE).stat().st_mtime
    except OSError:
        return 0.0


def what_is_missing() -> str:
    """Why nothing can be trained on this machine, in a sentence with its mend; empty if it can."""
    missing = [title for module, title in _NEEDED.items() if find_spec(module) is None]
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else "are"
    return f'Training needs {" and ".join(missing)}, which {are} not installed: run pip install "napari-sti[train]".'


_NEEDED = {"lightning": "PyTorch Lightning", "tensorboard": "TensorBoard"}
