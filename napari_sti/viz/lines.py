"""Principal eigenvectors as lines: one per voxel, masked, thinned evenly, coloured by direction.

Positions are shown voxel indices (the layer's scale makes them mm), so that napari's slicing picks the lines of the
current slice exactly. Directions are those of the shown axes, which for an oblique scan are the scan's own; colours
always follow the world's axes.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.maps.colour import NO_AXIS, Axes, pev_colour

MOST_LINES = 100_000
"""More are thinned out: meshes of the lines are rebuilt with every change of the slice."""

LENGTH = 0.9
"""Of a line, in edges of the shortest side of the voxel.

Half of it is less than half a voxel, so a line starts within its own slice (napari takes a line for part of the slice
in which it starts), whichever way the volume is sliced.
"""


TINT = 0.5
"""Share of white in the colour of a line: on a bundle of its own colour it would vanish otherwise."""


@dataclass(frozen=True, eq=False)
class Lines:
    """What a Vectors layer is made from.

    Parameters
    ----------
    vectors : (n, 2, 3) float32 array
        Start and extent in shown voxel indices.
    colors : (n, 4) float32 array
        RGBA by direction in RAS, lightened by `TINT`.
    kept : float
        Share of the voxels that have a line, 1 if none was left out.
    """

    vectors: NDArray[np.float32]
    colors: NDArray[np.float32]
    kept: float


def even_subset(index: NDArray[np.integer[Any]], most: int) -> NDArray[np.bool_]:
    """Choose at most about `most` of the voxels with indices (n, 3) so that every slice keeps the same share.

    A lattice is kept, (i + a j + b k) divisible by m with a and b prime to m: each line of voxels along any of the
    three axes keeps every m-th, so the slices look alike from each side.
    """
    n = len(index)
    m = max(1, math.ceil(n / most))
    if m == 1:
        return np.ones(n, bool)
    first = _prime_to(m, round(m * 0.618))
    second = _prime_to(m, round(m * 0.382))
    return cast(NDArray[np.bool_], (index[:, 0] + first * index[:, 1] + second * index[:, 2]) % m == 0)


def _prime_to(m: int, start: int) -> int:
    for step in range(m):
        for candidate in (start + step, start - step):
            if candidate >= 1 and math.gcd(candidate, m) == 1:
                return candidate
    return 1


def make_lines(
    pev_ras: NDArray[np.float32],
    shown: NDArray[np.bool_],
    voxel_axes: NDArray[np.float64],
    scale: NDArray[np.float64],
    *,
    most: int = MOST_LINES,
    opacity: NDArray[np.floating[Any]] | None = None,
) -> Lines:
    """Make one line for each shown voxel.

    Parameters
    ----------
    pev_ras : (X, Y, Z, 3) array
        Principal eigenvectors in RAS, in the shown order of axes.
    shown : (X, Y, Z) array
        Where a line is wanted.
    voxel_axes : (3, 3) array
        Columns are the shown axes in RAS.
    scale : (3,) array
        Voxel size in mm along the shown axes.
    most : int
        Number of lines from which on they are thinned out.
    opacity : (X, Y, Z) array, optional
        Of each line, from 0 to 1; all 1 by default.
    """
    index = np.argwhere(shown & pev_ras.any(axis=-1))
    keep = even_subset(index, most)
    kept = float(keep.mean()) if len(index) else 1.0
    index = index[keep]
    at = tuple(index.T)
    return lines_at(
        pev_ras[at],
        index,
        voxel_axes,
        scale,
        length=LENGTH * float(scale.min()),
        opacity=None if opacity is None else opacity[at],
        kept=kept,
    )


def lines_at(
    directions: NDArray[np.floating[Any]],
    index: NDArray[np.integer[Any]],
    voxel_axes: NDArray[np.float64],
    scale: NDArray[np.float64],
    *,
    length: float,
    opacity: NDArray[np.floating[Any]] | None = None,
    kept: float = 1.0,
    even: bool = False,
    suppress: Axes = NO_AXIS,
) -> Lines:
    """Make one line for each of some voxels.

    Parameters
    ----------
    directions : (n, 3) array
        Unit vectors in RAS.
    index : (n, 3) array
        Shown indices of the voxels.
    voxel_axes, scale
        As in `make_lines`.
    length : float
        Of a line, mm.
    opacity : (n,) array, optional
        From 0 to 1.
    kept : float
        Share of the voxels that have a line.
    even, suppress
        Of the colours, as in `napari_sti.maps.colour.pev_colour`.
    """
    directions = np.asarray(directions, np.float64).reshape(-1, 3)
    along_axes = directions @ voxel_axes  # components along the shown axes: the transpose of the columns
    extent = length * along_axes / scale
    vectors = np.stack([index - extent / 2, extent], axis=1).astype(np.float32)
    colors = np.ones((len(index), 4), np.float32)
    if even or any(suppress):
        full = pev_colour(directions, np.ones(len(directions)), 0.0, 1.0, even=even, suppress=suppress)
        colors[:, :3] = TINT + (1 - TINT) * (full / 255.0)
    else:
        colors[:, :3] = TINT + (1 - TINT) * np.abs(directions)
    if opacity is not None:
        colors[:, 3] = opacity
    return Lines(vectors, colors, kept)
