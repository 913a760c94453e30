"""Field maps, R2' and smoothness away from edges, for two scalar sources at once."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.separation import SeparationInput
from napari_sti.recon import fourier
from napari_sti.recon.halfspace import Shape
from napari_sti.recon.scalar import ScalarOperator
from napari_sti.recon.scalar_penalty import GradientPenalty
from napari_sti.recon.solvers.cgls import squared_norm


class JointOperator:
    """Maps (|x+|, |x-|) to field maps, R2' / Dr+ and weighted gradients: a `LinearOperator` for `fista`.

    Rows of the data: N field maps in ppm, R2' / Dr+ in ppm times √w, and for each source its differences along three
    axes, times β and the square root of their weights; the last are to be zero.

    Parameters
    ----------
    given : SeparationInput
        With field maps.
    edges : (3, X, Y, Z) array
        Weights of the differences: 0 at edges.
    rate_weight : float
        w.
    beta : float
        In mm.
    """

    def __init__(
        self,
        given: SeparationInput,
        edges: NDArray[np.bool_],
        *,
        rate_weight: float,
        beta: float,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        acquisition = given.acquisition
        shape, size = acquisition.shape, acquisition.voxel_size
        self.field = ScalarOperator(
            shape, size, acquisition.b0_dirs, acquisition.mask, confined=True, device=device, dtype=dtype
        )
        self.shape: Shape = shape
        self.orientations = len(acquisition.b0_dirs)
        self.ratio, self.root = given.relaxation.neg / given.relaxation.pos, math.sqrt(rate_weight)
        penalty = GradientPenalty(edges, beta, size, device=device, dtype=dtype)
        self.weights = penalty.weights.sqrt_()
        for axis in range(3):  # what belongs to the last voxel of an axis is no pair
            self.weights[axis].narrow(axis, -1 % shape[axis], 1).zero_()
        strongest = float(self.weights.square().amax((1, 2, 3)).sum())
        dipole = 2 * float(self.field.kernel.square().sum(0).max())
        own = (rate_weight * (1 + self.ratio), rate_weight * self.ratio * (1 + self.ratio))
        self.curvature = [dipole + rate + 4 * strongest for rate in own]

    def data(self, given: SeparationInput) -> torch.Tensor:
        """What was measured, (N + 7, X, Y, Z)."""
        out = self._room(self.orientations + 7).zero_()
        assert given.acquisition.field is not None
        out[: self.orientations] = torch.from_numpy(np.array(given.acquisition.field))
        rate = given.rates.mean(0, dtype=np.float32) / np.float32(given.relaxation.pos)
        out[self.orientations] = torch.from_numpy(rate * np.float32(self.root))
        return out

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Predictions (N + 7, X, Y, Z) of sources (2, X, Y, Z)."""
        n = self.orientations
        y = self._room(n + 7) if out is None else out
        self.field.forward((x[0] - x[1])[None], out=y[:n])
        torch.add(x[0], x[1], alpha=self.ratio, out=y[n]).mul_(self.root).mul_(self.field.mask)
        for source, rows in zip(x, (y[n + 1 : n + 4], y[n + 4 :]), strict=True):
            for axis, (row, weight) in enumerate(zip(rows, self.weights, strict=True)):
                count = self.shape[axis] - 1
                row.zero_()
                torch.sub(source.narrow(axis, 1, count), source.narrow(axis, 0, count), out=row.narrow(axis, 0, count))
                row.mul_(weight)
        return y

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of predictions."""
        n = self.orientations
        x = self._room(2) if out is None else out
        total = self.field.adjoint(y[:n])[0]
        rate = (y[n] * self.field.mask).mul_(self.root)
        torch.add(total, rate, out=x[0])
        torch.sub(rate * self.ratio, total, out=x[1])
        for source, rows in zip(x, (y[n + 1 : n + 4], y[n + 4 :]), strict=True):
            for axis, (row, weight) in enumerate(zip(rows, self.weights, strict=True)):
                count = self.shape[axis] - 1
                flux = (row * weight).narrow(axis, 0, count)
                source.narrow(axis, 1, count).add_(flux)
                source.narrow(axis, 0, count).sub_(flux)
        return x

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares of an unknown."""
        return squared_norm(x)

    def _room(self, count: int) -> torch.Tensor:
        return fourier.empty(count, *self.shape, device=self.field.device, dtype=self.field.dtype)


class Allowed:
    """Sources are >= 0 and lie inside the mask: a `Prox` for `fista`."""

    def __init__(self, mask: torch.Tensor) -> None:
        self._mask = mask

    def __call__(self, row: torch.Tensor, curvature: float) -> float:
        """Project."""
        row.clamp_(min=0).mul_(self._mask)
        return 0.0
