"""An orthonormal filter pair as a few steps that change samples in place.

The two filters with 2 p taps are p rotations of pairs of neighbours, of which every second is of the pairs that begin
at odd places (Vaidyanathan, *Multirate Systems and Filter Banks*, 1993, section 14.3). Each rotation but for the scale
of its two results is two shears, f += a g and then g += b f (Daubechies and Sweldens, J Fourier Anal Appl 4:247, 1998,
write filters so). That takes p multiplications for a sample instead of 2 p, and no memory.

Of (f, g) the member is changed first that makes the factors small, so that no digits are lost. What comes out then
changes places; where each coefficient is in the end is written down.
"""

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from napari_sti.recon.wavelet_filters import decomposition_filter


@cache
def rotations(wavelet: str) -> tuple[tuple[float, ...], float]:
    """Angles of the rotations in the order in which they are done, and the sign of the details.

    The last rotation turns pairs (2k, 2k + 1), the one before (2k + 1, 2k + 2), and so on in turns. An angle t makes
    (cos t f + sin t g, cos t g − sin t f) of (f, g). What stands at 2k in the end is average k, what stands at 2k + 1
    is the detail k times the sign.
    """
    low = decomposition_filter(wavelet)[::-1]  # in the order of the samples
    high = low[::-1] * np.where(np.arange(len(low)) % 2 == 0, 1.0, -1.0)
    sign = 1.0
    if len(low) // 2 % 2:  # a reflection
        high, sign = -high, -1.0
    angles = []
    while len(low) > 2:
        # The outermost rotation undone: one row has no last two taps, the other no first two.
        end = -1 if abs(low[-1]) + abs(high[-1]) > abs(low[-2]) + abs(high[-2]) else -2
        angle = math.atan2(low[end], high[end])
        c, s = math.cos(angle), math.sin(angle)
        angles.append(angle)
        low, high = (s * low + c * high)[2:], (c * low - s * high)[:-2]
    angles.append(math.atan2(low[1], low[0]))
    return tuple(angles[::-1]), sign


@dataclass(frozen=True)
class Shear:
    """``half[target][i] += factor * half[1 − target][i + shift]``, with periodic i."""

    target: int
    shift: int
    factor: float


@dataclass
class Shears:
    """One level along one axis, in place: the samples at even places of memory are half 0, the others half 1.

    Parameters
    ----------
    wavelet : str
        One of `wavelet_filters.WAVELETS`.
    start : int
        Place of the first sample in memory; the others follow, and go on at the beginning.

    Attributes
    ----------
    steps : list of Shear
        In order; backwards and with opposite factors they undo what they did.
    low, high : (half, offset)
        Average k is at index k + offset of that half, and so is detail k of the other.
    scales : two floats
        By which each half is to be multiplied. The sign of the details is in it.
    """

    wavelet: str
    start: int = 0
    steps: list[Shear] = field(init=False, default_factory=list)
    low: tuple[int, int] = field(init=False)
    high: tuple[int, int] = field(init=False)
    scales: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        angles, sign = rotations(self.wavelet)
        places = [divmod(self.start, 2)[::-1], divmod(self.start + 1, 2)[::-1]]  # half and offset of both streams
        scales = [1.0, 1.0]
        for number, angle in enumerate(angles):
            odd = (len(angles) - 1 - number) % 2
            one, other = (1, 0) if odd else (0, 1)  # stream `one` is the first of a pair
            (f, at_f), (g, at_g) = places[one], places[other]
            c, s, apart = math.cos(angle), math.sin(angle), at_g + odd - at_f
            ratio = scales[g] / scales[f]
            if abs(c) >= abs(s):
                self.steps += [Shear(f, apart, s / c * ratio), Shear(g, -apart, -s * c / ratio)]
                scales[f], scales[g] = c * scales[f], scales[g] / c
            else:  # the results change places
                self.steps += [Shear(g, -apart, c / s / ratio), Shear(f, apart, -c * s * ratio)]
                scales[f], scales[g] = -scales[f] / s, s * scales[g]
                places[one], places[other] = (g, at_g + odd), (f, at_f - odd)
        self.low, self.high = places
        scales[self.high[0]] *= sign
        self.scales = (scales[0], scales[1])

    def places(self, n: int) -> list[int]:
        """Where in memory the coefficients of an axis of n voxels are: averages, then details."""
        half = n // 2
        return [2 * ((k + offset) % half) + own for own, offset in (self.low, self.high) for k in range(half)]
