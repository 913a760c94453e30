"""From names of layers and numbers in the View to the `Style` in which a run is painted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_sti.viz import other_maps
from napari_sti.viz.shown_maps import ShownMaps
from napari_sti.viz.style import Style, style_of
from napari_sti.widgets.background import Background

if TYPE_CHECKING:
    from napari_sti.widgets.session.view import View


class StyleSource(QObject):
    """Brings other maps to the grid of a run, in the background where they lie on another one, and keeps them.

    Attributes
    ----------
    ready : signal
        A map that was asked for is there now.
    """

    ready = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._kept: dict[tuple[int, int], NDArray[Any]] = {}
        self._asked: tuple[int, int] | None = None
        self._maker = Background(self)
        self._maker.done.connect(self._have)
        self._maker.failed.connect(self._have_failed)

    def close(self) -> None:
        """Drop what is still to come."""
        self._maker.close()

    def names(self, run: str) -> list[str]:
        """Names of the layers that can modulate or clip a run."""
        return [str(layer.name) for layer in self._usable(run)]

    def range_of(self, name: str, maps: ShownMaps) -> tuple[float, float]:
        """Ends of a slider for a map in the mask of a run; 0 and 1 while it is not there."""
        values = self._values(name, maps)
        return (0.0, 1.0) if values is None else other_maps.robust_range(values, maps.mask)

    def unit_of(self, name: str) -> tuple[str, str]:
        """Short name and unit of a map."""
        layer = self._layer(name)
        return (name, "") if layer is None else other_maps.title_and_unit(layer)

    def style(self, view: "View", maps: ShownMaps) -> Style:
        """Style of a view for a run; a map that is still being brought to the grid is left out until `ready`."""
        by = self._values(view.modulate, maps)
        title, unit = self.unit_of(view.modulate) if by is not None else ("MSA", "ppm")
        clip = self._values(view.clip, maps)
        low, high = view.clip_range
        with np.errstate(invalid="ignore"):
            inside = None if clip is None else (clip >= low) & (clip <= high)
        return Style(
            by=by,
            by_title=title,
            by_unit=unit,
            opacity=view.opacity,
            clip=inside,
            suppress=view.suppress,
            even=view.even,
            slab=view.slab,
            shape=view.shape,
        )

    def _usable(self, run: str = "") -> Iterable[Any]:
        return other_maps.usable(self.viewer.layers, run)

    def _layer(self, name: str) -> Any | None:
        return next((layer for layer in self._usable() if layer.name == name), None) if name else None

    def limits(self, view: "View", maps: ShownMaps | None) -> tuple[float, float]:
        """Ends of the slider of floor and ceiling: of MSA in ppm from 0 to a robust maximum, or of another map."""
        if maps is not None and view.modulate:
            return self.range_of(view.modulate, maps)
        return (0.0, 0.05) if maps is None else (0.0, max(float(maps.window()[1]) * 1.6, 1e-3))

    def suited(self, view: "View", maps: ShownMaps | None) -> dict[str, Any]:
        """Floor and ceiling that suit the map that modulates; empty without maps."""
        if maps is None:
            return {}
        floor, ceiling = self.range_of(view.modulate, maps) if view.modulate else maps.window()
        return {"floor": float(floor), "ceiling": float(ceiling)}

    def painted(self, view: "View", info: dict[str, Any], maps: ShownMaps | None) -> dict[str, Any]:
        """Floor and ceiling with which a layer is painted, those that suit where they are of another map."""
        if not style_of(info).by_msa:
            return self.suited(view, maps)
        return {key: float(info[key]) for key in ("floor", "ceiling")} if {"floor", "ceiling"} <= set(info) else {}

    def _values(self, name: str, maps: ShownMaps) -> NDArray[Any] | None:
        layer = self._layer(name)
        if layer is None:
            return None
        if other_maps.same_grid(layer, maps.grid):
            return np.asarray(layer.data)
        key = (id(layer.data), id(maps.grid))
        if key not in self._kept and self._asked != key:
            self._asked = key
            self._maker.start(_brought, layer, maps, key)
        return self._kept.get(key)

    def _have(self, answer: Any) -> None:
        key, values = answer
        self._asked = None
        if len(self._kept) >= 4:
            self._kept.clear()
        self._kept[key] = values
        self.ready.emit()

    def _have_failed(self, error: Exception) -> None:
        self._asked = None


def _brought(layer: Any, maps: ShownMaps, key: tuple[int, int]) -> Any:
    return key, other_maps.on_grid(layer, maps.grid)
