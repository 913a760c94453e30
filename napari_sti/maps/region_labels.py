"""Segmentations: whole numbers on a grid, with names; brought to the grid of a result by the nearest voxel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.io.grid import order_onto
from napari_sti.io.nifti import read_volume
from napari_sti.maps.region_names import names_beside, read_names

MOST = 5000
"""Different labels; an image of intensities has more, a segmentation has not."""
_EXACT = 1 << 24  # from here on float32, as which volumes are read, has no odd numbers


class OtherGridError(InputError):
    """The labels lie on another grid than a result: they can be brought to it, if the person agrees."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Regions of a volume.

    Parameters
    ----------
    data : (X, Y, Z) array of int
        Label of each voxel, 0 for none.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    names : mapping of int to str
        Names of labels; those without one are called ``region 3``.
    source : str
        File or layer, for sentences.
    notes : tuple of str
        What a person should know about them.
    """

    data: NDArray[np.integer]
    affine: NDArray[np.float64]
    names: Mapping[int, str] = field(default_factory=dict)
    source: str = "the labels"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.dtype.kind not in "iub":
            raise InputError(f"{self.source} is no volume of whole numbers", mend="give one label for each voxel")
        if not self.data.any():
            raise InputError(f"{self.source} marks no voxel", mend="draw a region, or choose another segmentation")

    def affine_on(self, shape: tuple[int, ...], affine: ArrayLike) -> NDArray[np.float64]:
        """Affine with which the labels lie in the world of a result with this grid."""
        return self.affine

    def on_grid(self, shape: tuple[int, ...], affine: ArrayLike, *, resample: bool = False) -> NDArray[np.int64]:
        """Return the labels in the voxels of a grid.

        Parameters
        ----------
        shape, affine
            The grid.
        resample : bool
            Take the label of the nearest voxel where the grids differ; where there is none it is 0.

        Raises
        ------
        OtherGridError
            If the grids differ and `resample` is false.
        InputError
            If no label lies on the grid.
        """
        own = self.affine_on(shape, affine)
        orientation = order_onto(self.data.shape, own, shape, affine)
        if orientation is not None:
            return np.ascontiguousarray(frames.reorder_volume(self.data, orientation)).astype(np.int64)
        if not resample:
            raise OtherGridError(
                f"{self.source} lies on another grid ({shape_text(self.data.shape)} voxels of {_edges(own)}) than the "
                f"result ({shape_text(shape)} of {_edges(affine)})",
                mend="allow resampling by the nearest voxel",
            )
        out = nearest(self.data, own, shape, affine)
        if not out.any():
            raise InputError(f"no label of {self.source} lies in the result", mend="give labels of the same head")
        return out


def nearest(
    data: NDArray[np.integer], affine: ArrayLike, to_shape: tuple[int, ...], to_affine: ArrayLike
) -> NDArray[np.int64]:
    """Take for every voxel of a grid the label of the nearest voxel of another one; 0 outside of it."""
    onto = np.linalg.inv(np.asarray(affine, np.float64)) @ np.asarray(to_affine, np.float64)
    out = np.zeros(to_shape, np.int64)
    j, k = np.meshgrid(np.arange(to_shape[1]), np.arange(to_shape[2]), indexing="ij")
    for i in range(to_shape[0]):
        place = onto[:3, 0, None, None] * i + onto[:3, 1, None, None] * j + onto[:3, 2, None, None] * k
        place += onto[:3, 3, None, None]
        # Halves go one way, and not to the even number, by which labels would be met three times or once in turn.
        index = np.floor(place + 0.5 - 1e-9).astype(np.int64)
        size = np.array(data.shape)[:, None, None]
        there = ((index >= 0) & (index < size)).all(axis=0)
        x, y, z = np.where(there, index, 0)
        out[i] = np.where(there, data[x, y, z], 0)
    return out


def read_labels(path: str | Path, names: str | Path | None = None) -> Labels:
    """Read a segmentation and the names of its regions.

    Parameters
    ----------
    path : path
        NIfTI file of whole numbers.
    names : path, optional
        Table of names; by default the one that lies beside the file, if there is one (`region_names`).

    Raises
    ------
    InputError
        If it holds fractions, negative numbers, numbers too large to be told apart, or nothing but 0.
    """
    path = Path(path)
    volume = read_volume(path, what="segmentation")
    values, notes = volume.data, list(volume.header.warnings if volume.header is not None else ())
    undefined = ~np.isfinite(values)
    if undefined.any():
        notes.append(f"{int(undefined.sum())} voxels of {path.name} are NaN or infinite and count to no region.")
        values = np.where(undefined, np.float32(0), values)
    _check_whole(values, path)
    data = values.astype(np.int32)
    count = len(np.unique(data))
    if count > MOST:
        raise InputError(
            f"this file holds {count} different values, more than a segmentation has",
            file=path,
            mend="give one whole number for each region, 0 for none",
        )
    if not data.any():
        raise InputError("this segmentation marks no voxel: all are 0", file=path, mend="choose another file")
    table = Path(names) if names is not None else names_beside(path)
    named = read_names(table) if table is not None else {}
    if table is not None:
        notes.append(f"Names of regions are from {table.name}.")
    return Labels(data, volume.affine, named, path.name, tuple(notes))


def _check_whole(values: NDArray[np.float32], path: Path) -> None:
    if not np.array_equal(values, np.rint(values)):
        raise InputError(
            "the labels are not whole numbers", file=path, mend="give one whole number for each region, 0 for none"
        )
    if values.min() < 0:
        raise InputError("there are labels below 0", file=path, mend="number the regions from 1")
    if values.max() >= _EXACT:
        raise InputError(
            f"there are labels of {_EXACT} and more, which cannot be told apart", file=path, mend="number them anew"
        )


def _edges(affine: ArrayLike) -> str:
    return "x".join(f"{edge:.3g}" for edge in frames.voxel_size(affine)) + " mm"
