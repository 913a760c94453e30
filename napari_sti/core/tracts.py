"""A set of streamlines in the world: points in RAS mm, one after the other, and where each line ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.errors import InputError

Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tracts:
    """Streamlines in world coordinates, independent of any grid.

    Parameters
    ----------
    points : (P, 3) float32 array
        Points of all streamlines one after the other, RAS mm.
    offsets : (n + 1,) int64 array
        Streamline i consists of the points ``offsets[i]`` to ``offsets[i + 1]``.
    affine : (4, 4) array, optional
        Voxel indices to RAS mm of the grid on which they were tracked; some file formats ask for it.
    shape : tuple of int, optional
        Number of voxels of that grid.
    name : str
        What the person calls them.
    provenance : mapping
        How they were made, plain JSON-able values.

    Raises
    ------
    InputError
        If points are not finite, or the offsets do not divide them.
    """

    points: Points
    offsets: NDArray[np.int64]
    affine: NDArray[np.float64] | None = None
    shape: tuple[int, int, int] | None = None
    name: str = "tracts"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = np.asarray(self.points, np.float32).reshape(-1, 3)
        offsets = np.asarray(self.offsets, np.int64)
        good = offsets.ndim == 1 and len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(points)
        if not good or (np.diff(offsets) < 0).any():
            raise InputError("the streamlines do not say where each of them ends", mend="write the file again")
        if not np.isfinite(points).all():
            raise InputError("some points of the streamlines are not finite", mend="track again")
        for name, value in (("points", points), ("offsets", offsets)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tracts":
        return self  # immutable and large: a duplicated layer shares it

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def line(self, index: int) -> Points:
        """Return the points of one streamline, (m, 3) in RAS mm."""
        return self.points[self.offsets[index] : self.offsets[index + 1]]

    def lines(self) -> list[Points]:
        """Return all streamlines as views."""
        return [self.line(i) for i in range(len(self))]

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """Which streamline each point belongs to, (P,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def segments(self) -> NDArray[np.int64]:
        """Index (S,) of the first point of every segment; its second point is the next one."""
        if len(self.points) < 2:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.owner[1:] == self.owner[:-1])

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Length of every streamline in mm, (n,)."""
        steps = np.linalg.norm(np.diff(self.points, axis=0)[self.segments], axis=1)
        return np.bincount(self.owner[self.segments], weights=steps, minlength=len(self)).astype(np.float64)

    def chosen(self, which: ArrayLike) -> "Tracts":
        """Return some of the streamlines: a bool for each, or their indices in the wanted order."""
        picked = np.asarray(which)
        indices = np.flatnonzero(picked) if picked.dtype == bool else picked.astype(np.int64)
        return from_lines([self.line(int(i)) for i in indices], like=self)


def from_lines(lines: Sequence[ArrayLike], *, like: Tracts | None = None, **attributes: Any) -> Tracts:
    """Put streamlines, each (m, 3) in RAS mm, together; grid, name and provenance are those of `like` or given."""
    arrays = [np.asarray(line, np.float32).reshape(-1, 3) for line in lines]
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in arrays])]).astype(np.int64)
    points = np.concatenate(arrays) if arrays else np.zeros((0, 3), np.float32)
    if like is not None:
        inherited = {name: getattr(like, name) for name in ("affine", "shape", "name", "provenance")}
        attributes = {**inherited, **attributes}
    return Tracts(points, offsets, **attributes)
