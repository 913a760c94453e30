"""A study in the nearest RAS order on a padded grid, for methods that treat the two ends of an axis differently."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition

Shape = tuple[int, int, int]


_ORDERS = {"RAS": np.eye(4), "LPS": np.diag([-1.0, -1.0, 1.0, 1.0])}


class CanonicalGrid:
    """Brings the arrays of a study to the nearest RAS order, with zeros added at the far ends, and takes results back.

    A method that computes on this grid finds the same values for every voxel in whatever order the files are stored.
    Directions and tensors are in the voxel axes of the new order.

    Parameters
    ----------
    acquisition : Acquisition
        In its storage order.
    padded : callable, optional
        Makes the shape of the padded grid, nowhere smaller, from that in RAS order. Nothing is added by default.
    axes : {"RAS", "LPS"}
        The other order is for networks that were trained in it.

    Attributes
    ----------
    shape : (X, Y, Z)
        Number of voxels of the padded grid.
    voxel_size : three floats
        Edge lengths in mm along its axes.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in its axes.
    mask : (X, Y, Z) array of bool
        False where zeros were added.
    """

    def __init__(
        self, acquisition: Acquisition, padded: Callable[[Shape], Shape] | None = None, *, axes: str = "RAS"
    ) -> None:
        self._there = frames.orientation_between(acquisition.affine, _ORDERS[axes])
        affine = frames.reorder_affine(acquisition.affine, self._there, acquisition.shape)
        self._back = frames.orientation_between(affine, acquisition.affine)
        turn = frames.reordering_matrix(self._there)
        # Reordering the axes permutes the six components, and changes the sign of some.
        self._components = frames.tensor_rotation(turn)
        self._stored_mask = acquisition.mask
        self._inner: Shape = cast(Shape, frames.reorder_volume(acquisition.mask, self._there).shape)
        self.shape = padded(self._inner) if padded else self._inner
        self.voxel_size = frames.voxel_size(affine)
        self._turn = turn
        self.b0_dirs = self.turned(acquisition.b0_dirs)
        self.mask = self.place(acquisition.mask)

    def turned(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Directions (N, 3) in the study's voxel axes, in the axes of this grid."""
        return frames.rotate_vectors(directions, self._turn)

    def place(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Volume (X, Y, Z) of the study on this grid; a copy."""
        out = np.zeros(self.shape, volume.dtype)
        out[self._inside] = frames.reorder_volume(volume, self._there)
        return out

    def place_volumes(self, volumes: NDArray[Any]) -> NDArray[Any]:
        """Volumes (N, X, Y, Z) of the study on this grid; a copy."""
        out = np.zeros((len(volumes), *self.shape), volumes.dtype)
        for volume, target in zip(volumes, out, strict=True):
            target[self._inside] = frames.reorder_volume(volume, self._there)
        return out

    def place_tensor(self, chi: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) of the study as (6, X, Y, Z) on this grid; zero where zeros were added."""
        out = np.zeros((6, *self.shape), np.float32)
        for new, old in enumerate(np.abs(self._components).argmax(1)):
            volume = frames.reorder_volume(chi[..., old], self._there)
            np.multiply(volume, self._components[new, old], out=out[new][self._inside], casting="unsafe")
        return out

    def take_tensor(self, volumes: Iterable[NDArray[Any]]) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) in the study's order of six volumes on this grid; zero outside the study's mask."""
        out = np.zeros((*self._stored_mask.shape, 6), np.float32)
        for new, volume in enumerate(volumes):
            old = int(np.abs(self._components[new]).argmax())
            stored = frames.reorder_volume(volume[self._inside], self._back)
            sign = np.float32(self._components[new, old])
            np.multiply(stored, sign, out=out[..., old], where=self._stored_mask, casting="unsafe")
        return out

    def take(self, volume: NDArray[Any]) -> NDArray[np.float32]:
        """Volume (X, Y, Z) in the study's order of one on this grid; zero outside the study's mask."""
        stored = frames.reorder_volume(volume[self._inside], self._back)
        return np.where(self._stored_mask, stored, np.float32(0)).astype(np.float32, copy=False)

    @property
    def _inside(self) -> tuple[slice, slice, slice]:
        x, y, z = (slice(0, n) for n in self._inner)
        return x, y, z
