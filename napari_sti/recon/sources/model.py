"""What susceptibility and relaxation rates say about the sources in a voxel: least squares, the same in every voxel.

The unknowns z of a voxel are chi+, then chi- (a scalar) or X- (xx, xy, xz, yy, yz, zz), then R2 / Dr+ where it is
found as well; all in ppm. Everything that was measured is linear in them, so that the data term is

    f(z) = ½ <z, H z> − <b, z> + constant,

in the inner product in which the off-diagonals of a tensor count twice, as they do in the matrix. H is one small matrix
for all voxels, and b one value for every unknown of every voxel.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.separation import SeparationInput
from napari_sti.recon.canonical import CanonicalGrid

TWICE = (1.0, 2.0, 2.0, 1.0, 2.0, 1.0)
"""How often each of xx, xy, xz, yy, yz, zz stands in the matrix."""
UNIT = (1.0, 0.0, 0.0, 1.0, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class PriorR2:
    """What is known of R2 before: it lies about a typical value.

    Parameters
    ----------
    typical : float
        In Hz.
    weight : float
        Of ½ ((R2 - typical) / Dr+)² against the other terms, in ppm².
    """

    typical: float
    weight: float


class VoxelModel:
    """H, and how b is made.

    Parameters
    ----------
    given : SeparationInput
        With a susceptibility.
    grid : CanonicalGrid
        Where it is computed.
    chi_weight, rate_weight : float
        Of ½ ‖x+ I + X- − chi‖², and of the mean over the orientations of ½ (x+ − h^T X- h − R2'/Dr+)².
    prior : PriorR2, optional
        Where R2 is found as well.

    Attributes
    ----------
    channels : int
        Unknowns of a voxel.
    metric : (C,) array
        1, or 2 for off-diagonals.
    hessian : (C, C) array
        H, which is symmetric in that inner product.
    curvature : float
        Largest eigenvalue of H.
    """

    def __init__(
        self,
        given: SeparationInput,
        grid: CanonicalGrid,
        *,
        chi_weight: float = 1.0,
        rate_weight: float = 1.0,
        prior: PriorR2 | None = None,
    ) -> None:
        self._given, self._grid, self._prior, self._dr = given, grid, prior, given.relaxation
        self.tensor = given.form == "tensor"
        self.metric = np.array([1.0, *(TWICE if self.tensor else (1.0,)), *([1.0] if prior else [])])
        self.channels = len(self.metric)
        self._rows, self._weights = self._data_rows(chi_weight, rate_weight)
        scaled = self._rows.T * self._weights
        self.hessian: NDArray[np.float64] = (scaled @ self._rows) / self.metric[:, None]
        self._to_b: NDArray[np.float64] = scaled / self.metric[:, None]
        root = np.sqrt(self.metric)
        self.curvature = float(np.linalg.eigvalsh(self.hessian * root[:, None] / root)[-1])

    def _data_rows(self, chi_weight: float, rate_weight: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows by which the unknowns predict what was measured, and their weights."""
        further = [0.0] * (self._prior is not None)
        rows: list[list[float]] = []
        weights: list[float] = []
        if self.tensor:
            for c in range(6):
                own = [float(c == other) for other in range(6)]
                rows.append([UNIT[c], *own, *further])
                weights.append(chi_weight * TWICE[c])
        else:
            rows.append([1.0, 1.0, *further])
            weights.append(chi_weight)
        count = len(self._given.rates)
        rate = [1.0] * (self._prior is not None)
        for h in self._grid.turned(self._given.b0_dirs) if self.tensor else ():
            x, y, z = (float(v) for v in h)
            along = [x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z]
            rows.append([1.0, *(-a for a in along), *rate])
            weights.append(rate_weight / count)
        if not self.tensor:  # all orientations have the same row, so that their mean takes their place
            rows.append([1.0, -self._dr.neg / self._dr.pos, *rate])
            weights.append(rate_weight)
        if self._prior is not None:
            rows.append([0.0] * (self.channels - 1) + [1.0])
            weights.append(self._prior.weight)
        return np.array(rows), np.array(weights)

    def data(self) -> Iterator[NDArray[np.float32]]:
        """What was measured, one volume on the grid for each row, in ppm; 0 outside the mask."""
        given, grid = self._given, self._grid
        assert given.chi is not None
        if self.tensor:
            yield from grid.place_tensor(given.chi)
        else:
            yield grid.place(given.chi)
        scale = np.float32(1 / self._dr.pos)
        for rate in given.rates if self.tensor else (given.rates.mean(0, dtype=np.float32),):
            yield grid.place(rate) * scale
        if self._prior is not None:
            yield grid.mask * np.float32(self._prior.typical / self._dr.pos)

    def right_hand_side(self) -> tuple[NDArray[np.float32], float]:
        """B (C, X, Y, Z) on the grid, and the constant of the functional."""
        b = np.zeros((self.channels, *self._grid.shape), np.float32)
        constant = 0.0
        for column, weight, volume in zip(self._to_b.T, self._weights, self.data(), strict=True):
            constant += 0.5 * float(weight) * float(np.vdot(volume, volume))
            for out, factor in zip(b, column, strict=True):
                if factor:
                    out += np.float32(factor) * volume
        return b, constant + self._spread()

    def _spread(self) -> float:
        """What no scalar can fit: how far the orientations are from their mean."""
        rates = self._given.rates
        if self.tensor or len(rates) == 1:
            return 0.0
        mean = rates.mean(0, dtype=np.float32)
        total = sum(float(np.square(rate - mean, dtype=np.float64).sum()) for rate in rates)
        return 0.5 * float(self._weights[1]) * total / len(rates) / self._dr.pos**2
