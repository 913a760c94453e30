"""Eigen-decomposition of symmetric 3x3 fields: closed form, exact for equal eigenvalues, fast with numpy alone.

Every tensor is reduced to its deviator B (the part without trace), scaled so that tr(B^2) = 6; its eigenvalues are then
2 cos(phi), 2 cos(phi - 2 pi/3) and 2 cos(phi + 2 pi/3) with cos(3 phi) = det(B)/2 (Smith, Commun. ACM 4:168, 1961).
The eigenvector of a separated eigenvalue is a column of the adjugate of B - lambda I. Where the largest two eigenvalues
come close to each other that loses digits; there the third, always well separated, is split off and the rest solved as
a 2x2 problem (after Eberly, A Robust Eigensolver for 3x3 Symmetric Matrices, 2014), which is exact however close they
are. The deviator is formed from differences of the diagonal, so that small anisotropy on a large mean loses nothing.

Computed in float64, in blocks that stay in the cache, on several threads (numpy lets go of the interpreter lock).
Numbers between 1e-140 and 1e140 are safe, whatever their scale; every finite float32 is.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLOCK = 1 << 15
"""Voxels worked on at a time: a few dozen float64 arrays of this length stay in the cache."""

CLOSE = -0.9
"""det(B)/2 below which the two largest eigenvalues are taken as close (-1: equal) and the third is split off."""


def principal(
    chi: NDArray[np.floating], *, mask: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Compute mean susceptibility, anisotropy and principal eigenvector.

    Parameters
    ----------
    chi : (..., 6) array
        Tensors in ppm, order xx, xy, xz, yy, yz, zz, in any frame.
    mask : (...) array of bool, optional
        Where to compute; everywhere by default.

    Returns
    -------
    mms, msa : (...) float32 arrays
        (l1 + l2 + l3)/3 and l1 - (l2 + l3)/2 in ppm. NaN where the tensor holds NaN or infinity, 0 outside the mask.
    pev : (..., 3) float32 array
        Unit eigenvector of the largest eigenvalue in the frame of `chi`. An eigenvector has no sign: its component of
        largest magnitude is made positive. Where the largest two eigenvalues are equal it is one of their
        eigenvectors. Zero where there is no direction at all: outside the mask, where the tensor is exactly isotropic,
        and where it holds NaN or infinity.
    """
    field = _Field(chi, mask)
    mms, msa, pev = field.empty(np.float32), field.empty(np.float32), field.empty(np.float32, 3)

    def work(tensors: Array, put: Callable[..., None]) -> None:
        mean, anisotropy, vector = _principal(tensors)
        put(mms, mean)
        put(msa, anisotropy)
        put(pev, vector.T)

    field.each_block(work)
    return field.shaped(mms), field.shaped(msa), field.shaped(pev)


def eigenvalues(chi: NDArray[np.floating], *, mask: NDArray[np.bool_] | None = None) -> Array:
    """Compute the eigenvalues (..., 3) of tensors (..., 6), the largest first, float64 in the unit of `chi`.

    NaN where a tensor holds NaN or infinity, 0 outside the mask.
    """
    field = _Field(chi, mask)
    values = field.empty(np.float64, 3)
    field.each_block(lambda tensors, put: put(values, _system(tensors)[0].T))
    return field.shaped(values)


def eigen_system(chi: NDArray[np.floating], *, mask: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
    """Compute all eigenvalues and eigenvectors.

    Parameters
    ----------
    chi : (..., 6) array
        Tensors, order xx, xy, xz, yy, yz, zz, in any frame.
    mask : (...) array of bool, optional
        Where to compute; everywhere by default.

    Returns
    -------
    values : (..., 3) float64 array
        Eigenvalues, the largest first; NaN where a tensor holds NaN or infinity, 0 outside the mask.
    vectors : (..., 3, 3) float64 array
        Orthonormal eigenvectors, ``vectors[..., :, i]`` belonging to ``values[..., i]``, of either sign; the unit
        axes where the tensor is isotropic, zero where it holds NaN or infinity and outside the mask.
    """
    field = _Field(chi, mask)
    values, vectors = field.empty(np.float64, 3), field.empty(np.float64, 9)

    def work(tensors: Array, put: Callable[..., None]) -> None:
        found, axes = _system(tensors)
        put(values, found.T)
        put(vectors, axes.reshape(9, -1).T)

    field.each_block(work)
    shaped = field.shaped(vectors)
    return field.shaped(values), shaped.reshape(*shaped.shape[:-1], 3, 3)


# ---- blocks and threads -----------------------------------------------------------------------------------------


class _Field:
    """A field of tensors as one long list of voxels, in the order in which they lie in memory."""

    def __init__(self, chi: NDArray[np.floating], mask: NDArray[np.bool_] | None) -> None:
        chi = np.asarray(chi)
        if chi.shape[-1:] != (6,):
            raise ValueError(f"tensors have six components in the last axis, not the shape {chi.shape}")
        space = chi.ndim - 1
        # NIfTI volumes are stored with the first axis fastest: following the memory saves a copy of the whole field.
        self._order = sorted(range(space), key=lambda axis: -abs(chi.strides[axis]))
        inner = chi.transpose(*self._order, space)
        self._inner_shape = inner.shape[:-1]
        self._rows = inner.reshape(-1, 6)
        self._mask = None
        if mask is not None:
            self._mask = np.broadcast_to(np.asarray(mask, bool), chi.shape[:-1]).transpose(self._order).reshape(-1)

    def empty(self, dtype: Any, components: int = 0) -> NDArray[Any]:
        """Room for a result, one row for each voxel; zero where nothing is going to be written."""
        shape = (len(self._rows), components) if components else (len(self._rows),)
        return np.zeros(shape, dtype)

    def shaped(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Bring a result to the axes of the field."""
        inner = rows.reshape(self._inner_shape + rows.shape[1:])
        back = [int(axis) for axis in np.argsort(self._order)]
        return inner.transpose(*back, *range(len(back), inner.ndim))

    def each_block(self, work: Callable[[Array, Callable[..., None]], None]) -> None:
        """Call ``work(tensors, put)`` with (6, n) tensors of each block; ``put(array, rows)`` stores what it found."""

        def one(start: int) -> None:
            where: Any = slice(start, start + BLOCK)
            if self._mask is not None and not self._mask[where].all():
                where = start + np.flatnonzero(self._mask[where])
            tensors = np.ascontiguousarray(self._rows[where].T, dtype=np.float64)
            if tensors.size:
                with np.errstate(all="ignore"):  # NaN and infinity are expected and handled
                    work(tensors, lambda array, rows: array.__setitem__(where, rows))

        starts = range(0, len(self._rows), BLOCK)
        if len(starts) == 1:
            one(0)
        else:
            with ThreadPoolExecutor(min(4, _cores(), max(len(starts), 1))) as pool:
                list(pool.map(one, starts))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- the closed form, on (6, n) blocks --------------------------------------------------------------------------


def _principal(tensors: Array) -> tuple[Array, Array, Array]:
    """Mean (n,), anisotropy (n,) and principal eigenvector (3, n) of tensors (6, n)."""
    mean, size, unit, half_det = _deviator(tensors)
    root = 2 * np.cos(np.arccos(half_det) / 3)
    anisotropy = 1.5 * size * root
    vector = _separated_vector(unit, root)
    close = np.flatnonzero(half_det < CLOSE)
    if close.size:
        values, axes = _split(unit[:, close], half_det[close])
        anisotropy[close] = 1.5 * size[close] * values[0]
        first = axes[:, 0]
        largest = np.take_along_axis(first, np.abs(first).argmax(0)[None], 0)
        vector[:, close] = first * np.copysign(1.0, largest)
    vector *= size > 0
    if not np.isfinite(size.sum()):
        bad = ~np.isfinite(size)
        mean[bad] = anisotropy[bad] = np.nan
        vector[:, bad] = 0
    return mean, anisotropy, vector


def _system(tensors: Array) -> tuple[Array, Array]:
    """Eigenvalues (3, n), descending, and eigenvectors (3 components, 3 vectors, n) of tensors (6, n)."""
    mean, size, unit, half_det = _deviator(tensors)
    values, axes = _split(unit, half_det)
    values *= size
    values += mean
    flat = size == 0
    if flat.any():
        axes[:, :, flat] = np.eye(3)[:, :, None]
    if not np.isfinite(size.sum()):
        bad = ~np.isfinite(size)
        values[:, bad] = np.nan
        axes[:, :, bad] = 0
    return values, axes


def _deviator(tensors: Array) -> tuple[Array, Array, Array, Array]:
    """Split A = mean I + size B with tr(B) = 0, tr(B^2) = 6; return mean, size, B (6, n) and det(B)/2 in -1..1.

    B is 0 where the tensor is isotropic (size 0).
    """
    xx, xy, xz, yy, yz, zz = tensors
    mean = (xx + yy + zz) / 3
    d, e = xx - yy, yy - zz
    unit = np.empty_like(tensors)
    b00, b01, b02, b11, b12, b22 = unit
    np.divide(2 * d + e, 3, out=b00)
    np.divide(e - d, 3, out=b11)
    np.negative(b00 + b11, out=b22)  # no trace at all, even if the rest is rounding
    b01[:], b02[:], b12[:] = xy, xz, yz
    size = np.sqrt((b00 * b00 + b11 * b11 + b22 * b22) / 6 + (b01 * b01 + b02 * b02 + b12 * b12) / 3)
    unit *= 1 / (size + (size == 0))
    half_det = b00 * (b11 * b22 - b12 * b12) + b01 * (2 * b02 * b12 - b01 * b22) - b02 * b02 * b11
    half_det *= 0.5
    return mean, size, unit, np.clip(half_det, -1, 1, out=half_det)


def _separated_vector(unit: Array, root: Array) -> Array:
    """Unit eigenvector (3, n) of B for its eigenvalue `root`, if no other is close; largest component positive.

    The adjugate of B - root I is k v v^T with k > 0: the column with the largest diagonal entry is the safest, and
    divided by the square root of k times that entry it is v with that component positive.
    """
    b00, b01, b02, b11, b12, b22 = unit
    m00, m11, m22 = b00 - root, b11 - root, b22 - root
    a00, a11, a22 = m11 * m22 - b12 * b12, m00 * m22 - b02 * b02, m00 * m11 - b01 * b01
    a01, a02, a12 = b02 * b12 - b01 * m22, b01 * b12 - b02 * m11, b01 * b02 - b12 * m00
    first = (a00 >= a11) & (a00 >= a22)
    second = a11 >= a22
    vector = np.empty((3, len(root)))
    vector[0] = np.where(first, a00, np.where(second, a01, a02))
    vector[1] = np.where(first, a01, np.where(second, a11, a12))
    vector[2] = np.where(first, a02, np.where(second, a12, a22))
    vector /= np.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
    return vector


def _split(unit: Array, half_det: Array) -> tuple[Array, Array]:
    """All eigenvalues (3, n), descending, and eigenvectors (3, 3, n) of B: the separated one, then a 2x2 problem."""
    side = np.copysign(1.0, half_det)  # +1: the largest is separated; -1: the smallest, the largest of -B
    root = 2 * np.cos(np.arccos(np.abs(half_det)) / 3)
    alone = _separated_vector(unit * side, root)
    u, w = _complement(alone)
    bu, bw = _times(unit, u), _times(unit, w)
    uu, uw, ww = _dot(u, bu), _dot(w, bu), _dot(w, bw)
    half = (uu - ww) / 2
    radius = np.hypot(half, uw)
    middle = (uu + ww) / 2
    # Half-angle formulas, without the cancellation; any angle where the two are equal.
    c = np.where(half >= 0, half + radius, uw)
    s = np.where(half >= 0, uw, radius - half)
    length = np.hypot(c, s)
    equal = length == 0
    c, s = (c + equal) / (length + equal), s / (length + equal)
    upper, lower = c * u + s * w, c * w - s * u
    separated = _dot(alone, _times(unit, alone))
    high, low = middle + radius, middle - radius
    plus = side > 0
    # The separated one is first or last; the other two move up or down by one place.
    values = np.stack([np.where(plus, separated, high), np.where(plus, high, low), np.where(plus, low, separated)])
    vectors = np.stack(
        [np.where(plus, alone, upper), np.where(plus, upper, lower), np.where(plus, lower, alone)], axis=1
    )
    return values, vectors


def _complement(v: Array) -> tuple[Array, Array]:
    """Two unit vectors (3, n) that make an orthonormal basis with unit vectors v (Duff et al., JCGT 6:1, 2017)."""
    x, y, z = v
    sign = np.copysign(1.0, z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x]), np.stack([b, sign + y * y * a, -y])


def _times(b: Array, v: Array) -> Array:
    b00, b01, b02, b11, b12, b22 = b
    x, y, z = v
    return np.stack([b00 * x + b01 * y + b02 * z, b01 * x + b11 * y + b12 * z, b02 * x + b12 * y + b22 * z])


def _dot(a: Array, b: Array) -> Array:
    return cast(Array, a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
