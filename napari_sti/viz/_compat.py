"""Everything that depends on the version of napari, and every use of what napari does not promise to keep.

Public names that moved are looked up here; the overlay that paints on the canvas needs napari's private rendering
classes, and where these are gone the caller gets None and shows less instead of failing.
"""

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

_LOG = logging.getLogger(__name__)


def unwrap(thing: Any) -> Any:
    """Return the viewer or layer itself where a plugin was handed napari's proxy of it.

    The proxies are made anew with every access, so that they cannot be compared, nor referred to weakly.
    """
    return getattr(thing, "__wrapped__", thing)


def camera(viewer: Any) -> Any:
    """Return the camera: ``viewer.scene.camera`` since 0.9, ``viewer.camera`` before."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def canvas_overlays(viewer: Any) -> Any:
    """Return the mapping of overlays of the canvas, None before 0.9."""
    canvas = getattr(viewer, "canvas", None)
    return getattr(canvas, "overlays", None)


def scale_bar(viewer: Any) -> Any:
    """Return the scale bar: an overlay of the canvas since 0.9, ``viewer.scale_bar`` before."""
    overlays = canvas_overlays(viewer)
    return viewer.scale_bar if overlays is None else overlays.scale_bar


def grid(viewer: Any) -> Any:
    """Return the grid of cells: ``viewer.canvas.grid`` since 0.9, ``viewer.grid`` before."""
    canvas = getattr(viewer, "canvas", None)
    return getattr(canvas, "grid", None) or viewer.grid


def grid_cells(viewer: Any) -> tuple[tuple[int, int], dict[tuple[int, int], list[Any]]]:
    """Return rows and columns of the grid, and the visible layers of each cell from the bottom to the top."""
    model = grid(viewer)
    cells: dict[tuple[int, int], list[Any]] = {}
    for index, layer in enumerate(viewer.layers):
        if layer.visible:
            cells.setdefault(model.position(index, viewer.layers), []).append(layer)
    rows, columns = model.actual_shape(viewer.layers)
    return (rows, columns), cells


def canvas_size(viewer: Any) -> tuple[float, float]:
    """Return width and height of the canvas in logical pixels; some usual ones where there is no window."""
    canvas = getattr(viewer, "canvas", None)
    height, width = getattr(canvas, "size", None) or (600, 800)
    return float(width), float(height)


def batched(viewer: Any) -> AbstractContextManager[Any]:
    """Return a context in which many layers are changed and the scene is made anew only once, where napari has one."""
    update = getattr(viewer.layers, "batched_update", None)
    return nullcontext() if update is None else update()


def background_color(viewer: Any) -> tuple[float, float, float]:
    """Colour of the empty canvas, 0 to 1; black where napari does not say."""
    canvas = getattr(viewer, "canvas", None)
    color = getattr(canvas, "background_color", None)
    if color is None:
        return (0.0, 0.0, 0.0)
    return (float(color[0]), float(color[1]), float(color[2]))


def add_painted_overlay(viewer: Any, name: str, paint: Any) -> Any:
    """Show pictures on the canvas, as part of it.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose canvas is painted on.
    name : str
        Under which the overlay is found in ``viewer.canvas.overlays``.
    paint : callable
        ``paint(viewer, width, height, ratio)`` returns objects with ``name``, ``picture`` (RGBA), ``x`` and ``y``;
        it is called before the canvas is drawn, if something may have changed.

    Returns
    -------
    overlay or None
        None if this version of napari has no place for it.
    """
    overlays = canvas_overlays(viewer)
    if overlays is None:
        return None
    try:
        overlay = _overlay_class()(paint=paint, visible=True)
        overlays[name] = overlay
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        _LOG.warning("This version of napari cannot show the letters and legends on the canvas: %s", error)
        overlays.pop(name, None)
        return None
    return overlay


@cache
def _overlay_class() -> Any:
    """Make the overlay's model and tell napari how it is drawn."""
    from napari._vispy.overlays.base import ViewerOverlayMixin, VispyCanvasOverlay
    from napari._vispy.utils.visual import overlay_to_visual
    from napari.components.overlays import CanvasOverlay
    from vispy.scene import Node
    from vispy.scene.visuals import Image
    from vispy.visuals.transforms import STTransform

    class PaintedOverlay(CanvasOverlay):
        """Pictures that a function paints; free of napari's tiling of corners."""

        position: Any = None
        box: bool = False
        paint: Any = None
        revision: int = 0

    class Pictures(Node):
        """Groups the pictures and takes what napari tells every overlay."""

        def set_gl_state(self, *args: Any, **keywords: Any) -> None:
            for child in self.children:
                child.set_gl_state(*args, **keywords)

    class VispyPaintedOverlay(ViewerOverlayMixin, VispyCanvasOverlay):
        """Keeps one vispy image for each picture, and renews it just before a draw in which it has changed."""

        def __init__(self, *, font_info: Any, **keywords: Any) -> None:
            super().__init__(node=Pictures(), font_info=font_info, **keywords)
            self._pictures: dict[str, tuple[Any, Any]] = {}
            self._stale = True
            self._canvas = self.node.parent.canvas
            self._canvas.events.draw.connect(self._on_draw, position="first")
            for emitter in self._emitters():
                emitter.connect(self._on_change)
            self.reset()

        def _emitters(self) -> tuple[Any, ...]:
            view, dims = camera(self.viewer).events, self.viewer.dims.events
            cells = grid(self.viewer).events
            return (
                *(cells.enabled, cells.shape, cells.stride, cells.spacing),
                *(view.angles, view.orientation, dims.order, dims.ndisplay, dims.ndim, dims.point),
                *(self.viewer.layers.events, self.viewer.layers.selection.events.active),
                *(self.viewer.canvas.events.size, self.viewer.canvas.events.background_color),
                self.overlay.events.revision,
            )

        def _on_change(self, event: Any = None) -> None:
            if not self._stale:
                self._stale = True
                self.node.update()

        def _on_draw(self, event: Any = None) -> None:
            if not (self._stale and self.overlay.visible):
                return
            self._stale = False
            width, height = self._canvas.size
            sprites = self.overlay.paint(self.viewer, width, height, self._canvas.pixel_scale)
            for name in self._pictures.keys() - {sprite.name for sprite in sprites}:
                self._pictures.pop(name)[0].parent = None
            for sprite in sprites:
                self._show(sprite)

        def _show(self, sprite: Any) -> None:
            visual, picture = self._pictures.get(sprite.name, (None, None))
            if visual is None:
                visual = Image(parent=self.node, method="subdivide", interpolation="nearest")
                visual.transform = STTransform()
                visual.set_gl_state("translucent", depth_test=False)
                visual.order = self.node.order
            if picture is not sprite.picture:
                visual.set_data(sprite.picture)
                self._pictures[sprite.name] = (visual, sprite.picture)
            ratio = self._canvas.pixel_scale
            visual.transform.scale = (1 / ratio, 1 / ratio)
            visual.transform.translate = (sprite.x, sprite.y)

        def close(self) -> None:
            self._canvas.events.draw.disconnect(self._on_draw)
            for emitter in self._emitters():
                emitter.disconnect(self._on_change)
            self._pictures.clear()
            super().close()

    overlay_to_visual[PaintedOverlay] = VispyPaintedOverlay
    return PaintedOverlay
