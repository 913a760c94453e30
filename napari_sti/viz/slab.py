"""Which voxels a viewer shows now: the slice or slab, and how much of it lies in the window."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz import _compat, views
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.shown_maps import ShownMaps
from napari_sti.viz.style import Style

Index = NDArray[np.intp]

BEYOND = 0.1
"""Share of the window that is drawn beyond its edges, so that a small pan shows no gap."""


@dataclass(frozen=True)
class Seen:
    """What a viewer shows of a grid.

    Parameters
    ----------
    normal : int or None
        Shown axis through the slices; None in 3-D.
    place : float
        Shown index of the slice along it; in 3-D that of the slice that 2-D would show.
    low, high : three int
        First voxel that is seen along each shown axis, and the one after the last.
    pixels : float
        Pixels of the screen for a millimetre.
    towards : three floats
        Direction to the viewer in shown axes, unit length.
    """

    normal: int | None
    place: float
    low: tuple[int, int, int]
    high: tuple[int, int, int]
    pixels: float
    towards: tuple[float, float, float]


def seen(viewer: Any, grid: DisplayGrid, slab_mm: float = 0.0) -> Seen | None:
    """Work out what a viewer shows of a grid; None where it has fewer than three dimensions.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose slice and camera count.
    grid : DisplayGrid
        Of the volume.
    slab_mm : float
        Thickness of the slab around the slice; 0 is one slice, and everything in 3-D.
    """
    viewer = _compat.unwrap(viewer)
    axes = views.screen_axes(viewer)
    if axes is None:
        return None
    first = viewer.dims.ndim - 3
    normal = int(viewer.dims.order[-3]) - first
    shape = np.array(grid.shown_shape)
    place = (float(viewer.dims.point[first + normal]) - grid.translate[normal]) / grid.scale[normal]
    low, high = np.zeros(3, int), shape.copy()
    if axes.ndisplay == 2 or slab_mm > 0:
        reach = slab_mm / 2 / grid.scale[normal]
        middle = np.clip(np.rint(place), -1, shape[normal])
        low[normal] = max(0, int(np.ceil(middle - reach)))
        high[normal] = min(shape[normal], int(np.floor(middle + reach)) + 1)
    camera = _compat.camera(viewer)
    pixels = float(camera.zoom)
    if axes.ndisplay == 2 and not _compat.grid(viewer).enabled:
        width, height = _compat.canvas_size(viewer)
        centre = np.asarray(camera.center, float)[-2:]
        for axis, middle, size in zip(viewer.dims.order[-2:], centre, (height, width), strict=True):
            a = int(axis) - first
            half = size * (0.5 + BEYOND) / max(pixels, 1e-6)
            ends = (np.array([middle - half, middle + half]) - grid.translate[a]) / grid.scale[a]
            low[a], high[a] = np.clip([int(np.floor(ends[0])), int(np.ceil(ends[1])) + 1], 0, shape[a])
    return Seen(
        normal=normal if axes.ndisplay == 2 else None,
        place=float(np.rint(place)),
        low=(int(low[0]), int(low[1]), int(low[2])),
        high=(int(high[0]), int(high[1]), int(high[2])),
        pixels=pixels,
        towards=axes.towards,
    )


def choose(maps: ShownMaps, style: Style, floor: float, part: Seen, *, apart: float, most: int) -> tuple[Index, float]:
    """Choose the voxels that get a line or an ellipsoid.

    They lie on a square lattice, which is fixed to the volume so that nothing swims when the window is moved; its
    meshes are as wide as `apart` asks for in slices, and as wide as `most` asks for in 3-D.

    Parameters
    ----------
    maps, style, floor
        Voxels count inside the mask and the clip, where the map of the style reaches the floor.
    part : Seen
        What the viewer shows.
    apart : float
        Smallest distance of two on the screen in slices, pixels.
    most : int
        Largest number of them.

    Returns
    -------
    index : (n, 3) array
        Shown indices.
    spacing : float
        Distance of two neighbours, mm.
    """
    scale = maps.grid.scale
    spacing = float(scale.min())
    if part.normal is not None:
        spacing = max(spacing, apart / max(part.pixels, 1e-6))
    for _ in range(20):
        steps = np.maximum(1, np.rint(spacing / scale).astype(int))
        thin = [axis for axis in range(3) if part.high[axis] - part.low[axis] <= steps[axis]]
        steps[[*thin, *(() if part.normal is None else (part.normal,))]] = 1
        start = -(-np.array(part.low) // steps) * steps
        box = tuple(slice(a, b, s) for a, b, s in zip(start, part.high, steps, strict=True))
        index = np.argwhere(_counts(maps, style, floor, box)) * steps + start
        if len(index) <= most:
            break
        spacing *= max(1.1, (len(index) / most) ** (1 / 3))
    wide = [axis for axis in range(3) if axis != part.normal and axis not in thin]
    return index, float((steps * scale)[wide or [0, 1, 2]].min())


def _counts(maps: ShownMaps, style: Style, floor: float, box: Any) -> NDArray[np.bool_]:
    there = maps.mask[box] & (style.values(maps)[box] >= floor)
    if style.clip is not None:
        there &= style.clip[box]
    return cast(NDArray[np.bool_], there)
