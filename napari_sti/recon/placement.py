"""Where a run computes and where its vectors live, for devices that are too small for all of it."""

from typing import Any

from napari_sti.core.memory import size_text
from napari_sti.core.method import Method
from napari_sti.recon import devices


def place(
    method: Method, shape: tuple[int, int, int], orientations: int, params: Any, device: str
) -> tuple[str, str, tuple[str, ...]]:
    """Choose the device and the home of a run.

    Nothing is computed with less precision for want of memory: what does not fit on a GPU is moved, and it is said.

    Parameters
    ----------
    method, shape, orientations, params
        What is to be run on which grid.
    device : str
        Resolved name of the device that was asked for.

    Returns
    -------
    device : str
        Where to compute.
    home : str
        Where to keep what an iteration leaves to the next.
    said : tuple of str
        What was decided, for the remarks of the result; empty if all is as was asked for.
    """
    if device == "cpu":
        return device, device, ()
    needed, free = method.memory_bytes(shape, orientations, params), devices.free_bytes(device)
    if needed <= free:
        return device, device, ()
    there = method.device_bytes(shape, orientations, params)
    short = f"The run needs about {size_text(needed)} and {size_text(free)} are free on {device}"
    if there <= free and there < needed:
        said = (
            f"{short}: only the transforms were computed there, and the vectors of the solver stayed in main memory. "
            "This is slower and just as precise."
        )
        return device, "cpu", (said,)
    return "cpu", "cpu", (f"{short}: it was computed on the CPU instead, which is slower and just as precise.",)
