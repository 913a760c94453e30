"""What a DeepSepSTI network is trained for: both sources, the anisotropy of the diamagnetic one, and directions."""

import torch

from napari_sti.learn.deepsti_loss import direction_loss
from napari_sti.recon.unrolled.separating_fit import STRENGTH_PPM
from napari_sti.recon.unrolled.whitened import ISO_PPM

SOURCE_PPM = 0.004
"""Errors of a source below it count by their square, larger ones by their size."""


def sources_loss(w: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean over the voxels inside of the errors of chi+, of the mean of X-, of its anisotropy, and of its direction.

    Parameters
    ----------
    w, truth : (B, 7, X, Y, Z) tensors
        Estimate and truth in components (`napari_sti.recon.unrolled.separating_fit`).
    inside : (B, X, Y, Z) tensor of bool or float
        Where it counts.
    """
    inside = inside.to(w.dtype)
    total = inside.sum().clamp_min(1)
    difference = w - truth
    mean, strength = difference[:, 0] * (ISO_PPM / 2), difference[:, 6] * (STRENGTH_PPM / 2)
    # The sources are half the sum and half the difference of the two.
    errors = torch.stack([mean + strength, mean - strength]) / SOURCE_PPM
    sources = torch.nn.functional.smooth_l1_loss(errors, torch.zeros_like(errors), reduction="none").sum(0)
    aniso = (difference[:, 1:6].square().sum(1) + 1e-6).sqrt()
    loss: torch.Tensor = ((sources + aniso) * inside).sum() / total
    return loss + 0.5 * direction_loss(w[:, :6], truth[:, :6], inside)
