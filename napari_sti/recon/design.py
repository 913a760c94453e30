"""What a set of B0 directions can tell about a tensor, in numpy alone (checks run where torch is not loaded)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames

RANK_TOLERANCE = 1e-4
"""Singular values below this fraction of the largest count as zero: six directions within about one degree."""


def field_weights(b0_dirs: ArrayLike) -> NDArray[np.float64]:
    """Weights (N, 6) with which the components xx, xy, xz, yy, yz, zz of a symmetric Q make h·Q h for each direction.

    Parameters
    ----------
    b0_dirs : (N, 3) array
        Unit vectors of the main field, in the frame of the components.
    """
    h = np.asarray(b0_dirs, np.float64)
    twice = np.array([1, 2, 2, 1, 2, 1])  # off-diagonals stand in the tensor twice
    weights: NDArray[np.float64] = frames.from_matrix(h[:, :, None] * h[:, None, :]) * twice
    return weights


def rank(b0_dirs: ArrayLike) -> int:
    """How many of the six components of a tensor the directions (N, 3) determine, 1 to 6.

    Six or more directions determine fewer when some are the same, or when all lie on one cone, whatever its axis and
    however it is squeezed.
    """
    values = np.linalg.svd(field_weights(b0_dirs), compute_uv=False)
    return int(np.sum(values > RANK_TOLERANCE * values[0]))


def least_tilted(b0_dirs: ArrayLike, affine: ArrayLike) -> int:
    """Index of the direction nearest to the foot-head axis of the world; of equal ones the first.

    Parameters
    ----------
    b0_dirs : (N, 3) array
        Unit vectors in voxel axes.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    """
    upright = np.abs(np.asarray(b0_dirs, np.float64) @ frames.b0_from_affine(affine))
    return int(np.argmax(upright > upright.max() - 1e-9))
