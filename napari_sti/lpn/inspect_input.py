"""Images of a question as batches in the scale of a network, and the way back to the grid of their file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text
from napari_sti.io.nifti import read_volume
from napari_sti.lpn.components import channel_matrix, mix
from napari_sti.lpn.images import unit_range
from napari_sti.lpn.question import Question

_ALIKE = 1e-3  # mm or so between the affines of two files on one grid


@dataclass(frozen=True, eq=False)
class Grid:
    """How the voxels of a file became a batch.

    Parameters
    ----------
    shape : (X, Y, Z)
        Of what was taken of the file: a single slice has one voxel across.
    affine : (4, 4) array
        Of that.
    axis : int or None
        Across which it was cut into the images of the batch; None where it is one image.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    axis: int | None

    def batch(self, values: NDArray[Any]) -> torch.Tensor:
        """Make (B, C, *spatial) out of (X, Y, Z, C)."""
        if self.axis is None:
            images = np.moveaxis(values, -1, 0)[None]
        else:
            images = np.moveaxis(np.moveaxis(values, self.axis, 0), -1, 1)
        return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))

    def volume(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """Make (X, Y, Z), or (X, Y, Z, C) of several channels, out of (B, C, *spatial) or (B, *spatial)."""
        spatial = 3 if self.axis is None else 2
        images = batch.detach().cpu().float().numpy()
        images = images[:, None] if images.ndim == 1 + spatial else images
        last = np.moveaxis(images, 1, -1)
        volume = last[0] if self.axis is None else np.moveaxis(last, 0, self.axis)
        return np.ascontiguousarray(volume[..., 0] if volume.shape[-1] == 1 else volume)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a question is about.

    Parameters
    ----------
    images : (B, C, *spatial) tensor
        In the scale of the network.
    grid : Grid
    scale, offset : float
        images = (values - offset) * scale.
    other : tensor like images, optional
    region : (B, *spatial) int64 tensor, optional
        Labels, 0 outside.
    remarks : tuple of str
    matrix : array, optional
        By which components of a tensor were mixed to channels.
    """

    images: torch.Tensor
    grid: Grid
    scale: float
    offset: float
    other: torch.Tensor | None = None
    region: torch.Tensor | None = None
    remarks: tuple[str, ...] = field(default=())
    matrix: NDArray[np.float64] | None = None

    def in_file(self, images: torch.Tensor) -> NDArray[np.float32]:
        """Images of the network's scale in the unit and on the grid of the file."""
        volume = self.grid.volume(images.double() / self.scale + self.offset)
        if self.matrix is None:
            return volume
        inverse: NDArray[np.float64] = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return mix(volume, inverse)

    def channels_of(self, value: float) -> list[float]:
        """A value of the file as the channels of the network; of tensors, that mean susceptibility."""
        count, scaled = self.images.shape[1], (value - self.offset) * self.scale
        target = [scaled * (k in (0, 3, 5)) for k in range(6)] if count == 6 else [scaled] * count
        return target if self.matrix is None else [float(v) for v in self.matrix @ np.array(target)]


def prepare(
    question: Question, *, channels: int, dims: int, domain: Mapping[str, Any], device: str | torch.device = "cpu"
) -> Prepared:
    """Read the files of a question for a network with these channels and spatial axes.

    Parameters
    ----------
    question : Question
    channels, dims : int
        What the network takes; 0 channels mean as many as the file has.
    domain : mapping
        Of the card of the weights; states the scale where the question does not.
    device : str
        Where the images are to be.

    Raises
    ------
    InputError
        If files are missing, lie on different grids, or do not fit the network.
    """
    values, affine = _read(question.image, question, dims)
    if channels and values.shape[3] != channels:
        raise InputError(
            f"the image is {_size(values.shape)} where the network takes {channels} "
            f"channel{'s' * (channels > 1)} per voxel",
            mend="choose another image or network",
        )
    values, filled = _finite(values)
    matrix = None if question.unit_range or question.scale is not None else channel_matrix(domain)
    values = values if matrix is None else mix(values, matrix)
    values, scale, offset = _in_scale(values, question, domain)
    grid = Grid(values.shape[:3], affine, question.axis if dims == 2 else None)
    other = region = None
    if question.other:
        more, where = _read(question.other, question, dims)
        _check_alike(question.other, more.shape, values.shape, where, affine)
        more = _finite(more)[0] if matrix is None else mix(_finite(more)[0], matrix)
        other = grid.batch((more - np.float32(offset)) * np.float32(scale)).to(device)
    if question.region:
        labels, where = _read(question.region, question, dims)
        _check_alike(question.region, labels.shape[:3], values.shape[:3], where, affine)
        region = grid.batch(np.rint(_finite(labels)[0]))[:, 0].long().to(device)
        if not bool((region != 0).any()):
            raise InputError("the region marks no voxel of the image", file=question.region, mend="paint it on it")
    remarks = (f"{filled} voxels that hold no number were set to 0.",) if filled else ()
    return Prepared(grid.batch(values).to(device), grid, scale, offset, other, region, remarks, matrix)


def _read(path: str, question: Question, dims: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Values (X, Y, Z, C) of the slice that is asked for, or of all, with their affine."""
    volume = read_volume(path, dims=(3, 4))
    values = volume.data if volume.data.ndim == 4 else volume.data[..., None]
    affine, axis, k = volume.affine.copy(), question.axis, question.slice
    if dims == 3:
        if k is not None or question.every_slice:
            raise InputError("slices are for 2-D networks, and this one is for volumes", mend="leave the slice out")
        return values, affine
    if k is not None:
        if k >= values.shape[axis]:
            raise InputError(f"there is no slice {k}", file=path, mend=f"0 to {values.shape[axis] - 1}")
        values = np.take(values, [k], axis=axis)
        affine[:3, 3] += affine[:3, axis] * k
    elif not question.every_slice and values.shape[axis] != 1:
        raise InputError(
            f"the image has {values.shape[axis]} slices and the network takes one",
            file=path,
            mend="name the slice, or ask for every slice",
        )
    return values, affine


def _size(shape: tuple[int, ...]) -> str:
    return shape_text(shape[:3] if len(shape) == 4 and shape[3] == 1 else shape)


def _finite(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Replace what is no number by 0, and say how many voxels that were; maps are NaN outside of their mask."""
    bad = ~np.isfinite(values)
    return (np.where(bad, np.float32(0), values) if bad.any() else values), int(bad.any(axis=-1).sum())


def _in_scale(
    values: NDArray[np.float32], question: Question, domain: Mapping[str, Any]
) -> tuple[NDArray[np.float32], float, float]:
    if question.unit_range:
        return unit_range(values)
    stated = domain.get("scale", 1.0) if question.scale is None else question.scale
    scale = float(stated) if isinstance(stated, int | float) else math.nan
    if not math.isfinite(scale) or scale == 0:
        raise InputError(f"values cannot be multiplied by {stated}", mend="give another scale")
    return values * np.float32(scale), scale, 0.0


def _check_alike(
    path: str, shape: tuple[int, ...], wanted: tuple[int, ...], affine: NDArray[np.float64], there: NDArray[np.float64]
) -> None:
    if shape[:3] != wanted[:3] or (len(shape) == len(wanted) and shape != wanted):
        raise InputError(
            f"this file is {_size(shape)} where the image is {_size(wanted)}",
            file=path,
            mend="bring both to one grid: R has one constant for each size of image",
        )
    if not np.allclose(affine, there, atol=_ALIKE):
        raise InputError("this file lies elsewhere than the image", file=path, mend="bring both to one grid")
