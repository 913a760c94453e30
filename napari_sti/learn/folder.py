"""The folder of a training: what it holds, whose it is, and how far it has come (``train.json``)."""

import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from napari_sti.core import params as parameters
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import now, versions
from napari_sti.io import atomic
from napari_sti.io.text_data import parse_text
from napari_sti.learn.record import METRICS_FILE
from napari_sti.learn.task import Task

TRAIN_FILE = "train.json"
STATE_FILE = "last.ckpt"
EVENTS, PICTURES = "events", "pictures"
FORMAT = 1
_ALIEN = ("job.json", "run.json", "job.log")
"""Files of a job, which may lie in a folder before its training does."""

TrainingState = Literal["running", "stopped", "done", "failed"]


@dataclass(frozen=True)
class Training:
    """What ``train.json`` says.

    Parameters
    ----------
    task : str
        Id of the task.
    params : dict
        All parameters of it.
    state : {"running", "stopped", "done", "failed"}
        As last written; one whose process has gone without a word is read as stopped.
    step : int
        Steps in the saved state.
    seconds : float
        Time spent on them, over all processes that have worked on it.
    weights : str
        File of the exported weights in the folder, once there is one.
    device, started, updated : str
        Where it runs; UTC times, ISO 8601.
    scores : dict
        What the latest validation found, by name.
    versions : dict
        Of the program and what it rests on.
    pid, process_started, host
        Which process works on it.
    """

    task: str
    params: dict[str, Any]
    state: TrainingState = "running"
    step: int = 0
    seconds: float = 0.0
    weights: str = ""
    device: str = ""
    started: str = ""
    updated: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    process_started: float = 0.0
    host: str = ""


def read_training(folder: str | Path) -> Training | None:
    """Read how the training in a folder stands; None if there is none.

    Raises
    ------
    InputError
        If the file is there and makes no sense.
    """
    path = Path(folder) / TRAIN_FILE
    if not path.exists():
        return None
    content = parse_text(path)
    try:
        if content["format"] != FORMAT:
            raise ValueError
        known = {name: content[name] for name in Training.__dataclass_fields__ if name in content}
        found = Training(**known)
        if not isinstance(found.task, str) or not isinstance(found.params, dict):
            raise ValueError
        if found.state == "running" and not _alive(found):
            return replace(found, state="stopped")
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "this file does not describe a training that this version knows",
            file=path,
            mend="choose another folder, or pass --overwrite",
        ) from None
    return found


def write_training(folder: Path, training: Training) -> None:
    """Write ``train.json``, whole or not at all."""
    import json

    text = json.dumps({"format": FORMAT, **asdict(replace(training, updated=now()))}, indent=2)
    atomic.write_text(folder / TRAIN_FILE, text + "\n", overwrite=True)


def begin(task: Task, given: Mapping[str, Any], folder: Path, *, resume: bool, overwrite: bool) -> tuple[Any, Training]:
    """Make the folder ready and return the parameters and the training to begin or to take up again.

    Parameters
    ----------
    task : Task
        What is to be trained.
    given : mapping
        Parameters that were stated; what was not is as before in a training that is taken up, else the default.
    folder : path
        Made if it is missing.
    resume : bool
        Whether to take up what lies there.
    overwrite : bool
        Whether to throw away what an earlier training has left.

    Raises
    ------
    InputError
        If a parameter is not right, or the folder holds another training, or something else altogether.
    """
    stated = task.check(parameters.from_mapping(task.Params, given))
    before = None if overwrite else read_training(folder)
    if before is None:
        _refuse_strange(folder, overwrite)
        _make(folder)
        if overwrite:
            clear(folder)
        params = stated
        begun = Training(task.id, parameters.to_mapping(params), started=now())
    else:
        _refuse_other(task, before, folder, resume)
        params = _taken_up(task, before, stated, set(given), folder)
        if before.step > params.steps:
            raise InputError(
                f"the training has {before.step} steps behind it already, more than steps = {params.steps}",
                file=folder,
                mend="ask for more steps, or pass --overwrite to begin anew",
            )
        begun = replace(before, params=parameters.to_mapping(params))
    process = psutil.Process(os.getpid())
    begun = replace(
        begun,
        state="running",
        versions=versions(),
        pid=process.pid,
        process_started=process.create_time(),
        host=platform.node(),
    )
    write_training(folder, begun)
    return params, begun


def clear(folder: Path) -> None:
    """Remove what a training has left, and nothing else."""
    before = None
    with suppress(InputError):
        before = read_training(folder)
    names = [TRAIN_FILE, STATE_FILE, METRICS_FILE]
    if before is not None and before.weights:
        weights = Path(before.weights).name
        names += [weights, Path(weights).with_suffix(".json").name]
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for name in (EVENTS, PICTURES):
        shutil.rmtree(folder / name, ignore_errors=True)
    atomic.remove_stale(folder)


def _make(folder: Path) -> None:
    try:
        atomic.try_writing(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the folder of the training cannot be written ({reason})", file=folder, mend="choose another folder"
        ) from None


def _refuse_strange(folder: Path, overwrite: bool) -> None:
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError("this is a file, not a folder", file=folder, mend="choose another folder")
    if overwrite or not folder.is_dir():
        return
    strange = [p.name for p in folder.iterdir() if p.name not in _ALIEN and not p.name.startswith(".")]
    if strange:
        raise InputError(
            f"the folder is not empty and holds no training ({sorted(strange)[0]} lies there)",
            file=folder,
            mend="choose another folder, or pass --overwrite",
        )


def _refuse_other(task: Task, before: Training, folder: Path, resume: bool) -> None:
    if before.state == "running" and before.pid != os.getpid():
        raise InputError(
            f"another process (number {before.pid}) is training in this folder",
            file=folder,
            mend="wait for it, stop it, or choose another folder",
        )
    if before.task != task.id:
        raise InputError(
            f"the folder holds a training of another task ({before.task}, not {task.id})",
            file=folder,
            mend="choose another folder, or pass --overwrite",
        )
    if not resume:
        raise InputError(
            "the folder holds a training already", file=folder, mend="choose another folder, or pass --overwrite"
        )


def _taken_up(task: Task, before: Training, stated: Any, names: set[str], folder: Path) -> Any:
    """Lay what was stated over what the training was begun with; most of it cannot change on the way."""
    now_stated = parameters.to_mapping(stated)
    try:
        was = parameters.to_mapping(parameters.from_mapping(task.Params, before.params))
    except InputError as error:
        raise InputError(
            f"the training was begun with parameters that this version does not know ({error.what})",
            file=folder / TRAIN_FILE,
            mend="choose another folder, or pass --overwrite",
        ) from None
    for name in sorted(names):
        if now_stated[name] != was[name] and name not in task.changeable:
            raise InputError(
                f"the training in this folder was begun with {name} = {was[name]!r}, not {now_stated[name]!r}",
                file=folder,
                mend="leave it out to go on with that, choose another folder, or pass --overwrite",
            )
    return task.check(parameters.from_mapping(task.Params, {**was, **{name: now_stated[name] for name in names}}))


def _alive(training: Training) -> bool:
    """Whether its process still works on it; one on another machine gets the benefit of the doubt."""
    if training.host != platform.node():
        return True
    try:
        return abs(psutil.Process(training.pid).create_time() - training.process_started) < 1.5
    except psutil.Error:
        return False
