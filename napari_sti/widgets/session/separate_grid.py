"""Separations side by side: chi+, |chi-| and total of each in cells of their own, with the closed form below."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_sti.viz.compare_grid import Layout
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import ShownSeparations, brush_layer, side_by_side
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.side_grid import SideGrid
from napari_sti.widgets.session.view import ViewSession


class SeparationGrid(SideGrid):
    """Shows separations side by side until something else is wanted; see `SideGrid`."""

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(layers, view, parent)
        self._what: ShownSeparations | None = None

    def show(self, what: ShownSeparations) -> None:
        """Bring these onto the screen when their layers are made."""
        self._what = what
        self._maker.start(side_by_side, what)

    def _arranged(self, made: tuple[list[LayerData], Layout]) -> tuple[Iterable[LayerData], Layout, Any] | None:
        layers, layout = made
        return None if self._what is None else (reversed(layers), layout, self._what.box)

    def _blank(self) -> LayerData | None:
        """The brush follows the mouse: its layers have to be there before, since they take long to make."""
        if self._what is None:
            return None
        name, found = next(iter(self._what.found.items()))
        none = np.zeros(DisplayGrid(found.affine, found.shape).shown_shape, np.uint8)
        return brush_layer(found, none, run=name, said="nothing brushed")
