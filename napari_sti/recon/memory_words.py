"""The several errors of missing memory, in one sentence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_sti.core.errors import InputError, OutOfMemory
from napari_sti.core.memory import is_out_of_memory, size_text
from napari_sti.recon import devices


@contextmanager
def memory_in_words(title: str, needed: Callable[[], int], device: str) -> Iterator[None]:
    """Turn the several errors of missing memory into `OutOfMemory`.

    Parameters
    ----------
    title : str
        What is run.
    needed : callable
        Estimates its peak memory in bytes.
    device : str
        Where it runs.
    """
    try:
        yield
    except (InputError, OutOfMemory):
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        mend = "close other programs, crop the volumes to the head, or use fewer orientations"
        if device != "cpu":
            mend = "use the device cpu, crop the volumes to the head, or use fewer orientations"
        raise OutOfMemory(
            f"{title} needs about {size_text(needed())} of memory on {device} and "
            f"{size_text(devices.free_bytes(device))} are free; {mend}."
        ) from error
