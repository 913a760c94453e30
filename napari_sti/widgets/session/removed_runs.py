"""Runs that are taken away: off the list, their layers out of the viewer, and back again. Files are never touched."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.separate_found import FoundSeparations, Separation
from napari_sti.widgets.session.view import View, ViewSession
from napari_sti.widgets.words import count

_KEPT = 120_000
"""Milliseconds for which the layers of a removed run are kept: they may take much memory."""


@dataclass(frozen=True, eq=False)
class _Removed:
    """A run as it stood: where in the list, its layers with their places, and what was seen of all layers."""

    run: Run
    place: int
    layers: list[tuple[int, Any]]
    separation: Separation | None
    view: View
    seen: list[tuple[Any, bool]]


class RemovedRuns(QObject):
    """Takes runs away and remembers the last one, so that it can be brought back as it was.

    Parameters
    ----------
    runs, layers, view, found
        Sessions of the window.
    """

    changed = Signal(str)
    """What was taken away last, in one sentence; empty when it cannot be brought back any more."""

    def __init__(
        self,
        runs: RunSession,
        layers: LayerSession,
        view: ViewSession,
        found: FoundSeparations,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runs, self._layers, self._view, self._found = runs, layers, view, found
        self._last: _Removed | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_KEPT)
        self._timer.timeout.connect(self.forget)
        runs.added.connect(self.forget)  # the work goes on

    def remove(self, run: Run) -> None:
        """Take a run that has ended off the list, and its layers out of the viewer; its folder stays."""
        self._layers.finish()  # what is still to come must not come after it
        place, view = self._runs.place_of(run), self._view.value()
        if place is None or not self._runs.remove(run):
            return
        separation = None
        seen = [(layer, bool(layer.visible)) for layer in self._layers.viewer.layers]
        if run.job.kind == "separate":
            separation = self._found.results.get(run.name)
            self._found.leave(run.name)
            layers = self._layers.take_out(self._found.layers_of(run.name))
            self._found.forget(run.name)
        else:
            layers = self._layers.take_out(self._layers.of_run(run.name))
        self._last = _Removed(run, place, layers, separation, view, seen)
        self._timer.start()
        what = f" and its {count(len(layers), 'layer')} out of the viewer" if layers else ""
        where = "" if run.job.out is None else f" in the folder {run.job.out.name}"
        self.changed.emit(f"{run.name} was taken off the list{what}. Its files stay{where}.")

    def undo(self) -> None:
        """Bring the run back that was taken away last, with its layers as they were."""
        last, self._last = self._last, None
        if last is None or not self._runs.put_back(last.run, last.place):
            self.changed.emit("")
            return
        self._timer.stop()
        self._layers.put_back(last.layers)
        if last.separation is not None:
            self._found.put_back(last.separation)
        self._view.set(last.view)
        for layer, visible in last.seen:
            layer.visible = visible
        self.changed.emit("")

    def forget(self, *_: object) -> None:
        """Let go of what was taken away."""
        self._timer.stop()
        if self._last is not None:
            self._last = None
            self.changed.emit("")

    def close(self) -> None:
        """Let go of it without a word."""
        self._timer.stop()
        self._last = None
