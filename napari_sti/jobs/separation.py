"""A separation of sources as a job: what it is given beside the study, as plain values, and how it is run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.core.relaxometry import DEFAULT_DR, PRESETS, relaxation
from napari_sti.core.separation import Form, SeparationMethod
from napari_sti.io.text_data import shown
from napari_sti.jobs.memory import check_enough

FILES = ("r2prime", "r2star")
"""Keys that hold several paths."""
KEYS = ("chi", "chi_frame", *FILES, "r2", "constant_r2", "r2_orientation", "dr", "dr_neg", "naming")
"""What a separation can be given beside the study; as the parameters of `napari_sti.recon.separate.separate`."""
OF_STUDY = ("qsm", "tensor")
"""Values of ``chi`` that are no path: what the study holds."""


def check_given(given: Mapping[str, Any]) -> None:
    """Refuse what can be seen to be wrong before anything is read.

    Raises
    ------
    InputError
        If a key is not known, a file is missing, or Dr is not a number that can be.
    """
    from napari_sti.io.separations import NAMINGS

    for key in given:
        if key not in KEYS:
            raise InputError(f"the separation is given {shown(key)}", mend=f"known are {', '.join(KEYS)}")
    for path in _paths(given):
        if not path.exists():
            raise InputError("there is no such file", file=path, mend="check the path in the job")
    if given.get("naming", "sti") not in NAMINGS:
        raise InputError(
            f"the naming {shown(given['naming'])} is not known", mend=f"use one of {', '.join(sorted(NAMINGS))}"
        )
    dr = str(given.get("dr", DEFAULT_DR))
    if dr not in PRESETS or not PRESETS[dr].per_tesla:
        relaxation(dr, given.get("dr_neg"))


def with_paths(given: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return the same with every path changed by a function, such as one that makes it relative to a folder.

    Raises
    ------
    InputError
        If something that has to be a path is none.
    """
    changed = dict(given)
    for key in ("r2", *(["chi"] if given.get("chi") not in OF_STUDY else [])):
        if changed.get(key) is not None:
            changed[key] = change(_text(key, changed[key]))
    for key in FILES:
        if changed.get(key) is not None:
            several = [changed[key]] if isinstance(changed[key], str) else changed[key]
            if not isinstance(several, list | tuple):
                raise InputError(f"{key} of the job is no list of paths", mend="give paths in quotes")
            changed[key] = [change(_text(key, path)) for path in several]
    return changed


def separate_in_job(job: Any, progress: Progress) -> tuple[Callable[[Path], Path], str]:
    """Separate; return what saves the result, and the device that it was computed on."""
    from napari_sti.io.load import load_study
    from napari_sti.io.separations import save_separation
    from napari_sti.recon.separate import separate

    given = dict(job.given)
    naming = given.pop("naming", "sti")
    progress(Step(0, message="Reading the study"))
    acquisition = load_study(job.study)
    found = separate(
        acquisition,
        job.method,
        frame=given.pop("chi_frame", None),
        device=job.device,
        progress=progress,
        **given,
        **job.params,
    )
    found = replace(found, name=job.name or found.name)
    return lambda folder: save_separation(found, folder, frame=job.frame, naming=naming), str(
        found.provenance.get("device", "")
    )


def enough_for_separation(job: Any, memory_limit: int | None) -> int:
    """Refuse a separation that will not fit; return how much work it is (voxels times orientations)."""
    from napari_sti.jobs.estimate import study_size
    from napari_sti.recon import devices
    from napari_sti.recon.separation_registry import get_separation_method

    shape, orientations = study_size(job.study)
    method = get_separation_method(job.method)
    needed = separation_bytes(method, job.params, form_of(job, method), shape, orientations)
    where = devices.resolve(job.device)
    check_enough(needed, max(devices.free_bytes(where), devices.free_bytes("cpu")), memory_limit)
    return shape[0] * shape[1] * shape[2] * orientations


def estimate_separation(
    study: Any, method: str, params: Mapping[str, Any], form: Form, *, device: str = "cpu", devices: Any = ()
) -> dict[str, Any]:
    """Estimate memory and time of a separation before anything is loaded.

    Parameters
    ----------
    study : path or Study
        The study file, or the study as read from it.
    method, params
        Id of the method of separation and its parameters.
    form : {"scalar", "tensor"}
        What is separated; see `form_of`.
    device, devices
        As for `napari_sti.jobs.estimate.estimate`, which says what is returned and raised, too.
    """
    from napari_sti.jobs.estimate import place, study_size
    from napari_sti.jobs.history import seconds_per_work
    from napari_sti.recon.separation_registry import get_separation_method

    shape, orientations = study_size(study)
    where, free = place(device, list(devices))
    needed = separation_bytes(get_separation_method(method), params, form, shape, orientations)
    pace = seconds_per_work(method, where)
    work = shape[0] * shape[1] * shape[2] * orientations
    return {
        "bytes": needed,
        "available": free,
        "enough": free is None or needed <= free,
        "moved": "",
        "device": where,
        "shape": list(shape),
        "orientations": orientations,
        "seconds": None if pace is None else pace * work,
    }


def separation_bytes(
    method: SeparationMethod, params: Mapping[str, Any], form: Form, shape: tuple[int, int, int], orientations: int
) -> int:
    """Peak memory in bytes: what was read, and what the method takes on top."""
    from napari_sti.core.params import from_mapping

    voxels = shape[0] * shape[1] * shape[2]
    read = 4 * voxels * (2 * orientations + (6 if form == "tensor" else 1))
    return read + method.memory_bytes(shape, orientations, from_mapping(method.Params, dict(params)), form)


def form_of(job: Any, method: SeparationMethod) -> Form:
    """Whether a scalar or a tensor is separated, as far as headers tell."""
    from napari_sti.io.nifti import read_header
    from napari_sti.io.study import read_study

    chi = job.given.get("chi")
    if method.starts_from == "field":
        return "tensor" if "scalar" not in method.forms else "scalar"
    if chi is None:
        study = job.study if not isinstance(job.study, str | Path) else read_study(Path(job.study))
        return "scalar" if study.qsm is not None or study.reference_tensor is None else "tensor"
    if chi in OF_STUDY:
        return "tensor" if chi == "tensor" else "scalar"
    path = Path(chi)
    if path.is_dir() or path.name == "result.json":
        return "tensor"
    return "tensor" if len(read_header(path, what="susceptibility").shape) > 3 else "scalar"


def _paths(given: Mapping[str, Any]) -> list[Path]:
    found: list[Path] = []

    def keep(path: str) -> str:
        found.append(Path(path))
        return path

    with_paths(given, keep)
    return found


def _text(key: str, path: Any) -> str:
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InputError(f"{key} of the job is not a path", mend="give a path in quotes")
    return str(path)
