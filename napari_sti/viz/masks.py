"""Masks as labels layers: each tissue in one colour, the same on the canvas and in the panels.

The colours are none that directions have (red, green, blue), lie apart for every kind of colour vision, and are never
those of anatomy, which is grey: what is orange or sky blue is a mask.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info

MASK_TITLES = {"mask": "mask", "wm_mask": "white matter mask", "csf_mask": "CSF mask"}
"""What the layers are called, by attribute of `Study` and `Acquisition`."""
MASK_COLOURS = {"mask": "#b8b8b8", "wm_mask": "#e69f00", "csf_mask": "#56b4e9"}
COLOUR_WORDS = {"mask": "grey", "wm_mask": "orange", "csf_mask": "blue"}
"""What the colours are called in the caption."""
OPACITY = 0.45
INSIDE = 1
"""The label of what is inside."""


def mask_layer(
    grid: DisplayGrid, mask: NDArray[Any], name: str, info: Mapping[str, Any], *, visible: bool = False
) -> tuple[Any, dict[str, Any], str]:
    """Make the layer of a mask: translucent, one colour, ready to be painted on.

    Parameters
    ----------
    grid : DisplayGrid
        Of the study.
    mask : (X, Y, Z) array
        In the storage order of the study, not zero inside.
    name : {"mask", "wm_mask", "csf_mask"}
        Which mask it is.
    info : mapping
        Further metadata; ``run`` begins the name of the layer.
    visible : bool
        Whether it is seen at first.
    """
    title = MASK_TITLES[name]
    keywords = {
        "name": f"{info['run']} - {title}",
        "visible": visible,
        "opacity": OPACITY,
        "blending": "translucent_no_depth",
        "colormap": {None: "transparent", 0: "transparent", INSIDE: MASK_COLOURS[name]},
        "metadata": {
            METADATA_KEY: {**grid.metadata(), **info, "kind": "mask", "mask": name, "map": title, "unit": ""},
        },
        **grid.layer_keywords(),
    }
    return (grid.to_shown(np.asarray(mask)) > 0).astype(np.uint8), keywords, "labels"


def mask_of(layer: Any) -> str:
    """Which mask a layer shows, by attribute of `Study`; empty if it shows none."""
    info = layer_info(layer.metadata) or {}
    return str(info.get("mask", "")) if info.get("kind") == "mask" else ""


def run_of_study(name: str, simulated: bool) -> str:
    """What the layers of a study begin with: its name, and the word simulated where it does not say so itself."""
    return f"{name} (simulated)" if simulated and "simulated" not in name.lower() else name


def mask_key(infos: Iterable[Mapping[str, Any]]) -> str:
    """One line that says which colour is which mask, of what visible layers say about themselves; else empty."""
    names = {str(info.get("mask", "")) for info in infos if info.get("kind") == "mask"}
    said = (f"{MASK_TITLES[name].removesuffix(' mask')} {COLOUR_WORDS[name]}" for name in MASK_TITLES if name in names)
    return ", ".join(said)
