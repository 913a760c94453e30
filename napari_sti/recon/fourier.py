"""Orthonormal Fourier transforms of real volumes, and the memory that they are written to.

Measured on two cores at 128x144x112 (``benchmarks/operator.py`` measures again): a transform for each volume is two
to three times faster than one call for a batch; for the inverse, SciPy's transform is 1.2 to 1.7 times faster than
torch's, for the other direction torch's is 1.4 times faster; and fresh memory costs as much as a transform unless
the system is asked for large pages, which numpy does and torch does not.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
import torch

from napari_sti.recon.halfspace import Shape
from napari_sti.recon.threads import share_volumes


def empty(*shape: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Uninitialised tensor; on the CPU from numpy, which asks the system for large pages."""
    with torch.inference_mode(False):  # what is kept for later calls must not depend on the mode of the first
        if device.type != "cpu":
            return torch.empty(shape, device=device, dtype=dtype)
        return torch.from_numpy(np.empty(shape, dtype=_NUMPY[dtype]))


_NUMPY = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.complex64: np.complex64,
    torch.complex128: np.complex128,
}


def complex_type(dtype: torch.dtype) -> torch.dtype:
    """Complex type of the spectra of volumes of a real type."""
    return torch.complex128 if dtype == torch.float64 else torch.complex64


def to_spectra(volumes: torch.Tensor, out: torch.Tensor, mask: torch.Tensor | None = None) -> None:
    """Write the half spectra (C, X, Y, Z//2 + 1) of real volumes (C, X, Y, Z), times the mask, to `out`."""
    volumes = volumes.detach()

    def one(index: int, threads: int) -> None:
        volume = volumes[index] if mask is None else volumes[index] * mask
        out[index].copy_(torch.fft.rfftn(volume, norm="ortho"))

    _each(one, volumes)


def to_images(spectra: torch.Tensor, out: torch.Tensor, mask: torch.Tensor | None = None) -> None:
    """Write the real volumes (C, X, Y, Z) of half spectra, times the mask, to `out`; the spectra are kept."""

    def one(index: int, threads: int) -> None:
        volume = _inverse(spectra[index], tuple(out.shape[1:]), threads)
        if mask is None:
            out[index].copy_(volume)
        else:
            torch.mul(volume, mask, out=out[index])

    _each(one, spectra)


def mask_spectra(spectra: torch.Tensor, shape: Shape, mask: torch.Tensor) -> None:
    """Multiply the real volumes of half spectra by the mask: to image space and back, in place."""

    def one(index: int, threads: int) -> None:
        volume = _inverse(spectra[index], shape, threads).mul_(mask)
        spectra[index].copy_(torch.fft.rfftn(volume, norm="ortho"))

    _each(one, spectra)


def _inverse(spectrum: torch.Tensor, shape: tuple[int, ...], threads: int) -> torch.Tensor:
    if spectrum.device.type != "cpu":
        volume: torch.Tensor = torch.fft.irfftn(spectrum, s=shape, norm="ortho")
        return volume
    return torch.from_numpy(scipy.fft.irfftn(spectrum.numpy(), s=shape, norm="ortho", workers=threads))


def _each(one: Callable[[int, int], None], volumes: torch.Tensor) -> None:
    if volumes.device.type == "cpu":
        share_volumes(one, len(volumes))
    else:
        for index in range(len(volumes)):
            one(index, 1)
