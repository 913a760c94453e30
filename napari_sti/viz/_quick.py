"""What napari and vispy do again and again while a slice is scrolled, done once; like `_compat`, it knows their inside.

Each saving is left out where a version of napari has not what it needs: then it is slower, not wrong.

With every step napari regards the extent of a layer as changed and paints its thumbnail, and with the thumbnail the
list of layers: for 2,000 lines this takes longer than showing them (`lean`, `thumbnails_later`). Layers that are drawn
anew for every slice were sliced before and after it (`drawn_by_us`). And vispy translates the program of a mesh anew
whenever the mesh changes (`keep_program`). Where a layer lies on the canvas is worked out once instead of with every
drawing (`_look_once`), where its picture lies not with every slice, and its colours are not raised to the power of 1
in every pixel (`plain_picture`). Qt does not fill what lies below the canvas (`opaque_canvas`). All else is done to
single layers of ours; napari itself and other people's layers stay as they are.
"""

import logging
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from napari_sti.viz import _compat

_LOG = logging.getLogger(__name__)


def lean(layer: Any) -> None:
    """Let a layer do no more than needed when only the slice changes."""
    state: Any = getattr(layer, "_slicing_state", None)
    needed = ("make_slice_input", "set_view_slice", "_slice_input", "_units")
    whole = getattr(type(layer), "_slice_dims", None)
    if whole is None or not hasattr(layer, "_refresh_sync") or not all(hasattr(state, name) for name in needed):
        _LOG.info("This version of napari slices layers in another way; steps are not made quicker")
        return
    owner = weakref.ref(layer)

    known: tuple[Any, Any] = (None, None)  # what was asked for, and what became of it

    def slice_dims(dims: Any, force: bool = False) -> None:
        nonlocal known
        mine = owner()
        if mine is None:
            return
        state = mine._slicing_state
        asked = (dims.point, dims.margin_left, dims.margin_right, dims.order, dims.ndisplay, dims.units)
        if not force and known[1] is state._slice_input and known[0] == asked:
            return  # napari asks twice with every step
        before, wanted = state._slice_input, state.make_slice_input(dims)
        same_view = (before.ndisplay, tuple(before.order)) == (wanted.ndisplay, tuple(wanted.order))
        if force or not same_view or state._units != dims.units:
            whole(mine, dims, force)
        elif before != wanted:
            state._slice_input = wanted
            if mine.visible and not getattr(mine, "_drawn_by_napari_sti", False):
                state.set_view_slice()
                with not_to_the_list(mine):
                    mine._refresh_sync(data_displayed=True, thumbnail=True, highlight=True)
        known = (asked, state._slice_input)

    layer._slice_dims = slice_dims
    _look_once(layer)


def not_to_the_list(layer: Any) -> Any:
    """Return a context in which the list of layers is not told of another slice, which has its row painted anew."""
    told: Any = getattr(layer.events, "set_data", None)
    return nullcontext() if told is None else told.blocker(layer.events)


def _look_once(layer: Any) -> None:
    """Let a layer work out what of it lies on the canvas only when that has changed: it is asked with every drawing.

    A hidden layer is not asked at all, as the first drawing after it is shown asks again.
    """
    whole: Any = getattr(type(layer), "_update_draw", None)
    if whole is None or getattr(layer, "multiscale", False) or "extent" not in dir(type(layer)):
        return
    owner = weakref.ref(layer)
    known: Any = None
    extent: Any = None  # napari makes another one when the data or their place change

    def update_draw(scale_factor: float, corner_pixels_displayed: Any, shape_threshold: Any) -> None:
        nonlocal known, extent
        mine = owner()
        if mine is None or not mine.visible:
            return
        corners = np.asarray(corner_pixels_displayed)
        asked = (scale_factor, corners.tobytes(), tuple(shape_threshold), tuple(mine._slice_input.displayed))
        if asked != known or mine.extent is not extent:
            whole(mine, scale_factor, corner_pixels_displayed, shape_threshold)
            known, extent = asked, mine.extent

    layer._update_draw = update_draw


def drawn_by_us(layer: Any, ours: bool) -> None:
    """Say whether a layer gets other data with every change of the slice, so that the old ones need not be shown."""
    layer._drawn_by_napari_sti = ours


def thumbnails_later(layer: Any, ask: Callable[[Any], None]) -> None:
    """Let ``ask(layer)`` be called, a bound method, instead of painting the thumbnail; `paint_thumbnail` paints it."""
    if not hasattr(layer, "_update_thumbnail"):
        return
    owner, asked = weakref.ref(layer), weakref.WeakMethod(ask)

    def update_thumbnail() -> None:
        mine, later = owner(), asked()
        if mine is not None and later is not None:
            later(mine)
        elif mine is not None:
            paint_thumbnail(mine)

    layer._update_thumbnail = update_thumbnail


def paint_thumbnail(layer: Any) -> None:
    """Paint a thumbnail now."""
    type(layer)._update_thumbnail(layer)


def keep_program(viewer: Any, layer: Any) -> None:
    """Let vispy keep the program of the surface or the vectors of this layer when they change.

    Others' layers are left alone.
    """
    visual: Any = getattr(_drawn_by(viewer, layer), "node", None)
    made: Any = getattr(visual, "_build_color_transform", None)
    if visual is None or made is None or getattr(made, "keeps", False):
        return
    from vispy.visuals.shaders import Function

    unchanged = Function("vec4 pass(vec4 color) { return color; }")
    whole = made.__func__

    def build(colors: Any) -> Any:
        # Colours that are values go through a colour map with limits of their own: these are left to vispy.
        if getattr(colors, "ndim", 0) == 2 and colors.shape[1] == 1:
            mine = owner()
            return None if mine is None else whole(mine, colors)
        return unchanged

    owner = weakref.ref(visual)
    build.keeps = True  # type: ignore[attr-defined]
    _set(visual, "_build_color_transform", build)


def plain_picture(viewer: Any, layer: Any) -> None:
    """Let the picture of an Image layer be shown with no more work than another slice takes.

    Where it lies depends on the plane and the place of the layer, not on the slice; and software OpenGL takes a third
    of the time for a picture in colours whose powers of 1 and limits of 0 and 1 are left out.
    """
    drawn: Any = _drawn_by(viewer, layer)
    whole: Any = getattr(type(drawn), "_on_data_change", None)
    if whole is None or not hasattr(drawn, "_on_matrix_change") or getattr(layer, "multiscale", True):
        return
    owner = weakref.ref(drawn)
    known: tuple[Any, ...] = (None, None)

    def on_data_change() -> None:
        nonlocal known
        mine = owner()
        if mine is None:
            return
        shown = mine.layer._slice_input
        extent, seen = mine.layer.extent, (tuple(shown.displayed), shown.ndisplay)
        if known[0] is mine.node and known[1] is extent and known[2:] == seen:
            mine._on_matrix_change = _nothing
        try:
            whole(mine)
        finally:
            mine.__dict__.pop("_on_matrix_change", None)
        known = (mine.node, extent, *seen)
        _plain_colours(mine.node)

    drawn._on_data_change = on_data_change
    _plain_colours(drawn.node)


def opaque_canvas(viewer: Any) -> None:
    """Let Qt know that the canvas paints all of its pixels: with every picture it filled them four times before."""
    window = getattr(_compat.unwrap(viewer), "window", None)
    native = getattr(getattr(getattr(window, "_qt_viewer", None), "canvas", None), "native", None)
    if native is None or not hasattr(native, "setAttribute"):
        return
    from qtpy.QtCore import Qt

    native.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, True)


def _plain_colours(visual: Any) -> None:
    """Let the colours of a picture be shown as they are, as long as neither limits nor gamma change them."""
    made: Any = getattr(visual, "_build_color_transform", None)
    if made is None or not hasattr(visual, "_need_colortransform_update") or getattr(made, "keeps", False):
        return
    if not hasattr(visual, "gamma") or getattr(visual, "_kerneltex", None) is None:  # a volume has colours of its own
        return
    from vispy.visuals.shaders import Function, FunctionChain

    whole, owner = made.__func__, weakref.ref(visual)

    class Same(Function):
        """Takes the place of limits or gamma; vispy writes other ones into it, which then have to act."""

        def __setitem__(self, key: str, value: Any) -> None:
            mine = owner()
            if mine is not None and key in ("clim", "gamma") and not np.array_equal(value, _ACTLESS[key]):
                mine._need_colortransform_update = True
                mine.update()

    def build() -> Any:
        mine = owner()
        if mine is None:
            return None
        chain = whole(mine)
        data: Any = getattr(mine, "_data", None)
        in_colours = getattr(data, "ndim", 0) == 3 and data.shape[2] in (3, 4) and data.dtype == np.uint8
        if not in_colours or mine.gamma != 1 or tuple(mine._texture.clim_normalized) != (0.0, 1.0):
            return chain
        return FunctionChain(None, [Same(f"vec4 same_{n}(vec4 color) {{ return color; }}") for n in range(3)])

    build.keeps = True  # type: ignore[attr-defined]
    _set(visual, "_build_color_transform", build)
    visual._need_colortransform_update = True


_ACTLESS: dict[str, Any] = {"clim": (0.0, 1.0), "gamma": 1.0}


def _nothing() -> None:
    """Leave the place of a picture as it is."""


def _drawn_by(viewer: Any, layer: Any) -> Any:
    """Return what draws a layer in the window of a viewer; None without a window."""
    window = getattr(_compat.unwrap(viewer), "window", None)  # plugins are given a proxy that warns of what is inside
    canvas = getattr(getattr(window, "_qt_viewer", None), "canvas", None)
    return getattr(canvas, "layer_to_visual", {}).get(layer)


def _set(visual: Any, name: str, value: Any) -> None:
    """Set an attribute of a visual, which vispy freezes."""
    frozen = getattr(visual, "unfreeze", None)
    if frozen is not None:
        visual.unfreeze()
    setattr(visual, name, value)
    if frozen is not None:
        visual.freeze()
