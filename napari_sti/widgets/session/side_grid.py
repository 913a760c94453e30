"""Layers side by side on the screen: they come into the viewer one by one, and go away without a trace."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.compare_grid import Layout, SideBySide
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import other_voxels, over_image
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.view import ViewSession

_PAUSE = 10
"""Milliseconds between two layers that are added: together they would take too long."""


class SideGrid(QObject):
    """Shows layers side by side until something else is wanted; cameras and slices are one and the same.

    Plane and convention are those of the View panel and may be changed there. Choosing another run or map, or a layer
    that comes into the viewer, ends it. A subclass has a `_maker` make layers, and says where they go (`_arranged`).

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
        self._place: tuple[Layout, Any] | None = None
        self._adding = False
        self._maker = Background(self)
        self._maker.done.connect(self._have_made)
        self._maker.failed.connect(self._have_failed)
        self._over: LayerData | None = None
        self._covers: list[Any] = []
        self._cover = self._timer(_PAUSE, self._cover_next)
        self._next, self._away = self._timer(_PAUSE, self._add_next), self._timer(0, self._newcomer)
        self._watched = view.value()
        view.changed.connect(self._view_changed)
        view.wanted_back.connect(self._newcomer)
        self._viewer.layers.events.inserted.connect(self._inserted)

    @property
    def shown(self) -> bool:
        """Whether the cells are on the screen."""
        return self._side.shown

    @property
    def layers(self) -> tuple[Any, ...]:
        """Layers on the screen in reading order of the cells."""
        return tuple(self._side.layers)

    @property
    def covered(self) -> bool:
        """Whether nothing is still to be laid over the cells."""
        return self._over is None

    def cover(self, data: LayerData | None) -> None:
        """Lay something over the image of every cell, or take it away; nothing while the cells are not shown."""
        there = [layer for layer in self._side.covers if layer in self._viewer.layers]
        if not self._side.shown:
            self._drop_covers()
            self._side.uncover()
        elif data is None:  # the layers stay for the next time: to make them takes longer than all else
            self._drop_covers()
            other_voxels(there, None, {} if not there else there[0].metadata)
        elif len(there) == len(self._side.layers) and there[0].data.shape == data[0].shape:
            other_voxels(there, data[0], data[1]["metadata"])
        elif self._over is not None and self._over[0].shape == data[0].shape:  # some of them are there already
            self._over[0][...] = data[0]
            self._over[1]["metadata"] = data[1]["metadata"]
        else:
            self._drop_covers()
            self._over = data
            self._cover_next()

    def end(self, *, keep_chosen: bool = False) -> None:
        """Show what was there before.

        Parameters
        ----------
        keep_chosen : bool
            Leave the layers of the workbench as they are, since others of them were chosen meanwhile.
        """
        self._maker.start(_nothing)  # what is still being made is not wanted any more
        self._drop_half_made()
        was = self._side.shown
        self._side.end(spare=_is_ours if keep_chosen else None)
        if was:
            self.shown_changed.emit(False)

    def close(self) -> None:
        """Stop what is due; the viewer is left as it is."""
        for timer in self.findChildren(QTimer):
            timer.stop()
        self._maker.close()
        self._viewer.layers.events.inserted.disconnect(self._inserted)

    def _arranged(self, made: Any) -> tuple[Iterable[LayerData], Layout, Any] | None:
        """What came of the making: layers from the last cell to the first, their layout, and the box that is seen."""
        raise NotImplementedError

    def _blank(self) -> LayerData | None:
        """What is to lie over every cell from the start, with nothing to be seen in it yet; None for nothing."""
        return None

    def _timer(self, milliseconds: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))

    def _have_made(self, made: Any) -> None:
        arranged = self._arranged(made) if made else None
        if arranged is None:
            return
        self._drop_half_made()
        layers, layout, box = arranged
        blank = self._blank()
        pairs = ((one,) if blank is None else (one, over_image(blank, one)) for one in layers)
        self._queue, self._place = deque(one for pair in pairs for one in pair), (layout, box)
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

    def _cover_next(self) -> None:
        """Add what is to lie over one more cell, hidden; then show all at once."""
        if self._over is None or not self._side.shown:
            return
        if len(self._covers) == len(self._side.layers):
            covers, self._covers, over, self._over = self._covers, [], self._over, None
            self._side.cover(covers)
            other_voxels(covers, over[0].copy(), over[1]["metadata"])  # those that were brushed meanwhile
            return
        from napari.layers import Layer

        data, keywords, kind = self._over
        self._adding = True
        try:
            self._covers.append(self._layers.add_ours(Layer.create(data, keywords | {"visible": False}, kind)))
        finally:
            self._adding = False
        self._cover.start()

    def _drop_covers(self) -> None:
        """Take away what was to lie over the cells and is not there yet."""
        covers, self._covers, self._over = self._covers, [], None
        self._cover.stop()
        for layer in covers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _lay_out(self) -> None:
        assert self._place is not None
        made, self._made = self._made, []
        self._watched = self._view.value()
        covers = [layer for layer, _ in made[::-1] if _is_blank(layer)]
        images = [(layer, name) for layer, name in made if layer not in covers]
        self._side.lay_out([layer for layer, _ in images[::-1]], *self._place, covers=covers)
        for layer, name in images:
            layer.name = name  # napari numbers layers while their predecessors of the same name are there
        self.shown_changed.emit(True)

    def _drop_half_made(self) -> None:
        """Take layers away that were overtaken before all of them were there."""
        self._drop_covers()
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
        """Something came into the viewer, or is wanted back, that does not belong here: it is to be seen."""
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
        self._watched = view


def _is_ours(layer: Any) -> bool:
    return layer_info(layer.metadata) is not None


def _is_blank(layer: Any) -> bool:
    return bool((layer_info(layer.metadata) or {}).get("brush"))


def _nothing() -> None:
    """Make nothing."""
