"""What the tissue tells about the tensor, as quadratic penalties: where it is isotropic, where its mean may jump."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon.threads import share, slabs

DIAGONAL = {6: (0, 3, 5), 9: (0, 4, 8)}
"""Places of xx, yy, zz among the components of the unknown."""

OFF_DIAGONAL = {6: (1, 2, 4), 9: (1, 2, 3, 5, 6, 7)}

_SLAB = 1 << 18
"""Voxels of a slab on the CPU: few enough that what is computed in between stays in cache."""


@dataclass(frozen=True, eq=False)
class Tissue:
    """Where and how strongly a `TissuePenalty` acts.

    Parameters
    ----------
    isotropic : (X, Y, Z) array
        Weight of the off-diagonals and of the differences of the diagonals: α² where the tensor is to be isotropic.
    empty : (X, Y, Z) array or None
        Weight of the diagonals: α² where there is no tissue.
    smooth : (3, X, Y, Z) array
        Weight of the gradient of the trace, in ppm per mm, between each voxel and the next along each axis: β² where
        the mean susceptibility may not jump; 0 at the end of the grid.
    """

    isotropic: NDArray[np.floating]
    empty: NDArray[np.floating] | None
    smooth: NDArray[np.floating]


class TissuePenalty:
    """<x, K x> = Σ a (Σ off-diagonals² + Σ differences²) + Σ e Σ diagonals² + Σ_d w_d (∂_d trace)².

    The differences are xx − yy, yy − zz, zz − xx. Forward differences between neighbours are divided by the voxel
    size and do not wrap around; the weights belong to pairs of neighbours, so that
    the order of storage does not matter.

    Parameters
    ----------
    tissue : Tissue
        Weights.
    voxel_size : three floats
        In mm.
    components : {6, 9}
        Of the unknown; of nine, all six off-diagonals count.
    """

    def __init__(
        self,
        tissue: Tissue,
        voxel_size: tuple[float, float, float],
        components: int = 6,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        def on_device(weights: NDArray[np.floating]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(weights)).to(device, dtype)

        self.isotropic = on_device(tissue.isotropic)
        self.empty = None if tissue.empty is None else on_device(tissue.empty)
        self.smooth = on_device(tissue.smooth).clone()
        for axis, size in enumerate(voxel_size):
            self.smooth[axis] /= size**2
            self.smooth[axis].narrow(axis, -1 % self.smooth.shape[axis + 1], 1).zero_()
        self.diagonal, self.off_diagonal = DIAGONAL[components], OFF_DIAGONAL[components]
        self._trace = torch.empty_like(self.isotropic)
        self.largest = self._largest()

    def _largest(self) -> float:
        """Bound of the eigenvalues: 3 a on the differences, e, and three times (the trace) four times w."""
        empty = 0.0 if self.empty is None else float(self.empty.max())
        return 3 * float(self.isotropic.max()) + empty + 12 * sum(float(w.max()) for w in self.smooth)

    def value(self, x: torch.Tensor) -> float:
        """<x, K x> of an unknown (C, X, Y, Z)."""
        return self._go_through(x, None)

    def subtract_gradient(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Take K x from `out`, and return <x, K x>."""
        return self._go_through(x, out)

    def _go_through(self, x: torch.Tensor, out: torch.Tensor | None) -> float:
        length = x.shape[1]
        thickness = length if x.device.type != "cpu" else max(1, _SLAB // (x.shape[2] * x.shape[3]))
        parts = slabs(length, thickness)
        share(lambda part: self._find_trace(x, part), parts)
        values: dict[int, float] = {}

        def one(part: slice) -> None:
            values[part.start] = self._local(x, out, part) + self._jumps(out, part)

        share(one, parts)
        return sum(values[part.start] for part in parts)

    def _find_trace(self, x: torch.Tensor, part: slice) -> None:
        a, b, c = (x[i, part] for i in self.diagonal)
        torch.add(a, b, out=self._trace[part]).add_(c)

    def _local(self, x: torch.Tensor, out: torch.Tensor | None, part: slice) -> float:
        """Off-diagonals and diagonals of a slab."""
        weight, total = self.isotropic[part], 0.0
        for i in self.off_diagonal:
            total += _weigh(weight, x[i, part], None if out is None else out[i, part])
        # Of the differences themselves: 3 x_ii − trace, which has the same squares, would leave rounding in the mean of
        # the diagonals, where a is large and the data alone tell the mean.
        for i, j in zip(self.diagonal, self.diagonal[1:] + self.diagonal[:1], strict=True):
            difference = x[i, part] - x[j, part]
            flux = weight * difference
            total += _dot(flux, difference)
            if out is not None:
                out[i, part] -= flux
                out[j, part] += flux
        if self.empty is not None:
            for i in self.diagonal:
                total += _weigh(self.empty[part], x[i, part], None if out is None else out[i, part])
        return total

    def _jumps(self, out: torch.Tensor | None, part: slice) -> float:
        """Gradient of the trace in a slab: the pairs of its voxels with the next, and of those before with its own."""
        trace, total = self._trace, 0.0
        start, stop, end = part.start, part.stop, trace.shape[0]
        change = None if out is None else torch.zeros_like(trace[part])
        for axis in range(3):
            if trace.shape[axis] == 1:
                continue
            first = max(start - 1, 0) if axis == 0 else start
            last = min(stop, end - 1) if axis == 0 else stop
            values = trace[first : min(last + 1, end)] if axis == 0 else trace[part]
            jump = values.diff(dim=axis)
            weights = self.smooth[axis, first:last]
            flux = jump * (weights if axis == 0 else weights.narrow(axis, 0, jump.shape[axis]))
            own = start - first if axis == 0 else 0  # pairs that begin in the slab before are counted there
            total += _dot(flux[own:], jump[own:])
            if change is not None:
                _spread(flux, change, axis, own)
        if out is not None and change is not None:
            for i in self.diagonal:
                out[i, part] -= change
        return total


def _weigh(weight: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> float:
    """Take the weighted x from `out`, and return its product with x."""
    weighted = weight * x
    if out is not None:
        out -= weighted
    return _dot(weighted, x)


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a.reshape(-1), b.reshape(-1)))


def _spread(flux: torch.Tensor, change: torch.Tensor, axis: int, before: int) -> None:
    """Add the transposed difference of the flux between neighbours; `before` pairs begin ahead of the first voxel."""
    if axis == 0:
        length = change.shape[0]
        ending = flux[:length] if before else flux[: length - 1]
        change[1 - before : 1 - before + len(ending)] += ending
        beginning = flux[before:]
        change[: len(beginning)] -= beginning
        return
    n = flux.shape[axis]
    change.narrow(axis, 1, n).add_(flux)
    change.narrow(axis, 0, n).sub_(flux)
