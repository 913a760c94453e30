"""What a set of head orientations is worth for the susceptibility tensor, before anything is reconstructed.

At every k, with n = k/|k| and unit field direction h, the field shift of a tensor X is (Liu 2010)

    y = h·X h / 3 − (h·n)(h·X n) = h·Q h,        Q = X/3 − (n nᵀX + X n nᵀ)/2

so that the kernels of all orientations are one matrix product D(k) = H T(n): the rows of H hold h hᵀ and know nothing
of k, and T(n) takes X to Q and knows nothing of the orientations. T is never singular: it divides the part of X
across n by 3, multiplies the part along n by −2/3 and what is mixed by −1/6. Its inverse is, with q = Q n,

    X = 3 Q − 9 (n qᵀ + q nᵀ) + 13.5 (n·q) n nᵀ

Hence the orientations determine the same number of the six combinations at every k, the rank of H, and the noise of a
least-squares tensor follows in closed form: cov X = σ² T⁻¹ (HᵀH)⁻¹ T⁻¹ at every k, for white field noise σ.

Tensors are written here in coordinates of unit length (xx, √2 xy, √2 xz, yy, √2 yz, zz), in which T is symmetric and
nothing depends on the choice of axes; condition numbers are those in these coordinates.

What is not measured is described by a prior, so that few orientations can be compared, too: every voxel on its own,
normal, of mean zero, with `PRIOR_MMS` for the mean susceptibility and `PRIOR_ANISOTROPY` for each of the five
directions of the anisotropic part. The covariance that remains is (DᵀD/σ² + P⁻¹)⁻¹, and how much of the tensor is
*known* is 6 − trace(P⁻¹ (DᵀD/σ² + P⁻¹)⁻¹), between 0 and the rank (the degrees of freedom for signal of Rodgers,
Inverse Methods for Atmospheric Sounding, 2000).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import check_directions
from napari_sti.core.errors import InputError, shape_text
from napari_sti.recon.design import rank

Array = NDArray[np.float64]

FIELD_NOISE = 0.001
"""Standard deviation of a field map, ppm: that of phase with a signal-to-noise ratio of 27 at 7 T and TE 20 ms."""

FIBRE_MSA = 0.015
"""Anisotropy of white matter, ppm, for the angular spread; from it on a direction counts in the published ECSE."""

PRIOR_MMS = 0.029
PRIOR_ANISOTROPY = 0.0077
"""Spread of tensors in the brain, ppm, from the published statistics of DeepSTI's training tensors (Fang et al., 2023):
0.0296 for a diagonal and 0.0055 for an off-diagonal component, which is √2 times as much in unit length."""

MOST_FREQUENCIES = 2048
"""Larger grids are represented by this many of their frequencies, evenly drawn."""

_PLACES = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_LENGTH = np.array([1, 2, 2, 1, 2, 1]) ** 0.5
"""Length of the unit tensor of each component: off-diagonals stand in the tensor twice."""
_TRACE = np.array([1, 0, 0, 1, 0, 1]) / 3**0.5
"""The isotropic tensor of unit length."""


@dataclass(frozen=True)
class KGrid:
    """The grid of a study, as far as k-space needs it.

    Parameters
    ----------
    shape : (X, Y, Z)
        Number of voxels.
    voxel_size : three floats
        Edge lengths in mm.
    axes : three rows of three floats
        Orthogonal matrix whose columns are the voxel axes in the frame of the directions; the same frame by default.
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    axes: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    @classmethod
    def from_affine(cls, shape: tuple[int, ...], affine: ArrayLike) -> "KGrid":
        """The grid of an image, for directions in RAS."""
        x, y, z = (int(n) for n in shape[:3])
        axes = tuple(tuple(map(float, row)) for row in frames.voxel_axes(affine))
        return cls((x, y, z), frames.voxel_size(affine), axes)


ASSUMED_GRID = KGrid((181, 217, 181))
"""What is taken where nothing is known: a brain in voxels of 1 mm along the axes of the world."""


class Frequencies(NamedTuple):
    """Directions of k (M, 3), and the share of all k of the grid that carries anything."""

    directions: Array
    share: float


@lru_cache(maxsize=16)
def frequencies(grid: KGrid, most: int = MOST_FREQUENCIES) -> Frequencies:
    """Directions k/|k| over the grid, in the frame of the B0 directions.

    Left out are k = 0 and the Nyquist planes of even axes, where the kernels of single components are ambiguous (as
    `sti_kspace` does), and one of k and −k, which are alike. More than `most` are represented by a sequence that
    fills the grid evenly.

    Raises
    ------
    InputError
        If a length is not positive, or the grid has no other k than 0.
    """
    if min(grid.shape) < 1 or not min(grid.voxel_size) > 0:
        raise InputError(f"the grid {shape_text(grid.shape)} has no voxels", mend="give positive numbers")
    half = np.array([(n - 1) // 2 for n in grid.shape])
    width = 2 * half + 1
    count = int(np.prod(width, dtype=np.int64))
    if count < 2:
        raise InputError(f"a grid of {shape_text(grid.shape)} voxels has no frequencies", mend="give a larger volume")
    if (count - 1) // 2 <= most:
        # In the order of storage the second half of the frequencies is the first with the opposite sign.
        index = np.stack(np.unravel_index(np.arange((count - 1) // 2), width), -1) - half
    else:
        index = np.floor(_even_sequence(most) * width).astype(np.int64) - half
        index = index[index.any(axis=1)]
    k = index / (np.array(grid.shape) * np.array(grid.voxel_size))
    n = k / np.linalg.norm(k, axis=1, keepdims=True) @ np.array(grid.axes).T
    n.setflags(write=False)
    return Frequencies(n, (count - 1) / int(np.prod(grid.shape, dtype=np.int64)))


def _even_sequence(count: int) -> Array:
    """Points (count, 3) that fill the unit cube evenly: multiples of powers of the root of x⁴ = x + 1 (Roberts)."""
    root = 1.2207440846057596
    points: Array = (0.5 + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, 4.0)) % 1.0
    return points


def _basis() -> Array:
    basis = np.zeros((6, 3, 3))
    for c, (a, b) in enumerate(_PLACES):
        basis[c, a, b] = basis[c, b, a] = 1 / _LENGTH[c]
    return basis


_BASIS = _basis()
_PRODUCTS = np.einsum("cij,djk->cdik", _BASIS, _BASIS)
_PRODUCTS = (_PRODUCTS + _PRODUCTS.swapaxes(0, 1)).reshape(36, 9)


def rows(directions: ArrayLike) -> Array:
    """Coordinates (N, 6) of h hᵀ for unit vectors (N, 3): the rows of H."""
    h = np.asarray(directions, np.float64)
    return cast(Array, np.einsum("...i,...j,cij->...c", h, h, _BASIS))


def _mixed(n: Array) -> Array:
    """Matrices (M, 6, 6) of X -> n nᵀX + X n nᵀ."""
    outer = (n[:, :, None] * n[:, None, :]).reshape(-1, 9)
    return cast(Array, (outer @ _PRODUCTS.T).reshape(-1, 6, 6))


def kernel(n: Array) -> Array:
    """Matrices T (M, 6, 6), symmetric: what a tensor becomes at k along n (M, 3)."""
    return np.eye(6) / 3 - _mixed(n) / 2


def kernel_inverse(n: Array) -> Array:
    """Inverse matrices T⁻¹ (M, 6, 6), symmetric."""
    along = rows(n)
    return 3 * np.eye(6) - 9 * _mixed(n) + 13.5 * along[:, :, None] * along[:, None, :]


def prior_precision() -> Array:
    """Inverse (6, 6) of the prior covariance of a tensor's coordinates, 1/ppm²."""
    isotropic = np.outer(_TRACE, _TRACE)
    return isotropic / (3 * PRIOR_MMS**2) + (np.eye(6) - isotropic) / PRIOR_ANISOTROPY**2


def posterior(directions: ArrayLike, n: Array, noise: float) -> Array:
    """Covariance (M, 6, 6) in ppm² that remains at every k: (T HᵀH T/σ² + P⁻¹)⁻¹."""
    h = rows(directions)
    t = kernel(n)
    return cast(Array, np.linalg.inv(t @ (h.T @ h / noise**2) @ t + prior_precision()))


class Condition(NamedTuple):
    """Condition number of D over k-space; infinite where combinations are not determined."""

    median: float
    most: float  # 90 % of the frequencies lie below
    worst: float


@dataclass(frozen=True, eq=False)
class OrientationWorth:
    """What a set of orientations is worth.

    Parameters
    ----------
    b0_dirs : (N, 3) ndarray
        Unit vectors of B0, in the frame in which the tensor's components are counted.
    distinct : int
        How many of them are at least one degree apart.
    rank : int
        How many of the six combinations they determine, the same at every k.
    condition : Condition
        Of the kernel matrix D(k) over the grid.
    noise, msa : float
        Standard deviation of a field map and anisotropy of a fibre, ppm, for which the rest holds.
    covariance : (6, 6) ndarray
        Of the least-squares tensor in a voxel, in coordinates of unit length, for field noise 1; NaN below rank 6.
    remaining : (6, 6) ndarray
        Covariance of a voxel's tensor after the measurement, with the prior, ppm².
    """

    b0_dirs: Array
    distinct: int
    rank: int
    condition: Condition
    noise: float
    msa: float
    covariance: Array
    remaining: Array

    @property
    def orientations(self) -> int:
        """Number of orientations."""
        return len(self.b0_dirs)

    @property
    def determined(self) -> bool:
        """Whether all six combinations are determined."""
        return self.rank == 6

    @property
    def amplification(self) -> Array:
        """Noise (6,) of xx, xy, xz, yy, yz, zz for field noise 1; NaN below rank 6."""
        return np.sqrt(np.diag(self.covariance)) / _LENGTH

    @property
    def mms_amplification(self) -> float:
        """Noise of the mean susceptibility for field noise 1."""
        return float(np.sqrt(_TRACE @ self.covariance @ _TRACE / 3))

    @property
    def msa_amplification(self) -> float:
        """Noise of MSA for field noise 1: √(0.3 v), v the variance of the anisotropic part.

        First order, for a fibre along which the tensor is symmetric, all directions of fibres alike: MSA is then
        1.5 v₁·E v₁ of the anisotropic part E of the noise, and the mean square of v·E v over the sphere is 2/15 |E|².
        """
        return float(np.sqrt(0.3 * _anisotropic(self.covariance)))

    @property
    def pev_spread(self) -> float:
        """Angle in degrees (root mean square) by which noise turns the principal eigenvector.

        First order, for a fibre of anisotropy `msa` along which the tensor is symmetric, all directions of fibres
        alike: noise E turns v₁ by |(1 − v₁v₁ᵀ) E v₁| / MSA, whose mean square over the sphere is v/5 / MSA² with the
        variance v of the anisotropic part. Simulated angles are 5 % larger at 10 degrees, 20 % at 20 to 25 degrees, and
        never exceed the 61 degrees of random axes.
        """
        return float(np.degrees(self.noise * np.sqrt(_anisotropic(self.covariance) / 5) / self.msa))

    @property
    def known(self) -> float:
        """How many of the six combinations are known beyond the prior, between 0 and the rank."""
        return float(6 - np.sum(prior_precision() * self.remaining))

    @cached_property
    def known_share(self) -> Array:
        """Share (8,) of the prior variance that is gone: of the six components, of MMS, of the anisotropic part."""
        prior = cast(Array, np.linalg.inv(prior_precision()))
        return 1 - _variances(self.remaining) / _variances(prior)


def _anisotropic(covariance: Array) -> float:
    """Variance of the anisotropic part as a whole."""
    return float(np.trace(covariance) - _TRACE @ covariance @ _TRACE)


def _variances(covariance: Array) -> Array:
    both = [_TRACE @ covariance @ _TRACE, _anisotropic(covariance)]
    return np.concatenate([np.diag(covariance), both])


def orientation_worth(
    b0_dirs: ArrayLike, grid: KGrid = ASSUMED_GRID, *, noise: float = FIELD_NOISE, msa: float = FIBRE_MSA
) -> OrientationWorth:
    """Predict what a set of head orientations is worth.

    The noise is that of `sti_kspace` without ridge and mask, for white noise of the same size in all field maps. With
    a mask and in other methods it differs, but orientations are ordered alike.

    Parameters
    ----------
    b0_dirs : (N, 3) array
        Unit vectors of B0, in any one frame; their signs mean nothing.
    grid : KGrid
        Of the study, with its axes in that frame.
    noise : float
        Standard deviation of a field map, ppm.
    msa : float
        Anisotropy of a fibre whose direction is asked for, ppm.

    Raises
    ------
    InputError
        If a direction is no unit vector, or a number is not positive.
    """
    for what, value in (("noise of the field", noise), ("anisotropy", msa)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"the {what} is {value:g} ppm", mend="give a positive number in ppm, such as 0.001")
    dirs, _ = check_directions(b0_dirs)
    n, share = frequencies(grid)
    h = rows(dirs)
    determined = rank(dirs)
    covariance, condition = np.full((6, 6), np.nan), Condition(np.inf, np.inf, np.inf)
    if determined == 6:
        inverse = kernel_inverse(n)
        covariance = share * (inverse @ np.linalg.inv(h.T @ h) @ inverse).mean(axis=0)
        condition = _condition(h, n)
    return OrientationWorth(
        b0_dirs=dirs,
        distinct=frames.count_distinct(dirs),
        rank=determined,
        condition=condition,
        noise=float(noise),
        msa=float(msa),
        covariance=covariance,
        remaining=posterior(dirs, n, noise).mean(axis=0),
    )


def _condition(h: Array, n: Array) -> Condition:
    t = kernel(n)
    squares = np.linalg.eigvalsh(t @ (h.T @ h) @ t)
    numbers = np.sqrt(squares[:, -1] / np.maximum(squares[:, 0], np.finfo(float).tiny))
    median, most, worst = np.percentile(numbers, (50, 90, 100))
    return Condition(float(median), float(most), float(worst))
