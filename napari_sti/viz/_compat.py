"""Everything that depends on the version of napari, and every use of what napari does not promise to keep.

Public names that moved are looked up here; the overlay that paints on the canvas needs napari's private rendering
classes, and where these are gone the caller gets None and shows less instead of failing.
"""

import logging
import weakref
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


def settle_cells(viewer: Any) -> None:
    """Give the cells of the grid their size, and their cameras the view, before they are drawn for the first time.

    In napari 0.9 cells are made with a size of 10 pixels and get their own while they are drawn: the first picture,
    which may stand for seconds on a busy machine or be the one that is saved, showed a few huge voxels beside a
    scale bar that was right.
    """
    canvas = getattr(getattr(getattr(unwrap(viewer), "window", None), "_qt_viewer", None), "canvas", None)
    lay_out = getattr(getattr(canvas, "grid", None), "_update_child_widget_dim", None)
    if not grid(viewer).enabled or canvas is None or lay_out is None:
        return
    lay_out()
    canvas.on_draw()


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


def set_mesh(layer: Any, vertices: Any, faces: Any, colors: Any) -> None:
    """Give a Surface layer another mesh of the same extent at once.

    Corners and their colours in steps would not fit each other, and a change of the data makes the viewer work out
    all extents and sliders anew, which takes longer than everything else.
    """
    from numpy import float32, ones

    _turn_in_the_volume(layer)
    layer._vertex_colors = colors
    with layer.events.blocker_all(), layer._block_refresh():
        layer.data = (vertices, faces, ones(len(vertices), float32))
    _show_anew(layer)


def _turn_in_the_volume(layer: Any) -> None:
    """Let a Surface follow the order of the dimensions in 3-D, too.

    In 3-D, napari 0.9 hands the corners on in the order of the data, whatever ``dims.order`` is, while everything
    else is turned: a surface then lies across the image. A napari that turns them itself is left alone.
    """
    from dataclasses import replace

    state: Any = getattr(layer, "_slicing_state", None)
    update = getattr(state, "_update_slice_response", None)
    if update is None or getattr(state, "_turned_by_napari_sti", False):
        return
    owner = weakref.ref(layer)

    def turned(response: Any) -> None:
        mine = owner()
        order = list(response.slice_input.displayed)
        if mine is not None and len(order) == 3 and response.vertices is mine.vertices:
            response = replace(response, vertices=response.vertices[:, order])
        update(response)

    state._update_slice_response = turned
    state._turned_by_napari_sti = True


def set_vectors(layer: Any, vectors: Any, colors: Any) -> None:
    """Give a Vectors layer other lines and their colours within the same extent, shown once; see `set_mesh`."""
    with layer.events.blocker_all(), layer._block_refresh():
        layer.data = vectors
        if len(vectors):
            layer.edge_color = colors
    _show_anew(layer)


def _show_anew(layer: Any) -> None:
    """Show what a layer has now; the list of layers has no part in it, which would paint its row again."""
    with layer.events.set_data.blocker(layer.events):
        layer.refresh(extent=False, thumbnail=False)


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

    from napari_sti.viz._sprites import sprites_visual

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
        """Holds all pictures in one visual, and renews it just before a draw in which something has changed."""

        def __init__(self, *, font_info: Any, **keywords: Any) -> None:
            super().__init__(node=Pictures(), font_info=font_info, **keywords)
            self._atlas = sprites_visual(parent=self.node)
            self._atlas.order = self.node.order
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
            ratio = self._canvas.pixel_scale
            self._atlas.show(self.overlay.paint(self.viewer, width, height, ratio), ratio)

        def close(self) -> None:
            self._canvas.events.draw.disconnect(self._on_draw)
            for emitter in self._emitters():
                emitter.disconnect(self._on_change)
            super().close()

    overlay_to_visual[PaintedOverlay] = VispyPaintedOverlay
    return PaintedOverlay


def line_layer(data: Any, **keywords: Any) -> Any:
    """Make a layer of many thin lines: napari's Vectors, drawn by OpenGL as lines instead of as meshes.

    A mesh needs four triangles for a line in three dimensions, which is several times slower to make and to turn on
    software OpenGL (benchmarks/tracts.py). Where napari's rendering classes are gone it is an ordinary Vectors layer.

    Parameters
    ----------
    data : (n, 2, 3) array
        Start and extent.
    **keywords
        Those of ``napari.layers.Vectors``; ``edge_width`` is in pixels of the screen.
    """
    try:
        kind = _line_layer_class()
    except (ImportError, AttributeError, TypeError) as error:
        _LOG.warning("This version of napari draws streamlines as meshes: %s", error)
        from napari.layers import Vectors

        return Vectors(data, **keywords | {"edge_width": 0.2})
    return kind(data, **keywords)


@cache
def _line_layer_class() -> Any:
    """Make the layer's class and tell napari how it is drawn."""
    import numpy as np
    from napari._vispy.layers.base import VispyBaseLayer
    from napari._vispy.utils.visual import layer_to_visual
    from napari.layers import Vectors
    from vispy.scene.visuals import Line

    class TractLines(Vectors):
        """Vectors drawn as OpenGL's lines, which do not count their many segments again and again."""

        _max_vectors_thumbnail = 64
        _extent_of: Any = (None, None)

        @property
        def _extent_data(self) -> Any:
            # napari asks for it several times with every change.
            if self._extent_of[0] is not self.data:
                self._extent_of = (self.data, super()._extent_data)
            return self._extent_of[1]

        @property
        def _type_string(self) -> str:
            return "vectors"  # by which napari finds icon and writers

    class VispyTractLines(VispyBaseLayer):
        """Hands the segments of the slice, or all of them, to the graphics card."""

        def __init__(self, layer: Any, font_info: Any) -> None:
            node = Line(pos=np.zeros((2, 3), np.float32), color=(0, 0, 0, 0), connect="segments", method="gl")
            super().__init__(layer, node, font_info=font_info)
            for emitter in (layer.events.edge_color, layer.events.edge_width, layer.events.length):
                emitter.connect(self._on_data_change)
            self.reset()
            self._on_data_change()

        def _on_data_change(self) -> None:
            layer = self.layer
            shown = layer._view_data
            ends = np.zeros((max(2 * len(shown), 2), 3), np.float32)
            colors = np.zeros((len(ends), 4), np.float32)
            if len(shown):
                # OpenGL has the axes in the other order than napari; in slices the third one is 0.
                width = shown.shape[-1]
                ends[0::2, :width] = shown[:, 0, ::-1]
                ends[1::2, :width] = (shown[:, 0] + layer.length * shown[:, 1])[:, ::-1]
                colors[:] = np.repeat(layer.edge_color[layer._view_indices], 2, axis=0)
            self.node.set_data(pos=ends, color=colors, width=max(float(layer.edge_width), 1.0))
            self.node.update()
            self._on_matrix_change()

    layer_to_visual[TractLines] = VispyTractLines
    return TractLines


def has_window(viewer: Any) -> bool:
    """Whether the window of a viewer is still there; napari lets go of it before the last layers are removed."""
    return getattr(viewer.window, "_qt_window", None) is not None


def qt_viewer(model: Any) -> Any:
    """Make a widget that shows a `ViewerModel` without layer list and menus; None where napari has no such thing."""
    try:
        from napari._qt.qt_viewer import QtViewer

        widget = QtViewer(model)
        widget.dims.setVisible(False)  # its slider would take room; the mouse wheel and the crosshair scroll
        widget.setAcceptDrops(False)
    except (ImportError, AttributeError, TypeError) as error:
        _LOG.warning("This version of napari cannot show linked views: %s", error)
        return None
    return widget


def give_height(viewer: Any, dock: Any, share: float) -> None:
    """Give a dock at the bottom a share of the height of the window, until `take_height_back`.

    The docks at the right keep all of their height. Layer list and layer controls, which below each other take two
    thirds of a small window, become two tabs.
    """
    main, docks = _window_docks(viewer)
    if main is None:
        return
    from qtpy.QtCore import Qt

    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    if docks and not any(one.isFloating() or one.isHidden() for one in docks):
        main.tabifyDockWidget(*docks)
        docks[1].raise_()
    main.resizeDocks([dock], [int(share * main.height())], Qt.Orientation.Vertical)


def take_height_back(viewer: Any) -> None:
    """Let the docks stand as they stood before `give_height`."""
    main, docks = _window_docks(viewer)
    if main is None:
        return
    from qtpy.QtCore import Qt

    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
    if docks and docks[1] in main.tabifiedDockWidgets(docks[0]):
        main.removeDockWidget(docks[1])  # what is split from a tab becomes another tab
        main.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks[1], Qt.Orientation.Vertical)
        docks[1].show()


def _window_docks(viewer: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the main window with the docks of layer controls and layer list; none where napari has no such thing."""
    window = getattr(unwrap(viewer), "window", None)
    inner = getattr(window, "_qt_viewer", None)
    docks = tuple(getattr(inner, name, None) for name in ("dockLayerControls", "dockLayerList"))
    return getattr(window, "_qt_window", None), () if None in docks else docks
