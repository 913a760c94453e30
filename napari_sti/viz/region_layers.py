"""Regions on the canvas: a segmentation as a Labels layer, and a Labels layer as regions, with their names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.maps.region_labels import Labels
from napari_sti.viz.compare_regions import take_labels
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, grid_of, layer_info

_NUMBERS, _NAMES = ("index", "label"), ("name", "region", "structure")
"""Columns of a layer's features that name its labels."""


@dataclass(frozen=True, eq=False)
class ScreenLabels(Labels):
    """Labels that were drawn on the screen: they lie where they are seen over a result, whatever its obliquity.

    Parameters
    ----------
    on_screen : (4, 4) array
        Voxel indices to mm of the screen.
    """

    on_screen: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))

    def affine_on(self, shape: tuple[int, ...], affine: ArrayLike) -> NDArray[np.float64]:
        """Affine with which the labels lie in the true world of a result with this grid."""
        grid = DisplayGrid(np.asarray(affine, float), (shape[0], shape[1], shape[2]))
        shown = _screen_affine(grid.scale, grid.translate)
        return np.asarray(grid.true_affine @ np.linalg.inv(shown) @ self.on_screen)


def take_regions(layer: Any) -> Labels:
    """Take the regions of a Labels layer out of the viewer, so that a thread can work with them.

    Raises
    ------
    InputError
        If the layer is empty, not three-dimensional, or turned.
    """
    drawn = take_labels(layer)
    info = layer_info(layer.metadata)
    grid = grid_of(info)
    names = layer_names(layer)
    source = f"the layer {drawn.name}"
    if grid is not None and tuple(drawn.data.shape) == grid.shown_shape and np.allclose(drawn.scale, grid.scale):
        return Labels(grid.to_stored(drawn.data), grid.affine, names, source)
    affine = _screen_affine(drawn.scale, drawn.translate)
    return ScreenLabels(drawn.data, affine, names, source, on_screen=affine)


def layer_names(layer: Any) -> dict[int, str]:
    """Names of the labels of a layer: those that its file brought, else those in a table of its features."""
    info = layer_info(layer.metadata) or {}
    told = info.get("names")
    if isinstance(told, Mapping) and told:
        return {int(label): str(name) for label, name in told.items()}
    features = layer.features
    number = next((column for column in _NUMBERS if column in features), None)
    name = next((column for column in _NAMES if column in features), None)
    if number is None or name is None:
        return {}
    pairs = zip(features[number], features[name], strict=True)
    return {int(label): str(text) for label, text in pairs if np.isfinite(float(label)) and str(text).strip()}


def regions_layer(labels: Labels, path: Path) -> tuple[Any, dict[str, Any], str]:
    """Make the layer of a segmentation that was read from a file, with the true affine and the names."""
    shape = (labels.data.shape[0], labels.data.shape[1], labels.data.shape[2])
    grid = DisplayGrid(labels.affine, shape)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    info = {
        **grid.metadata(),
        "kind": "regions",
        "map": stem,
        "unit": "",
        "names": {int(label): name for label, name in labels.names.items()},
        "path": str(path.absolute()),
    }
    keywords = {
        "name": stem,
        "opacity": 0.5,
        "blending": "translucent_no_depth",
        "metadata": {METADATA_KEY: info},
        **grid.layer_keywords(),
    }
    return grid.to_shown(labels.data), keywords, "labels"


def _screen_affine(scale: NDArray[np.float64], translate: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.diag([*scale, 1.0])
    affine[:3, 3] = translate
    return affine
