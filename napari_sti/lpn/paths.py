"""Ways to lead an image away from what a prior was taught: noise, blur, blends, contrast, a lesion."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from napari_sti.core.errors import InputError

Path = Callable[[float], torch.Tensor]

NOISE = (0.0, 0.05, 0.1, 0.2, 0.3)
BLUR = (0.0, 0.5, 1.0, 2.0, 4.0)
BLEND = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Levels of the published experiments: noise in the unit of the image, blur in voxels, share of the other image."""


def noise(x: torch.Tensor, *, seed: int = 0, limits: tuple[float, float] | None = None) -> Path:
    """Add one sample of Gaussian noise, times the level; cut to the limits if there are any."""
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x)

    def at(level: float) -> torch.Tensor:
        noisy = x + level * sample
        return noisy if limits is None else noisy.clamp(*limits)

    return at


def blur(x: torch.Tensor) -> Path:
    """Blur with a Gaussian of this standard deviation in voxels; edges are repeated outwards."""
    return lambda sigma: gaussian(x, sigma)


def blend(x: torch.Tensor, other: torch.Tensor) -> Path:
    """Mix in a share of another image: the straight line between the two."""
    if x.shape != other.shape:
        raise InputError(f"images of shapes {tuple(x.shape)} and {tuple(other.shape)} have no line between them")
    return lambda share: (1 - share) * x + share * other


def contrast(x: torch.Tensor) -> Path:
    """Stretch the differences from the mean of each image by 1 + level."""
    mean = x.mean(tuple(range(2, x.ndim)), keepdim=True)
    return lambda level: mean + (1 + level) * (x - mean)


def lesion(x: torch.Tensor, where: torch.Tensor, value: float | Sequence[float]) -> Path:
    """Replace what a mask (spatial, or shares from 0 to 1) covers by a value, a share `level` of the way."""
    cover = where.to(x)
    if cover.shape != x.shape[2:]:
        raise InputError(f"the mask has the shape {tuple(cover.shape)} where the image has {tuple(x.shape[2:])}")
    target = torch.as_tensor(value).to(x).reshape(1, -1, *(1,) * cover.ndim)
    return lambda level: x + level * cover * (target - x)


def gaussian(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (B, C, *spatial) along every spatial axis; the kernel ends at four standard deviations."""
    if sigma <= 0:
        return x.clone()
    for axis in range(2, x.ndim):
        reach = min(int(4 * sigma + 0.5), 10 * x.shape[axis])
        taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / sigma) ** 2)
        rows = x.movedim(axis, -1)
        flat = F.pad(rows.reshape(-1, 1, rows.shape[-1]), (reach, reach), mode="replicate")
        x = F.conv1d(flat, (taps / taps.sum())[None, None]).reshape(rows.shape).movedim(-1, axis)
    return x
