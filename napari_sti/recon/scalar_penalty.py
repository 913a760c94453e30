"""What makes the inversion of a single field map possible: smoothness away from edges, and how to get there soon."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon import fourier
from napari_sti.recon.halfspace import Shape, spectrum_shape
from napari_sti.recon.threads import share, slabs

SLAB_VOXELS = 1 << 17
"""Voxels in a slab on the CPU: what is computed in between stays in the cache."""


class GradientPenalty:
    """<x, K x> = Σ_d w_d (∂_d x)² of a volume x (1, X, Y, Z), with forward differences that do not wrap around.

    Parameters
    ----------
    weights : (3, X, Y, Z) array
        Of the pair of each voxel and the next along each axis. What belongs to the last is not looked at.
    beta : float
        In mm; β² stands before the sum.
    voxel_size : three floats
        In mm, by which differences are divided.

    Attributes
    ----------
    largest : float
        No eigenvalue of K is above it.
    """

    def __init__(
        self,
        weights: NDArray[np.floating] | NDArray[np.bool_],
        beta: float,
        voxel_size: tuple[float, float, float],
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        factors = torch.tensor([(beta / size) ** 2 for size in voxel_size], device=device, dtype=dtype)
        self.weights = torch.tensor(np.asarray(weights), device=device, dtype=dtype).mul_(factors[:, None, None, None])
        self.largest = 4 * float(self.weights.amax((1, 2, 3)).sum())

    def value(self, x: torch.Tensor) -> float:
        """<x, K x>."""
        return self._go_through(x, None)

    def subtract_gradient(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Take K x from `out`, and return <x, K x>."""
        return self._go_through(x, out)

    def _go_through(self, x: torch.Tensor, out: torch.Tensor | None) -> float:
        length, plane = x.shape[1], x.shape[2] * x.shape[3]
        parts = slabs(length, length if x.device.type != "cpu" else max(1, SLAB_VOXELS // plane))
        values: list[float] = []

        def one(part: slice) -> None:
            values.append(self._along_slabs(x[0], out, part) + self._within_slab(x[0], out, part))

        share(one, parts)
        return math.fsum(values)

    def _along_slabs(self, x: torch.Tensor, out: torch.Tensor | None, part: slice) -> float:
        """Differences along the first axis: from the plane before the slab to the plane after it."""
        first, last = max(part.start - 1, 0), min(part.stop, len(x) - 1)
        own = part.start - first  # pairs that begin in the slab before are counted there
        jump = x[first : last + 1].diff(dim=0)
        flux = jump * self.weights[0, first:last]
        if out is not None:
            out[0, first + 1 : part.stop] -= flux[: part.stop - first - 1]
            out[0, part.start : last] += flux[own:]
        return _dot(flux[own:], jump[own:])

    def _within_slab(self, x: torch.Tensor, out: torch.Tensor | None, part: slice) -> float:
        total = 0.0
        for axis in (1, 2):
            count = x.shape[axis] - 1
            jump = x[part].diff(dim=axis)
            flux = jump * self.weights[axis, part].narrow(axis, 0, count)
            if out is not None:
                out[0, part].narrow(axis, 1, count).sub_(flux)
                out[0, part].narrow(axis, 0, count).add_(flux)
            total += _dot(flux, jump)
        return total


class KSpacePreconditioner:
    """P = F⁻¹ (d² ρ + β² κ g + λ)⁻¹ F: the inverse of the normal operator if mask and weights were their means.

    g is the symbol of the squared gradient. Where the sum vanishes, as it does at k = 0 without a ridge, it is kept
    from falling below a share of its largest value.

    Parameters
    ----------
    kernel : (1, X, Y, Zh, 2) tensor
        d, as `napari_sti.recon.scalar.dipole_kernels` gives it.
    penalty : GradientPenalty
        Its weights, whose means make β² κ.
    covered : float
        ρ, the share of the grid in which the field is known.
    ridge : float
        λ.
    """

    FLOOR = 1e-5

    def __init__(self, kernel: torch.Tensor, penalty: GradientPenalty, shape: Shape, covered: float, ridge: float):
        inverse = kernel[0, ..., 0].square().mul_(covered).add_(ridge)
        for axis, mean in enumerate(penalty.weights.mean((1, 2, 3)).tolist()):
            index = torch.arange(spectrum_shape(shape)[axis], dtype=torch.float64)
            symbol = mean * (2 - 2 * torch.cos(2 * math.pi * index / shape[axis]))
            view = [1, 1, 1]
            view[axis] = -1
            inverse += symbol.reshape(view).to(inverse)
        inverse.clamp_(min=self.FLOOR * float(inverse.max())).reciprocal_()
        self._inverse = inverse.repeat_interleave(2, dim=-1)
        kind = fourier.complex_type(kernel.dtype)
        self._spectrum = fourier.empty(1, *spectrum_shape(shape), device=kernel.device, dtype=kind)

    def apply(self, s: torch.Tensor, out: torch.Tensor) -> float:
        """Write P s to `out`, and return <s, P s>."""
        fourier.to_spectra(s, self._spectrum)
        torch.view_as_real(self._spectrum[0]).flatten(2).mul_(self._inverse)
        fourier.to_images(self._spectrum, out)
        return _dot(s, out)


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a.reshape(-1), b.reshape(-1)))
