"""The list of runs: every run is a folder that can be opened or run again."""

import os
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.jobs.files import make_folder
from napari_sti.jobs.job import JOB_FILE, Job, read_job
from napari_sti.jobs.state import STATE_FILE, RunState, State, read_state

RUNS_VARIABLE = "NAPARI_STI_RUNS"
"""Environment variable that names the folder of the runs."""


UNLISTED = "unlisted"
"""Name of an empty file in the folder of a run that somebody has taken off the list."""


@dataclass(frozen=True)
class RunRecord:
    """One line of the list of runs.

    Parameters
    ----------
    folder : path
        Where everything of the run lies.
    job : Job
        What was asked for, with study, method and parameters.
    state : {"waiting", "running", "done", "failed", "cancelled", "interrupted"}
        How it stands; interrupted means that its process has gone without a word.
    started : datetime
        When it began (when it was asked for, while it waits).
    seconds : float, optional
        How long it took.
    result : path, optional
        Its result file, while it exists.
    sentence : str
        Why it failed.
    """

    folder: Path
    job: Job
    state: RunState
    started: datetime
    seconds: float | None = None
    result: Path | None = None
    sentence: str = ""

    @property
    def name(self) -> str:
        """What the person calls the run."""
        return self.job.name or self.folder.name

    @property
    def method(self) -> str:
        """Id of the method, or the kind of job where it has none."""
        return self.job.method if self.job.makes_tensor or self.job.kind == "separate" else self.job.kind

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters as given."""
        return self.job.params

    @property
    def study(self) -> Path | None:
        """The study it was started with."""
        return self.job.study


def runs_folder() -> Path:
    """Return the folder in which runs live: ``NAPARI_STI_RUNS``, else one in the person's data folder."""
    if given := os.environ.get(RUNS_VARIABLE):
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-sti", appauthor=False)) / "runs"


def new_run_folder(name: str, root: Path | None = None) -> Path:
    """Make a folder for a new run, never one that exists already.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    root = runs_folder() if root is None else root
    make_folder(root)
    words = re.sub(r"[^\w.]+", "-", name, flags=re.ASCII).strip("-.").lower()[:40] or "run"
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{words}"
    for number in range(1, 10_000):
        folder = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"the folder of the run cannot be made ({error.strerror})", file=folder, mend="choose another folder"
            ) from None
        return folder
    raise InputError("there are too many runs of this name", file=root, mend="choose another name")


def list_runs(root: Path | None = None, *, limit: int | None = None) -> list[RunRecord]:
    """List the runs, newest first; folders that make no sense, or were taken off the list, are left out.

    Parameters
    ----------
    root : path, optional
        Folder of the runs, the person's own by default.
    limit : int, optional
        At most so many.
    """
    root = runs_folder() if root is None else root
    try:
        folders = [entry for entry in root.iterdir() if (entry / JOB_FILE).is_file()]
    except OSError:
        return []
    listed = (folder for folder in folders if not (folder / UNLISTED).exists())
    records = [record for record in map(read_run, listed) if record is not None]
    records.sort(key=lambda record: (record.started, record.folder.name), reverse=True)
    return records[:limit]


def unlist(folder: Path) -> None:
    """Take a run off the list for good; its folder keeps everything.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    (folder / UNLISTED).touch()


def relist(folder: Path) -> None:
    """Bring a run back onto the list.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    (folder / UNLISTED).unlink(missing_ok=True)


def read_run(folder: Path) -> RunRecord | None:
    """Read one run from its folder; None if it is none."""
    try:
        job = read_job(folder / JOB_FILE)
        asked = datetime.fromtimestamp((folder / JOB_FILE).stat().st_mtime, UTC)
    except (InputError, OSError):
        return None
    if job.out != folder.resolve():
        job = replace(job, out=folder)
    state = read_state(folder)
    if state is None:
        broken = (folder / STATE_FILE).exists()
        return RunRecord(folder, job, "interrupted" if broken else "waiting", asked)
    result = None if state.result is None else folder / state.result
    return RunRecord(
        folder=folder,
        job=job,
        state=state.state,
        started=_time(state, asked),
        seconds=state.seconds,
        result=result if result is not None and result.is_file() else None,
        sentence=state.sentence,
    )


def rerun(folder: Path, root: Path | None = None) -> Job:
    """Return the job of a run with a new folder of its own, to run it again.

    Raises
    ------
    InputError
        If the folder holds no job.
    """
    job = read_job(folder / JOB_FILE)
    return replace(job, out=new_run_folder(job.name or job.kind, root))


def seconds_per_work(method: str, device: str, root: Path | None = None) -> float | None:
    """Return the usual seconds per voxel and orientation of a method on a device, from the latest runs, or None."""
    paces = []
    for record in list_runs(root, limit=50):
        state = read_state(record.folder) if record.state == "done" and record.method == method else None
        if state is not None and state.device == device and state.work and state.seconds:
            paces.append(state.seconds / state.work)
    return statistics.median(paces[:5]) if paces else None


def _time(state: State, otherwise: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(state.started)
    except ValueError:
        return otherwise
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
