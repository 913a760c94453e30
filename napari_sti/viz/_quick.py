"""What napari and vispy do again and again while a slice is scrolled, done once; like `_compat`, it knows their inside.

Each saving is left out where a version of napari has not what it needs: then it is slower, not wrong.

With every step napari regards the extent of a layer as changed and paints its thumbnail, and with the thumbnail the
list of layers: for 2,000 lines this takes longer than showing them (`lean`, `thumbnails_later`). Layers that are drawn
anew for every slice were sliced before and after it (`drawn_by_us`). And vispy translates the program of a mesh anew
whenever the mesh changes (`keep_program`). All of it is done to single layers of ours; napari itself and other people's
layers stay as they are.
"""

import logging
import weakref
from collections.abc import Callable
from typing import Any

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
                mine._refresh_sync(data_displayed=True, thumbnail=True, highlight=True)
        known = (asked, state._slice_input)

    layer._slice_dims = slice_dims


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
    window = getattr(_compat.unwrap(viewer), "window", None)  # plugins are given a proxy that warns of what is inside
    canvas = getattr(getattr(window, "_qt_viewer", None), "canvas", None)
    visual: Any = getattr(getattr(canvas, "layer_to_visual", {}).get(layer), "node", None)
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
    frozen = getattr(visual, "unfreeze", None)
    if frozen is not None:
        visual.unfreeze()
    visual._build_color_transform = build
    if frozen is not None:
        visual.freeze()
