"""Whether two files lie on the same grid of the world, and bringing one into the order of the other."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text

if TYPE_CHECKING:
    from napari_sti.io.nifti import Header

OFFSET_TOLERANCE = 0.1
"""Two affines are the same if no corner of the volume moves by more than this part of the smallest voxel edge ..."""

TURN_TOLERANCE = 7e-4
"""... and what a turn by this many radians moves it: what float32 quaternions lose near half a turn."""

Shape = tuple[int, ...]


def corner_distance(shape: Shape, first: ArrayLike, second: ArrayLike) -> float:
    """Largest distance in mm between the places where two affines put the eight corners of a volume."""
    corners = np.array(np.meshgrid(*[(0.0, n - 1.0) for n in shape[:3]], [1.0], indexing="ij")).reshape(4, -1)
    moved = (np.asarray(first, float) - np.asarray(second, float))[:3] @ corners
    return float(np.max(np.linalg.norm(moved, axis=0)))


def same_affine(shape: Shape, first: ArrayLike, second: ArrayLike) -> bool:
    """Whether two affines agree up to rounding on a volume of this shape."""
    size = frames.voxel_size(first)
    diagonal = float(np.linalg.norm(np.multiply(size, shape[:3])))
    return corner_distance(shape, first, second) <= OFFSET_TOLERANCE * min(size) + TURN_TOLERANCE * diagonal


def order_onto(shape: Shape, affine: ArrayLike, to_shape: Shape, to_affine: ArrayLike) -> NDArray[np.float64] | None:
    """How to reorder the axes of a volume so that it lies on another grid; None if no reordering does it.

    Parameters
    ----------
    shape, affine
        Of the volume.
    to_shape, to_affine
        Of the grid.

    Returns
    -------
    (3, 2) ndarray or None
        Orientation for `napari_sti.core.frames.reorder_volume`.
    """
    orientation = frames.orientation_between(affine, to_affine)
    moved = frames.reorder_affine(affine, orientation, tuple(shape[:3]))
    moved_shape = [0, 0, 0]
    for axis in range(3):
        moved_shape[int(orientation[axis, 0])] = shape[axis]
    if tuple(moved_shape) != tuple(to_shape[:3]) or not same_affine(to_shape, moved, to_affine):
        return None
    return orientation


def check_grid(header: "Header", grid: "Header", what: str) -> NDArray[np.float64]:
    """Return how to reorder a file onto the grid of another, or refuse it.

    Parameters
    ----------
    header : Header
        Of the file.
    grid : Header
        Of the file that defines the grid.
    what : str
        What the file is ("mask").

    Raises
    ------
    InputError
        If the two lie on different grids of the world; both files are named.
    """
    orientation = order_onto(header.shape, header.affine, grid.shape, grid.affine)
    if orientation is not None:
        return orientation
    sizes = [header.shape[:3], grid.shape[:3]]
    if sorted(sizes[0]) != sorted(sizes[1]):
        mine, other = map(shape_text, sizes)
        raise InputError(
            f"the {what} is {mine} voxels, {grid.path.name} is {other}",
            file=header.path,
            mend="resample both to one grid",
        )
    distance = corner_distance(grid.shape, header.affine, grid.affine)
    raise InputError(
        f"the {what} and {grid.path.name} have two affines that disagree (by up to {distance:.3g} mm)",
        file=header.path,
        mend="resample both to one grid, or correct the header that is wrong",
    )


def reorder(volume: NDArray[Any], orientation: NDArray[np.float64]) -> NDArray[Any]:
    """Permute and flip the first three axes; a view."""
    return frames.reorder_volume(volume, orientation)
