"""Side by side: napari's grid with one cell for each layer of a comparison, and the way back to what was shown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info

SPACING = 4
"""Pixels between two cells."""

ABOVE, BELOW, BESIDE = 62.0, 22.0, 20.0
"""Pixels of a cell that are kept free of the image for its title and its letters."""


@dataclass(frozen=True)
class Layout:
    """Where the layers of a comparison stand.

    Parameters
    ----------
    rows, columns : int
        Of the grid. Its last cell is free, for the legend.
    order : tuple of int
        For each cell in reading order a place in the list of maps, reference, angle maps (``comparison_layers``).
    """

    rows: int
    columns: int
    order: tuple[int, ...]


def layouts(results: int) -> list[Layout]:
    """Sensible ways to lay out so many results, their reference and their angle maps, the plainest first.

    Angle maps stand below their results, with the reference at the end of the first row or in a row of its own; or
    beside them.
    """
    maps, reference, angles = range(results), results, range(results + 1, 2 * results + 1)
    found = [Layout(2, results + 1, (*maps, reference, *angles))]
    if results > 1:
        found.append(Layout(3, results, (*maps, *angles, reference)))
    pairs = (*(place for pair in zip(maps, angles, strict=True) for place in pair), reference)
    for in_row in range(1, results + 1):
        found.append(Layout(math.ceil((2 * results + 2) / (2 * in_row)), 2 * in_row, pairs))
    return found


def choose_layout(results: int, canvas: tuple[float, float], size: tuple[float, float]) -> Layout:
    """Choose the layout in which the images are largest.

    Parameters
    ----------
    results : int
        Number of results.
    canvas : (float, float)
        Width and height of the canvas in pixels.
    size : (float, float)
        Width and height of what is shown in a cell, mm.
    """
    return max(layouts(results), key=lambda layout: _zoom(layout.rows, layout.columns, canvas, size))


def _zoom(rows: int, columns: int, canvas: tuple[float, float], size: tuple[float, float]) -> float:
    """Pixels for a millimetre at which an image fills its cell, beside and below what is written there."""
    width = (canvas[0] - SPACING * (columns - 1)) / columns - 2 * BESIDE
    height = (canvas[1] - SPACING * (rows - 1)) / rows - ABOVE - BELOW
    return max(min(width / max(size[0], 1e-6), height / max(size[1], 1e-6)), 0.05)


@dataclass(frozen=True)
class _Before:
    """What the viewer showed before the comparison."""

    visible: list[tuple[Any, bool]]
    selected: list[Any]
    grid: tuple[bool, tuple[int, int], int, float]
    centre: tuple[float, ...]
    zoom: float
    order: tuple[int, ...]
    ndisplay: int


class SideBySide:
    """Shows some layers alone, each in a cell of its own, and restores the viewer afterwards.

    Cameras and slices of napari's cells are one and the same, so that they move together.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = _compat.unwrap(viewer)
        self._before: _Before | None = None
        self._box = np.zeros((2, 3))
        self.layers: list[Any] = []
        self.covers: list[Any] = []

    @property
    def shown(self) -> bool:
        """Whether a comparison is on the screen."""
        return bool(self.layers)

    def remember(self) -> None:
        """Remember what is shown; to be called before the first layer of a comparison comes into the viewer."""
        if self._before is not None:
            return
        viewer, grid = self._viewer, _compat.grid(self._viewer)
        camera = _compat.camera(viewer)
        self._before = _Before(
            visible=[(layer, layer.visible) for layer in viewer.layers],
            selected=list(viewer.layers.selection),
            grid=(grid.enabled, tuple(grid.shape), grid.stride, grid.spacing),
            centre=tuple(camera.center),
            zoom=float(camera.zoom),
            order=tuple(viewer.dims.order),
            ndisplay=viewer.dims.ndisplay,
        )

    def layout_for(self, results: int, box: NDArray[np.float64]) -> Layout:
        """Choose the layout for the canvas and the plane of now; `box` is the lower and the upper corner, mm."""
        vertical, horizontal = (axis - (self._viewer.dims.ndim - 3) for axis in self._viewer.dims.displayed[-2:])
        size = box[1] - box[0]
        return choose_layout(
            results, _compat.canvas_size(self._viewer), (float(size[horizontal]), float(size[vertical]))
        )

    def lay_out(
        self, layers: Sequence[Any], layout: Layout, box: NDArray[np.float64], *, covers: Sequence[Any] = ()
    ) -> None:
        """Show these layers and nothing else, each in a cell of its own, in place of an earlier comparison.

        Parameters
        ----------
        layers : sequence of layers
            In reading order; they have to be the topmost of the viewer, the first of them on top.
        layout : Layout
            Rows and columns.
        box : (2, 3) array
            Lower and upper corner of what is to fill the cells, mm of the screen.
        covers : sequence of layers
            What lies over each of them, directly above it in the viewer; none by default.
        """
        viewer, grid = self._viewer, _compat.grid(self._viewer)
        with _compat.batched(viewer):
            fresh = not self.layers
            self._remove()
            self._box = np.asarray(box, float)
            self.layers, self.covers = list(layers), list(covers)
            for layer in viewer.layers:
                wanted = layer in self.layers or layer in self.covers
                if layer.visible != wanted:
                    layer.visible = wanted
            grid.shape = (layout.rows, layout.columns)
            # Counted from the top of the list, whatever hidden layers lie below; a cover belongs to the cell below it.
            grid.stride = -2 if self.covers else -1
            grid.spacing = SPACING
            grid.enabled = True
        _link(viewer, self.layers)
        viewer.layers.selection.clear()  # so that the status line answers for all cells
        if fresh:
            self.fit()
        _compat.settle_cells(viewer)

    def cover(self, covers: Sequence[Any]) -> None:
        """Show one layer over the image of every cell, in place of those that were there.

        Parameters
        ----------
        covers : sequence of layers
            As many as there are cells, in reading order; anywhere in the viewer.
        """
        layers = self._viewer.layers
        with _compat.batched(self._viewer):
            self._take_covers_away()
            self.covers = list(covers)
            for layer, cover in zip(self.layers, self.covers, strict=True):
                layers.move(layers.index(cover), layers.index(layer) + 1)
                cover.visible = True
            _compat.grid(self._viewer).stride = -2
        _compat.settle_cells(self._viewer)
        layers.selection.clear()

    def uncover(self) -> None:
        """Take away what lies over the images."""
        with _compat.batched(self._viewer):
            self._take_covers_away()

    def _take_covers_away(self) -> None:
        """Remove the covers, within a batch: one of its own would end the one that it is in."""
        covers, self.covers = [layer for layer in self.covers if layer in self._viewer.layers], []
        for layer in covers:
            self._viewer.layers.remove(layer)
        if covers and self.shown:
            _compat.grid(self._viewer).stride = -1

    def fit(self) -> None:
        """Let the images fill their cells, but for the room that titles and letters take."""
        viewer, camera = self._viewer, _compat.camera(self._viewer)
        if viewer.dims.ndisplay == 3:
            viewer.reset_view()
            return
        vertical, horizontal = (axis - (viewer.dims.ndim - 3) for axis in viewer.dims.displayed[-2:])
        size, middle = self._box[1] - self._box[0], self._box.mean(axis=0)
        rows, columns = _compat.grid(viewer).actual_shape(viewer.layers)
        camera.zoom = _zoom(
            rows, columns, _compat.canvas_size(viewer), (float(size[horizontal]), float(size[vertical]))
        )
        upwards = str(camera.orientation[1]) == "up"
        shift = (ABOVE - BELOW) / 2 / camera.zoom * (1 if upwards else -1)  # the image lies below the middle
        camera.center = (0.0, float(middle[vertical]) + shift, float(middle[horizontal]))

    def end(self, *, spare: Callable[[Any], bool] | None = None) -> None:
        """Take the comparison away and show what was shown before.

        Parameters
        ----------
        spare : callable, optional
            Tells layers that are left as they are, with the selection, since somebody has chosen anew what is seen.
        """
        before, self._before = self._before, None
        viewer, grid = self._viewer, _compat.grid(self._viewer)
        if before is None:
            return
        with _compat.batched(viewer):
            self._remove()
            there = set(viewer.layers)
            for layer, visible in before.visible:
                left = layer not in there or (spare is not None and spare(layer))
                if not left and layer.visible != visible:
                    layer.visible = visible
            _, grid.shape, grid.stride, grid.spacing = before.grid
            grid.enabled = before.grid[0]
        if spare is None:
            viewer.layers.selection.clear()
            viewer.layers.selection.update(layer for layer in before.selected if layer in there)
        self._camera_back(before)

    def _remove(self) -> None:
        self._take_covers_away()
        layers, self.layers = [layer for layer in self.layers if layer in self._viewer.layers], []
        if layers:
            self._viewer.layers.unlink_layers(layers)  # links would keep them alive
        for layer in layers:
            self._viewer.layers.remove(layer)

    def _camera_back(self, before: _Before) -> None:
        viewer, camera = self._viewer, _compat.camera(self._viewer)
        if not len(viewer.layers):
            return
        if tuple(viewer.dims.order) == before.order and viewer.dims.ndisplay == before.ndisplay:
            camera.center, camera.zoom = before.centre, before.zoom
        else:  # another plane was chosen meanwhile: what was the middle of the old one means nothing in it
            viewer.reset_view()


def _link(viewer: Any, layers: Sequence[Any]) -> None:
    """Let layers of one map share their window, whichever of them it is changed in."""
    groups: dict[str, list[Any]] = {}
    for layer in layers:
        kind = str((layer_info(layer.metadata) or {}).get("kind", ""))
        if not getattr(layer, "rgb", False):
            groups.setdefault(kind, []).append(layer)
    for group in groups.values():
        if len(group) > 1:
            viewer.layers.link_layers(group, ("contrast_limits", "gamma", "colormap"))
