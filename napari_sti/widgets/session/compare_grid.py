"""A comparison on the screen: its layers come into the viewer one by one, and go away without a trace."""

from collections import deque
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.compare_grid import Layout, SideBySide
from napari_sti.viz.compare_layers import MapKind, ShownComparison, comparison_layers
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import LayerData, set_window
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.view import ViewSession

_PAUSE = 10
"""Milliseconds between two layers that are added: together they would take too long."""
_THROTTLE = 80
"""Milliseconds between two repaints while the slider of the View panel is dragged."""


class CompareGrid(QObject):
    """Shows a comparison side by side until something else is wanted.

    Plane, convention and window are those of the View panel and may be changed there. Choosing another run or map, or
    a layer that comes into the viewer, ends the comparison.

    Parameters
    ----------
    layers, view
        Sessions of the window.

    Attributes
    ----------
    what : ShownComparison or None
        What is shown, or can be shown again; with the windows of now.
    """

    shown_changed = Signal(bool)
    """The comparison came onto the screen, or went away."""
    failed = Signal(str)

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._view = layers, view
        self._viewer = layers.viewer
        self._side = SideBySide(layers.viewer)
        self.what: ShownComparison | None = None
        self._queue: deque[LayerData] = deque()
        self._made: list[tuple[Any, str]] = []
        self._layout: Layout | None = None
        self._adding = False
        self._painter = Background(self)
        self._painter.done.connect(self._have_painted)
        self._painter.failed.connect(self._have_failed)
        self._next, self._away, self._repaint = (QTimer(self) for _ in range(3))
        for timer, milliseconds, slot in (
            (self._next, _PAUSE, self._add_next),
            (self._away, 0, self._newcomer),
            (self._repaint, _THROTTLE, self._take_window),
        ):
            timer.setSingleShot(True)
            timer.setInterval(milliseconds)
            timer.timeout.connect(slot)
        self._watched = view.value()
        view.changed.connect(self._view_changed)
        self._viewer.layers.events.inserted.connect(self._inserted)

    @property
    def shown(self) -> bool:
        """Whether a comparison is on the screen."""
        return self._side.shown

    @property
    def layers(self) -> tuple[Any, ...]:
        """Layers of the comparison on the screen, in reading order of the cells."""
        return tuple(self._side.layers)

    def show(self, kind: MapKind) -> None:
        """Bring the comparison onto the screen, or another map of it, when its layers are made."""
        if self.what is not None:
            self._painter.start(comparison_layers, self.what, kind)

    def end(self, *, keep_chosen: bool = False) -> None:
        """Show what was there before.

        Parameters
        ----------
        keep_chosen : bool
            Leave the layers of the workbench as they are, since others of them were chosen meanwhile.
        """
        self._painter.start(_nothing)  # what is still being made is not wanted any more
        self._drop_half_made()
        was = self._side.shown
        self._side.end(spare=_is_ours if keep_chosen else None)
        if was:
            self.shown_changed.emit(False)

    def close(self) -> None:
        """Stop what is due; the viewer is left as it is."""
        for timer in (self._next, self._away, self._repaint):
            timer.stop()
        self._painter.close()
        self._viewer.layers.events.inserted.disconnect(self._inserted)

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))

    def _have_painted(self, layers: list[LayerData]) -> None:
        if self.what is None or not layers:
            return
        self._drop_half_made()
        self._layout = self._side.layout_for(len(self.what.maps), self.what.box)
        # The last in the list of layers lies on top, and the topmost is in the first cell.
        self._queue = deque(layers[place] for place in reversed(self._layout.order))
        self._add_next()

    def _add_next(self) -> None:
        """Add one layer, hidden, and give the window a moment before the next; then show all at once."""
        if not self._queue:
            self._lay_out()
            return
        from napari.layers import Layer

        data, keywords, kind = self._queue.popleft()
        if not self._made:
            self._side.remember()
        self._adding = True
        try:
            layer = self._layers.add_ours(Layer.create(data, keywords | {"visible": False}, kind))
            self._made.append((layer, keywords["name"]))
        finally:
            self._adding = False
        self._next.start()

    def _lay_out(self) -> None:
        assert self.what is not None and self._layout is not None
        made, self._made = self._made, []
        self._watched = self._view.value()
        self._side.lay_out([layer for layer, _ in made[::-1]], self._layout, self.what.box)
        for layer, name in made:
            layer.name = name  # napari numbers layers while their predecessors of the same name are there
        self.shown_changed.emit(True)

    def _drop_half_made(self) -> None:
        """Take layers away that were overtaken before all of them were there."""
        made, self._made = self._made, []
        self._queue.clear()
        self._next.stop()
        for layer, _ in made:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _inserted(self, event: Any) -> None:
        if self._side.shown and not self._adding:
            self._away.start()  # not while the viewer is taking the layer in

    def _newcomer(self) -> None:
        """Something came into the viewer that is not part of the comparison: it is to be seen."""
        if self._side.shown:
            self.end()

    def _view_changed(self) -> None:
        if not self._side.shown:
            return
        view, before = self._view.value(), self._watched
        if (view.run, view.map, view.lines) != (before.run, before.map, before.lines):
            self.end(keep_chosen=True)
            return
        if (view.plane, view.radiological, view.solid) != (before.plane, before.radiological, before.solid):
            self._side.fit()
        if (view.floor, view.ceiling) != (before.floor, before.ceiling):
            self._repaint.start()
        self._watched = view

    def _take_window(self) -> None:
        """Take floor and ceiling over from the View panel, for all cells."""
        view = self._view.value()
        if self.what is None or view.ceiling <= view.floor:
            return
        self.what = replace(self.what, windows=replace(self.what.windows, msa=(view.floor, view.ceiling)))
        for layer in self._side.layers:
            set_window(layer, view.floor, view.ceiling)


def _is_ours(layer: Any) -> bool:
    return layer_info(layer.metadata) is not None


def _nothing() -> list[LayerData]:
    return []
