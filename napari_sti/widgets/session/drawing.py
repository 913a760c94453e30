"""Keeps lines and ellipsoids on the slice that a viewer shows."""

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_sti.viz import _compat, _quick, follow
from napari_sti.viz.display import layer_info
from napari_sti.viz.follow import Drawn, glyph_layer
from napari_sti.viz.style import style_of
from napari_sti.widgets.session.thumbnails import Thumbnails

_SETTLED = 120
"""Milliseconds that the camera has to stand still before lines and ellipsoids are thinned anew."""


class Drawing(QObject):
    """Draws what follows the slice of one viewer: at once when it is scrolled, a moment after the camera has moved.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose slice and camera count.
    """

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.layers: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(self.draw)
        self._point: tuple[float, ...] = ()
        self.thumbnails = Thumbnails(viewer, self)
        dims, camera = viewer.dims.events, _compat.camera(viewer).events
        self._at_once = (dims.point, dims.order, dims.ndisplay)
        self._soon = (camera.zoom, camera.center, camera.angles, camera.orientation)
        for event in self._at_once:
            event.connect(self._scrolled)
        for event in self._soon:
            event.connect(self._moved)

    def close(self) -> None:
        """Leave the viewer alone."""
        self._timer.stop()
        self.thumbnails.close()
        for event in self._at_once:
            event.disconnect(self._scrolled)
        for event in self._soon:
            event.disconnect(self._moved)
        self.follow(())

    def follow(self, layers: Iterable[Any]) -> None:
        """Draw these layers from now on, and no others."""
        wanted = [layer for layer in layers if follow.drawn_of(layer) is not None]
        for layer in self.layers:
            if layer not in wanted:
                layer.events.metadata.disconnect(self._changed)
                layer.events.visible.disconnect(self._seen)
                _quick.drawn_by_us(layer, False)
        new = [layer for layer in wanted if layer not in self.layers]
        self.layers = wanted
        for layer in new:
            (layer_info(layer.metadata) or {})["followed"] = True
            _quick.drawn_by_us(layer, True)
            _quick.keep_program(self.viewer, layer)
            layer.events.metadata.connect(self._changed)
            layer.events.visible.connect(self._seen)
            self._draw(layer)

    def draw(self) -> None:
        """Draw all that is visible."""
        for layer in self.layers:
            self._draw(layer)

    def _draw(self, layer: Any) -> None:
        if layer.visible:
            follow.draw(layer, self.viewer)

    def _changed(self, event: Any) -> None:
        self._draw(event.source)

    def _seen(self, event: Any) -> None:
        self._draw(event.source)

    def _scrolled(self, event: Any = None) -> None:
        solid = self.viewer.dims.ndisplay == 3
        if solid and event is not None and getattr(event, "type", "") == "point":
            # In 3-D without a slab everything is shown, wherever the slices are.
            for layer in self.layers:
                if style_of(layer_info(layer.metadata) or {}).slab > 0:
                    self._draw(layer)
            return
        self.draw()

    def _moved(self, event: Any = None) -> None:
        if any(layer.visible for layer in self.layers):
            self._timer.start()


def ellipsoids(what: Drawn, run: str, like: Mapping[str, Any]) -> Any:
    """Make the layer of ellipsoids of a run, empty at first; `like` is what another layer of the run says of itself."""
    from napari.layers import Layer

    common = {key: like[key] for key in ("run", "simulated", "provenance") if key in like} | {"maps": what.maps}
    return Layer.create(*glyph_layer(what, run, common))
