"""What a set of streamlines is: how many, how long, where they pass; and how far two sets overlap."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.tracts import Tracts

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class TractNumbers:
    """Count of the streamlines and their lengths in mm; lengths are NaN where there is none."""

    count: int
    mean: float
    median: float
    shortest: float
    longest: float
    total: float


@dataclass(frozen=True)
class TractOverlap:
    """How far two sets of streamlines pass through the same voxels.

    Parameters
    ----------
    dice : float
        2 |A and B| / (|A| + |B|) over the voxels that they pass through, 0 to 1 (Dice 1945).
    weighted_dice : float
        The same with voxels weighted by the share of the streamlines that pass (Cousineau et al., NeuroImage: Clinical
        16:222, 2017): voxels that nearly nobody visits hardly count.
    overlap, overreach : float
        Share of the voxels of the second that the first covers, and voxels of the first outside the second over those
        of the second (Cote et al., Medical Image Analysis 17:844, 2013).
    only_first, both, only_second : int
        Voxels.
    """

    dice: float
    weighted_dice: float
    overlap: float
    overreach: float
    only_first: int
    both: int
    only_second: int


def numbers_of(tracts: Tracts) -> TractNumbers:
    """Count streamlines and summarise their lengths."""
    lengths = tracts.lengths
    if not len(lengths):
        nan = float("nan")
        return TractNumbers(0, nan, nan, nan, nan, 0.0)
    return TractNumbers(
        len(lengths),
        float(lengths.mean()),
        float(np.median(lengths)),
        float(lengths.min()),
        float(lengths.max()),
        float(lengths.sum()),
    )


def visits(tracts: Tracts, affine: ArrayLike, shape: Shape) -> NDArray[np.int32]:
    """Count for every voxel of a grid how many streamlines pass through it.

    Segments are walked in steps of at most half the shortest edge of a voxel; parts outside the grid do not count.

    Returns
    -------
    (X, Y, Z) int32 array
        In the storage order of the grid.
    """
    matrix = np.linalg.inv(np.asarray(affine, np.float64))
    places, owners = _walked(tracts, min(frames.voxel_size(affine)) / 2)
    index = np.rint(places @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.int64)
    inside = ((index >= 0) & (index < np.array(shape))).all(axis=1)
    flat = np.ravel_multi_index(tuple(index[inside].T), shape)
    size = int(np.prod(shape))
    # A streamline counts once in a voxel, however often it passes.
    passed = np.unique(owners[inside] * size + flat) % size
    return np.bincount(passed, minlength=size).reshape(shape).astype(np.int32)


def density(tracts: Tracts, affine: ArrayLike, shape: Shape) -> NDArray[np.float32]:
    """Share of the streamlines that pass through each voxel of a grid, 0 to 1; 0 everywhere without streamlines.

    With replicates this is how often a voxel is visited; it counts streamlines that were kept, not axons.
    """
    return np.asarray(visits(tracts, affine, shape) / np.float32(max(len(tracts), 1)), np.float32)


def _walked(tracts: Tracts, step: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Places along all streamlines, at most `step` mm apart, and the streamline of each."""
    begin = tracts.segments
    start = tracts.points[begin].astype(np.float64)
    extent = tracts.points[begin + 1] - start if len(begin) else np.zeros((0, 3))
    parts = np.maximum(np.ceil(np.linalg.norm(extent, axis=1) / step), 1).astype(np.int64)
    which = np.repeat(np.arange(len(begin)), parts)
    share = (np.arange(len(which)) - np.repeat(np.cumsum(parts) - parts, parts)) / parts[which]
    places = start[which] + share[:, None] * extent[which]
    ends = np.unique(tracts.offsets[1:][np.diff(tracts.offsets) > 0] - 1)
    return (
        np.concatenate([places, tracts.points[ends].astype(np.float64)]),
        np.concatenate([tracts.owner[begin][which], tracts.owner[ends]]),
    )


def overlap(first: Tracts, second: Tracts, affine: ArrayLike, shape: Shape) -> TractOverlap:
    """Compare two sets by the voxels of a grid through which they pass; undefined shares are NaN."""
    a, b = visits(first, affine, shape), visits(second, affine, shape)
    in_a, in_b = a > 0, b > 0
    both = in_a & in_b
    wa, wb = a / max(len(first), 1), b / max(len(second), 1)
    weights = wa.sum() + wb.sum()
    return TractOverlap(
        dice=_share(2 * both.sum(), in_a.sum() + in_b.sum()),
        weighted_dice=_share((wa + wb)[both].sum(), weights),
        overlap=_share(both.sum(), in_b.sum()),
        overreach=_share((in_a & ~in_b).sum(), in_b.sum()),
        only_first=int((in_a & ~in_b).sum()),
        both=int(both.sum()),
        only_second=int((in_b & ~in_a).sum()),
    )


def _share(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else float("nan")


def share_outside(tracts: Tracts, affine: ArrayLike, shape: Shape) -> float:
    """Share of the points that lie outside a grid, 0 to 1: of another head, or of another space; 0 of no points."""
    matrix = np.linalg.inv(np.asarray(affine, np.float64))
    index = tracts.points @ matrix[:3, :3].T + matrix[:3, 3]
    inside = ((index >= -0.5) & (index <= np.array(shape) - 0.5)).all(axis=1)
    return float(1 - inside.mean()) if len(index) else 0.0
