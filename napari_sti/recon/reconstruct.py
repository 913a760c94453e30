"""Run a reconstruction method on an acquisition: the one way in for the command line, jobs and notebooks."""

from dataclasses import replace
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.core.progress import Progress, silent
from napari_sti.core.provenance import array_hash, make_provenance
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon import devices
from napari_sti.recon.memory_words import memory_in_words
from napari_sti.recon.placement import place
from napari_sti.recon.registry import get_method
from napari_sti.recon.timing import TimedProgress


def reconstruct(
    acquisition: Acquisition,
    method: str = "stiimag",
    *,
    device: str = "auto",
    progress: Progress = silent,
    start: TensorField | None = None,
    **params: Any,
) -> TensorField:
    """Reconstruct the susceptibility tensor of an acquisition.

    Parameters
    ----------
    acquisition : Acquisition
        Field maps of one or several orientations.
    method : str
        Id of the method, as listed by ``napari-sti methods``.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute; ``"auto"`` takes a CUDA device if there is one.
    progress : callable
        Called with a `Step` once per iteration; may raise `Cancelled`, which passes through.
    start : TensorField, optional
        Begin at another result of the same grid, in whatever frame and storage order.
    **params
        Parameters of the method, such as ``lam=0.0``.

    Returns
    -------
    TensorField
        Tensor in ppm and voxel axes, 0 outside the mask, with provenance: method, parameters, device, seconds,
        versions, inputs, remarks, and a record of every iteration.

    Raises
    ------
    InputError
        If the method, a parameter or the device is not known, or the acquisition lacks what the method needs.
    Cancelled
        If the progress callable raises it.
    OutOfMemory
        If the device has not enough memory.
    """
    chosen = get_method(method)
    checked: Any = from_mapping(chosen.Params, params)
    chosen.check(acquisition)
    begin = _begin(chosen, acquisition, start)
    where, home, moved = place(chosen, acquisition.shape, acquisition.n_orientations, checked, devices.resolve(device))
    clock = TimedProgress.of(progress)

    def needed() -> int:
        return chosen.memory_bytes(acquisition.shape, acquisition.n_orientations, checked)

    with memory_in_words(chosen.title, needed, where):
        tensor = _run(chosen, acquisition, checked, clock, where, home, begin)
    made = dict(tensor.provenance)
    remarks = (*acquisition.warnings, *chosen.remarks(acquisition), *moved, *made.pop("remarks", ()))
    provenance = make_provenance(
        method=chosen.id,
        params=to_mapping(checked),
        device=where,
        seconds=clock.seconds,
        inputs=_inputs(acquisition),
        remarks=tuple(dict.fromkeys(remarks)),
        simulated=acquisition.simulated,
        orientations=acquisition.n_orientations,
        b0_dirs={"frame": "ras", "vectors": _world_directions(acquisition)},
        tesla=acquisition.b0,
        **made,
    )
    return replace(tensor, provenance=provenance)


def _run(
    method: Method,
    acquisition: Acquisition,
    params: Any,
    progress: Progress,
    device: str,
    home: str,
    start: TensorField | None,
) -> TensorField:
    """Call the method with what is out of the ordinary only where it is."""
    more: dict[str, Any] = {}
    if start is not None:
        more["start"] = start
    if home != device:
        more["home"] = home
    return method.run(acquisition, params, progress, device=device, **more)


def _begin(method: Method, acquisition: Acquisition, start: TensorField | None) -> TensorField | None:
    """First estimate as the method takes it: in voxel axes of this acquisition."""
    if start is None:
        return None
    if not method.takes_start:
        raise InputError(
            f"{method.title} does not iterate from a first estimate",
            mend="choose another method or leave the start out",
        )
    # Its own file may be stored in another order; every voxel has to keep its place in the world.
    move = frames.orientation_between(start.affine, acquisition.affine)
    placed = start.in_frame("voxel").reordered(move)
    if placed.shape != acquisition.shape or not np.allclose(placed.affine, acquisition.affine, atol=1e-3):
        raise InputError(
            f"the result to start from ({start.name}) is on another grid than the study",
            mend="give one of the same grid",
        )
    return placed


def _world_directions(acquisition: Acquisition) -> list[list[float]]:
    """B0 directions in RAS, which mean the same whatever becomes of the file."""
    turn = frames.between("voxel", "ras", acquisition.affine)
    directions: list[list[float]] = np.round(frames.rotate_vectors(acquisition.b0_dirs, turn), 6).tolist()
    return directions


def _inputs(acquisition: Acquisition) -> list[dict[str, Any]]:
    """Files with their hashes, or the hashes of arrays that came from memory."""
    if acquisition.inputs:
        return [dict(item) for item in acquisition.inputs]
    arrays = {"field": acquisition.field, "mask": acquisition.mask, "b0_dirs": acquisition.b0_dirs}
    return [
        {"role": role, "path": None, "sha256": array_hash(array)} for role, array in arrays.items() if array is not None
    ]
