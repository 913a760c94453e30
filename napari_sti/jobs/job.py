"""What is to be done, as plain values that fit in a JSON file."""

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame, parse_frame
from napari_sti.io.text_data import shown
from napari_sti.jobs.files import make_folder, read_json, write_json

FORMAT = 1
"""Version of the job file; files of a later one are refused."""

JOB_FILE = "job.json"

JobKind = Literal["recon", "trust", "sample", "simulate", "train", "separate", "prior", "quality"]
KINDS: tuple[str, ...] = get_args(JobKind)
TENSOR_KINDS = ("recon", "trust")
"""Kinds of jobs that reconstruct a tensor with a method."""

_PATHS = ("study", "out", "start")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


@dataclass(frozen=True)
class Job:
    """One run: what to do, with what, where to leave the result.

    Parameters
    ----------
    kind : {"recon", "trust", "sample", "simulate", "train", "separate", "prior", "quality"}
        Reconstruct a tensor, the same with maps of what can be trusted, make the study of the sample brain, simulate
        a study, train a network (a job whose folder holds a training takes it up), separate sources, ask a learned
        prior about images, or make the quality page of a result.
    study : path, optional
        Study file; needed to reconstruct and to separate.
    method : str
        Id of the method, of reconstruction or of separation, of what is to be trained, or of what a prior is asked.
    params : mapping
        Parameters of the method, the sample (``oblique``), the simulation or the training; plain JSON values.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    frame : {"voxel", "ras", "lps", "fsl"}
        Frame in which the tensor is written.
    out : path, optional
        Folder of the run, for everything that it leaves; the sample needs none (it has its own cache).
    name : str
        What the person calls the run.
    start : path, optional
        Folder of a result at which a reconstruction begins, for methods that take one.
    minutes : float, optional
        After how many a training stops, in a saved state.
    given : mapping
        What a separation is given beside the study; see `napari_sti.jobs.separation.KEYS`.

    Raises
    ------
    InputError
        With one sentence, if something is missing or not known.
    """

    kind: JobKind = "recon"
    study: Path | None = None
    method: str = "stiimag"
    params: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    frame: Frame = "voxel"
    out: Path | None = None
    name: str = ""
    start: Path | None = None
    minutes: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def makes_tensor(self) -> bool:
        """Whether it reconstructs a tensor with a method."""
        return self.kind in TENSOR_KINDS

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"the kind of job {shown(self.kind)} is not known", mend=f"use one of {', '.join(KINDS)}")
        for which in _PATHS:
            given = getattr(self, which)
            object.__setattr__(self, which, None if given is None else _as_path(which, given))
        for which in ("method", "device", "name"):
            if not isinstance(getattr(self, which), str):
                raise InputError(f"the {which} of the job is not a text", mend="put it in quotes")
        if not _DEVICE.fullmatch(self.device):
            raise InputError(f"the device {shown(self.device)} is not known", mend="use one of auto, cpu, cuda, mps")
        object.__setattr__(self, "frame", parse_frame(self.frame))
        object.__setattr__(self, "params", _plain(self.params))
        object.__setattr__(self, "given", _plain(self.given))
        if (self.makes_tensor or self.kind == "separate") and self.study is None:
            raise InputError("the job names no study", mend='state the study file ("study": "study.yaml")')
        if self.kind != "recon" and self.start is not None:
            raise InputError(f"a job of the kind {self.kind} begins at no other result", mend="leave the start out")
        if self.kind != "separate" and self.given:
            raise InputError(f"a job of the kind {self.kind} is given nothing more", mend="leave 'given' out")
        object.__setattr__(self, "minutes", _minutes(self.kind, self.minutes))
        if self.kind != "sample" and self.out is None:
            raise InputError("the job names no output folder", mend='state where to leave the result ("out": ".")')


def check_job(job: Job) -> None:
    """Refuse what can be seen to fail before anything is loaded: a missing study, an unknown method or parameter.

    Raises
    ------
    InputError
        With one sentence.
    """
    from napari_sti.core import params

    if job.study is not None:
        from napari_sti.io.study import read_study

        study = read_study(job.study)
    if job.makes_tensor:
        from napari_sti.recon.leave_one_out import check_enough
        from napari_sti.recon.registry import get_method
        from napari_sti.recon.start import check_start

        method = get_method(job.method)
        params.from_mapping(method.Params, job.params)
        check_start(method, job.start)
        if job.kind == "trust":
            check_enough(method, len(study.orientations))
    elif job.kind == "simulate":
        from napari_sti.simulate.study import SimulationParams

        params.from_mapping(SimulationParams, job.params)
    elif job.kind == "train":
        from napari_sti.learn.registry import get_task

        task = get_task(job.method)
        task.check(params.from_mapping(task.Params, job.params))
    elif job.kind == "separate":
        from napari_sti.jobs.separation import check_given
        from napari_sti.recon.separation_registry import get_separation_method

        params.from_mapping(get_separation_method(job.method).Params, job.params)
        check_given(job.given)
    elif job.kind == "prior":
        from napari_sti.lpn.question import question_of

        question_of(job.method, job.params)
    elif job.kind == "quality":
        from napari_sti.jobs.quality import check_quality

        check_quality(job.params)
    elif set(job.params) - {"oblique"}:
        extra = ", ".join(sorted(set(job.params) - {"oblique"}))
        raise InputError(f"the sample has no parameter {extra}", mend="the only one is 'oblique'")


def to_mapping(job: Job, folder: Path | None = None) -> dict[str, Any]:
    """Return the job as plain values; paths inside `folder` are given relative to it, others in full."""
    values: dict[str, Any] = {"format": FORMAT}
    for which in fields(job):
        value = getattr(job, which.name)
        values[which.name] = _portable(value, folder) if isinstance(value, Path) else value
    values["params"] = dict(job.params)
    if job.kind == "separate":
        from napari_sti.jobs.separation import with_paths

        values["given"] = with_paths(job.given, lambda path: _portable(Path(path), folder))
    else:
        del values["given"]
    return values


def from_mapping(values: Mapping[str, Any], folder: Path) -> Job:
    """Build a job from plain values; relative paths are relative to `folder`.

    Raises
    ------
    InputError
        If a key is unknown (the nearest known one is named) or a value does not fit.
    """
    values = dict(values)
    version = values.pop("format", FORMAT)
    if not isinstance(version, int) or not 1 <= version <= FORMAT:
        raise InputError(f"the job has the format {shown(version)}, known is {FORMAT}", mend="update napari-sti")
    known = [f.name for f in fields(Job)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:60], known, n=1, cutoff=0.4)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"the job has the unknown key {shown(key)}", mend=mend)
    values.setdefault("out", None if values.get("kind") == "sample" else ".")
    for which in _PATHS:
        if values.get(which) is not None:
            path = _at_home(which, _as_path(which, values[which]))
            values[which] = path if path.is_absolute() else (folder / path).resolve()
    if values.get("given"):
        from napari_sti.jobs.separation import with_paths

        values["given"] = with_paths(_plain(values["given"]), lambda path: str(folder / _at_home("given", Path(path))))
    return Job(**values)


def read_job(path: str | Path) -> Job:
    """Read a job file; its relative paths are relative to the file, and its output folder is its own by default.

    Raises
    ------
    InputError
        If the file cannot be read or something in it is missing or unknown.
    """
    path = Path(path)
    if os.path.isdir(path):
        path = path / JOB_FILE
    values = read_json(path, "job file")
    try:
        return from_mapping(values, path.resolve().parent)
    except InputError as error:
        raise InputError(error.what, file=path, mend=error.mend) from None


def write_job(job: Job, path: str | Path | None = None) -> Path:
    """Write the job file (whole or not at all), by default ``job.json`` in the job's own folder.

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    if path is None:
        if job.out is None:
            raise InputError("the job names no output folder", mend="state where to write the job file")
        path = job.out / JOB_FILE
    path = Path(path)
    make_folder(path.parent)
    write_json(path, to_mapping(job, path.resolve().parent))
    return path


def _as_path(which: str, given: Any) -> Path:
    if not isinstance(given, str | Path) or not str(given) or "\0" in str(given):
        raise InputError(f"the {which} of the job is not a path", mend="give a path in quotes")
    return Path(given)


def _minutes(kind: str, given: Any) -> float | None:
    if given is None:
        return None
    if kind != "train" or isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e7:
        raise InputError(
            f"the time limit of the job is {shown(given)}", mend="give minutes above 0, and to a training only"
        )
    return float(given)


def _at_home(which: str, path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(
            f"no home folder is known for the {which} {shown(str(path))} of the job", mend="give the whole path"
        ) from None


def _portable(path: Path, folder: Path | None) -> str:
    path = path.absolute() if folder is None else path.resolve()
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return str(path)


def _plain(params: Any) -> dict[str, Any]:
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise InputError("the parameters of the job are no names with values", mend='write {"iterations": 50}')
    try:
        return cast(dict[str, Any], json.loads(json.dumps(dict(params), allow_nan=False)))
    except (TypeError, ValueError):
        raise InputError(
            "the parameters of the job are not all plain values", mend="use numbers, texts, true or false"
        ) from None
