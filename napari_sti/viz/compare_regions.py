"""Labels drawn in the viewer, brought to the grid of a comparison by taking the nearest voxel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.io.nifti import Volume
from napari_sti.viz.display import DisplayGrid


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a Labels layer holds, taken out of the viewer so that a thread can work with it.

    Parameters
    ----------
    data : (X, Y, Z) array of int
        The labels.
    scale, translate : (3,) arrays
        Where they lie in mm of the screen.
    name : str
        Of the layer.
    """

    data: NDArray[Any]
    scale: NDArray[np.float64]
    translate: NDArray[np.float64]
    name: str

    def on_grid(self, grid: DisplayGrid) -> Volume:
        """Return the labels in the voxels of a grid, 0 outside of what was drawn.

        Raises
        ------
        InputError
            If nothing of what was drawn lies on the grid.
        """
        values: NDArray[Any] = self.data
        for axis, count in enumerate(grid.shown_shape):
            centres = grid.translate[axis] + grid.scale[axis] * np.arange(count)
            index = np.rint((centres - self.translate[axis]) / self.scale[axis]).astype(int)
            there = (index >= 0) & (index < self.data.shape[axis])
            values = np.take(values, np.clip(index, 0, self.data.shape[axis] - 1), axis=axis)
            values = np.where(there.reshape([-1 if i == axis else 1 for i in range(3)]), values, 0)
        if not values.any():
            raise InputError(
                f"the layer {self.name!r} marks no voxel of the results", mend="draw on the images of a run"
            )
        return Volume(values.astype(np.float32), grid.true_affine, Path(self.name))


def take_labels(layer: Any) -> Drawn:
    """Take the labels out of a layer.

    Raises
    ------
    InputError
        If the layer is not three-dimensional, or turned.
    """
    if layer.ndim != 3:
        raise InputError(
            f"the layer {layer.name!r} has {layer.ndim} dimensions instead of 3", mend="choose another one"
        )
    matrix = np.asarray(layer.affine.linear_matrix, float)
    turned = not np.allclose(matrix, np.eye(3)) or not np.allclose(np.asarray(layer.rotate, float), np.eye(3))
    if turned or np.any(np.abs(np.asarray(layer.shear, float)) > 1e-9):
        raise InputError(f"the layer {layer.name!r} is turned against the results", mend="draw on the images of a run")
    shift = np.asarray(layer.affine.translate, float)
    scale, translate = np.asarray(layer.scale, float), np.asarray(layer.translate, float) + shift
    return Drawn(np.array(layer.data), scale, translate, str(layer.name))
