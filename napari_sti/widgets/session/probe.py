"""Probes of one window: places that were clicked, kept as points, and what every open run holds there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.atomic import write_text
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.probe import Probe, Probeable, parse_place, with_fields
from napari_sti.maps.probe_files import probes_csv
from napari_sti.viz.display import DisplayGrid, layer_info, shown_place, true_world
from napari_sti.viz.probe_layer import (
    number_points,
    points_from_screen,
    points_layer,
    points_on_screen,
    shown_probeable,
    voxel_centre,
)
from napari_sti.viz.shown_maps import ShownMaps
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.probe_clicks import ProbeClicks
from napari_sti.widgets.session.view import ViewSession


class ProbeSession(QObject):
    """Keeps the probes; the points of their layer are the one truth, and may be moved or deleted by hand.

    The tensor is there at once. Measured and predicted fields of a run are read and computed once in the background,
    those of the run that is looked at first.

    Parameters
    ----------
    layers, view
        Sessions of the window.

    Attributes
    ----------
    probes : list of lists of Probe
        For each place, one for each run that is open, that which is looked at first.
    selected : int
        Which place is looked at; -1 where there is none.
    """

    changed = Signal()
    """Places, values, or what is being read."""
    mode_changed = Signal(bool)
    failed = Signal(str)
    saved = Signal(str)

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._view, self.viewer = layers, view, layers.viewer
        self.probes: list[list[Probe]] = []
        self.selected = -1
        self._layer: Any = None
        self._worlds: dict[tuple[float, ...], NDArray[np.float64]] = {}
        self._results: dict[str, Probeable] = {}
        self._reading = ""
        self._writing = False
        self._clicks = ProbeClicks(self.viewer, self)
        self._clicks.clicked.connect(self.add_shown)
        self._reader, self._writer = Background(self), Background(self)
        self._reader.done.connect(self._have_fields)
        self._reader.failed.connect(self._have_no_fields)
        self._writer.done.connect(self._have_written)
        self._writer.failed.connect(self._have_failed)
        layers.runs_changed.connect(self._runs_changed)
        view.changed.connect(self._view_changed)
        self.viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Leave the viewer alone and drop what is being done."""
        self._clicks.set_on(False)
        self._reader.close()
        self._writer.close()
        self.viewer.layers.events.removed.disconnect(self._removed)
        self._leave_layer()

    # ---- on and off ----

    @property
    def on(self) -> bool:
        """Whether a click in the image probes."""
        return self._clicks.on

    def set_on(self, on: bool) -> None:
        """Begin or stop to probe by clicking."""
        if on != self.on:
            self._clicks.set_on(on)
            self.mode_changed.emit(on)

    @property
    def reading(self) -> str:
        """Name of the run whose fields are being read; empty while nothing is."""
        return self._reading

    def runs(self) -> list[str]:
        """Open runs that have a tensor, that which is looked at first."""
        names = [name for name in self._layers.run_names() if self._maps(name) is not None]
        front = self._view.value().run
        return sorted(names, key=lambda name: name != front)

    def remark(self, run: str) -> str:
        """Why there are no measured fields of a run, or what has to be known about them."""
        return self._results[run].remark if run in self._results else ""

    # ---- places ----

    def add_shown(self, shown_mm: Any) -> None:
        """Probe the voxel at a place of the screen."""
        grid = self._grid()
        if grid is None:
            self.failed.emit(str(InputError("there is no run to probe", mend="reconstruct, or open a result")))
            return
        centre = voxel_centre(grid, shown_mm)
        if centre is None:
            self.failed.emit(str(InputError("this place lies outside of the volume", mend="click in the image")))
            return
        self._worlds[_key(centre)] = true_world(grid, centre)
        layer = self._the_layer(grid)
        self._set_points(np.vstack([layer.data, points_from_screen(layer, centre)]), select=len(layer.data))

    def add_text(self, text: str) -> None:
        """Probe a place that was typed, in RAS mm."""
        grid = self._grid()
        try:
            world = parse_place(text)
            if grid is None:
                raise InputError("there is no run to probe", mend="reconstruct, or open a result")
        except InputError as error:
            self.failed.emit(str(error))
            return
        self.add_shown(shown_place(grid, world))

    def select(self, index: int) -> None:
        """Look at another place."""
        index = index if 0 <= index < len(self.probes) else -1
        if index != self.selected:
            self.selected = index
            self.changed.emit()

    def remove(self, index: int) -> None:
        """Take a place away."""
        if self._layer is not None and 0 <= index < len(self.probes):
            self._set_points(np.delete(self._layer.data, index, axis=0), select=index)

    def clear(self) -> None:
        """Take all places away, with their layer."""
        if self._layer is not None:
            self.viewer.layers.remove(self._layer)

    def shown(self, index: int) -> NDArray[np.float64]:
        """Place of a probe in mm of the screen."""
        return np.asarray(points_on_screen(self._layer)[index])

    def save(self, path: Path) -> None:
        """Write the table as CSV; a dialog has asked about overwriting already."""
        self._writer.start(_write, path, probes_csv(self.probes))

    # ---- the layer ----

    def _the_layer(self, grid: DisplayGrid) -> Any:
        if self._layer is None:
            from napari.layers import Layer

            active = self.viewer.layers.selection.active
            self._layer = Layer.create(*points_layer(grid))
            self.viewer.add_layer(self._layer)
            self._layer.events.data.connect(self._points_moved)
            # The image stays the one whose values and controls are shown.
            if active is not None:
                self.viewer.layers.selection.active = active
        return self._layer

    def _points_moved(self, event: Any) -> None:
        """Follow what is done to the points by hand; napari tells before (moving) and after (moved)."""
        if not self._writing and not str(getattr(event, "action", "")).endswith("ing"):
            self._set_points(None, select=self.selected)

    def _set_points(self, data: NDArray[np.float64] | None, *, select: int) -> None:
        """Give the layer other points, or none other, number them and look at every one again."""
        self._writing = True
        try:
            if data is not None:
                self._layer.data = data
            number_points(self._layer)
        finally:
            self._writing = False
        self.selected = min(select, len(self._layer.data) - 1)
        self._look()

    def _removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self._leave_layer()
            self.probes, self.selected = [], -1
            self.changed.emit()

    def _leave_layer(self) -> None:
        if self._layer is not None:
            self._layer.events.data.disconnect(self._points_moved)
            self._layer = None

    # ---- values ----

    def _maps(self, run: str) -> ShownMaps | None:
        for layer in self._layers.of_run(run):
            maps = (layer_info(layer.metadata) or {}).get("maps")
            if isinstance(maps, ShownMaps) and maps.chi is not None:
                return maps
        return None

    def _grid(self) -> DisplayGrid | None:
        """Grid of the run that is looked at, or of any other."""
        runs = self.runs()
        maps = self._maps(runs[0]) if runs else None
        return None if maps is None else maps.grid

    def _result(self, run: str) -> Probeable | None:
        if run not in self._results:
            info = next((layer_info(layer.metadata) or {} for layer in self._layers.of_run(run)), {})
            maps = self._maps(run)
            found = None if maps is None else shown_probeable(maps, info.get("provenance") or {})
            if found is None:
                return None
            self._results[run] = found
        return self._results[run]

    def _look(self) -> None:
        """Find the values of every place in every run, and begin to read the fields that are missing."""
        grid = self._grid()
        results = [result for run in self.runs() if (result := self._result(run)) is not None]
        self.probes = []
        if self._layer is not None and grid is not None:
            points = points_on_screen(self._layer)
            worlds = [self._worlds.get(_key(point), true_world(grid, point)) for point in points]
            self.probes = [[result.at(world) for result in results] for world in worlds]
        self.selected = min(self.selected, len(self.probes) - 1)
        if self.probes:
            self._read_next(results)
        self.changed.emit()

    def _read_next(self, results: list[Probeable]) -> None:
        if self._reader.busy:
            return
        waiting = next((one for one in results if one.study is None and not one.remark), None)
        self._reading = "" if waiting is None else waiting.name
        if waiting is not None:
            self._reader.start(with_fields, waiting)

    def _have_fields(self, result: Probeable) -> None:
        if result.name in self._results:
            self._results[result.name] = result
        self._reading = ""
        self._look()

    def _have_no_fields(self, error: Exception) -> None:
        name, self._reading = self._reading, ""
        if name in self._results:
            self._results[name] = replace(self._results[name], remark=sentence_for(error))
        self._look()

    def _runs_changed(self) -> None:
        there = set(self._layers.run_names())
        self._results = {name: one for name, one in self._results.items() if name in there}
        self._look()

    def _view_changed(self) -> None:
        if self.probes and [probe.name for probe in self.probes[0]] != self.runs():
            self._look()

    # ---- as a file ----

    def _have_written(self, path: Path) -> None:
        self.saved.emit(f"Written: {path}")

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))


def _key(point: Any) -> tuple[float, ...]:
    return tuple(np.round(np.asarray(point, float), 3).tolist())


def _write(path: Path, text: str) -> Path:
    write_text(path, text, overwrite=True)
    return path
