"""Do directions run along the bundles that they are part of? The check for flipped and swapped axes.

Fibres go on from voxel to voxel: where a direction points at a neighbour, the neighbour's direction mostly points back.
Flip or swap an axis of the vectors without that of the volume, and it does not. Fibre coherence index of Schilling et
al., Magn Reson Imaging 58:82, 2019.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.errors import InputError

ANGLE = 30.0
"""Degrees within which a direction points at a neighbour, as published."""

# Of the 26 neighbours one of each opposite pair: a pair of voxels is visited once, and counted twice.
_OFFSETS = tuple(o for o in itertools.product((-1, 0, 1), repeat=3) if o > (0, 0, 0))


@dataclass(frozen=True, eq=False)
class CoherenceTable:
    """Coherence of a field of directions as it is and after every flip and swap of the vectors' axes.

    Parameters
    ----------
    transforms : (24, 3, 3) array
        Signed permutations of the components, the identity first; a matrix and its negative are the same to a field of
        directions, so that 24 stand for all 48.
    index : (24,) array
        `coherence_index` after each.
    """

    transforms: NDArray[np.float64]
    index: NDArray[np.float64]

    @property
    def relative(self) -> NDArray[np.float64]:
        """Index of each transform divided by that of the directions as stored."""
        return np.asarray(self.index / self.index[0])

    @property
    def best(self) -> NDArray[np.float64]:
        """The transform (3, 3) after which the directions fit the volume best; the identity if all is well."""
        return np.asarray(self.transforms[int(np.argmax(self.index))])

    @property
    def as_stored_is_best(self) -> bool:
        """Whether no flip or swap would make the directions fit better."""
        return bool(np.argmax(self.index) == 0)


def coherence_index(
    directions: NDArray[np.floating],
    anisotropy: NDArray[np.floating],
    *,
    voxel_size: ArrayLike = (1, 1, 1),
    angle: float = ANGLE,
    threshold: float = 0.0,
) -> float:
    """Compute the fibre coherence index.

    For every voxel and each of its 26 neighbours: if the line between the two lies within `angle` of the directions of
    both, the anisotropy of both is added.

    Parameters
    ----------
    directions : (X, Y, Z, 3) array
        Principal directions in VOXEL axes, of either sign and any length; zero or NaN where there is none.
    anisotropy : (X, Y, Z) array
        Weight of each voxel (FA or MSA); NaN does not count.
    voxel_size : three numbers
        In mm, only their ratios matter.
    angle : float
        In degrees.
    threshold : float
        Voxels whose anisotropy is not above it do not count. Noise points everywhere and dilutes every comparison.

    Returns
    -------
    float
        In the unit of the anisotropy times pairs: only ratios between fields on the same grid mean something.
    """
    voxels = _Voxels(directions, anisotropy, threshold)
    return float(_indices(voxels, np.eye(3)[None], np.asarray(voxel_size, np.float64), angle)[0])


def coherence_table(
    directions: NDArray[np.floating],
    anisotropy: NDArray[np.floating],
    *,
    voxel_size: ArrayLike = (1, 1, 1),
    angle: float = ANGLE,
    threshold: float = 0.0,
    axes: ArrayLike | None = None,
) -> CoherenceTable:
    """Compute the fibre coherence index of the directions and of all their flips and swaps; see `coherence_index`.

    With `axes`, an orthogonal matrix (3, 3) that takes components in other axes to the voxel axes, the flips and swaps
    are those of the components in these other axes, such as those in which a file is written.
    """
    transforms = _signed_permutations()
    turn = np.eye(3) if axes is None else np.asarray(axes, np.float64)
    voxels, size = _Voxels(directions, anisotropy, threshold), np.asarray(voxel_size, np.float64)
    return CoherenceTable(transforms, _indices(voxels, turn @ transforms @ turn.T, size, angle))


def _signed_permutations() -> NDArray[np.float64]:
    """The 24 signed permutations that differ by more than the sign of the whole, the identity first."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=2):
            found.append(np.diag([1.0, *signs])[:, list(order)].T)
    return np.array(found)


class _Voxels:
    """The voxels that count, as a list, and their places in a volume with a rim of one voxel around it."""

    def __init__(self, directions: NDArray[np.floating], anisotropy: NDArray[np.floating], threshold: float) -> None:
        vectors, weight = np.asarray(directions, np.float32), np.asarray(anisotropy, np.float32)
        if vectors.shape != (*weight.shape, 3) or weight.ndim != 3:
            raise InputError(
                f"the directions have the shape {vectors.shape} and the anisotropy {weight.shape}",
                mend="give (x, y, z, 3) and (x, y, z) on one grid",
            )
        length = np.linalg.norm(vectors, axis=-1)
        counts = (weight > max(threshold, 0)) & (length > 0) & np.isfinite(weight) & np.isfinite(length)
        if not counts.any():
            raise InputError("there is no anisotropic voxel with a direction", mend="check the mask and the unit")
        self.vectors = vectors[counts] / length[counts, None]
        self.weight = weight[counts]
        self._places = np.flatnonzero(np.pad(counts, 1))
        self._strides = ((weight.shape[1] + 2) * (weight.shape[2] + 2), weight.shape[2] + 2, 1)
        self._numbers = np.full(int(np.prod(np.add(weight.shape, 2))), -1, np.int32)
        self._numbers[self._places] = np.arange(len(self.weight), dtype=np.int32)

    def shared_weight(self, points: NDArray[np.bool_], offset: tuple[int, ...]) -> float:
        """Weight of the pairs of neighbours at an offset of which both are among `points`."""
        first = np.flatnonzero(points)
        second = self._numbers[self._places[first] + int(np.dot(offset, self._strides))]
        pair = (second >= 0) & points[second]
        weight = self.weight[first[pair]] + self.weight[second[pair]]
        return float(np.sum(weight, dtype=np.float64))


def _indices(
    voxels: _Voxels, transforms: NDArray[np.float64], voxel_size: NDArray[np.float64], angle: float
) -> NDArray[np.float64]:
    """Index after each of the transforms.

    A turned direction lies along a line just where the direction lies along the line turned back. Most of those lines
    are the same for many transforms, and each is worked on once.
    """
    threshold = np.float32(np.cos(np.radians(angle)))
    index = np.zeros(len(transforms))
    for offset in _OFFSETS:
        line = np.array(offset) * voxel_size
        for turned, members in _turned_back(line / np.linalg.norm(line), transforms).items():
            points = np.abs(voxels.vectors @ np.array(turned, np.float32)) > threshold
            index[members] += voxels.shared_weight(points, offset)
    return 2 * index


def _turned_back(line: NDArray[np.float64], transforms: NDArray[np.float64]) -> dict[tuple[float, ...], list[int]]:
    """Lines that the transforms make of one, each with the numbers of the transforms; a line has no sign."""
    found: dict[tuple[float, ...], list[int]] = {}
    for number, transform in enumerate(transforms):
        turned = np.round(transform.T @ line, 9) + 0.0
        turned = turned if tuple(turned) > tuple(-turned) else -turned + 0.0
        found.setdefault(tuple(turned.tolist()), []).append(number)
    return found
