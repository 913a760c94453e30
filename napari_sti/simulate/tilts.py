"""Head orientations: where the main field points in the frame of the head."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError

TILT_MODES = ("head", "spread")

HEAD_TILT_QUANTILES = ((0.0, 0.0), (0.25, 7.0), (0.5, 12.0), (0.75, 17.5), (0.9, 23.0), (1.0, 37.0))
"""Distribution of real head tilts: probability and degrees, linear between. Median, 90 % point and largest are those
of 36 directions of 8 people at 7 T that were published with LP-CNN (12.4, 22.6 and 36.5 degrees)."""

PITCH_TO_ROLL = 1.8
"""How much more a head nods than it leans, in the same directions (root mean square front-back to left-right)."""


def b0_directions(count: int, *, mode: str = "spread", max_tilt: float = 60.0, seed: int = 0) -> NDArray[np.float64]:
    """Unit vectors (count, 3) of the main field in RAS axes of the head.

    Parameters
    ----------
    count : int
        Number of head orientations.
    mode : {"head", "spread"}
        ``head`` draws small tilts as people in a scanner reach them (`HEAD_TILT_QUANTILES`), the least one first;
        ``spread`` starts untilted and tilts by up to `max_tilt` in directions all around.
    max_tilt : float
        Largest tilt in degrees.
    seed : int
        Of the random draw of ``head``.

    Raises
    ------
    InputError
        If the mode is not known.
    """
    if mode == "head":
        return _head(count, max_tilt, np.random.default_rng([seed, 17]))
    if mode == "spread":
        return _spread(count, max_tilt)
    raise InputError(f"the tilts {mode!r} are not known", mend=f"use one of {', '.join(TILT_MODES)}")


def _head(count: int, max_tilt: float, rng: np.random.Generator) -> NDArray[np.float64]:
    probability, degrees = np.array(HEAD_TILT_QUANTILES).T
    highest = np.interp(max_tilt, degrees, probability)
    tilt = np.interp(rng.random(count) * highest, probability, degrees)
    lean, nod = rng.normal(size=(2, count))
    azimuth = np.arctan2(PITCH_TO_ROLL * nod, lean)
    order = np.argsort(tilt)
    order[1:] = np.sort(order[1:])  # a session starts at rest; the others come as they were drawn
    return _unit(tilt[order], azimuth[order])


def _spread(count: int, max_tilt: float) -> NDArray[np.float64]:
    """One untilted direction, then rings: up to six at the largest tilt, more of them also at half of it."""
    rest = count - 1
    outer = rest if rest <= 6 else -(-2 * rest // 3)
    inner = rest - outer
    turn = np.pi / 2 if outer == 2 else 2 * np.pi / max(outer, 1)
    azimuth = np.r_[0, np.pi / 2 + turn * np.arange(outer), turn / 2 + 2 * np.pi / max(inner, 1) * np.arange(inner)]
    tilt = np.r_[0, np.full(outer, max_tilt), np.full(inner, max_tilt / 2)]
    return _unit(tilt, azimuth)


def _unit(tilt_degrees: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    tilt = np.radians(tilt_degrees)
    unit = np.stack([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)], -1)
    return np.round(unit, 7)
