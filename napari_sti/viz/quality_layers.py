"""Layers of what a quality page has found: the residual of every field map, and the angle to a DTI."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.io.nifti import read_volume
from napari_sti.viz.compare_layers import ANGLE_COLORS, ANGLE_LIMITS, ShownAngles
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.layers import LayerData, scalar_layer
from napari_sti.viz.numbers import nice_limit

RESIDUAL_COLORS = ("#9fd4ff", "#2f7fd0", "#0c2a4d", "#000000", "#4d1d08", "#d0622f", "#ffd2a0")
"""Cold below 0, black at 0, warm above: nothing stands out where everything is explained."""


def residual_layers(path: Path, run: str, worst: int = 0) -> list[LayerData]:
    """Make a layer for every volume of a file of residuals (X, Y, Z, N), ppm; only that of the worst is visible."""
    volume = read_volume(path, dims=(3, 4), what="residuals")
    data = volume.data if volume.data.ndim == 4 else volume.data[..., None]
    grid = DisplayGrid(volume.affine, data.shape[:3])
    inside = np.abs(data[data != 0])
    limit = nice_limit(float(np.percentile(inside, 99))) if inside.size else 1e-3
    layers = []
    for number in range(data.shape[3]):
        shown = grid.to_shown(np.where(data[..., number] == 0, np.float32(np.nan), data[..., number]))
        about = ", the one that fits worst" if number == worst and data.shape[3] > 1 else ""
        info = {
            "run": run,
            "kind": "residual",
            "map": f"residual {number + 1}",
            "unit": "ppm",
            "orientation": number,
            "description": f"Measured minus predicted field of orientation {number + 1}{about}.",
        }
        layers.append(
            _coloured(grid, shown, f"{run} - residual {number + 1} [ppm]", (-limit, limit), info, number == worst)
        )
    return layers


def angle_layer(path: Path, run: str, where: str) -> LayerData:
    """Make the layer of an angle map (X, Y, Z) in degrees, NaN where it does not count."""
    volume = read_volume(path, what="angle map")
    grid = DisplayGrid(volume.affine, volume.data.shape)
    shown = grid.to_shown(volume.data)
    info = {
        "run": run,
        "kind": "dti_angle",
        "map": "angle",
        "unit": "°",
        "maps": ShownAngles(shown, run, "the DTI", where),
        "description": f"Angle between the principal eigenvector and V1 of the DTI, only where {where}.",
    }
    name = f"{run} - PEV angle to DTI [deg]"
    data, keywords, kind = scalar_layer(grid, shown, name, "viridis", ANGLE_LIMITS, True, info)
    return data, keywords | {"colormap": {"colors": list(ANGLE_COLORS), "name": "PEV angle"}}, kind


def _coloured(
    grid: DisplayGrid, shown: Any, name: str, limits: tuple[float, float], info: dict[str, Any], visible: bool
) -> LayerData:
    data, keywords, kind = scalar_layer(grid, shown, name, "gray", limits, visible, info)
    return data, keywords | {"colormap": {"colors": list(RESIDUAL_COLORS), "name": "residual"}}, kind
