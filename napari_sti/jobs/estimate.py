"""What a run will need, from the headers of its files alone: no torch, no image is loaded."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_sti.core import params as parameters
from napari_sti.core.errors import InputError
from napari_sti.recon.devices import free_bytes

_FLOAT32 = 4
_LOADING = 3
"""Volumes of float64 that loading has in hand at a time (as stored, scaled, inside the mask)."""


def estimate(
    study: str | Path | Any,
    method: str = "stiimag",
    params: Mapping[str, Any] | None = None,
    *,
    kind: str = "recon",
    device: str = "cpu",
    devices: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Estimate memory and time of a reconstruction before anything is loaded.

    Parameters
    ----------
    study : path or Study
        The study file, or the study as read from it.
    method, params
        Id of the method and its parameters.
    kind : {"recon", "trust"}
        Whether once, or also without each orientation.
    device : str
        Where it is to run; "auto" is taken as the first of `devices` that is no CPU, else the CPU.
    devices : iterable of mapping, optional
        What the worker said about its devices (name and free memory in bytes); without it only the CPU is known.

    Returns
    -------
    dict
        ``bytes`` needed at most, ``available`` bytes on the device (None: unknown), ``enough``, ``device``,
        ``shape``, ``orientations``, ``seconds`` (from earlier runs of the method on this device; None: unknown), and
        ``moved``: what will be done elsewhere because a GPU is too small (empty: nothing).

    Raises
    ------
    InputError
        If the study cannot be read, the method is unknown or a parameter is out of range.
    """
    from napari_sti.jobs.history import seconds_per_work
    from napari_sti.recon.registry import get_method

    chosen = get_method(method)
    checked: Any = parameters.from_mapping(chosen.Params, dict(params or {}))
    shape, orientations = study_size(study)
    where, free = place(device, list(devices))
    needed = job_bytes(kind, chosen, shape, orientations, checked)
    moved = _moved(chosen, shape, orientations, checked, where, free)
    room = free_bytes("cpu") if moved else free
    pace = seconds_per_work(method, where)
    return {
        "bytes": needed,
        "available": free,
        "enough": room is None or needed <= room,
        "moved": moved,
        "device": where,
        "shape": list(shape),
        "orientations": orientations,
        "seconds": None if pace is None else pace * job_work(kind, shape, orientations),
    }


def _moved(
    method: Any, shape: tuple[int, int, int], orientations: int, params: Any, device: str, free: int | None
) -> str:
    """Say what `napari_sti.recon.placement.place` will do on a GPU with so many bytes free."""
    if device == "cpu" or free is None or method.memory_bytes(shape, orientations, params) <= free:
        return ""
    if method.device_bytes(shape, orientations, params) <= free:
        return f"Too much for {device}: the vectors of the solver will stay in main memory, which is slower."
    return f"Too much for {device}: it will be computed on the CPU, which is slower."


def run_bytes(method: Any, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
    """Peak memory in bytes: the field maps and what the method takes on top, or loading, whichever is more."""
    voxels = math.prod(shape)
    fields = voxels * orientations * _FLOAT32
    loading = voxels * 8 * _LOADING
    return int(fields + max(loading, method.memory_bytes(shape, orientations, params)))


def job_bytes(kind: str, method: Any, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
    """Peak memory in bytes of a job: that of one run, and what it keeps: of the others (trust), or of its iterates."""
    from napari_sti.jobs.iterates import kept_bytes
    from napari_sti.recon.leave_one_out import extra_bytes

    needed = run_bytes(method, shape, orientations, params)
    if kind == "trust":
        return needed + extra_bytes(shape, orientations)
    return needed + kept_bytes(math.prod(shape)) if method.keeps_iterates else needed


def job_work(kind: str, shape: tuple[int, int, int], orientations: int) -> int:
    """Voxels times orientations, summed over the runs: N for one run, N + N (N - 1) for trust."""
    return math.prod(shape) * (orientations**2 if kind == "trust" else orientations)


def study_size(study: str | Path | Any) -> tuple[tuple[int, int, int], int]:
    """Grid (voxels along i, j, k) and number of orientations of a study, from headers.

    Raises
    ------
    InputError
        If the study or its mask cannot be read.
    """
    from napari_sti.io.study import read_study

    if isinstance(study, str | Path):
        study = read_study(Path(study))
    first = next((o.field for o in study.orientations if o.field is not None), None)
    path = study.mask or first or study.qsm
    if path is None:
        raise InputError("the study has neither a mask nor a field map", file=study.path, mend="add them")
    return _header_shape(path), max(1, len(study.orientations))


def _header_shape(path: Path) -> tuple[int, int, int]:
    import nibabel

    try:
        shape = tuple(int(n) for n in nibabel.load(path).shape)
    except FileNotFoundError:
        raise InputError("there is no such file", file=path, mend="check the path in the study") from None
    except Exception:
        raise InputError("the file is no NIfTI image", file=path, mend="check the path in the study") from None
    x, y, z = (*shape[:3], *(1,) * (3 - len(shape[:3])))
    return x, y, z


def place(device: str, devices: list[Mapping[str, Any]]) -> tuple[str, int | None]:
    """Name of the device that is meant, and the bytes that are free there; None where that is not known."""
    if device == "auto":
        device = next((str(d["name"]) for d in devices if str(d.get("name", "cpu")) != "cpu"), "cpu")
    if device == "cpu":
        return "cpu", free_bytes("cpu")
    known = next((d for d in devices if str(d.get("name")).startswith(device)), None)
    free = None if known is None else known.get("free")
    return device, None if free is None else int(free)
