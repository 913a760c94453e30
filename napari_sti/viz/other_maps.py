"""Maps of a window that may modulate or clip the directions of a run, brought to its grid."""

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz.display import DisplayGrid, grid_of, layer_info, true_world


def usable(layers: Iterable[Any], run: str = "") -> list[Any]:
    """Layers that can modulate or clip: maps of numbers and masks of three axes, the run's own MSA left out."""
    found = []
    for layer in layers:
        data = getattr(layer, "data", None)
        info = layer_info(layer.metadata) or {}
        own = info.get("kind") == "msa" and info.get("run") == run
        if _is_volume(data) and not getattr(layer, "rgb", False) and not own:
            found.append(layer)
    return found


def _is_volume(data: Any) -> bool:
    dtype = getattr(data, "dtype", None)
    return getattr(data, "ndim", 0) == 3 and dtype is not None and np.dtype(dtype).kind in "fiub"


def title_and_unit(layer: Any) -> tuple[str, str]:
    """Short name of a map for the colour key, and its unit."""
    info = layer_info(layer.metadata) or {}
    return str(info.get("map") or layer.name), str(info.get("unit") or "")


def same_grid(layer: Any, grid: DisplayGrid) -> bool:
    """Whether a layer lies on a grid, voxel by voxel."""
    if tuple(layer.data.shape) != grid.shown_shape:
        return False
    theirs = grid_of(layer_info(layer.metadata))
    if theirs is not None:
        return bool(np.allclose(theirs.true_affine, grid.true_affine, atol=1e-3))
    return bool(
        np.allclose(layer.scale[-3:], grid.scale, atol=1e-4)
        and np.allclose(layer.translate[-3:], grid.translate, atol=1e-3)
    )


def on_grid(layer: Any, grid: DisplayGrid) -> NDArray[Any]:
    """Return the values of a layer on a grid in the shown order; linear interpolation where it lies on another one.

    NaN outside the layer. True places in the world count, also of oblique scans; a layer of other origin is taken to
    lie where it is shown.
    """
    data = np.asarray(layer.data)
    if same_grid(layer, grid):
        return data
    from scipy.ndimage import map_coordinates

    theirs = grid_of(layer_info(layer.metadata))
    if theirs is None:
        to_theirs: NDArray[np.float64] = np.eye(4)
        to_theirs[:3, :3] = np.diag(1 / np.asarray(layer.scale[-3:], float))
        to_theirs[:3, 3] = -np.asarray(layer.translate[-3:], float) / np.asarray(layer.scale[-3:], float)
    else:
        to_theirs = np.array(np.linalg.inv(theirs.true_affine))
    index = np.moveaxis(np.indices(grid.shown_shape, np.float32), 0, -1)
    world = true_world(grid, index * grid.scale + grid.translate)
    places = world @ to_theirs[:3, :3].T + to_theirs[:3, 3]
    order = 0 if data.dtype.kind in "iub" else 1
    values = map_coordinates(
        data.astype(np.float32), np.moveaxis(places, -1, 0), order=order, cval=np.nan, mode="constant", prefilter=False
    )
    return cast(NDArray[Any], values.astype(np.float32))


def robust_range(values: NDArray[Any], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Ends of a slider for a map: its values inside a mask without the outermost 0.5 per cent."""
    good = values[mask]
    good = good[np.isfinite(good)].astype(float)
    if not good.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(good[:: max(1, good.size // 200_000)], (0.5, 99.5)))
    if low >= 0 and low < 0.3 * high:
        low = 0.0
    if not high > low:
        high = low + max(abs(low) * 0.1, 1e-3)
    digits = 2 - int(np.floor(np.log10(high - low)))
    return float(np.floor(low * 10**digits) / 10**digits), float(np.ceil(high * 10**digits) / 10**digits)
