"""Tensors, directions and volumes of any order of storage, brought to one grid; another grid is refused."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.grid import order_onto
from napari_sti.io.nifti import Volume
from napari_sti.maps.dti import DtiReference

Reference = TensorField | DtiReference
"""What tensors are compared with."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of the world, and what is called by its name where something does not lie on it.

    Parameters
    ----------
    shape, affine
        Number of voxels along the axes, and voxel indices to RAS mm.
    name : str
        Of the volume that it was taken from.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    name: str

    def tensor(self, tensor: TensorField, name: str) -> TensorField:
        """Return a tensor in the order of this grid and in its voxel axes.

        Raises
        ------
        InputError
            That names both, if they lie on different grids; so do the others.
        """
        orientation = self._order(tensor.shape, tensor.affine, name)
        # Rounding of the headers apart, it is the same grid: from here on it is the same affine.
        return replace(tensor.in_frame("voxel").reordered(orientation), affine=self.affine)

    def reference(self, reference: Reference, name: str) -> Reference:
        """Return a reference in the order of this grid and in its voxel axes."""
        if isinstance(reference, TensorField):
            return self.tensor(reference, name)
        orientation = self._order(reference.shape, reference.affine, name)
        return replace(reference.reordered(orientation), affine=self.affine)

    def volume(self, volume: Volume | None, what: str) -> NDArray[np.float32] | None:
        """Return the values of a volume in the order of this grid, NaN as 0; None for None."""
        if volume is None:
            return None
        orientation = self._order(volume.data.shape, volume.affine, f"the {what} {volume.path.name}")
        return np.asarray(np.nan_to_num(frames.reorder_volume(volume.data, orientation)), np.float32)

    def mask(self, volume: Volume | None, what: str) -> NDArray[np.bool_] | None:
        """Return where a volume exceeds 0.5; None for None."""
        values = self.volume(volume, what)
        return None if values is None else np.asarray(values > 0.5)

    def labels(self, volume: Volume | None) -> NDArray[np.int64] | None:
        """Return the regions of a volume of whole numbers; None for None."""
        values = self.volume(volume, "regions")
        if values is None or volume is None:
            return None
        if not np.array_equal(values, np.rint(values)):
            raise InputError(
                "the regions are not whole numbers",
                file=volume.path,
                mend="give one whole number for each region, 0 for none",
            )
        return values.astype(np.int64)

    def _order(self, shape: tuple[int, ...], affine: NDArray[np.float64], what: str) -> NDArray[np.float64]:
        orientation = order_onto(shape, affine, self.shape, self.affine)
        if orientation is None:
            differ = sorted(shape[:3]) != sorted(self.shape)
            sizes = f" ({shape_text(shape[:3])} and {shape_text(self.shape)} voxels)" if differ else ""
            raise InputError(
                f"{what} and {self.name} lie on different grids{sizes}", mend="resample both to one grid first"
            )
        return orientation
