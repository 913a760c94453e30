"""A look back: the layers of a run with the maps of one of its iterates, in the window of the result."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.io.iterates import Iterate, Iterates, load_iterate
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import only_inside, set_window
from napari_sti.viz.shown_maps import ShownMaps, shown_maps

_KEPT = "of_result"
"""Where the metadata of a layer keeps what it says when it shows the result."""


def iterate_maps(iterates: Iterates, entry: Iterate, result: ShownMaps) -> ShownMaps:
    """Read an iterate from its file and make its maps, in the order in which the result is shown.

    Parameters
    ----------
    iterates, entry
        The list, and which one of it.
    result : ShownMaps
        Of the run that it belongs to; its mask and its grid are those of the iterates.

    Raises
    ------
    InputError
        If the file is missing or lies on another grid.
    """
    tensor = load_iterate(iterates, entry, result.grid.to_stored(result.mask))
    if not np.allclose(tensor.affine, result.grid.affine, atol=1e-3):
        raise InputError(
            "the iterate lies on another grid than the result", file=iterates.folder / entry.file, mend="run it again"
        )
    maps = shown_maps(tensor, result.run)
    assert maps.painted is not None  # gathered here, in the background, and not when it is painted
    return maps


def result_maps(layers: Iterable[Any]) -> ShownMaps | None:
    """Maps of the result that the layers of a run are of, whatever they show now; None where there are none."""
    for layer in layers:
        info = layer_info(layer.metadata) or {}
        maps = info.get(_KEPT, info).get("maps")
        if isinstance(maps, ShownMaps):
            return maps
    return None


def show_iterate(layers: Iterable[Any], maps: ShownMaps, number: int, total: int) -> None:
    """Show an iterate in the layers of its run; limits of colours stay those of the result.

    Parameters
    ----------
    layers : iterable of napari layers
        Of one run.
    maps : ShownMaps
        What `iterate_maps` made.
    number, total : int
        Which one of how many, for the names of the layers and the caption.
    """
    for layer in layers:
        info = layer_info(layer.metadata)
        if info is None or not isinstance(info.get("maps"), ShownMaps):
            continue
        kept = info.setdefault(_KEPT, {"maps": info["maps"], "map": info["map"], "name": layer.name})
        _show(layer, info, maps, f"{kept['map']}, iteration {number} of {total}")
        layer.name = f"{kept['name']} ({number} of {total})"


def show_result(layers: Iterable[Any]) -> None:
    """Show the result again in layers that show an iterate."""
    for layer in layers:
        info = layer_info(layer.metadata)
        if info is not None and _KEPT in info:
            kept = info.pop(_KEPT)
            _show(layer, info, kept["maps"], kept["map"])
            layer.name = kept["name"]


def _show(layer: Any, info: dict[str, Any], maps: ShownMaps, what: str) -> None:
    info.update(maps=maps, map=what)
    kind = info["kind"]
    if kind in ("mms", "msa"):
        layer.data = only_inside(getattr(maps, kind), maps.mask)
    elif "ceiling" in info:
        if kind == "pev_colour":
            _clear(layer.data, maps)
        set_window(layer, info["floor"], info["ceiling"])
    layer.metadata = dict(layer.metadata)  # legends follow the metadata, which has no event for changes inside


def _clear(rgba: Any, maps: ShownMaps) -> None:
    """Leave no colour where these maps have none: an iterate may have run away there."""
    opaque = rgba[..., 3] > 0
    if not np.array_equal(opaque, maps.mask):
        rgba[~maps.mask] = 0
        rgba[..., 3] = np.where(maps.mask, 255, 0)
