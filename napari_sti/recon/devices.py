"""Where a reconstruction can run, and how much memory there is."""

from pathlib import Path
from typing import Any

import psutil

from napari_sti.core.errors import InputError

_CGROUP = Path("/sys/fs/cgroup")


def available() -> list[dict[str, Any]]:
    """List the devices of this machine.

    Returns
    -------
    list of dict
        For each its ``name`` (``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``), ``title`` for people, and memory in
        bytes, ``free`` and ``total``.
    """
    import torch

    free, total = _host_memory()
    threads = torch.get_num_threads()
    found = [dict(name="cpu", title=f"CPU ({threads} thread{'s' * (threads > 1)})", free=free, total=total)]
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            free_there, total_there = torch.cuda.mem_get_info(i)
            name = "cuda" if i == 0 else f"cuda:{i}"
            title = f"GPU ({torch.cuda.get_device_name(i)})"
            found.append(dict(name=name, title=title, free=int(free_there), total=int(total_there)))
    if _has_mps():
        found.append(dict(name="mps", title="GPU (Apple)", free=free, total=total))
    return found


def resolve(name: str) -> str:
    """Return the device that a name stands for: ``"auto"`` is the first CUDA device, else the CPU.

    Raises
    ------
    InputError
        If the device is not known or not there.
    """
    import torch

    asked = str(name).strip().lower()
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, index = asked.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and (kind != "cuda" or not index.isdigit())):
        raise InputError(f"the device {name!r} is not known", mend="use auto, cpu, cuda or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device that torch can use", mend="use the device cpu or auto")
    if colon and int(index) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise InputError(f"there is no CUDA device {index}", mend=f"use cuda:0{f' to cuda:{last}' if last else ''}")
    if kind == "mps" and not _has_mps():
        raise InputError("there is no Apple GPU (mps) that torch can use", mend="use the device cpu or auto")
    return asked


def free_bytes(name: str) -> int:
    """Memory in bytes that can be taken now on a resolved device."""
    if name.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(name))[0])
    return _host_memory()[0]


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())


def _host_memory() -> tuple[int, int]:
    """Free and total memory of this machine, or of the container that it is run in."""
    memory = psutil.virtual_memory()
    free, total = int(memory.available), int(memory.total)
    try:
        limit, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        if limit != "max":
            total = min(total, int(limit))
            free = max(0, min(free, int(limit) - int(used)))
    except (OSError, ValueError):
        pass
    return free, total
