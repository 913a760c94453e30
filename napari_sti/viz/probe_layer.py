"""Probes as points on the canvas, and results that are shown as something that can be probed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from nibabel.orientations import ornt_transform
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.maps.probe import Probeable
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.shown_maps import ShownMaps

MARK = "napari_sti_probes"
"""In the metadata of the layer; what begins with `METADATA_KEY` would be hidden with the maps of a run."""

COLOUR = "#ffd166"
"""None that directions or masks have."""
_SIZE_MM = 5.0


def points_layer(grid: DisplayGrid) -> tuple[Any, dict[str, Any], str]:
    """Make the layer of probes, rings with their numbers, without any yet.

    Its points are in voxels of a grid: with a scale of its own it would change the steps of the slice slider.
    """
    keywords = {
        "name": "Probes",
        "ndim": 3,
        "features": {"probe": np.zeros(0, int)},
        "text": {"string": "{probe}", "color": COLOUR, "size": 10, "anchor": "upper_left"},
        "symbol": "ring",
        "size": _SIZE_MM / float(grid.scale.min()),
        "face_color": COLOUR,
        "border_color": "black",
        "border_width": 0.05,
        "out_of_slice_display": False,
        "blending": "translucent_no_depth",
        "metadata": {MARK: True},
        **grid.layer_keywords(),
    }
    return np.zeros((0, 3)), keywords, "points"


def points_on_screen(layer: Any) -> NDArray[np.float64]:
    """Return the points (P, 3) of the layer in mm of the screen."""
    return np.asarray(np.asarray(layer.data, float) * np.asarray(layer.scale) + np.asarray(layer.translate))


def points_from_screen(layer: Any, shown_mm: ArrayLike) -> NDArray[np.float64]:
    """Return places (P, 3) in mm of the screen as the layer holds them."""
    return np.asarray((np.asarray(shown_mm, float) - np.asarray(layer.translate)) / np.asarray(layer.scale))


def number_points(layer: Any) -> None:
    """Number the points of the layer from 1, as the table does."""
    layer.features = {"probe": list(range(1, len(layer.data) + 1))}


def voxel_centre(grid: DisplayGrid, shown_mm: ArrayLike) -> NDArray[np.float64] | None:
    """Centre, in mm of the screen, of the voxel at a place of the screen; None outside of the volume."""
    index = np.rint((np.asarray(shown_mm, float) - grid.translate) / grid.scale)
    if (index < 0).any() or (index >= grid.shown_shape).any():
        return None
    return np.asarray(index * grid.scale + grid.translate)


def shown_probeable(maps: ShownMaps, provenance: Mapping[str, Any]) -> Probeable | None:
    """Make the result behind some layers ready to be probed, in the order of its file and without a copy.

    None for layers that hold maps without their tensor.
    """
    if maps.chi is None or maps.chi_to_ras is None:
        return None
    back = ornt_transform(np.array([[0, 1], [1, 1], [2, 1]], float), maps.grid.orientation)
    chi = frames.reorder_volume(maps.chi, back)
    mask = frames.reorder_volume(maps.mask, back)
    affine = maps.grid.affine
    for frame in map(frames.parse_frame, frames.FRAMES):
        if np.allclose(frames.to_ras(frame, affine), maps.chi_to_ras):
            return Probeable(maps.run, chi, mask, affine, frame, provenance)
    return None
