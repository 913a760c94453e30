"""The strength of both sources with its noise taken out, before a network looks at it.

R2' is noisy where field maps are not, so the estimate of the strength chi+ + |chi-| is. Iron and myelin have few edges
each; their wavelet coefficients are shrunk by what noise alone amounts to, as in WaveSep. The total, which the field
maps know, stays as it is.
"""

import torch
from torch.nn import functional

from napari_sti.recon.sources.run import deepest
from napari_sti.recon.unrolled.whitened import ISO_PPM, estimate_noise
from napari_sti.recon.wavelet_filters import padded_shape
from napari_sti.recon.wavelets import SparseWavelets

WAVELET, LEVELS = "db4", 3
THRESHOLD = 1.0
"""In standard deviations of the noise."""
SHIFTS = ((0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1))
"""Voxels by which the volume is moved: the mean over several has fewer artefacts (Coifman and Donoho 1995)."""


def with_sparse_strength(w: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Components (7, X, Y, Z) with the seventh anew; see `napari_sti.recon.unrolled.separating_fit`.

    Parameters
    ----------
    w : (7, X, Y, Z) tensor
        Components, 0 outside the mask.
    mask : (X, Y, Z) tensor
        Where they are meant.
    """
    from napari_sti.recon.unrolled.separating_fit import STRENGTH_PPM

    mean, strength = w[0] * ISO_PPM, w[6] * STRENGTH_PPM
    threshold = THRESHOLD * estimate_noise(strength[None], mask) / 2  # each source is half of sum or difference
    sources = torch.stack([(strength + mean) / 2, (strength - mean) / 2])
    found = shrunk(sources, threshold).sum(0) * mask
    return torch.cat([w[:6], found[None] / STRENGTH_PPM])


def shrunk(volumes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Volumes (C, X, Y, Z) whose wavelet coefficients are shrunk by a threshold, as the mean over some shifts."""
    x, y, z = volumes.shape[1:]
    levels = min(LEVELS, deepest((x, y, z), WAVELET))
    a, b, c = padded_shape((x, y, z), levels)
    grown = functional.pad(volumes, [0, c - z, 0, b - y, 0, a - x])
    wavelets = SparseWavelets((a, b, c), threshold, WAVELET, levels, device=volumes.device)
    out = torch.zeros_like(grown)
    for volume, target in zip(grown, out, strict=True):
        for shift in SHIFTS:
            moved = torch.roll(volume, shift, (0, 1, 2)).contiguous()
            wavelets(moved, 1.0)
            target += torch.roll(moved, [-s for s in shift], (0, 1, 2))
    return out[:, :x, :y, :z] / len(SHIFTS)
