"""Layers of what can be trusted: how far direction and susceptibility move without any one orientation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import FurtherMap
from napari_sti.viz.display import METADATA_KEY
from napari_sti.viz.layers import LayerData, scalar_layer, shown_spread, tensor_layers
from napari_sti.viz.numbers import nice_limit
from napari_sti.viz.shown_maps import ShownMaps

COLORMAP = "viridis"
"""Of angles and deviations: perceptually even, legible with every kind of colour vision, dark where all is well."""

_MAPS = {"pev_spread": ("PEV spread", "deg"), "msa_spread": ("MSA spread", "ppm"), "mms_spread": ("MMS spread", "ppm")}
SPREADS = tuple(_MAPS)
"""Kinds of layers, and names of the maps of a result."""

_DESCRIPTIONS = {
    "pev_spread": "How far the direction turns without any one orientation: 0 = not at all, 54.7 = every direction "
    "alike. Transparent where MSA is below the floor of the window, since what is hardly anisotropic has no direction.",
    "msa_spread": "Standard deviation of the anisotropy over the runs without one orientation.",
    "mms_spread": "Standard deviation of the mean susceptibility over the runs without one orientation.",
}


def result_layers(tensor: TensorField, further: Mapping[str, FurtherMap], *, run: str) -> list[LayerData]:
    """Make the layers of a result: those of its tensor, and below the lines those of its spreads (hidden at first).

    Parameters
    ----------
    tensor : TensorField
        The result.
    further : mapping of FurtherMap
        Maps that were saved with it, of which the spreads are shown.
    run : str
        Name of the run; begins the names of the layers.
    """
    layers = tensor_layers(tensor, run=run)
    infos = [keywords["metadata"][METADATA_KEY] for _, keywords, _ in layers]
    plain = infos[0]["maps"]
    spreads = {name: plain.grid.to_shown(further[name].data) for name in _MAPS if name in further}
    if not spreads:
        return layers
    maps = replace(plain, spreads=spreads)
    for info in infos:
        info["maps"] = maps
    floor = next(info["floor"] for info in infos if "floor" in info)
    common = {key: infos[0][key] for key in ("run", "simulated", "provenance", "maps")}
    made = [_layer(maps, name, run, floor, common) for name in spreads]
    return [*layers[:-1], *made, layers[-1]]


def _layer(maps: ShownMaps, name: str, run: str, floor: float, common: Mapping[str, Any]) -> LayerData:
    title, unit = _MAPS[name]
    shown = shown_spread(maps, name, floor)
    info = {**common, "kind": name, "map": title, "unit": unit, "description": _DESCRIPTIONS[name]}
    limits = (0.0, _robust_limit(shown))
    return scalar_layer(maps.grid, shown, f"{run} - {title} [{unit}]", COLORMAP, limits, False, info)


def _robust_limit(shown: NDArray[np.float32]) -> float:
    good = shown[np.isfinite(shown)]
    return nice_limit(float(np.percentile(good, 98))) if good.size else 1.0
