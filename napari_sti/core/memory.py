"""What memory is called, and how to tell that it ran out."""

import errno

_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "unable to allocate",
)


def size_text(n: float) -> str:
    """Bytes as people say them: ``1.2 GB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if n >= factor:
            return f"{n / factor:.1f} {unit}" if n < 10 * factor else f"{n / factor:.0f} {unit}"
    return f"{n / 1e3:.0f} kB"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; torch has its own ways of saying it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)
