"""Streamlines on the slices of a publication figure."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.tracts import Tracts
from napari_sti.evaluate.slices import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_tracts(axes: "Axes", tracts: Tracts, tensor: TensorField, plane: Plane, slab: float) -> None:
    """Draw the streamlines whose segments lie within `slab` mm around the slice, coloured by direction (RAS)."""
    from matplotlib.collections import LineCollection

    begin = tracts.segments
    across = page_places(tracts.points, tensor, plane)
    ends = np.stack([across[begin], across[begin + 1]], axis=1)
    near = np.abs(ends[..., 2].mean(axis=1)) <= slab / 2
    extent = tracts.points[begin + 1] - tracts.points[begin]
    colors = np.abs(extent) / np.maximum(np.linalg.norm(extent, axis=1, keepdims=True), 1e-6)
    rows, columns = shape_of(plane)
    lines = LineCollection(ends[near][..., :2], colors=0.25 + 0.75 * colors[near], linewidths=0.6)
    lines.set_capstyle("round")
    axes.add_collection(lines)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def page_places(points: NDArray[np.floating], tensor: TensorField, plane: Plane) -> NDArray[np.float64]:
    """Places (n, 3) on the page of points in RAS mm: column and row in voxels, and mm in front of the slice."""
    orientation = frames.canonical_orientation(tensor.affine)
    affine = frames.reorder_affine(tensor.affine, orientation, tensor.shape)
    back = np.linalg.inv(affine)
    index = np.asarray(points, np.float64) @ back[:3, :3].T + back[:3, 3]
    normal = {"sagittal": 0, "coronal": 1, "axial": 2}[plane.axis]
    across, up = (axis for axis in range(3) if axis != normal)
    rows, columns = shape_of(plane)
    column = index[:, across] - plane.box[0].start
    column = columns - 1 - column if plane.convention == "radiological" else column
    row = rows - 1 - (index[:, up] - plane.box[1].start)
    depth = (index[:, normal] - plane.index) * frames.voxel_size(affine)[normal]
    return np.stack([column, row, depth], axis=1)


def shape_of(plane: Plane) -> tuple[int, int]:
    """Rows and columns of a slice."""
    across, up = plane.box
    return up.stop - up.start, across.stop - across.start
