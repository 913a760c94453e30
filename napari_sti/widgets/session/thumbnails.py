"""Thumbnails in the list of layers, painted when the slice stands still."""

import weakref
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_sti.viz import _quick
from napari_sti.viz.display import layer_info

_SETTLED = 250
"""Milliseconds without a further slice."""


class Thumbnails(QObject):
    """Makes steps through the slices of our layers light, and paints their thumbnails after the last one.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Those of our layers that it has and that come.
    """

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._waiting: weakref.WeakSet[Any] = weakref.WeakSet()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(self.paint)
        for layer in viewer.layers:
            self._take(layer)
        viewer.layers.events.inserted.connect(self._inserted)

    def close(self) -> None:
        """Leave the viewer alone."""
        self._timer.stop()
        self._waiting.clear()
        self.viewer.layers.events.inserted.disconnect(self._inserted)

    def paint(self) -> None:
        """Paint those that are out of date."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for layer in waiting:
            if layer in self.viewer.layers:
                _quick.paint_thumbnail(layer)

    def _inserted(self, event: Any) -> None:
        self._take(event.value)

    def _take(self, layer: Any) -> None:
        if layer_info(layer.metadata) is not None:
            _quick.lean(layer)
            _quick.plain_picture(self.viewer, layer)
            _quick.thumbnails_later(layer, self._later)

    def _later(self, layer: Any) -> None:
        self._waiting.add(layer)
        self._timer.start()
