"""Tracts that follow the cursor: looked at in short intervals, tracked in a thread, shown in a layer of their own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import silent
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz import _compat
from napari_sti.viz.display import grid_of, layer_info, true_world
from napari_sti.viz.tracts import set_tracts, tracts_of
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.tract_sources import CURSOR, Fields, Tracked, TractChoice, labels_of, make_tracts

_THROTTLE = 40
"""Milliseconds between two looks at where the cursor is."""
NAME = "tracts at the cursor"


def is_live(layer: Any) -> bool:
    """Whether a layer holds the tracts that follow the cursor."""
    tracts = tracts_of(layer)
    return tracts is not None and tracts.name == NAME


class LiveTracts(QObject):
    """Follows the pointer in slices and the cross-hair in three dimensions; clicks hold the tracts and free them.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose cursor is followed.
    fields : Fields
        Shared with whoever else tracks.
    candidates : callable
        Gives the results by their names.
    add : callable
        Adds `Tracked` as a layer and returns that.
    """

    changed = Signal(object)
    """The layer has other tracts."""
    held = Signal(bool)
    """The tracts stay where they are, or follow again."""
    noted = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        viewer: Any,
        fields: Fields,
        candidates: Callable[[], dict[str, Any]],
        add: Callable[[Tracked], Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self._fields, self._candidates, self._add = viewer, fields, candidates, add
        self.layer: Any = None
        self.holding = False
        self._choice: TractChoice | None = None
        self._place: Any = None
        self._noted: tuple[str, ...] = ()
        self._last: Tracked | None = None
        self._maker = Background(self)
        self._maker.done.connect(self._have)
        self._maker.failed.connect(self._have_failed)
        self._look = QTimer(self)
        self._look.setInterval(_THROTTLE)
        self._look.timeout.connect(self._follow)

    @property
    def on(self) -> bool:
        """Whether tracts follow."""
        return self._choice is not None

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._maker.close()

    def start(self, choice: TractChoice) -> None:
        """Follow the cursor, or go on with another choice."""
        if not self.on:
            self.viewer.mouse_drag_callbacks.append(self._clicked)
        self._choice, self._place = replace(choice, seeds=CURSOR), None
        self._look.start()

    def stop(self) -> None:
        """Let the tracts go, and their layer."""
        if not self.on:
            return
        self._choice, self._last, self._noted = None, None, ()
        self._look.stop()
        self._hold(False)
        if self._clicked in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._clicked)
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def now(self) -> Tracked | None:
        """What is shown at the cursor; None if nothing."""
        return self._last if self.layer is not None and tracts_of(self.layer) is not None else None

    def place(self) -> Any:
        """Where the cursor is in RAS mm; None if nowhere."""
        viewer = _compat.unwrap(self.viewer)
        ndim = viewer.dims.ndim
        if ndim < 3:
            return None
        shown = viewer.cursor.position if viewer.dims.ndisplay == 2 else viewer.dims.point
        if len(shown) < ndim:
            return None
        place = np.array(shown[-3:], float)
        for layer in reversed(viewer.layers):
            grid = grid_of(layer_info(layer.metadata))
            if grid is not None:
                return true_world(grid, place)
        return place

    def _follow(self) -> None:
        if self._choice is None or self.holding or self._maker.busy:
            return
        place = self.place()
        if place is None or (self._place is not None and np.allclose(place, self._place, atol=0.05)):
            return
        self._place = place
        try:
            labels = labels_of(self._choice, self.viewer.layers)
        except InputError as error:
            self._have_failed(error)
            return
        what = (self._choice, self._fields, self._candidates(), labels, place, NAME, silent)
        self._maker.start(make_tracts, *what)

    def _have(self, found: Tracked) -> None:
        if found.notes != self._noted:
            self._noted = found.notes
            self.noted.emit(" ".join(found.notes))
        if not self.on or self.holding or not len(found.tracts):
            return  # outside the brain the last ones stay
        self._last = found
        if self.layer is None or self.layer not in self.viewer.layers:
            self.layer = self._add(found)
        else:
            set_tracts(self.layer, found.tracts, found.drawn)
        self.changed.emit(self.layer)

    def _have_failed(self, error: Exception) -> None:
        self.stop()
        if not isinstance(error, Cancelled):
            self.failed.emit(sentence_for(error))

    def _clicked(self, viewer: Any, event: Any) -> Any:
        """A click without a movement holds the tracts where they are, or lets them follow again."""
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved:
            self._hold(not self.holding)

    def _hold(self, holding: bool) -> None:
        if holding != self.holding:
            self.holding = holding
            self.held.emit(holding)
