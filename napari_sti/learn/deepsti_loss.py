"""What a DeepSTI network is trained for: the tensor, with its anisotropic part weighed by itself, and directions."""

import torch

DIRECTED = 0.008
"""MSA in ppm from which on the direction counts in full."""
SQUARED_TO = 3.0
"""Anisotropic errors count as half their square up to about this many units, and linearly beyond. A loss that is linear
from the start asks for the median: too little anisotropy wherever directions are uncertain."""


def tensor_loss(w: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean over the voxels inside of the isotropic error, the anisotropic error, and the error of direction.

    In the six components together, the isotropic part would hide the rest: a network can lower such a loss for long
    while it gets the directions worse. So each part is taken in its own unit, and the directions are asked for.

    Parameters
    ----------
    w, truth : (B, 6, X, Y, Z) tensors
        Estimate and truth in whitened components (`napari_sti.recon.unrolled.whitened`).
    inside : (B, X, Y, Z) tensor of bool or float
        Where it counts.
    """
    inside = inside.to(w.dtype)
    total = inside.sum().clamp_min(1)
    difference = w - truth
    mean_part = (difference[:, 0].abs() * inside).sum() / total
    aniso_error = SQUARED_TO**2 * ((1 + difference[:, 1:].square().sum(1) / SQUARED_TO**2).sqrt() - 1)
    aniso_part = (aniso_error * inside).sum() / total
    loss: torch.Tensor = mean_part + aniso_part + direction_loss(w, truth, inside)
    return loss


def direction_loss(w: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """1 − cosine between the traceless parts, averaged where the truth is anisotropic.

    For two cylindrical tensors whose axes enclose θ, the cosine is (3 cos²θ − 1) / 2, whatever their strength.
    """
    ours, theirs = w[:, 1:], truth[:, 1:]
    strength = _length(theirs)
    # MSA is sqrt(3/2) times the Frobenius norm of the traceless part, whose unit here is 0.006 ppm.
    weight = (strength * (0.006 * 1.5**0.5 / DIRECTED)).clamp(max=1) ** 2 * inside
    cosine = (ours * theirs).sum(1) / (_length(ours) * strength).clamp_min(1e-3)
    loss: torch.Tensor = ((1 - cosine) * weight).sum() / weight.sum().clamp_min(1)
    return loss


def _length(parts: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = (parts.square().sum(1) + 1e-6).sqrt()
    return length
