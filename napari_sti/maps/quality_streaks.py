"""Streaks: more power along the cone of an orientation than along any other cone of k-space.

The dipole kernel of a B0 direction h, D(k) = 1/3 − (h·k)²/|k|², is 0 on the cone at the magic angle around h. What is
hardly measured there is made up by noise and by errors of the model, and spreads in the image as streaks along that
cone. Truncated k-space division cuts where |D| is small (Shmueli et al., MRM 62:1510, 2009). Here the same region says
how much is there: with the power P(k) of a map,

    S(h) = exp( mean over shells of |k| of  log( mean of P where |D| < 0.1  /  mean of P elsewhere in the shell ) )

which is 1 where the power does not know of the cone. Anatomy has directions of its own, and S is never exactly 1: it
is put beside the same number for `RANDOM_AXES` other directions, evenly over the sphere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONE = 0.1
"""|D| below which k counts as on the cone."""

RANDOM_AXES = 200
SHELLS = 12
SHARE = (0.15, 0.9)
"""Of the largest |k| that all axes reach: shells between these are counted, below them there are too few k."""

_MOST = 400_000
"""Frequencies that are looked at, drawn evenly from larger grids."""


@dataclass(frozen=True, eq=False)
class Streaks:
    """Power along cones of one map.

    Parameters
    ----------
    ratio : (N,) array
        S of every orientation.
    others : (RANDOM_AXES,) array
        S of other axes, sorted.
    """

    ratio: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def rank(self) -> NDArray[np.float64]:
        """Share (N,) of the other axes whose cone holds less."""
        return np.searchsorted(self.others, self.ratio) / len(self.others)

    @property
    def worst(self) -> int:
        """Number (from 0) of the orientation with the largest S."""
        return int(np.argmax(self.ratio))

    @property
    def usual(self) -> tuple[float, float]:
        """5th and 95th percentile of S over the other axes."""
        low, high = np.percentile(self.others, (5, 95))
        return float(low), float(high)


def streaks(maps: ArrayLike, mask: NDArray[np.bool_], voxel_size: ArrayLike, b0_dirs: ArrayLike) -> Streaks | None:
    """Compute S of the module's formula.

    Parameters
    ----------
    maps : (M, X, Y, Z) array
        Their power is added: one map, or the components of the anisotropic part. NaN counts as 0.
    mask : (X, Y, Z) array
        Outside, and in the mean inside, they are set to 0.
    voxel_size : three numbers
        In mm.
    b0_dirs : (N, 3) array
        Unit vectors in the axes of the array.

    Returns
    -------
    Streaks or None
        None where the maps have no power or the grid has no shells.
    """
    n, radius, power = _power(np.asarray(maps), mask, np.asarray(voxel_size, float))
    if power.size == 0 or not power.max() > 0:
        return None
    shell = np.minimum((radius * SHELLS).astype(int), SHELLS - 1)
    axes = np.asarray(b0_dirs, float)
    found = np.array([_ratio(axis, n, shell, power) for axis in (*axes, *_sphere(RANDOM_AXES))])
    if not np.isfinite(found).all():
        return None
    return Streaks(found[: len(axes)], np.sort(found[len(axes) :]))


def anisotropic_part(chi: NDArray[np.floating]) -> NDArray[np.float32]:
    """Components (6, X, Y, Z) of tensors (X, Y, Z, 6) without their mean, off-diagonals times √2 (in unit length)."""
    part = np.moveaxis(np.asarray(chi, np.float32), -1, 0).copy()
    part[[0, 3, 5]] -= part[[0, 3, 5]].mean(0)
    part[[1, 2, 4]] *= np.float32(np.sqrt(2))
    return part


def _power(
    maps: NDArray[np.floating], mask: NDArray[np.bool_], voxel_size: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Directions of k (K, 3), place of |k| between the first and the last shell (K,), power (K,)."""
    from scipy import fft

    shape = mask.shape
    k = np.meshgrid(
        *(fft.fftfreq(m, size) for m, size in zip(shape[:2], voxel_size[:2], strict=True)),
        fft.rfftfreq(shape[2], voxel_size[2]),
        indexing="ij",
        sparse=True,
    )
    length = np.sqrt(k[0] ** 2 + k[1] ** 2 + k[2] ** 2)
    top = 0.5 / float(voxel_size.max())
    kept = np.flatnonzero((length > SHARE[0] * top) & (length < SHARE[1] * top))
    if len(kept) > _MOST:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST).astype(np.int64)]
    if len(kept) == 0 or not mask.any():
        return np.zeros((0, 3), np.float32), np.zeros(0), np.zeros(0)
    power = np.zeros(len(kept))
    for volume in maps:
        inside = np.nan_to_num(volume, nan=0, posinf=0, neginf=0)
        flat = np.where(mask, inside - inside[mask].mean(dtype=np.float64), 0).astype(np.float32)
        power += np.abs(fft.rfftn(flat).reshape(-1)[kept]) ** 2
    index = np.unravel_index(kept, length.shape)
    parts = [np.broadcast_to(axis, length.shape)[index] for axis in k]
    size = length[index]
    n = (np.stack(parts, -1) / size[:, None]).astype(np.float32)
    return n, (size / top - SHARE[0]) / (SHARE[1] - SHARE[0]), power


def _ratio(
    axis: NDArray[np.float64], n: NDArray[np.float32], shell: NDArray[np.int_], power: NDArray[np.float64]
) -> float:
    on = np.abs(1 / 3 - (n @ axis.astype(np.float32)) ** 2) < CONE
    inside, all_of = np.bincount(shell[on], minlength=SHELLS), np.bincount(shell, minlength=SHELLS)
    cone = np.bincount(shell[on], power[on], minlength=SHELLS)
    whole = np.bincount(shell, power, minlength=SHELLS)
    good = (inside > 0) & (all_of > inside)
    rest = (whole - cone)[good] / (all_of - inside)[good]
    if not good.any() or not (rest > 0).all() or not (cone[good] > 0).all():
        return float("nan")
    return float(np.exp(np.mean(np.log(cone[good] / inside[good] / rest))))


def _sphere(count: int) -> NDArray[np.float64]:
    """Axes (count, 3) evenly over the half sphere, on a spiral of golden angles."""
    z = (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], -1)
