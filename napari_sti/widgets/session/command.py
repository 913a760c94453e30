"""The command line that does the same as a run, to copy."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sti.core.relaxometry import DEFAULT_DR
from napari_sti.jobs.job import Job
from napari_sti.learn.registry import get_task
from napari_sti.recon.registry import get_method
from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.widgets.number_boxes import number_text


def recon_command(
    study: Path | None,
    method: str,
    params: Mapping[str, Any],
    *,
    kind: str = "recon",
    device: str = "auto",
    start: Path | None = None,
    out: str = "result",
) -> str:
    """Write ``napari-sti recon ...``, or ``trust``, with what differs from the defaults.

    Parameters
    ----------
    study : Path or None
        The study file; a placeholder where it is not saved yet.
    method : str
        Id of the method.
    params : mapping
        Values of its parameters.
    kind : {"recon", "trust"}
        Which of the two.
    device, out : str
        Where to compute and where to write.
    start : Path, optional
        Folder of the result to start from.
    """
    words = ["napari-sti", kind, str(study or "STUDY"), "-m", method]
    words += _changed(params, get_method(method).Params())
    if device != "auto":
        words += ["--device", device]
    if start is not None:
        words += ["--start", str(start)]
    return shlex.join([*words, "-o", out])


def job_command(job: Job) -> str:
    """Write the command line that does the same as a job that reconstructs or separates."""
    if job.kind == "separate":
        return separate_command(job.study, job.method, job.params, job.given, device=job.device)
    return recon_command(job.study, job.method, job.params, kind=job.kind, device=job.device, start=job.start)


def train_command(
    task: str, params: Mapping[str, Any], out: Path, *, device: str = "auto", minutes: float | None = None
) -> str:
    """Write ``napari-sti train ...`` with what differs from the defaults.

    Parameters
    ----------
    task : str
        Id of what is trained.
    params : mapping
        Values of its parameters.
    out : Path
        Folder of the training.
    device : str
        Where to train.
    minutes : float, optional
        After how many it stops.
    """
    words = ["napari-sti", "train", task, *_changed(params, get_task(task).Params())]
    if minutes is not None:
        words += ["--minutes", number_text(minutes)]
    if device != "auto":
        words += ["--device", device]
    return shlex.join([*words, "-o", str(out)])


def separate_command(
    study: Path | None,
    method: str,
    params: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    device: str = "auto",
    out: str = "separated",
) -> str:
    """Write ``napari-sti separate ...`` with what differs from the defaults.

    Parameters
    ----------
    study, method, params, device, out
        As for `recon_command`.
    given : mapping
        What the separation is given beside the study (`napari_sti.jobs.separation.KEYS`).
    """
    words = ["napari-sti", "separate", str(study or "STUDY"), "-m", method]
    words += _changed(params, get_separation_method(method).Params())
    for name, value in given.items():
        if name == "dr" and value == DEFAULT_DR:
            continue
        several = value if isinstance(value, list | tuple) else [value]
        words += [f"--{name.replace('_', '-')}", *(_text(one) for one in several)]
    if device != "auto":
        words += ["--device", device]
    return shlex.join([*words, "-o", out])


def _changed(params: Mapping[str, Any], defaults: Any) -> list[str]:
    """Options for the parameters that are not as by default."""
    words = []
    for name, value in params.items():
        if value != getattr(defaults, name, None):
            words += ["-p", f"{name}={_text(value)}"]
    return words


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)
