"""Separations side by side: chi+, |chi-| and total of each in cells of their own, with the closed form below."""

from collections import deque
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.compare_grid import Layout, SideBySide
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import ShownSeparations, side_by_side
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.view import ViewSession

_PAUSE = 10
"""Milliseconds between two layers that are added: together they would take too long."""


class SeparationGrid(QObject):
    """Shows separations side by side until something else is wanted; cameras and slices are one and the same.

    Choosing a map or a run in the View panel, or a layer that comes into the viewer, ends it.

    Parameters
    ----------
    layers, view
        Sessions of the window.
    """

    shown_changed = Signal(bool)
    """The cells came onto the screen, or went away."""
    failed = Signal(str)

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._view, self._viewer = layers, view, layers.viewer
        self._side = SideBySide(layers.viewer)
        self._queue: deque[LayerData] = deque()
        self._made: list[tuple[Any, str]] = []
        self._what: ShownSeparations | None = None
        self._layout: Layout | None = None
        self._quiet = False
        self._maker = Background(self)
        self._maker.done.connect(self._have_made)
        self._maker.failed.connect(self._have_failed)
        self._next, self._away = QTimer(self), QTimer(self)
        for timer, milliseconds, slot in ((self._next, _PAUSE, self._add_next), (self._away, 0, self._newcomer)):
            timer.setSingleShot(True)
            timer.setInterval(milliseconds)
            timer.timeout.connect(slot)
        self._watched = view.value()
        view.changed.connect(self._view_changed)
        self._viewer.layers.events.inserted.connect(self._inserted)

    @property
    def shown(self) -> bool:
        """Whether the cells are on the screen."""
        return self._side.shown

    @property
    def layers(self) -> tuple[Any, ...]:
        """Layers on the screen in reading order of the cells."""
        return tuple(self._side.layers)

    def show(self, what: ShownSeparations) -> None:
        """Bring these onto the screen when their layers are made."""
        self._what = what
        self._maker.start(side_by_side, what)

    def end(self) -> None:
        """Show what was there before."""
        self._maker.start(_nothing)
        self._drop_half_made()
        was = self._side.shown
        self._side.end()
        if was:
            self.shown_changed.emit(False)

    def close(self) -> None:
        """Stop what is due; the viewer is left as it is."""
        self._next.stop()
        self._away.stop()
        self._maker.close()
        self._viewer.layers.events.inserted.disconnect(self._inserted)

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))

    def _have_made(self, made: tuple[list[LayerData], Layout] | None) -> None:
        if made is None:
            return
        self._drop_half_made()
        layers, self._layout = made
        self._queue = deque(reversed(layers))  # the topmost layer is in the first cell
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
        self._quiet = True
        try:
            layer = self._layers.add_ours(Layer.create(data, keywords | {"visible": False}, kind))
            self._made.append((layer, keywords["name"]))
        finally:
            self._quiet = False
        self._next.start()

    def _lay_out(self) -> None:
        assert self._what is not None and self._layout is not None
        made, self._made = self._made, []
        self._watched = self._view.value()
        self._side.lay_out([layer for layer, _ in made[::-1]], self._layout, self._what.box)
        for layer, name in made:
            layer.name = name  # napari numbers layers while their predecessors of the same name are there
        self.shown_changed.emit(True)

    def _drop_half_made(self) -> None:
        made, self._made = self._made, []
        self._queue.clear()
        self._next.stop()
        for layer, _ in made:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _inserted(self, event: Any) -> None:
        if self._side.shown and not self._quiet:
            self._away.start()  # not while the viewer is taking the layer in

    def _newcomer(self) -> None:
        if self._side.shown:
            self.end()

    def _view_changed(self) -> None:
        if not self._side.shown:
            return
        view, before = self._view.value(), self._watched
        if (view.run, view.map, view.lines) != (before.run, before.map, before.lines):
            self.end()
            return
        if (view.plane, view.radiological, view.solid) != (before.plane, before.radiological, before.solid):
            self._side.fit()
        self._watched = view


def _nothing() -> None:
    return None
