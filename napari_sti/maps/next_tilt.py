"""Which tilt of the head would help most next.

The criterion is how much of the tensor becomes *known* (`napari_sti.maps.orientation_worth`): the posterior variance
trace(P⁻¹ (DᵀD/σ² + P⁻¹)⁻¹), averaged over k, in which each of the six combinations counts relative to its usual spread.
It is defined for any number of orientations, degenerate ones too. One more direction h adds the row d = T a to D at
every k, a the coordinates of h hᵀ, and lowers the trace by |P^-½ C d|² / (σ² + d·C d), C the covariance before it.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.acquisition import check_directions
from napari_sti.core.errors import InputError
from napari_sti.maps.head_tilt import direction_of, in_words, nod_and_lean, tilt
from napari_sti.maps.orientation_worth import (
    ASSUMED_GRID,
    FIBRE_MSA,
    FIELD_NOISE,
    KGrid,
    OrientationWorth,
    frequencies,
    kernel,
    orientation_worth,
    posterior,
    prior_precision,
    rows,
)

Array = NDArray[np.float64]

MAX_TILT = 40.0
"""Largest tilt in degrees that is asked of a head; the largest of 36 published ones at 7 T is 37."""

MOST_TILT = 90.0
MOST_STEPS = 12

AS_GOOD = 0.98
"""Tilts that gain at least this part of the best are alike; the easiest of them is advised."""

_LATTICE = 20
"""Steps of the map of gains from its centre to its rim."""
_RIM = 120
_SEARCH_FREQUENCIES = 512
_AT_ONCE = 512
_ROWS, _COLUMNS = np.triu_indices(6)


@dataclass(frozen=True, eq=False)
class GainMap:
    """What one more direction would make known, over all tilts up to a largest.

    Parameters
    ----------
    max_tilt : float
        Radius of the map in degrees.
    offsets : (S,) ndarray
        Degrees along either axis of the map; they reach a little beyond the rim.
    gain : (S, S) ndarray
        Rise of `OrientationWorth.known`; first axis towards the head's right, second towards its front. The distance
        from the centre is the tilt of B0 against the head, its direction that of B0 in the head.
    """

    max_tilt: float
    offsets: Array
    gain: Array

    @property
    def within(self) -> Array:
        """The gains (C,) within the largest tilt."""
        right, front = np.meshgrid(self.offsets, self.offsets, indexing="ij")
        return self.gain[np.hypot(right, front) <= self.max_tilt * (1 + 1e-9)]


@dataclass(frozen=True, eq=False)
class NextTilt:
    """One more head orientation, and what the set is worth with it.

    Parameters
    ----------
    b0_dir : (3,) ndarray
        Where B0 would point in the head, RAS.
    worth : OrientationWorth
        Of all orientations with this one and those advised before it.
    gain : float
        What becomes known, of six.
    """

    b0_dir: Array
    worth: OrientationWorth
    gain: float

    @property
    def tilt(self) -> float:
        """Degrees from the head straight."""
        return float(tilt(self.b0_dir))

    @property
    def words(self) -> str:
        """What the head does."""
        return in_words(self.b0_dir)


@dataclass(frozen=True, eq=False)
class Plan:
    """What the orientations of a study are worth, and what to add.

    Parameters
    ----------
    worth : OrientationWorth
        Of the orientations that are there.
    next_tilts : tuple of NextTilt
        One after the other, each the best after those before it.
    gains : GainMap
        For the first of them.
    """

    worth: OrientationWorth
    next_tilts: tuple[NextTilt, ...]
    gains: GainMap


def plan(
    b0_dirs: ArrayLike,
    grid: KGrid = ASSUMED_GRID,
    *,
    noise: float = FIELD_NOISE,
    msa: float = FIBRE_MSA,
    max_tilt: float = MAX_TILT,
    steps: int = 1,
) -> Plan:
    """Say what the orientations are worth and which tilts to add.

    Parameters
    ----------
    b0_dirs : (N, 3) array
        Unit vectors of B0 in RAS axes of the head.
    grid : KGrid
        Of the study, with its axes in RAS.
    noise, msa : float
        Standard deviation of a field map and anisotropy of a fibre, ppm.
    max_tilt : float
        Largest angle in degrees between B0 and the head's long axis (RAS +z).
    steps : int
        How many tilts to advise.

    Raises
    ------
    InputError
        If a direction or a number is out of range.
    """
    if not 0 < max_tilt <= MOST_TILT:
        raise InputError(
            f"the largest tilt is {max_tilt:g} degrees", mend=f"give more than 0 and at most {MOST_TILT:g}"
        )
    if not 0 <= steps <= MOST_STEPS:
        raise InputError(f"{steps} further tilts were asked for", mend=f"ask for 0 to {MOST_STEPS}")
    first = worth = orientation_worth(b0_dirs, grid, noise=noise, msa=msa)
    gains = gain_map(first.b0_dirs, grid, noise=noise, max_tilt=max_tilt)
    advised: list[NextTilt] = []
    for _ in range(steps):
        direction = best_direction(worth.b0_dirs, grid, noise=noise, max_tilt=max_tilt)
        after = orientation_worth([*worth.b0_dirs, direction], grid, noise=noise, msa=msa)
        advised.append(NextTilt(direction, after, after.known - worth.known))
        worth = after
    return Plan(first, tuple(advised), gains)


def gain(b0_dirs: ArrayLike, candidates: ArrayLike, grid: KGrid, *, noise: float) -> Array:
    """What each of the candidate directions (C, 3) would make known beside `b0_dirs`: (C,) of six."""
    dirs, _ = check_directions(b0_dirs)
    n, _ = frequencies(grid, _SEARCH_FREQUENCIES)
    t, c = kernel(n), posterior(dirs, n, noise)
    seen = _as_form(t @ c @ t)
    told = _as_form(t @ c @ prior_precision() @ c @ t)
    a = rows(candidates)
    products = (a[:, _ROWS] * a[:, _COLUMNS]).T
    found = []
    for start in range(0, products.shape[1], _AT_ONCE):
        part = products[:, start : start + _AT_ONCE]
        found.append(((told @ part) / (noise**2 + seen @ part)).mean(axis=0))
    return np.concatenate(found)


def _as_form(matrices: Array) -> Array:
    """Symmetric matrices (M, 6, 6) as weights (M, 21) of the products of two coordinates."""
    return matrices[:, _ROWS, _COLUMNS] * np.where(_ROWS == _COLUMNS, 1.0, 2.0)


def gain_map(b0_dirs: ArrayLike, grid: KGrid, *, noise: float, max_tilt: float) -> GainMap:
    """The gain of one more direction, evenly over all tilts up to `max_tilt` degrees; directions in RAS."""
    step = max_tilt / _LATTICE
    offsets = step * np.arange(-_LATTICE - 2.0, _LATTICE + 3.0)  # beyond the rim, so that it can be drawn to the end
    right, front = np.meshgrid(offsets, offsets, indexing="ij")
    values = gain(b0_dirs, at_offset(right.ravel(), front.ravel()), grid, noise=noise)
    return GainMap(float(max_tilt), offsets, values.reshape(right.shape))


def at_offset(right: ArrayLike, front: ArrayLike) -> Array:
    """Unit vectors (..., 3) in RAS at a place of the map, in degrees from its centre."""
    u, v = np.asarray(right, np.float64), np.asarray(front, np.float64)
    angle, turn = np.radians(np.hypot(u, v)), np.arctan2(v, u)
    return np.stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)], -1)


def best_direction(b0_dirs: ArrayLike, grid: KGrid, *, noise: float, max_tilt: float) -> Array:
    """The direction in RAS that would help most, or the easiest of those that are as good.

    Heads are placed to a few degrees, so that only whole degrees of nod and lean are offered, and the rim. The easiest
    has the smallest sum of nod and lean, so that one movement comes before two; heads nod more easily than they lean.
    """
    candidates = _candidates(max_tilt)
    values = gain(b0_dirs, candidates, grid, noise=noise)
    good = candidates[values >= AS_GOOD * values.max()]
    nod, lean = nod_and_lean(good)
    # The last two settle what is symmetric: forward before back, left before right, for want of a reason.
    order = np.lexsort((-lean, -nod, np.round(np.abs(lean)), np.round(np.abs(nod) + np.abs(lean))))
    return cast(Array, good[order[0]])


def _candidates(max_tilt: float) -> Array:
    step = max(1.0, max_tilt / _LATTICE)
    angles = step * np.arange(-np.floor(max_tilt / step), np.floor(max_tilt / step) + 1)
    nod, lean = np.meshgrid(angles, angles)
    inside = direction_of(nod.ravel(), lean.ravel())
    inside = inside[inside[:, 2] >= np.cos(np.radians(max_tilt))]
    turn = np.radians(np.arange(_RIM) * 360 / _RIM)
    return np.concatenate([inside, at_offset(max_tilt * np.cos(turn), max_tilt * np.sin(turn))])
