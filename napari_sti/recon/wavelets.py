"""Orthonormal wavelet transform of volumes: Daubechies' families, separable, periodic, any number of levels."""

import math
import threading

import torch

from napari_sti.core.errors import InputError, shape_text
from napari_sti.recon import fourier
from napari_sti.recon.wavelet_filters import Shape, padded_shape
from napari_sti.recon.wavelet_levels import make_level


class WaveletTransform:
    """W: orthonormal discrete wavelet transform (Mallat's pyramid) of volumes of one grid.

    Coefficients have the shape of the volume. The corner ``[:X/2^levels, :Y/2^levels, :Z/2^levels]`` holds the
    approximation, the rest the details, the finest in the outermost octants. Boundaries are periodic (the mode
    "periodization" of PyWavelets, whose values these are). Axes of one voxel are not transformed.

    `analyse` and `synthesise` do without that order, in place: they are what is fast.

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
        self._device, self._dtype = torch.device(device), dtype
        self._grids = [_halved(shape, level) for level in range(levels)]
        self._levels, starts = [], [0, 0, 0]
        for grid in self._grids:
            self._levels.append(make_level(grid, wavelet, starts, self._device, dtype))
            starts = self._levels[-1].following

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Coefficients (X, Y, Z) of a volume (X, Y, Z), in the usual order."""
        volumes = [volume.clone(memory_format=torch.contiguous_format), *self.empty_averages()]
        self.analyse(volumes)
        out = torch.empty_like(volumes[0])
        for level, own in zip(self._levels, volumes, strict=True):
            x, y, z = (torch.tensor(places, device=own.device) for places in level.places)
            out[tuple(slice(0, n) for n in own.shape)] = own[x][:, y][:, :, z]
        return out

    def inverse(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Volume of coefficients in the usual order; W is orthonormal, so that this is Wᵀ."""
        volumes = [torch.empty_like(coefficients, memory_format=torch.contiguous_format), *self.empty_averages()]
        for level, own in zip(self._levels, volumes, strict=True):
            x, y, z = (torch.tensor(places, device=own.device) for places in level.places)
            own[x[:, None, None], y[:, None], z] = coefficients[tuple(slice(0, n) for n in own.shape)]
        self.synthesise(volumes)
        return volumes[0]

    def empty_averages(self) -> list[torch.Tensor]:
        """Memory for the averages of all levels but the last."""
        return [fourier.empty(*grid, device=self._device, dtype=self._dtype) for grid in self._grids[1:]]

    def analyse(self, volumes: list[torch.Tensor], threshold: float = 0.0) -> float:
        """Replace a volume, which is the first, and its averages, the others, by the coefficients of their levels.

        All have to be contiguous. If a positive threshold is given, the coefficients are moved towards zero by so much,
        and the sum of their magnitudes after that is returned.
        """
        sums = [
            level.there(own, coarser, threshold)
            for level, own, coarser in zip(self._levels, volumes, [*volumes[1:], None], strict=True)
        ]
        return math.fsum(sums) / threshold if threshold > 0 else 0.0

    def synthesise(self, volumes: list[torch.Tensor]) -> None:
        """Undo `analyse`."""
        for level, own, coarser in zip(self._levels[::-1], volumes[::-1], [None, *volumes[:0:-1]], strict=True):
            level.back(own, coarser)


def _halved(shape: Shape, times: int) -> Shape:
    x, y, z = (max(1, n >> times) for n in shape)
    return x, y, z


class SparseWavelets:
    """g(x) = λ Σ_c ‖W x_c‖₁, the averages of the coarsest level included; a `Prox` for `fista`.

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
        self._device = torch.device(device)
        self._kept = threading.local()

    def __call__(self, row: torch.Tensor, curvature: float) -> float:
        """Replace the volume z by the u that minimises ½ curvature ‖u − z‖² + g(u), and return g(u).

        W is orthonormal, so that coefficients shrink by λ / curvature one by one.
        """
        if self.weight == 0:
            return 0.0
        volume = row.to(self._device)
        volumes = [volume, *self._averages()]
        size = self.transform.analyse(volumes, self.weight / curvature)
        self.transform.synthesise(volumes)
        if volume is not row:
            row.copy_(volume)
        return self.weight * size

    def _averages(self) -> list[torch.Tensor]:
        """Memory for the averages, kept for each thread."""
        kept: list[torch.Tensor] | None = getattr(self._kept, "averages", None)
        if kept is None:
            kept = self._kept.averages = self.transform.empty_averages()
        return kept
