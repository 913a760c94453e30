"""How wide directions have to be drawn so that they spread as a map of angular spread says."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

MOST = 2 / 3
"""Mean squared sine of directions that are all equally likely."""


@cache
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squared sine and the squared width that leads to it.

    A direction v + b g, g Gaussian in the plane across v, leans by an angle of tangent b |g|. |g|^2 / 2 is
    exponential, E; so the mean squared sine is that of 2 b^2 E / (1 + 2 b^2 E).
    """
    nodes, weights = np.polynomial.laguerre.laggauss(64)
    squares = np.concatenate([[0.0], np.geomspace(1e-6, 3, 400)])
    leant = 2 * squares[:, None] * nodes
    return (weights * leant / (1 + leant)).sum(axis=1), squares


def tangent_width(spread: NDArray[np.floating], scale: float = 1.0) -> NDArray[np.float32]:
    """Width of a Gaussian across the direction whose directions have this angular spread.

    Parameters
    ----------
    spread : (...) array
        Root mean square of the sine of the angle to the mean axis, as an angle in degrees (`Trust.pev_spread`), 0 to
        54.7. NaN (unknown) is taken for the largest.
    scale : float
        What the spread is multiplied by first.

    Returns
    -------
    (...) float32 array
        Standard deviation along each of the two axes across a unit vector.
    """
    angle = np.clip(np.asarray(spread, np.float64) * scale, 0, 90)
    wanted = np.minimum(np.where(np.isfinite(angle), np.sin(np.radians(angle)) ** 2, MOST), MOST)
    sines, squares = _table()
    return np.sqrt(np.interp(wanted, sines, squares)).astype(np.float32)
