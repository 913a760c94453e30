"""What makes the inversion of a single field map possible: smoothness away from edges."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

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


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a.reshape(-1), b.reshape(-1)))
