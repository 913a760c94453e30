"""Do one job, in whatever process: read, compute, leave the result whole or not at all."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sti.core.errors import InputError, OutOfMemory
from napari_sti.core.memory import is_out_of_memory, size_text
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.io import atomic
from napari_sti.jobs.estimate import job_bytes, job_work, study_size
from napari_sti.jobs.files import make_folder, replace_file
from napari_sti.jobs.iterates import keeping_iterates, remove_iterates
from napari_sti.jobs.job import Job, check_job, read_job, write_job
from napari_sti.jobs.logbook import Logbook
from napari_sti.jobs.memory import TooLarge, check_enough, limited
from napari_sti.jobs.state import read_state

if TYPE_CHECKING:
    from napari_sti.core.acquisition import Acquisition
    from napari_sti.core.tensor_field import TensorField

_STAGING = ".unfinished"
"""Folder in which a result lies until it is whole."""

_LAST = dict.fromkeys(("recon", "trust", "separate", "sample"), "result.json") | {
    "simulate": "study.yaml",
    "prior": "prior.json",
    "quality": "quality.json",
}
"""The file that makes a result: it is put in place after all others. A training has none, since it is gone on with."""


def run_job(
    job: Job,
    progress: Progress = silent,
    *,
    overwrite: bool = False,
    check_memory: bool = True,
    memory_limit: int | None = None,
) -> Path:
    """Run a job and return its result file.

    The folder of the run then holds the result, ``job.json``, ``run.json`` (how it stands) and ``job.log``.

    Parameters
    ----------
    job : Job
        What to do.
    progress : callable
        Called with every `Step`; raises `Cancelled` to leave the run.
    overwrite : bool
        Replace what an earlier run left in the folder; a training is begun anew instead of being gone on with.
    check_memory : bool
        Refuse a reconstruction that is estimated to need more memory than there is.
    memory_limit : int, optional
        Bytes that the run may take, if that is to be less than what is free (enforced on Linux).

    Returns
    -------
    Path
        ``result.json`` of a reconstruction or separation, the study file of a sample or simulation, the
        weights of a training.

    Raises
    ------
    InputError
        If the job or its study is not right, or the folder holds another result.
    OutOfMemory
        If there is not enough memory for it.
    Cancelled
        If `progress` raised it.
    """
    check_job(job)
    if job.out is None:
        return _sample(job, progress)
    folder = job.out
    _prepare(job, folder, overwrite)
    books = Logbook(folder, f"{job.kind} {job.name!r}, method {job.method}, study {job.study}, on {job.device}")
    try:
        with limited(memory_limit):
            result, device = _compute(job, folder, books, progress, overwrite, check_memory, memory_limit)
    except BaseException as error:
        error = _about_the_limit(error, memory_limit)
        books.failed(error)
        raise error
    finally:
        clean(folder)
    books.done(result, device)
    return result


def clean(folder: Path) -> None:
    """Remove what a run that was killed left unfinished, its preview, and iterates that led to no result."""
    shutil.rmtree(folder / _STAGING, ignore_errors=True)
    if not (folder / _LAST["recon"]).exists():
        remove_iterates(folder)
    for half in (*folder.glob(".*.half"), folder / "preview.npy"):
        half.unlink(missing_ok=True)
    atomic.remove_stale(folder)


def _compute(
    job: Job,
    folder: Path,
    books: Logbook,
    given: Progress,
    overwrite: bool,
    check_memory: bool,
    memory_limit: int | None,
) -> tuple[Path, str]:
    """Compute the result and put it in place; return its file and the device that it was computed on."""
    if job.kind == "train":
        from napari_sti.jobs.training import train_in_job

        return train_in_job(job, folder, books, given, overwrite)
    progress = _Following(books.watch(given))
    if job.kind == "sample":
        return _sample(job, progress), "cpu"
    if job.kind == "simulate":
        save = _simulate(job, progress)
        progress.say("Writing the study")
        return _deliver(job, folder, save, overwrite), "cpu"
    if job.kind == "separate":
        from napari_sti.jobs.separation import enough_for_separation, separate_in_job

        if check_memory:
            books.sized(enough_for_separation(job, memory_limit))
        save, device = separate_in_job(job, progress)
        progress.say("Writing the result")
        return _deliver(job, folder, save, overwrite), device
    if job.kind == "prior":
        from napari_sti.jobs.prior import prior_in_job

        save, device = prior_in_job(job, progress)
        progress.say("Writing the answer")
        return _deliver(job, folder, save, overwrite), device
    if job.kind == "quality":
        from napari_sti.jobs.quality import quality_in_job

        save, device = quality_in_job(job, progress)
        return _deliver(job, folder, save, overwrite), device
    if check_memory:
        books.sized(_enough(job, memory_limit))
    save, device = (_trust if job.kind == "trust" else _recon)(job, progress)
    progress.say("Writing the result")
    return _deliver(job, folder, save, overwrite), device


class _Following:
    """A progress callable that knows the last step, to say something more about it."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._last = progress, Step(0)

    def __call__(self, step: Step) -> None:
        self._last = step
        self._progress(step)

    def say(self, message: str) -> None:
        self._progress(Step(self._last.iteration, self._last.total, message=message))


def _recon(job: Job, progress: Progress) -> tuple[Callable[[Path], Path], str]:
    from napari_sti.io.results import save_result
    from napari_sti.recon.reconstruct import reconstruct
    from napari_sti.recon.start import load_start

    acquisition = _read(job, progress)
    start = None if job.start is None else load_start(job.start)
    given = None if start is None else start.tensor
    with keeping_iterates(job, acquisition, progress) as watch:
        tensor = reconstruct(acquisition, job.method, device=job.device, progress=watch, start=given, **job.params)
    tensor = _named(tensor if start is None else start.told(tensor), job)
    return lambda staging: save_result(tensor, staging, frame=job.frame), _device(tensor)


def _trust(job: Job, progress: Progress) -> tuple[Callable[[Path], Path], str]:
    from napari_sti.maps.trust import save_trust
    from napari_sti.recon.leave_one_out import leave_one_out

    acquisition = _read(job, progress)
    found = leave_one_out(acquisition, job.method, device=job.device, progress=progress, **job.params)
    found = replace(found, full=_named(found.full, job))
    return lambda staging: save_trust(found, staging, frame=job.frame), _device(found.full)


def _read(job: Job, progress: Progress) -> "Acquisition":
    from napari_sti.io.load import load_study

    assert job.study is not None
    progress(Step(0, message="Reading the study"))
    return load_study(job.study)


def _named(tensor: "TensorField", job: Job) -> "TensorField":
    return replace(tensor, name=job.name or tensor.name)


def _device(tensor: "TensorField") -> str:
    return str(tensor.provenance.get("device", ""))


def _simulate(job: Job, progress: Progress) -> Callable[[Path], Path]:
    from napari_sti.core.params import from_mapping
    from napari_sti.io.save import save_acquisition
    from napari_sti.simulate.study import SimulationParams, simulate

    acquisition = simulate(from_mapping(SimulationParams, job.params), progress=progress)
    return lambda staging: save_acquisition(acquisition, staging)


def _sample(job: Job, progress: Progress) -> Path:
    from napari_sti.simulate.sample import sample_study

    return sample_study(oblique=bool(job.params.get("oblique", False)), progress=progress)


def _enough(job: Job, memory_limit: int | None) -> int:
    """Refuse a reconstruction that will not fit; return how much work it is."""
    from napari_sti.core.params import from_mapping
    from napari_sti.recon import devices
    from napari_sti.recon.registry import get_method

    assert job.study is not None
    method = get_method(job.method)
    shape, orientations = study_size(job.study)
    needed = job_bytes(job.kind, method, shape, orientations, from_mapping(method.Params, job.params))
    where = devices.resolve(job.device)
    # What does not fit on a GPU is moved to main memory when it comes to it.
    free = max(devices.free_bytes(where), devices.free_bytes("cpu"))
    check_enough(needed, free, memory_limit)
    return job_work(job.kind, shape, orientations)


def _about_the_limit(error: BaseException, memory_limit: int | None) -> BaseException:
    """Say that it was the limit where memory ran out under one: there may be plenty beside it."""
    if memory_limit is None or isinstance(error, TooLarge) or not is_out_of_memory(error):
        return error
    limited_to = OutOfMemory(
        f"Memory ran out: this run may take {size_text(memory_limit)}, the limit that was set; raise the limit, "
        "or take a smaller volume or fewer orientations."
    )
    limited_to.__cause__ = error
    return limited_to


def _prepare(job: Job, folder: Path, overwrite: bool) -> None:
    """Make the folder of the run ready, with its job file; refuse one that is in use or holds a result."""
    make_folder(folder)
    state = read_state(folder)
    if state is not None and state.state == "running" and state.pid != os.getpid():
        raise InputError("another process is running in this folder", file=folder, mend="wait for it or choose another")
    result = folder / _LAST.get(job.kind, "")
    if job.kind in _LAST and result.exists() and not overwrite:
        raise InputError(
            "the folder already holds a result", file=result, mend="choose another folder, or pass --overwrite"
        )
    clean(folder)
    remove_iterates(folder)
    if not _is_written(job, folder):
        write_job(job)


def _is_written(job: Job, folder: Path) -> bool:
    try:
        return read_job(folder) == replace(job, out=folder.resolve())
    except InputError:
        return False


def _deliver(job: Job, folder: Path, save: Callable[[Path], Path], overwrite: bool) -> Path:
    """Save aside, then put every file in its place, the one that makes the result last."""
    staging = folder / _STAGING
    staging.mkdir()
    last = save(staging).relative_to(staging)
    parts = sorted(p for p in staging.iterdir() if p.name != last.parts[0])
    taken = [folder / p.name for p in (*parts, staging / last) if (folder / p.name).exists()]
    if taken and not overwrite:
        raise InputError("there is such a file already", file=taken[0], mend="choose another folder or --overwrite")
    (folder / last).unlink(missing_ok=True)
    for part in (*parts, staging / last.parts[0]):
        target = folder / part.name
        if target.is_dir():
            shutil.rmtree(target)
        replace_file(part, target)
    return folder / last
