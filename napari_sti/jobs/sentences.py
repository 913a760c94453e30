"""One sentence for whatever can end a run."""

import errno
import signal

from napari_sti.core.errors import InputError, OutOfMemory
from napari_sti.core.memory import is_out_of_memory

_NO_MEMORY = (
    "Memory ran out during the run; close other programs, take a smaller volume or fewer orientations, "
    "or another device."
)


def sentence_for(error: BaseException) -> str:
    """Say in one sentence why a run failed, and how to mend it where that is known."""
    if isinstance(error, InputError | OutOfMemory) and str(error):
        text = str(error)
        return text[0].upper() + text[1:] if isinstance(error, OutOfMemory) else text
    if is_out_of_memory(error):
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free some space or choose another output folder."
    if isinstance(error, PermissionError):
        return f"{error.filename} cannot be written or read (permission denied); choose another output folder."
    if isinstance(error, KeyboardInterrupt):
        return "The run was interrupted."
    first = " ".join(str(error).split())[:200]
    what = type(error).__name__ + (f": {first}" if first else "")
    return f"The run stopped with an unexpected error ({what}); the details are in its log."


def exit_sentence(status: int, *, ready: bool = True, last_line: str = "") -> str:
    """Say in one sentence why the worker process ended by itself.

    Parameters
    ----------
    status : int
        Exit status; negative is the number of the signal that ended it, as `subprocess` has it.
    ready : bool
        Whether it had started properly.
    last_line : str
        The last line that it wrote on standard error.
    """
    last = " ".join(last_line.split())[:200]
    if -status == signal.SIGINT or -status == signal.SIGTERM:
        return f"The worker process was ended from outside (signal {-status}); press Run to start again."
    if status == -9:
        return (
            "The worker process was killed (signal 9), most likely because memory ran out; "
            "close other programs or take a smaller volume, then press Run again."
        )
    if status < 0:
        return f"The worker process crashed ({_signal_name(-status)}); the details are in the log of the run."
    if not ready:
        return f"The worker process could not start{f' ({last})' if last else ''}; check the installation of torch."
    return f"The worker process ended unexpectedly (status {status}); the details are in the log of the run."


def _signal_name(number: int) -> str:
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
