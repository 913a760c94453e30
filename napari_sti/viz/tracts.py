"""Streamlines as a layer: thin lines coloured by direction, in a slab of slices or in three dimensions."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.tracts import Tracts
from napari_sti.viz import _compat
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info, shown_place
from napari_sti.viz.numbers import Unit

KIND = "tracts"

MOST_SEGMENTS = 150_000
"""More are drawn coarser: what is shown then has longer segments, what is saved is untouched."""

BEND, REACH = 12.0, 3.0
"""A segment that is drawn turns by at most so many degrees, and is at most so many mm long ..."""
COARSER = 1.3
"""... and both grow by this factor until there are few enough segments."""

WIDTH = 2.0
"""Of the lines in pixels."""

TINT = 0.25
"""Share of white in their colours: over a map of directions they would vanish otherwise."""


@dataclass(frozen=True, eq=False)
class DrawnTracts:
    """What a layer of streamlines is made from.

    Parameters
    ----------
    vectors : (n, 2, 3) float32 array
        Start and extent of each segment in shown voxel indices.
    colors : (n, 4) float32 array
        RGBA by direction in RAS.
    coarseness : float
        By which the longest segment exceeds `REACH`; 1 if none was drawn coarser.
    """

    vectors: NDArray[np.float32]
    colors: NDArray[np.float32]
    coarseness: float = 1.0


@dataclass(frozen=True)
class TractWords:
    """What the status line says of a layer of streamlines."""

    text: str

    def words(self, voxel: tuple[int, int, int], unit: Unit) -> str:
        """The same everywhere: lines have no value in a voxel."""
        return self.text


def draw_tracts(tracts: Tracts, grid: DisplayGrid, *, most: int = MOST_SEGMENTS) -> DrawnTracts:
    """Make the segments of streamlines as they lie on a shown grid; colours follow the axes of the world."""
    coarseness = 1.0
    points, owner = tracts.points, tracts.owner
    progress = _progress(tracts)
    kept = _kept(tracts, progress, coarseness)
    while len(kept) - len(tracts) > most and coarseness < 100:
        coarseness *= COARSER
        kept = _kept(tracts, progress, coarseness)
    start, end = kept[:-1], kept[1:]
    same = owner[start] == owner[end]
    start, end = start[same], end[same]
    first, last = points[start], points[end]
    extent = last - first
    length = np.linalg.norm(extent, axis=1, keepdims=True)
    colors = np.ones((len(start), 4), np.float32)
    colors[:, :3] = TINT + (1 - TINT) * np.abs(extent) / np.maximum(length, 1e-6)
    first, last = (((shown_place(grid, place) - grid.translate) / grid.scale) for place in (first, last))
    return DrawnTracts(np.stack([first, last - first], axis=1).astype(np.float32), colors, coarseness)


def _progress(tracts: Tracts) -> NDArray[np.float64]:
    """How far along its line each point is, counted in bends of `BEND` degrees and stretches of `REACH` mm."""
    count = len(tracts.points)
    gone = np.zeros(count)
    if count > 1:
        within = tracts.owner[1:] == tracts.owner[:-1]
        steps = np.diff(tracts.points, axis=0) * within[:, None]
        length = np.sqrt(np.einsum("ij,ij->i", steps, steps, dtype=np.float64))
        gone[1:] = length / REACH
        inner = within[1:] & within[:-1]  # points with a segment on either side
        product = np.einsum("ij,ij->i", steps[1:], steps[:-1], dtype=np.float64)
        cosine = np.clip(product / np.maximum(length[1:] * length[:-1], 1e-18), -1, 1)
        gone[2:] += np.degrees(np.arccos(cosine)) / BEND * inner
    return np.cumsum(gone)


def _kept(tracts: Tracts, progress: NDArray[np.float64], coarseness: float) -> NDArray[np.int64]:
    """Indices of the points that are drawn: both ends of every line, and one for each unit of progress between."""
    lengths = np.diff(tracts.offsets)
    first = tracts.offsets[:-1][lengths > 0]
    last = tracts.offsets[1:][lengths > 0] - 1
    since = (progress - np.repeat(progress[first], lengths[lengths > 0])) / coarseness
    keep = np.zeros(len(progress), bool)
    if len(keep):
        keep[1:] = np.floor(since[1:]) != np.floor(since[:-1])
        keep[first] = keep[last] = True
    return np.flatnonzero(keep)


def tract_layer(tracts: Tracts, drawn: DrawnTracts, grid: DisplayGrid, *, run: str) -> Any:
    """Make the layer.

    Parameters
    ----------
    tracts : Tracts
        Kept whole in the layer's metadata, to be saved.
    drawn : DrawnTracts
        As `draw_tracts` makes them for this grid.
    run : str
        Name of the run that they were tracked on.
    """
    keywords: dict[str, Any] = {
        "name": tracts.name,
        "edge_width": WIDTH,
        "length": 1,
        "vector_style": "line",
        "projection_mode": "all",  # a slab of slices, as wide as the viewer's margins say
        "blending": "translucent",
        "metadata": {METADATA_KEY: {**grid.metadata(), **_info(tracts, run)}},
        **grid.layer_keywords(),
    }
    keywords |= {"edge_color": drawn.colors} if len(drawn.vectors) else {"ndim": 3}
    return _compat.line_layer(drawn.vectors, **keywords)


def _info(tracts: Tracts, run: str) -> dict[str, Any]:
    return {
        "kind": KIND,
        "map": "tracts",
        "unit": "",
        "frame": "ras",
        "run": run,
        "floor": 0.0,  # says that it is coloured by direction, which the key on the canvas explains
        "ceiling": 0.0,
        "simulated": tracts.provenance.get("simulated"),
        "tracts": tracts,
        "maps": TractWords(f"{len(tracts)} streamlines"),
        "description": f"{len(tracts)} streamlines, coloured by direction.",
    }


def set_tracts(layer: Any, tracts: Tracts, drawn: DrawnTracts) -> None:
    """Show other streamlines in a layer that is there."""
    info = layer_info(layer.metadata)
    assert info is not None
    layer.data = drawn.vectors
    if len(drawn.vectors):
        layer.edge_color = drawn.colors
    layer.metadata = {**layer.metadata, METADATA_KEY: {**info, **_info(tracts, str(info.get("run", "")))}}


def set_file(layer: Any, path: Path) -> None:
    """Take note of the file in which the streamlines of a layer are kept."""
    tracts, info = tracts_of(layer), layer_info(layer.metadata)
    if tracts is not None and info is not None:
        kept = replace(tracts, provenance={**tracts.provenance, "file": str(path.absolute())})
        layer.metadata = {**layer.metadata, METADATA_KEY: {**info, "tracts": kept}}


def tracts_of(layer: Any) -> Tracts | None:
    """Return the streamlines of a layer, None for any other."""
    info = layer_info(layer.metadata)
    found = None if info is None else info.get("tracts")
    return found if isinstance(found, Tracts) else None


def tract_layers(viewer: Any) -> list[Any]:
    """Return the layers of streamlines of a viewer, the topmost first."""
    return [layer for layer in reversed(viewer.layers) if tracts_of(layer) is not None]


def set_slab(viewer: Any, thickness: float) -> None:
    """Show streamlines within so many mm of depth around a slice; images are not affected."""
    viewer = _compat.unwrap(viewer)
    half = max(float(thickness), 0.0) / 2
    ndim = viewer.dims.ndim
    margin = (*([0.0] * (ndim - 3)), half, half, half)[-ndim:]
    viewer.dims.margin_left = margin
    viewer.dims.margin_right = margin
