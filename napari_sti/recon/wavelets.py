"""Orthonormal wavelet transform of volumes: Daubechies' families, separable, periodic, any number of levels.

One level along one axis is the product with an orthonormal n x n matrix: half of its rows average, half take details.
The matrix is banded, and on the CPU it is applied block by block of rows with the columns that these rows need, as
products of small matrices with long ones. Each product takes the last axis of the volume and writes it as the first,
so that three of them bring the axes back and no pass over memory has strides. Measured at 128x144x112 with eight
taps that takes half of the time of whole matrices, which a GPU multiplies.
"""

import itertools
import math
import threading

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text
from napari_sti.recon import fourier
from napari_sti.recon.wavelet_filters import Shape, level_matrix, padded_shape

BLOCK = 8
"""Rows of a block on the CPU: few, since each block needs as many further columns as the filter has taps."""
CACHED = 1 << 19
"""Values that are taken through all blocks before the next ones are, on the CPU: they stay in the cache meanwhile."""
PIECE = 1 << 17
"""The same for arithmetic without matrices."""


class WaveletTransform:
    """W: orthonormal discrete wavelet transform (Mallat's pyramid) of volumes of one grid.

    Coefficients have the shape of the volume. The corner ``[:X/2^levels, :Y/2^levels, :Z/2^levels]`` holds the
    approximation, the rest the details, the finest in the outermost octants. Boundaries are periodic (the mode
    "periodization" of PyWavelets, whose values these are). Axes of one voxel are not transformed.

    Parameters
    ----------
    shape : (X, Y, Z)
        Multiples of ``2**levels``, or 1: see `padded_shape`.
    wavelet : str
        One of `wavelet_filters.WAVELETS`.
    levels : int
        How many times to halve, at least 1.
    device, dtype
        Of the volumes.

    Raises
    ------
    InputError
        If the wavelet is not known or the shape cannot be halved so many times.
    """

    def __init__(
        self,
        shape: Shape,
        wavelet: str = "db4",
        levels: int = 3,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if padded_shape(shape, levels) != tuple(shape) or levels < 1:
            raise InputError(
                f"a grid of {shape_text(shape)} voxels cannot be halved {levels} times",
                mend=f"pad it to {shape_text(padded_shape(shape, max(levels, 1)))}",
            )
        self.shape, self.levels = shape, levels
        self._grids = [_halved(shape, level) for level in range(levels + 1)]
        lengths = set(itertools.chain(*self._grids[:-1]))
        where = torch.device(device)
        matrices = {n: level_matrix(n, wavelet) for n in lengths}
        self._there = {n: _BandedMatrix(matrix, where, dtype) for n, matrix in matrices.items()}
        self._back = {n: _BandedMatrix(matrix.T, where, dtype) for n, matrix in matrices.items()}

    def forward(self, volume: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Write the coefficients of a contiguous volume (X, Y, Z) to `out`; the volume is used as room and lost."""
        self._one_level(self._there, volume, out)
        for grid in self._grids[1:-1]:
            corner = out[_corner(grid)]
            small, other = _rooms(volume, grid)
            corner.copy_(self._one_level(self._there, small.copy_(corner), other))
        return out

    def inverse(self, coefficients: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Write the volume of coefficients to `out`; W is orthonormal, so this is Wᵀ. The coefficients are lost."""
        for grid in reversed(self._grids[1:-1]):
            corner = coefficients[_corner(grid)]
            small, other = _rooms(out, grid)
            corner.copy_(self._one_level(self._back, small.copy_(corner), other))
        return self._one_level(self._back, coefficients, out)

    def approximation(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The corner (a view) that holds the approximation."""
        return coefficients[_corner(self._grids[-1])]

    def _one_level(self, matrices: dict[int, "_BandedMatrix"], volume: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        source, target = volume.view(-1), out.view(-1)
        for n in reversed(volume.shape):
            matrices[n].apply(source.view(-1, n), target.view(n, -1))
            source, target = target, source
        return out


class _BandedMatrix:
    """A matrix whose rows are zero outside a few runs of columns."""

    def __init__(self, matrix: NDArray[np.float64], device: torch.device, dtype: torch.dtype) -> None:
        spans = _spans(len(matrix), BLOCK if device.type == "cpu" else len(matrix))
        self._blocks = [
            (span, [(run, torch.tensor(matrix[span, run], device=device, dtype=dtype)) for run in _runs(matrix[span])])
            for span in spans
        ]

    def apply(self, rows: torch.Tensor, out: torch.Tensor) -> None:
        """Write the product with the transpose of `rows` (R, n) to `out` (n, R)."""
        step = len(rows) if rows.device.type != "cpu" else max(1, CACHED // rows.shape[1])
        for start in range(0, len(rows), step):
            self._apply(rows[start : start + step].T, out[:, start : start + step])

    def _apply(self, x: torch.Tensor, out: torch.Tensor) -> None:
        for rows, pieces in self._blocks:
            target = out[rows]
            for index, (columns, part) in enumerate(pieces):
                if index:
                    target.addmm_(part, x[columns])
                else:
                    torch.mm(part, x[columns], out=target)


def _spans(n: int, rows: int) -> list[slice]:
    """Cut the rows of a matrix into blocks, none of which holds both averages and details."""
    if rows >= n:
        return [slice(0, n)]
    ends = [*range(rows, n // 2, rows), n // 2, *range(n // 2 + rows, n, rows), n]
    return [slice(start, end) for start, end in itertools.pairwise([0, *ends])]


def _runs(rows: NDArray[np.float64]) -> list[slice]:
    """Runs of columns that are not all zero."""
    used = np.flatnonzero(rows.any(0))
    starts = [used[0], *used[1:][np.diff(used) > 1]]
    ends = [*used[:-1][np.diff(used) > 1], used[-1]]
    return [slice(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def _halved(shape: Shape, times: int) -> Shape:
    x, y, z = (max(1, n >> times) for n in shape)
    return x, y, z


def _corner(grid: Shape) -> tuple[slice, slice, slice]:
    x, y, z = (slice(0, n) for n in grid)
    return x, y, z


def _rooms(volume: torch.Tensor, grid: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """Two small volumes in the memory of a large one."""
    count = math.prod(grid)
    flat = volume.view(-1)
    if 2 * count > len(flat):  # a grid of a single voxel
        return flat[:count].view(grid), torch.empty_like(volume).view(-1)[:count].view(grid)
    return flat[:count].view(grid), flat[count : 2 * count].view(grid)


class SparseDetails:
    """g(x) = λ Σ_c ‖D W x_c‖₁, where D leaves out the averages of the coarsest level; a `Prox` for `fista`.

    Parameters
    ----------
    shape : (X, Y, Z)
        Of each row; see `WaveletTransform`.
    weight : float
        λ.
    wavelet, levels, device, dtype
        Of the transform.
    """

    def __init__(
        self,
        shape: Shape,
        weight: float,
        wavelet: str = "db4",
        levels: int = 3,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.weight = weight
        self.transform = WaveletTransform(shape, wavelet, levels, device=device, dtype=dtype)
        self._device, self._dtype = torch.device(device), dtype
        self._kept = threading.local()

    def __call__(self, row: torch.Tensor, curvature: float) -> float:
        """Replace the volume z by the u that minimises ½ curvature ‖u − z‖² + g(u), and return g(u).

        W is orthonormal, so that details shrink by λ / curvature one by one.
        """
        if self.weight == 0:
            return 0.0
        volume = row.to(self._device)
        coefficients = self.transform.forward(volume, self._room())
        averages = self.transform.approximation(coefficients)
        kept = averages.clone()
        averages.zero_()
        size = shrink(coefficients, self.weight / curvature)
        averages.copy_(kept)
        self.transform.inverse(coefficients, volume)
        if volume is not row:
            row.copy_(volume)
        return self.weight * size

    def _room(self) -> torch.Tensor:
        """Memory for one volume, kept for each thread."""
        room: torch.Tensor | None = getattr(self._kept, "room", None)
        if room is None:
            room = fourier.empty(*self.transform.shape, device=self._device, dtype=self._dtype)
            self._kept.room = room
        return room


def shrink(values: torch.Tensor, threshold: float) -> float:
    """Move all values towards zero by the threshold, in place, and return the sum of their magnitudes."""
    flat = values.view(-1)
    size = 0.0
    for piece in torch.split(flat, PIECE if values.device.type == "cpu" else max(1, len(flat))):
        piece.sub_(piece.clamp(-threshold, threshold))
        size += float(torch.linalg.vector_norm(piece, 1))
    return size
