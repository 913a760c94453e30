"""The status line: what is under the cursor, in true world coordinates and the units of the field.

napari asks the active layer for its status from a thread of its own whenever the cursor moves. Each of our layers
answers for itself through an attribute on the instance, so there is nothing to race with and nothing to restore;
layers of other origin keep napari's answer.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz import _compat, numbers
from napari_sti.viz.display import DisplayGrid, grid_of, layer_info, true_world
from napari_sti.viz.numbers import Unit
from napari_sti.viz.shown_maps import ShownMaps

SEPARATOR = "    "


def describe(info: Mapping[str, Any], grid: DisplayGrid, data: Any, shown_mm: Any, unit: Unit = "ppm") -> str:
    """Write what lies at a place of the screen.

    Parameters
    ----------
    info : mapping
        What the layer's metadata says about it.
    grid : DisplayGrid
        Where it is shown.
    data : array
        The layer's data, for layers that belong to no run; one volume.
    shown_mm : three numbers
        Place in mm of the screen.
    unit : {"ppm", "ppb"}
        Unit of susceptibilities and fields.
    """
    place = numbers.world(true_world(grid, shown_mm))
    index = np.rint((np.asarray(shown_mm, float) - grid.translate) / grid.scale).astype(int)
    if (index < 0).any() or (index >= grid.shown_shape).any():
        return f"{place}{SEPARATOR}outside the volume"
    voxel = (int(index[0]), int(index[1]), int(index[2]))
    maps = info.get("maps")
    if isinstance(maps, ShownMaps):
        return place + SEPARATOR + _tensor_values(maps, voxel, unit)
    words = getattr(maps, "words", None)  # what is compared answers for itself
    if words is not None:
        return place + SEPARATOR + str(words(voxel, unit))
    return place + SEPARATOR + _own_value(info, data, voxel, unit)


def value_at(layer: Any, shown_mm: Any, unit: Unit = "ppm") -> str:
    """Write what a layer of ours with three axes says of a place of the screen; empty for others."""
    info = layer_info(layer.metadata) or {}
    grid = grid_of(info)
    if grid is None or getattr(layer.data, "ndim", 0) != 3:
        return ""
    return describe(info, grid, layer.data, shown_mm, unit).partition(SEPARATOR)[2]


def _tensor_values(maps: ShownMaps, voxel: tuple[int, int, int], unit: Unit) -> str:
    if not maps.mask[voxel]:
        return "outside the mask"
    return SEPARATOR.join(
        (
            f"MMS {numbers.susceptibility(float(maps.mms[voxel]), unit)}",
            f"MSA {numbers.susceptibility(float(maps.msa[voxel]), unit)}",
            f"direction {numbers.direction(maps.pev[voxel])}",
            *_spread(maps, voxel, unit),
        )
    )


def _spread(maps: ShownMaps, voxel: tuple[int, int, int], unit: Unit) -> Iterator[str]:
    """Say how far the values move without any one orientation, where that is known."""
    said = []
    for name, values in maps.spreads.items():
        value = float(values[voxel])
        written = numbers.degrees(value) if name == "pev_spread" else numbers.susceptibility(value, unit)
        said.append(f"{name.partition('_')[0].upper()} {written if np.isfinite(value) else 'unknown'}")
    if said:
        yield f"spread: {', '.join(said)}"


def _own_value(info: Mapping[str, Any], data: Any, voxel: tuple[int, int, int], unit: Unit) -> str:
    value = np.asarray(data[voxel])
    name = str(info.get("map", "value"))
    if info.get("kind") == "mask":
        return f"{name}: {'inside' if value.any() else 'outside'}"
    if info.get("kind") == "regions":
        label = int(value)
        return f"{name}: {dict(info.get('names') or {}).get(label, f'region {label}') if label else 'none'}"
    if value.size != 1:
        return f"{name} " + " ".join(f"{float(v):.4g}" for v in value.ravel()[:8])
    number = float(value.ravel()[0])
    if not np.isfinite(number):
        return "outside the mask"
    if info.get("unit") == "ppm":
        text = f"{name} {numbers.susceptibility(number, unit)}"
    else:
        text = f"{name} {number:.4g} {info.get('unit', '')}".rstrip()
    return text + _field_details(info)


def _field_details(info: Mapping[str, Any]) -> str:
    if info.get("kind") != "field":
        return ""
    strength = "" if info.get("b0") is None else f" {float(info['b0']):g} T"
    direction = numbers.direction(info["b0_ras"])
    return f"{SEPARATOR}B0{strength} along {direction}{SEPARATOR}tilt {numbers.degrees(float(info['tilt']))}"


def attach(layer: Any, unit: Callable[[], Unit] = lambda: "ppm") -> bool:
    """Let one of our layers answer for itself; returns False for layers that are not ours.

    Parameters
    ----------
    layer : napari layer
        With this package's metadata.
    unit : callable
        Gives the unit that is chosen for the window.
    """
    layer = _compat.unwrap(layer)
    grid = grid_of(layer_info(layer.metadata))
    if grid is None:
        return False
    # The layer must not be kept alive by its own attribute.
    reference = weakref.ref(layer)

    def get_status(position: Any = None, **keywords: Any) -> dict[str, Any]:
        return _status(reference(), grid, position, keywords, unit())

    layer.get_status = get_status
    if type(layer).__name__ in _NO_HINTS and hasattr(layer.events, "help"):
        layer.events.help.connect(_no_hint)
        layer.help = ""
    return True


_NO_HINTS = ("Image", "Vectors", "Surface", "TractLines")
"""Layers in which nothing is drawn by hand; napari would offer to turn them away from the world's axes."""


def _no_hint(event: Any) -> None:
    """Take away napari's hint at its next mode while the mouse only moves the picture."""
    layer = event.source
    if layer.help and str(getattr(layer, "mode", "pan_zoom")) == "pan_zoom":
        layer.help = ""


def _status(layer: Any, grid: DisplayGrid, position: Any, keywords: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    if layer is None:
        return {"layer_base": "", "source_type": "", "plugin": "", "coordinates": "", "coords": "", "value": ""}
    info = layer_info(layer.metadata) or {}
    run = str(info.get("run", layer.name))
    status = {"layer_base": run, "source_type": "", "plugin": "", "coordinates": "", "coords": "", "value": ""}
    if position is None:
        return status
    place = np.asarray(position, float)
    if not keywords.get("world", False):
        place = np.asarray(layer.data_to_world(place), float)
    place = brightest(layer, grid, place, keywords)
    data = layer.data
    leading = place.size - 3
    if leading and getattr(data, "ndim", 0) == place.size:
        data = data[tuple(np.clip(np.rint(place[:leading]).astype(int), 0, np.array(data.shape[:leading]) - 1))]
    text = describe(info, grid, data, place[-3:], unit)
    coords, _, value = text.partition(SEPARATOR)
    return status | {"coordinates": text, "coords": coords, "value": value}


def brightest(layer: Any, grid: DisplayGrid, place: NDArray[np.float64], keywords: Mapping[str, Any]) -> Any:
    """In three dimensions the cursor is a ray: take the place of the greatest value on it, which is what is seen.

    (Volumes are shown as maximum intensity projections.) For the layers of a tensor it is the greatest MSA, for the
    mask and in two dimensions the place itself.
    """
    direction, displayed = keywords.get("view_direction"), keywords.get("dims_displayed")
    maps = (layer_info(layer.metadata) or {}).get("maps")
    values = maps.msa if isinstance(maps, ShownMaps) else layer.data
    if direction is None or displayed is None or len(displayed) != 3 or np.ndim(values) != 3:
        return place
    along = np.asarray(direction, float)[-3:]
    index = (place[-3:] - grid.translate) / grid.scale
    ray = along / grid.scale / max(float(np.linalg.norm(along / grid.scale)), 1e-9)
    reach = float(np.linalg.norm(grid.shown_shape))
    start = float(((np.array(grid.shown_shape) - 1) / 2 - index) @ ray)  # abreast of the centre
    path = index + (start + np.arange(-reach, reach, 0.5))[:, None] * ray
    voxels = np.rint(path).astype(int)
    voxels = voxels[((voxels >= 0) & (voxels < grid.shown_shape)).all(axis=1)]
    if not len(voxels):
        return place
    found = np.nan_to_num(values[tuple(voxels.T)].astype(float), nan=-np.inf)
    if not np.isfinite(found).any():
        return place
    best = voxels[int(np.argmax(found))]
    return np.concatenate([place[:-3], best * grid.scale + grid.translate])
