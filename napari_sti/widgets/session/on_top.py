"""Watches what stands on the screen of one window, whoever has brought it there."""

from dataclasses import replace
from typing import Any, cast

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info
from napari_sti.viz.front import Front, front_of
from napari_sti.widgets.session.layers import MAP_KINDS, LayerSession
from napari_sti.widgets.session.view_state import SPREAD_OF, MapKind, View

_IMAGES = ("Image", "Vectors", "Surface", "TractLines")
"""Types of layers in which nothing is drawn by hand: another one may be selected in their place."""


class OnTop(QObject):
    """Finds the topmost image anew when layers were shown, hidden, moved, added or taken away.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose layers count.

    Attributes
    ----------
    front : Front
        What was on top when everything had settled.
    """

    changed = Signal()
    """Layers came, went, were shown or hidden, and all of it is done."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.front = Front()
        self._alone: Any = None  # what was on top when there were last no cells: they leave the selection as it was
        self._viewer = viewer
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._settle)
        events = viewer.layers.events
        self._listened = (events.inserted, events.removed, events.reordered, _compat.grid(viewer).events.enabled)
        for event in self._listened:
            event.connect(self._stir)
        events.inserted.connect(self._inserted)
        for layer in viewer.layers:
            self._watch(layer)

    def close(self) -> None:
        """Leave the viewer alone."""
        self._timer.stop()
        for event in self._listened:
            event.disconnect(self._stir)
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        for layer in self._viewer.layers:
            for event in (layer.events.visible, layer.events.opacity):
                event.disconnect(self._stir)

    def select(self, front: Front) -> None:
        """Let the status line and napari's controls be those of what is seen.

        A layer in which somebody draws stays selected, and one that was selected by hand does until another image
        comes to the top, unless it is hidden: nobody sees what the status line would say of it.
        """
        selection = self._viewer.layers.selection
        active, layer = selection.active, front.layer
        if layer is None or front.cells or active is layer or (active is None and len(selection)):
            return
        # Layers of other origin stay selected: they answer for themselves, and nobody else has chosen them.
        ours = active is not None and layer_info(active.metadata) is not None
        free = active is None or (ours and type(active).__name__ in _IMAGES)
        if free and (layer is not self._alone or active is None or not active.visible):
            selection.active = layer

    def _inserted(self, event: Any) -> None:
        self._watch(event.value)

    def _watch(self, layer: Any) -> None:
        for event in (layer.events.visible, layer.events.opacity):
            event.connect(self._stir)

    def _stir(self, event: Any = None) -> None:
        self._timer.start(0)

    def _settle(self) -> None:
        front = front_of(self._viewer)
        self.select(front)
        self.front = front
        self._alone = self._alone if front.cells else front.layer
        self.changed.emit()


_BASE_OF = {spread: kind for kind, spread in SPREAD_OF.items()}


def is_map(front: Front) -> bool:
    """Whether what is on top is a map that a `View` can name."""
    return front.kind in MAP_KINDS or front.kind == "field"


def seen_view(view: View, front: Front, layers: LayerSession) -> View:
    """Return the view with the run and the map that stand on the screen, where it can name them."""
    if front.layer is None:
        return replace(view, map="none")
    if not is_map(front):
        return view
    if front.kind == "field":
        return replace(view, map="field")
    find, run = layers.find, front.run
    kind = cast(MapKind, _BASE_OF.get(front.kind, front.kind))
    lines, glyphs = find(run, "pev_lines"), find(run, "pev_glyphs")
    # Whether the spread is wanted stays known where a run has none.
    spread = front.kind in _BASE_OF or (view.spread and find(run, SPREAD_OF[kind]) is None)
    return replace(
        view,
        run=run,
        map=kind,
        spread=spread,
        lines=view.lines if lines is None else bool(lines.visible),
        ellipsoids=view.ellipsoids if glyphs is None else bool(glyphs.visible),
    )


def front_of_study(layers: list[Any]) -> Any | None:
    """Which layer of a study that has come is to be seen: its first field map, or what else it brought."""
    fields = [layer for layer in layers if (layer_info(layer.metadata) or {}).get("orientation") == 0]
    return next(reversed(fields or [layer for layer in layers if layer.visible]), None)
