"""The forward simulation for callers that think in numpy: tensor in, field maps out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.recon.operator import StiOperator


def simulate_field(
    chi: ArrayLike, affine: ArrayLike, b0_dirs: ArrayLike, mask: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Noise-free field maps of a susceptibility tensor.

    Parameters
    ----------
    chi : (X, Y, Z, 6) array
        Tensor in ppm, components xx, xy, xz, yy, yz, zz in voxel axes; storage order is any.
    affine : (4, 4) array
        Voxel indices to RAS mm; only the voxel size is taken from it.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in voxel axes.
    mask : (X, Y, Z) array, optional
        Where the field is wanted; everywhere by default.

    Returns
    -------
    (N, X, Y, Z) float32 array
        Field shift in ppm, 0 outside the mask.

    Raises
    ------
    InputError
        If shapes do not fit, the tensor is not finite, or the directions are not unit vectors.
    """
    tensor = np.asarray(chi)
    if tensor.ndim != 4 or tensor.shape[-1] != 6:
        raise InputError(
            f"a tensor of shape {shape_text(tensor.shape)} does not have six components per voxel",
            mend="give (x, y, z, 6) in the order xx, xy, xz, yy, yz, zz",
        )
    if not np.isfinite(tensor).all():
        raise InputError("the tensor has NaN or infinite values", mend="set them to 0")
    shape = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    first = torch.from_numpy(np.ascontiguousarray(np.moveaxis(tensor, -1, 0), dtype=np.float64))
    with _one_thread():
        operator = StiOperator(shape, frames.voxel_size(affine), b0_dirs, mask, dtype=torch.float64)
        field = operator.forward(first)
    return cast(NDArray[np.float32], field.numpy().astype(np.float32))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread, and as the caller had it afterwards.

    Sums depend on how the work is cut up. On one thread, in float64, a simulated study is the same to the last bit of
    its float32 whatever else the process has set; it takes well under a second all the same.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
