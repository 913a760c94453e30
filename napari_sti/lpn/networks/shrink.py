"""Shrink images, and the transpose of it: both linear, so that what is computed from the result stays convex."""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F


def centres(y: torch.Tensor, factor: int) -> torch.Tensor:
    """Shrink (B, C, H, W) by an even factor as bilinear interpolation does: means of the 2 x 2 pixels amid each block.

    Equal to ``interpolate(mode="bilinear", align_corners=False)`` without antialiasing.
    """
    if factor == 1:
        return y
    first, second = _starts(factor)
    parts = [y[..., a::factor, b::factor] for a, b in product((first, second), repeat=2)]
    return (parts[0] + parts[1] + parts[2] + parts[3]) / 4


def centres_back(g: torch.Tensor, factor: int) -> torch.Tensor:
    """Transpose of `centres`."""
    if factor == 1:
        return g
    first, _ = _starts(factor)
    block = g.new_zeros(factor)
    block[first : first + 2] = 0.5
    blocks = torch.outer(block, block)
    height, width = g.shape[-2:]
    spread = g[..., :, None, :, None] * blocks[:, None, :]
    return spread.reshape(*g.shape[:-2], height * factor, width * factor)


def _starts(factor: int) -> tuple[int, int]:
    return factor // 2 - 1, factor // 2


def halve(y: torch.Tensor) -> torch.Tensor:
    """Means of blocks of two voxels along every spatial axis, (B, C, n) -> (B, C, ceil(n / 2)); zeros outside count."""
    spatial = y.ndim - 2
    odd = [n % 2 for n in reversed(y.shape[2:])]
    if any(odd):
        y = F.pad(y, [pad for n in odd for pad in (0, n)])
    if spatial == 2:
        return F.avg_pool2d(y, 2)
    return F.avg_pool3d(y, 2)


def halve_back(g: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Transpose of `halve` for images of the spatial shape."""
    return repeat(g, shape) * 0.5 ** len(shape)


def repeat(g: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Every value for its block of two voxels along every spatial axis, cut to the shape."""
    doubled: torch.Tensor = F.interpolate(g, scale_factor=2, mode="nearest")
    within: Any = (..., *(slice(n) for n in shape))
    return doubled[within]
