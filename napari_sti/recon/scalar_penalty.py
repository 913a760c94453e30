"""What makes the inversion of a single field map possible: smoothness away from edges."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon.threads import share, slabs
from napari_sti.recon.unlocked import unlocked

SLAB_VOXELS = 1 << 18
"""Voxels in a slab on the CPU, at least a plane: what is computed in between stays in the cache."""


class GradientPenalty:
    """<x, K x> = Σ_d w_d (∂_d x)² of a volume x (1, X, Y, Z), with forward differences that do not wrap around.

    Parameters
    ----------
    weights : (3, X, Y, Z) array
        Of the pair of each voxel and the next along each axis. The last has none, and what is given for it counts as 0.
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
        for axis, weight in enumerate(self.weights):
            weight.narrow(axis, -1 % weight.shape[axis], 1).zero_()
        self.largest = 4 * float(self.weights.amax((1, 2, 3)).sum())

    def value(self, x: torch.Tensor) -> float:
        """<x, K x>."""
        return self._go_through(x, None)

    def subtract_gradient(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Take K x from `out`, and return <x, K x>."""
        return self._go_through(x, out)

    def _go_through(self, x: torch.Tensor, out: torch.Tensor | None) -> float:
        flat, weights = x.reshape(-1), self.weights.flatten(1)
        # Along the memory of the whole volume, so that no row ends: the last voxel of an axis is paired with some
        # other one, at weight 0.
        shifts = [x.shape[2] * x.shape[3], x.shape[3], 1]
        count = len(flat) if x.device.type != "cpu" else max(SLAB_VOXELS // shifts[0], 1) * shifts[0]
        values: list[float] = []

        def one(part: slice) -> None:
            own = None if out is None else out.view(-1)
            values.append(_along(flat, own, weights, shifts, part.start, part.stop))

        share(one, slabs(len(flat), count))
        return math.fsum(values)


@unlocked
def _along(
    x: torch.Tensor, out: torch.Tensor | None, weights: torch.Tensor, shifts: list[int], start: int, stop: int
) -> float:
    """<x, K x> of the pairs that begin between start and stop; what K x is there is taken from `out`."""
    total = 0.0
    room = torch.empty([2, stop - start + max(shifts)], device=x.device, dtype=x.dtype)
    for axis in range(len(shifts)):
        shift = shifts[axis]
        # Pairs that begin before are looked at again for their second voxel.
        first, last = max(start - shift, 0), min(stop, len(x) - shift)
        if first < last:
            jump, flux = room[0, : last - first], room[1, : last - first]
            torch.sub(x[first + shift : last + shift], x[first:last], out=jump)
            torch.mul(jump, weights[axis, first:last], out=flux)
            own = flux[max(start - first, 0) :]
            if len(own) > 0:
                total += float(torch.dot(own, jump[len(jump) - len(own) :]))
            if out is not None:
                if len(own) > 0:
                    out[start : start + len(own)] += own
                end = min(stop, last + shift)
                out[first + shift : end] -= flux[: end - first - shift]
    return total
