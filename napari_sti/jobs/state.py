"""How a run stands, kept in its folder by whoever works on it (``run.json``)."""

import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from napari_sti.core.errors import InputError
from napari_sti.core.provenance import now
from napari_sti.jobs.files import read_json, write_json

STATE_FILE = "run.json"

RunState = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class State:
    """How a run stands.

    Parameters
    ----------
    state : {"running", "done", "failed", "cancelled"}
        As last written; a run whose process has gone since is read as interrupted.
    started, finished : str
        UTC times, ISO 8601.
    seconds : float, optional
        Wall time.
    result : str, optional
        Result file, relative to the folder where it lies inside.
    sentence : str
        Why it failed.
    work : int
        Voxels times orientations of all its runs, to judge how long the next one will take.
    device : str
        Where it ran.
    pid, process_started, host
        Which process works on it.
    """

    state: RunState = "running"
    started: str = ""
    finished: str = ""
    seconds: float | None = None
    result: str | None = None
    sentence: str = ""
    work: int = 0
    device: str = ""
    pid: int = 0
    process_started: float = 0.0
    host: str = ""


def started_now() -> State:
    """State of a run that this process begins now."""
    process = psutil.Process(os.getpid())
    return State(started=now(), pid=process.pid, process_started=process.create_time(), host=platform.node())


def write_state(folder: Path, state: State) -> None:
    """Write how the run in `folder` stands."""
    write_json(folder / STATE_FILE, {"format": 1, **asdict(state)})


def read_state(folder: Path) -> State | None:
    """Read how the run in `folder` stands; None if nobody has begun it or the file makes no sense."""
    try:
        values = read_json(folder / STATE_FILE, "state of the run")
        state = State(**{name: _typed(name, values[name]) for name in State.__dataclass_fields__ if name in values})
    except (InputError, TypeError, ValueError):
        return None
    if state.state == "running" and not _alive(state):
        return replace(state, state="interrupted", sentence="The process ended before the run did.")
    return state


def end_state(folder: Path, state: RunState, sentence: str = "") -> None:
    """Say how a run ended whose process could not say so itself."""
    before = read_state(folder) or State(started=now())
    if before.state in ("running", "interrupted"):
        write_state(folder, replace(before, state=state, sentence=sentence, finished=now()))


def _typed(name: str, value: Any) -> Any:
    kind = type(State.__dataclass_fields__[name].default)
    if value is None and name in ("seconds", "result"):
        return None
    if name in ("seconds", "process_started"):
        return float(value)
    if name == "result" or kind is str:
        return str(value)
    return int(value)


def _alive(state: State) -> bool:
    """Whether the process that works on a run still does; one on another machine gets the benefit of the doubt."""
    if state.host != platform.node():
        return True
    try:
        return abs(psutil.Process(state.pid).create_time() - state.process_started) < 1.5
    except psutil.Error:
        return False
