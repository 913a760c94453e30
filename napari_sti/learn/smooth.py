"""Smooth random fields: what makes one simulated brain differ from the next."""

import torch
from torch.nn import functional


def smooth_field(
    channels: int,
    shape: tuple[int, int, int],
    voxel_size: tuple[float, float, float],
    length: float,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    """Draw Gaussian random volumes that vary over a given length.

    White noise on a coarse grid, interpolated linearly and brought to unit spread; quick on any device.

    Parameters
    ----------
    channels : int
        How many independent volumes.
    shape : (X, Y, Z)
        Of each volume.
    voxel_size : three floats
        In mm.
    length : float
        Distance in mm over which values become independent.
    generator : torch.Generator
        Source of the noise; its device is that of the result.

    Returns
    -------
    (channels, X, Y, Z) tensor of float32
        With mean near 0 and standard deviation 1.
    """
    knots = [max(2, round(n * edge / length) + 1) for n, edge in zip(shape, voxel_size, strict=True)]
    noise = torch.randn(1, channels, *knots, generator=generator, device=generator.device)
    fine = functional.interpolate(noise, size=shape, mode="trilinear", align_corners=True)[0]
    return fine / fine.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
