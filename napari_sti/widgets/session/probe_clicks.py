"""Clicks in the image: told apart from dragging, so that the image is moved and magnified as ever."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_sti.viz.display import grid_of, layer_info
from napari_sti.viz.status import brightest

_LEFT = 1
_STILL = 4.0
"""Pixels that a click may move and still be one."""


class ProbeClicks(QObject):
    """Listens to the mouse of a viewer while it is on.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose canvas is clicked.
    """

    clicked = Signal(object)
    """Place in mm of the screen, (3,)."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._cursor: Any = None
        self.on = False

    def set_on(self, on: bool) -> None:
        """Begin or stop to listen."""
        if on == self.on:
            return
        self.on = on
        callbacks = self._viewer.mouse_drag_callbacks
        if on:
            callbacks.append(self._pressed)
        elif self._pressed in callbacks:
            callbacks.remove(self._pressed)
        self._show_cursor()

    def _show_cursor(self) -> None:
        """A cross where a click probes; where the layer has a cursor of its own it may take over."""
        cursor = self._viewer.cursor
        if self.on:
            self._cursor, cursor.style = cursor.style, "cross"
        elif self._cursor is not None:
            cursor.style, self._cursor = self._cursor, None

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release; napari calls this for every event of the drag."""
        if event.button != _LEFT or event.modifiers or self._paints():
            return
        began, moved = np.array(event.pos, float), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos, float) - began).max()))
            yield
        if moved <= _STILL:
            self.clicked.emit(self._place(event))

    def _paints(self) -> bool:
        """Whether a click does something else in the active layer, such as painting or moving a point."""
        active = self._viewer.layers.selection.active
        mode = str(getattr(active, "mode", "pan_zoom"))
        return mode not in ("pan_zoom", "Mode.PAN_ZOOM")

    def _place(self, event: Any) -> Any:
        """Where the click hit: in three dimensions the brightest place on its ray, which is what is seen."""
        place = np.asarray(event.position, float)
        displayed = list(event.dims_displayed)
        if len(displayed) == 3:
            for layer in reversed(self._viewer.layers):
                grid = grid_of(layer_info(layer.metadata)) if layer.visible else None
                if grid is not None and np.ndim(layer.data) in (3, 4):
                    keywords = {"view_direction": event.view_direction, "dims_displayed": displayed}
                    return brightest(layer, grid, place, keywords)[-3:]
        return place[-3:]
