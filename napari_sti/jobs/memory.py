"""How much memory a job may take, and what is said when that is too little."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_sti.core.errors import OutOfMemory
from napari_sti.core.memory import size_text

if sys.platform != "win32":
    import resource


class TooLarge(OutOfMemory):
    """A run that was refused before it took any memory."""


def check_enough(needed: int, free: int, limit: int | None = None) -> None:
    """Refuse a job that needs more than there is.

    Parameters
    ----------
    needed, free : int
        Bytes.
    limit : int, optional
        Bytes that a run may take, if that was set.

    Raises
    ------
    TooLarge
        With a sentence that gives both numbers.
    """
    mend = "take a smaller volume or fewer orientations, or another device"
    if needed > free:
        raise TooLarge(
            f"Not enough memory: this run needs about {size_text(needed)} and {size_text(free)} are free; "
            f"close other programs, {mend}."
        )
    if limit is not None and needed > limit:
        raise TooLarge(
            f"Not enough memory: this run needs about {size_text(needed)} and may take {size_text(limit)}, "
            f"the limit that was set; raise the limit, {mend}."
        )


@contextmanager
def limited(extra: int | None) -> Iterator[None]:
    """Let this process take at most `extra` bytes more than it has now, while the context lasts.

    The limit is on private data (RLIMIT_DATA), which is what arrays are made of; address space would also count
    what a GPU driver merely reserves. Only Linux enforces it; elsewhere nothing happens.
    """
    if extra is None or not sys.platform.startswith("linux"):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_bytes() + extra
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
