"""Keep memory that was freed: a training asks for the same large blocks again in every step.

The C library of Linux gives large blocks back to the system at once and gets them again as empty pages, each of which
costs a fault when it is first touched. With volumes that was half of the time of a step on two cores.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Numbers from glibc's malloc.h; mallopt(3) says what they mean and what they are by default.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 1 << 28}
_DEFAULT = {_MMAP_MAX: 65536, _TRIM_THRESHOLD: 128 * 1024, _TOP_PAD: 128 * 1024}


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep what is freed meanwhile for this process, and give it back at the end; does nothing without glibc."""
    keep_memory()
    try:
        yield
    finally:
        library = _glibc()
        if library is not None:
            _set(library, _DEFAULT)
            library.malloc_trim(0)


def keep_memory() -> None:
    """Keep what is freed for as long as this process lives; does nothing without glibc."""
    library = _glibc()
    if library is not None:
        _set(library, _KEEP)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # Other C libraries have neither.
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for option, value in values.items():
        library.mallopt(option, value)
