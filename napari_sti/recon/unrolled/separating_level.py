"""The level of both sources: what a network leaves wrong everywhere alike, and the measurements can still tell.

A network that looks at neighbourhoods gets the pattern right before it gets the level. R2', with its noise averaged
over some millimetres, knows the level of the strength chi+ + |chi-|. Field maps hardly see a constant that is added to
the susceptibility of the whole brain, the less the fewer orientations there are; but the signs do: nowhere may the
total be larger than the strength.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_sti.recon.unrolled.separating_fit import STRENGTH_PPM, mixed, rate_rows
from napari_sti.recon.unrolled.whitened import ISO_PPM

COARSE_MM = 4.0
"""Standard deviation of the Gaussian over which the misfit of R2' is averaged: its noise is a twentieth then."""
_BISECTIONS = 24
LEVELS = ("one", "always", "never")
"""When the constant of the total is set by the signs: with one orientation alone, always, or never."""


def trust_in_signs(level: str, orientations: int) -> float:
    """How much of the constant that the signs ask for is taken: less where more orientations see more of it."""
    if level == "never" or (level == "one" and orientations > 1):
        return 0.0
    return 1 / math.sqrt(orientations)


def levelled(
    w: torch.Tensor,
    rates: torch.Tensor,
    rate_dirs: NDArray[np.float64],
    mask: torch.Tensor,
    voxel_size: tuple[float, float, float],
    trust: float,
) -> torch.Tensor:
    """Components (7, X, Y, Z) at the level of the measurements; see `napari_sti.recon.unrolled.separating_fit`.

    Parameters
    ----------
    w : (7, X, Y, Z) tensor
        Components, 0 outside the mask.
    rates : (K, X, Y, Z) tensor
        R2' / Dr in ppm, 0 outside the mask.
    rate_dirs : (K, 3) array
        Directions of the main field for the rates.
    mask : (X, Y, Z) tensor
        Where there are sources.
    voxel_size : three floats
        In mm.
    trust : float
        How much of the constant that the signs ask for is taken; 0 leaves that of the total as it is.
    """
    inside = mask > 0.5
    if not bool(inside.any()):
        return w
    misfit = (rates - mixed(rate_rows(rate_dirs).to(w), w)).mean(0) * mask
    sizes = [COARSE_MM / edge for edge in voxel_size]
    coarse = blurred(misfit, sizes) / blurred(mask, sizes).clamp_min(1e-3) * mask
    mean, strength = w[0] * ISO_PPM, w[6] * STRENGTH_PPM + coarse
    constant = trust * least_violation(mean[inside], strength[inside]) if trust else 0.0
    return torch.cat([(mean - constant * mask)[None] / ISO_PPM, w[1:6], strength[None] / STRENGTH_PPM])


def least_violation(mean: torch.Tensor, strength: torch.Tensor) -> float:
    """The constant c that minimises Σ max(0, |mean − c| − strength): as many voxels are too high as are too low.

    Sizes and not squares, since the strength of small bright bodies is blurred and theirs would count most.
    """
    if not mean.numel():
        return 0.0

    def excess(c: float) -> int:
        return int((mean - c > strength).sum()) - int((c - mean > strength).sum())

    if excess(0.0) == 0:
        return 0.0
    low, high = float(mean.min()), float(mean.max())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def blurred(volume: torch.Tensor, sizes: list[float]) -> torch.Tensor:
    """A volume (X, Y, Z) under a Gaussian of these standard deviations in voxels, with zeros beyond its ends."""
    out = volume[None, None]
    for axis, size in enumerate(sizes):
        reach = max(1, math.ceil(3 * size))
        offsets = torch.arange(-reach, reach + 1, dtype=volume.dtype, device=volume.device)
        kernel = torch.exp(-0.5 * (offsets / size) ** 2)
        shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[2 + axis], padding[axis] = len(kernel), reach
        out = functional.conv3d(out, (kernel / kernel.sum()).view(shape), padding=padding)
    return out[0, 0]
