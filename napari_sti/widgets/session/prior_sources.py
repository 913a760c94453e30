"""Images of the window that a prior can be asked about: layers, and the tensors of runs; and handing them over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.io.nifti import write_volume
from napari_sti.viz import _compat
from napari_sti.viz.compare_regions import take_labels
from napari_sti.viz.display import DisplayGrid, grid_of, layer_info
from napari_sti.viz.prior_layers import Bound
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.words import size

LAYER, TENSOR = "layer:", "tensor:"
"""Beginnings of the keys of sources."""

_ANSWERS = ("prior_map", "prior_difference", "prox", "inverse")
_FIELDS = ("field", "mask", "qsm", "r2prime")
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


@dataclass(frozen=True)
class Source:
    """An image that can be asked about.

    Parameters
    ----------
    key : str
        What it is and its name.
    title : str
        For people.
    shape : tuple of int
        Voxels along its axes; empty where that is in a file.
    channels : int
        Values per voxel.
    kind : str
        Which map it is, of layers of ours.
    """

    key: str
    title: str
    shape: tuple[int, ...]
    channels: int = 1
    kind: str = ""

    @property
    def dims(self) -> int:
        """Spatial axes: 2 or 3; a volume of a single slice has two."""
        return 2 if len(self.shape) == 2 or 1 in self.shape else 3

    @property
    def about(self) -> str:
        """Its size in words."""
        return "tensor of six values" if self.channels == 6 else size(self.shape)


@dataclass(frozen=True, eq=False)
class Taken:
    """An image taken out of the viewer, to be written by a thread.

    Parameters
    ----------
    data : array or None
        (X, Y, Z) in the order in which it is written; None where a file is there already.
    affine : (4, 4) array
    file : Path or None
    bound : Bound
        Where results go.
    """

    data: NDArray[Any] | None
    affine: NDArray[np.float64]
    file: Path | None
    bound: Bound


def sources(viewer: Any, runs: Iterable[Run]) -> list[Source]:
    """Image layers from the topmost down, then tensors of finished runs, newest first."""
    layers = [_of_layer(layer) for layer in reversed(viewer.layers) if _usable(layer)]
    tensors = [
        Source(TENSOR + run.name, f"tensor of {run.name}", (), 6)
        for run in runs
        if run.job.makes_tensor and run.folder is not None and run.state == "done"
    ]
    return layers + tensors


def first_of(known: Sequence[Source]) -> str:
    """Key of the image that is asked about where nobody chose one: a magnitude, else the topmost that is an image."""
    best = min(
        known, key=lambda one: (one.kind in _ANSWERS, one.kind in _FIELDS, one.kind != "magnitude"), default=None
    )
    return "" if best is None else best.key


def labels(viewer: Any) -> list[str]:
    """Names of the Labels layers, topmost first."""
    return [layer.name for layer in reversed(viewer.layers) if type(_compat.unwrap(layer)).__name__ == "Labels"]


def _usable(layer: Any) -> bool:
    layer = _compat.unwrap(layer)
    plain = type(layer).__name__ == "Image" and not layer.rgb and not getattr(layer, "multiscale", False)
    return plain and layer.ndim in (2, 3)


def _of_layer(layer: Any) -> Source:
    kind = str((layer_info(layer.metadata) or {}).get("kind", ""))
    return Source(LAYER + layer.name, layer.name, tuple(int(n) for n in layer.data.shape), kind=kind)


def slice_of(viewer: Any, layer: Any) -> tuple[int, int]:
    """Axis and index of the slice of a three-dimensional layer that is looked at; the middle one in 3-D."""
    hidden = [axis - (viewer.dims.ndim - 3) for axis in viewer.dims.not_displayed]
    axis = next((a for a in reversed(hidden) if 0 <= a < 3), 2)
    if viewer.dims.ndisplay == 3:
        return 2, layer.data.shape[2] // 2
    point = np.asarray(viewer.dims.point, float)[-3:]
    index = int(np.rint(np.asarray(layer.world_to_data(point), float)[axis]))
    return axis, min(max(index, 0), layer.data.shape[axis] - 1)


def take_layer(viewer: Any, name: str, run: str, *, one_slice: bool) -> Taken:
    """Take an image layer: its values, where it lies, and the slice that is looked at.

    Raises
    ------
    InputError
        If it is there no more.
    """
    layer = find_layer(viewer, name)
    info = layer_info(layer.metadata) or {}
    flat = layer.ndim == 2
    data = layer.data[..., None] if flat else layer.data
    stored = grid_of(info)
    grid = None if stored is None or flat else DisplayGrid(stored.true_affine, data.shape)
    axis, index = slice_of(viewer, layer) if one_slice and not flat else (2, None)
    bound = Bound(
        title=name,
        unit=str(info.get("unit", "")),
        run=run,
        shape=tuple(int(n) for n in data.shape),
        grid=grid,
        keywords={key: getattr(layer, key) for key in _PLACE},
        flat=flat,
        axis=axis,
        slice=index,
        values=data,
        limits=(float(layer.contrast_limits[0]), float(layer.contrast_limits[1])),
        simulated=bool(info.get("simulated", False)),
    )
    return Taken(data, _affine(layer) if grid is None else grid.affine, None, bound)


def _affine(layer: Any) -> NDArray[np.float64]:
    """Voxels to mm by scale and translation alone: of an image of another origin nothing more is needed."""
    affine = np.eye(4)
    scale = np.ones(3)
    scale[: layer.ndim] = np.abs(np.asarray(layer.scale, float))
    affine[:3, :3] = np.diag(np.where(scale > 0, scale, 1))
    affine[: layer.ndim, 3] = np.asarray(layer.translate, float)
    return affine


def take_tensor(run: Run, name: str) -> Taken:
    """Take the tensor of a run, which is in its file already.

    Raises
    ------
    InputError
        If the file is there no more.
    """
    from napari_sti.io.nifti import read_header

    assert run.folder is not None
    file = run.folder / "chi.nii.gz"
    header = read_header(file, what="tensor")
    shape = tuple(int(n) for n in header.shape[:3])
    grid = DisplayGrid(header.affine, (shape[0], shape[1], shape[2]))
    bound = Bound(f"tensor of {run.name}", "ppm", name, shape, grid, limits=(-0.1, 0.1))
    return Taken(None, header.affine, file, bound)


def take_region(viewer: Any, name: str, image: Taken) -> NDArray[Any]:
    """Labels in the voxels of an image, as they are now.

    Raises
    ------
    InputError
        If the layer is not there, or marks nothing of the image.
    """
    layer = find_layer(viewer, name)
    if image.bound.grid is not None:
        shown = take_labels(layer).on_grid(image.bound.grid)
        return image.bound.grid.to_stored(shown.data)
    data = np.array(layer.data)
    data = data[..., None] if data.ndim == 2 else data
    if data.shape != tuple(image.bound.shape):
        raise InputError(
            f"the labels {name!r} are {size(data.shape)} and the image {size(image.bound.shape)}",
            mend="paint on a Labels layer that was made for this image",
        )
    return data


def find_layer(viewer: Any, name: str) -> Any:
    """Return the layer of this name.

    Raises
    ------
    InputError
        If it is there no more.
    """
    if name not in viewer.layers:
        raise InputError(f"the layer {name!r} is not there any more", mend="choose another one")
    return _compat.unwrap(viewer.layers[name])


def write_taken(taken: Taken, path: Path) -> Path:
    """Write an image where the worker finds it, or say where it lies already."""
    if taken.file is not None:
        return taken.file
    assert taken.data is not None
    write_volume(path, np.asarray(taken.data), taken.affine, overwrite=True)
    return path
