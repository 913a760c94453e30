"""Filters of orthonormal wavelets and the grids that they can be applied to, in numpy alone."""

import itertools
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError

Shape = tuple[int, int, int]

WAVELETS = ("haar", "db2", "db3", "db4", "db6", "db8", "sym4", "sym6")
"""The number is that of vanishing moments; filters have twice as many taps."""


def padded_shape(shape: Shape, levels: int) -> Shape:
    """Smallest grid that holds `shape` and can be halved `levels` times; axes of one voxel stay as they are."""
    step = 2**levels
    x, y, z = (n if n == 1 else -(-n // step) * step for n in shape)
    return x, y, z


def level_matrix(n: int, wavelet: str) -> NDArray[np.float64]:
    """Orthonormal (n, n) matrix of one level: averages in the first n/2 rows, details in the others.

    Row k takes the samples ``2k + L/2 - j`` (modulo n) with the filter's tap j. ``[[1]]`` for n = 1.
    """
    if n == 1:
        return np.ones((1, 1))
    low = decomposition_filter(wavelet)
    taps = np.arange(len(low))
    high = np.where(taps % 2 == 0, -1.0, 1.0) * low[::-1]
    matrix = np.zeros((n, n))
    for k in range(n // 2):
        columns = (2 * k + len(low) // 2 - taps) % n
        # A filter longer than the axis meets the same sample again.
        np.add.at(matrix[k], columns, low)
        np.add.at(matrix[n // 2 + k], columns, high)
    return matrix


@cache
def decomposition_filter(wavelet: str) -> NDArray[np.float64]:
    """Low-pass decomposition filter (2 p taps) of Daubechies' wavelet with p vanishing moments.

    Computed by spectral factorisation (Daubechies, *Ten Lectures on Wavelets*, 1992, sections 6.1 and 8.1.1): ``db``
    takes the zeros inside the unit circle, ``sym`` those with the phase that is nearest to a straight line.

    Raises
    ------
    InputError
        If the wavelet is not known.
    """
    if wavelet not in WAVELETS:
        raise InputError(f"the wavelet {wavelet!r} is not known", mend=f"use one of {', '.join(WAVELETS)}")
    moments = 1 if wavelet == "haar" else int(wavelet.lstrip("dbsym"))
    pairs = _zeros(moments)
    filters = [_from_zeros(moments, inside) for inside in pairs.choices(linear=wavelet.startswith("sym"))]
    chosen = min(filters, key=_bending)
    # Of a filter and its mirror image the one that stands in the tables of PyWavelets: db late, sym early.
    late = _centre(chosen) > (len(chosen) - 1) / 2
    chosen = chosen if late == wavelet.startswith("db") else chosen[::-1].copy()
    chosen.setflags(write=False)
    return chosen


class _Zeros:
    """Zeros of the half-band polynomial, in groups that have to stay together for a real filter."""

    def __init__(self, groups: list[list[complex]]) -> None:
        self.groups = groups

    def choices(self, *, linear: bool) -> list[list[complex]]:
        """Choices of each group or its mirror images at the unit circle; the first group stays inside."""
        if not linear:
            return [list(itertools.chain(*self.groups))]
        mirrored = [(group, [1 / z for z in group]) for group in self.groups[1:]]
        return [list(itertools.chain(*self.groups[:1], *chosen)) for chosen in itertools.product(*mirrored)]


def _zeros(moments: int) -> _Zeros:
    # |H|² = cos^2p (w/2) P(sin²(w/2)), where P(y) = Σ C(p-1+k, k) y^k; y = (2 - z - 1/z) / 4.
    polynomial = [math.comb(moments - 1 + k, k) for k in range(moments)]
    groups: list[list[complex]] = []
    for y in np.roots(polynomial[::-1]):
        if y.imag < -1e-9:
            continue  # comes with its conjugate
        z = min(np.roots([1, 4 * y - 2, 1]), key=abs)
        groups.append([z] if abs(y.imag) <= 1e-9 else [z, np.conj(z)])
    return _Zeros(groups)


def _from_zeros(moments: int, zeros: list[complex]) -> NDArray[np.float64]:
    taps = np.ones(1, complex)
    for zero in [*[-1.0] * moments, *zeros]:
        taps = np.convolve(taps, [1, -zero])
    real = taps.real
    scaled: NDArray[np.float64] = real * math.sqrt(2) / real.sum()
    return scaled


def _centre(taps: NDArray[np.float64]) -> float:
    return float((np.arange(len(taps)) * taps**2).sum() / (taps**2).sum())


def _bending(taps: NDArray[np.float64]) -> float:
    """How far the phase is from a straight line, weighted with the power."""
    w = np.linspace(0, np.pi, 256)[1:-1]
    response = np.exp(-1j * np.outer(w, np.arange(len(taps)))) @ taps
    phase, weight = np.unwrap(np.angle(response)), np.abs(response) ** 2
    slope = (weight * w * phase).sum() / (weight * w * w).sum()
    return float((weight * (phase - slope * w) ** 2).sum())
