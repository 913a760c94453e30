"""Between images as files hold them, (X, Y, Z) or (X, Y, Z, C), and the batches that networks take."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text
from napari_sti.lpn.networks.base import Lpn

_QUANTILE = 0.995


def unit_range(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, float]:
    """Bring values linearly to 0 ... 1, between the least finite one and the 99.5 % quantile of those above it.

    Returns
    -------
    values : array
        (values - offset) * scale, with 0 where they were not finite.
    scale, offset : float
        Of the line.
    """
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if finite.size else 0.0
    above = finite[finite > low]
    high = float(np.quantile(above, _QUANTILE)) if above.size else low
    if not high > low:
        raise InputError("the image is the same everywhere", mend="give an image")
    scale = 1 / (high - low)
    return (np.nan_to_num(values, nan=low, posinf=low, neginf=low) - np.float32(low)) * np.float32(scale), scale, low


def to_batch(values: NDArray[Any], network: Lpn) -> torch.Tensor:
    """Make a batch of one image, (1, C, *spatial), for a network out of (X, Y, Z) or (X, Y, Z, C).

    Raises
    ------
    InputError
        If channels or axes do not fit; a 2-D network takes a volume of a single slice.
    """
    if not network.channels:
        raise InputError("this network is for points and takes no images", mend="choose another network")
    image = values[..., None] if values.ndim == 3 else values
    if image.ndim != 4 or image.shape[3] != network.channels:
        raise InputError(
            f"the image is {shape_text(values.shape)} where the network takes {network.channels} "
            f"channel{'s' * (network.channels > 1)} per voxel",
            mend="choose another image or network",
        )
    if network.spatial == 2 and image.shape[2] != 1:
        raise InputError(f"the image has {image.shape[2]} slices and the network takes one", mend="name the slice")
    batch = torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, 3, 0), dtype=np.float32))[None]
    return network.checked(batch[..., 0] if network.spatial == 2 else batch)


def from_batch(batch: torch.Tensor, like: NDArray[Any]) -> NDArray[np.float32]:
    """Bring (1, C, *spatial) or (1, *spatial) back into the axes of `like`, the image that a batch was made of."""
    image = batch[0].detach().cpu().float().numpy()
    if image.ndim in (2, 3) and batch.ndim - 2 == _axes(like) - 1:  # no channel axis: a map
        return image.reshape(like.shape[:3])
    moved = np.moveaxis(image.reshape(image.shape[0], *like.shape[:3]), 0, 3)
    return np.ascontiguousarray(moved[..., 0] if like.ndim == 3 else moved)


def _axes(like: NDArray[Any]) -> int:
    return 2 if like.shape[2] == 1 else 3
