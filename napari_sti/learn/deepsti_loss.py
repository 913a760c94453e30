"""What a DeepSTI network is trained for: both parts of the tensor, each in its unit, directions, and the gain."""

import torch

from napari_sti.learn.fibres import principal_direction
from napari_sti.recon.unrolled.compact import COMPONENTS, gain
from napari_sti.recon.unrolled.whitened import to_tensor

DIRECTED = 0.008
"""MSA in ppm from which on the direction counts in full."""
SQUARED_TO = 3.0
"""Anisotropic errors count as half their square up to about this many units, and linearly beyond. A loss that is linear
from the start asks for the median: too little anisotropy wherever directions are uncertain."""
STRENGTH_PPM = 0.01
"""Unit of errors of abs(PEV) · MSA."""


def deepsti_loss(said: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """All that a network has said: the tensor, and its gain if it has one.

    Parameters
    ----------
    said : (B, 6 or 7, X, Y, Z) tensor
        Estimate in whitened components; behind them, what is said of the gain.
    truth, inside : tensors
        See `tensor_loss`.
    """
    w = said[:, :COMPONENTS]
    loss = tensor_loss(w, truth, inside)
    return loss if said.shape[1] == COMPONENTS else loss + gain_loss(w.detach(), said[:, COMPONENTS], truth, inside)


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


def gain_loss(w: torch.Tensor, said: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Squared error of abs(PEV) · MSA, the usual colour picture, with the anisotropic part of w times the gain.

    Asked of the gain alone: the w of the smallest error of the tensor is what there is to multiply. So in doubt the
    gain brings the anisotropy up to what suits the directions that are found.

    Parameters
    ----------
    w, truth, inside : tensors
        See `tensor_loss`.
    said : (B, X, Y, Z) tensor
        See `napari_sti.recon.unrolled.compact.gain`.
    """
    where = inside > 0.5
    found, true = (directed_strength(volumes.movedim(1, 0)[:, where]) for volumes in (w, truth))
    error = (gain(said[where]) * found - true) / STRENGTH_PPM
    loss: torch.Tensor = error.square().sum() / where.sum().clamp_min(1)
    return loss


def directed_strength(w: torch.Tensor) -> torch.Tensor:
    """abs(PEV) · MSA in ppm (3, P) of whitened components (6, P)."""
    traceless = to_tensor(torch.cat([torch.zeros_like(w[:1]), w[1:]]))
    xx, xy, xz, yy, yz, zz = traceless
    # The principal direction is found of positive tensors: the norm moves all eigenvalues to where they are.
    norm = (xx**2 + yy**2 + zz**2 + 2 * (xy**2 + xz**2 + yz**2)).sqrt()
    direction, largest = principal_direction(torch.stack([xx + norm, xy, xz, yy + norm, yz, zz + norm]))
    # λ1 − (λ2 + λ3) / 2 is 3/2 λ1 where they add up to nothing.
    strength: torch.Tensor = direction.abs() * (1.5 * (largest - norm))
    return strength
