"""Division by the dipole kernel of one orientation, truncated where the kernel is small (Shmueli 2009)."""

import torch

from napari_sti.recon import fourier
from napari_sti.recon.scalar import ScalarOperator

ZERO = 1e-6
"""A kernel below this is on the cone itself, and its sign is rounding: nothing is taken from there."""


def truncated_inverse(kernel: torch.Tensor, threshold: float) -> torch.Tensor:
    """1/d where |d| is above the threshold, sign(d)/threshold elsewhere, 0 where d is."""
    size = kernel.abs()
    return torch.where(size > ZERO, kernel.sign() / size.clamp(min=threshold), 0)


def share_kept(kernel: torch.Tensor, inverse: torch.Tensor, length: int) -> float:
    """Value at its centre of the point-spread function F⁻¹ d⁻¹_t d, the mean over k-space (Schweser 2013).

    A truncated division makes the susceptibility smaller by about this factor.

    Parameters
    ----------
    kernel, inverse : (X, Y, Zh) tensors
        Half spectra.
    length : int
        Voxels along Z of the volume, which tells which planes have a mirror image in the missing half.
    """
    product = kernel * inverse
    twice = product[..., 1 : (length + 1) // 2].sum(dtype=torch.float32) * 2
    once = product[..., 0].sum()
    if length % 2 == 0:
        once = once + product[..., -1].sum()
    return float(twice + once) / (kernel.shape[0] * kernel.shape[1] * length)


def divide(operator: ScalarOperator, field: torch.Tensor, threshold: float, correct: bool) -> torch.Tensor:
    """Susceptibility (1, X, Y, Z) in ppm, 0 outside the mask, from a field map (1, X, Y, Z) that is 0 outside it.

    Parameters
    ----------
    operator : ScalarOperator
        Of one orientation.
    field : tensor
        In ppm.
    threshold : float
        Of |d|, 0 to 2/3.
    correct : bool
        Whether to divide by `share_kept`.
    """
    kernel = operator.kernel[0, ..., 0]
    inverse = truncated_inverse(kernel, threshold)
    if correct:
        inverse /= share_kept(kernel, inverse, operator.shape[2])
    spectrum = operator.empty_spectra(1)
    fourier.to_spectra(field, spectrum)
    spectrum.mul_(inverse)
    chi = operator.empty_volumes(1)
    fourier.to_images(spectrum, chi, operator.mask)
    return chi
