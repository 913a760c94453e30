"""How layers, their order, the camera and the view stand: taken as plain values, and set from what a file says."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from napari_sti.io.workspace import numbers
from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import set_window
from napari_sti.widgets.session.view import View

_STATE = ("visible", "opacity", "gamma", "blending", "edge_width")


def layer_state(layer: Any) -> dict[str, Any]:
    """How a layer is shown, as plain values."""
    found: dict[str, Any] = {"name": str(layer.name)}
    for name in _STATE:
        value = getattr(layer, name, None)
        if isinstance(value, str | bool | int | float):
            found[name] = value if isinstance(value, bool | int | float) else str(value)
    if hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False):
        found["limits"] = [float(x) for x in layer.contrast_limits]
        found["colormap"] = str(layer.colormap.name)
    info = layer_info(layer.metadata) or {}
    if info.get("kind") in ("pev_colour", "pev_lines"):
        found |= {"floor": float(info["floor"]), "ceiling": float(info["ceiling"])}
    return found


def set_layer_state(layer: Any, state: Mapping[str, Any]) -> None:
    """Show a layer as the file says; a value that the layer refuses is left as it is."""
    floor, ceiling = state.get("floor"), state.get("ceiling")
    if isinstance(floor, int | float) and isinstance(ceiling, int | float) and ceiling > 0:
        set_window(layer, float(floor), float(ceiling))
    limits, colours = numbers(state.get("limits"), 2), state.get("colormap")
    if limits is not None:
        _try(layer, "contrast_limits", limits)
    if isinstance(colours, str) and hasattr(layer, "colormap") and str(layer.colormap.name) != colours:
        _try(layer, "colormap", colours)
    for name in _STATE:
        if name in state:
            _try(layer, name, state[name])


def find_layer(layers: Any, entry: Mapping[str, Any]) -> Any | None:
    """The layer that an entry of a workspace is about: by its name, else the only one of its run and kind."""
    if entry["name"] in layers:
        return layers[entry["name"]]
    run, kind = entry.get("run"), entry.get("kind")
    if not run or not kind:
        return None
    infos = ((layer, layer_info(layer.metadata) or {}) for layer in layers)
    alike = [layer for layer, info in infos if info.get("run") == run and info.get("kind") == kind]
    return alike[0] if len(alike) == 1 else None


def set_order(viewer: Any, names: Sequence[Any]) -> None:
    """Bring layers into an order, from the bottom to the top, above all that are not named."""
    layers = viewer.layers
    wanted = [name for name in names if isinstance(name, str) and name in layers]
    others = [layer.name for layer in layers if layer.name not in wanted]
    for place, name in enumerate((*others, *wanted)):
        now = layers.index(name)
        if now != place:
            layers.move(now, place)


def camera_state(viewer: Any) -> dict[str, Any]:
    """Where the camera stands, as plain values."""
    camera = _compat.camera(viewer)
    return {
        "center": [float(x) for x in camera.center],
        "zoom": float(camera.zoom),
        "angles": [float(x) for x in camera.angles],
        "perspective": float(camera.perspective),
    }


def set_camera(viewer: Any, state: Mapping[str, Any]) -> None:
    """Put the camera where the file says."""
    camera = _compat.camera(viewer)
    for name in ("center", "angles"):
        value = numbers(state.get(name), 3)
        if value is not None:
            _try(camera, name, value)
    for name in ("zoom", "perspective"):
        one = numbers([state.get(name)], 1)
        if one is not None:
            _try(camera, name, one[0])


def set_point(viewer: Any, state: Mapping[str, Any]) -> None:
    """Go to the place that the file says."""
    point = numbers(state.get("point"), 3)
    if point is not None and viewer.dims.ndim >= 3:
        for axis, value in enumerate(point):
            viewer.dims.set_point(viewer.dims.ndim - 3 + axis, value)


def view_of(state: Mapping[str, Any], now: View) -> View:
    """The view that a file states; keys and kinds that this version does not know are left out."""
    known = {one.name for one in fields(View)}
    good: dict[str, Any] = {}
    for name, value in state.items():
        before = getattr(now, name) if name in known else None
        if isinstance(value, list) and isinstance(before, tuple):
            value = tuple(value)
            if [type(x) for x in value] != [type(x) for x in before]:
                continue
        if name in known and type(value) is type(before):
            good[name] = value
    return replace(now, **good)


def _try(thing: Any, name: str, value: Any) -> None:
    try:
        setattr(thing, name, value)
    except (ValueError, TypeError, KeyError, AttributeError):
        return
