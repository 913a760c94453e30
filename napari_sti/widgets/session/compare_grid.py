"""A comparison side by side on the screen."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QObject

from napari_sti.viz.compare_grid import Layout
from napari_sti.viz.compare_layers import MapKind, ShownComparison, comparison_layers
from napari_sti.viz.layers import LayerData, set_window
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.side_grid import SideGrid
from napari_sti.widgets.session.view import ViewSession

_THROTTLE = 80
"""Milliseconds between two repaints while the slider of the View panel is dragged."""


class CompareGrid(SideGrid):
    """Shows a comparison side by side until something else is wanted, with the window of the View panel.

    See `SideGrid`.

    Attributes
    ----------
    what : ShownComparison or None
        What is shown, or can be shown again; with the windows of now.
    """

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(layers, view, parent)
        self.what: ShownComparison | None = None
        self._repaint = self._timer(_THROTTLE, self._take_window)

    def show(self, kind: MapKind) -> None:
        """Bring the comparison onto the screen, or another map of it, when its layers are made."""
        if self.what is not None:
            self._maker.start(comparison_layers, self.what, kind)

    def _arranged(self, made: list[LayerData]) -> tuple[Iterable[LayerData], Layout, Any] | None:
        if self.what is None:
            return None
        layout = self._side.layout_for(len(self.what.maps), self.what.box)
        # The last in the list of layers lies on top, and the topmost is in the first cell.
        return (made[place] for place in reversed(layout.order)), layout, self.what.box

    def _view_changed(self) -> None:
        before = self._watched
        super()._view_changed()
        view = self._view.value()
        if self.shown and (view.floor, view.ceiling) != (before.floor, before.ceiling):
            self._repaint.start()

    def _take_window(self) -> None:
        """Take floor and ceiling over from the View panel, for all cells."""
        view = self._view.value()
        if self.what is None or view.ceiling <= view.floor:
            return
        self.what = replace(self.what, windows=replace(self.what.windows, msa=(view.floor, view.ceiling)))
        for layer in self._side.layers:
            set_window(layer, view.floor, view.ceiling)
