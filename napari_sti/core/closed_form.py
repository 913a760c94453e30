"""Eigen-decomposition of symmetric 3x3 tensors in closed form, exact for equal and nearly equal eigenvalues.

Every tensor is reduced to its deviator B (the part without trace), scaled so that tr(B^2) = 6; its eigenvalues are then
2 cos(phi), 2 cos(phi - 2 pi/3) and 2 cos(phi + 2 pi/3) with cos(3 phi) = det(B)/2 (Smith, Commun. ACM 4:168, 1961).
The eigenvector of a separated eigenvalue is a column of the adjugate of B - lambda I. Where the largest two eigenvalues
come close to each other that loses digits; there the third, always well separated, is split off and the rest solved as
a 2x2 problem (after Eberly, A Robust Eigensolver for 3x3 Symmetric Matrices, 2014), which is exact however close they
are. The deviator is formed from differences of the diagonal, so that small anisotropy on a large mean loses nothing.

Everything works on blocks (6, n) in float64, in place and in scratch rows that the caller provides: asking the system
for fresh memory would cost more than the sums. Numbers between 1e-140 and 1e140 are safe, whatever their scale.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROOM = 30
"""Rows of scratch that are needed."""

CLOSE = -0.9
"""det(B)/2 below which the two largest eigenvalues are taken as close (-1: equal) and the third is split off."""


def principal_maps(tensors: Array, room: Array) -> tuple[Array, Array, Array]:
    """Mean (n,), anisotropy (n,) and principal eigenvector (3, n) of tensors (6, n), which are overwritten."""
    mean, size, half_det = _deviator(tensors, room)
    anisotropy, vector, rest = room[3], room[4:7], room[7:]
    close = half_det < CLOSE
    some = np.flatnonzero(close) if close.any() else None
    if some is None or len(some) < len(close):
        _root(half_det, anisotropy)
        _separated_vector(tensors, anisotropy, vector, rest)
    if some is not None:
        # The largest of B is the lowest of -B, whose highest is well separated from the two others.
        every = len(some) == len(close)
        b, x = (tensors, half_det) if every else (tensors[:, some], half_det[some])
        solved = _close_principal(np.negative(b, out=b), np.negative(x, out=x), rest[:, : len(some)])
        where = slice(None) if every else some
        anisotropy[where], vector[:, where] = solved
    anisotropy *= size
    anisotropy *= 1.5
    vector *= size > 0
    if not np.isfinite(size.sum()):
        bad = ~np.isfinite(size)
        mean[bad] = anisotropy[bad] = np.nan
        vector[:, bad] = 0
    return mean, anisotropy, vector


def _close_principal(b: Array, half_det: Array, room: Array) -> tuple[Array, Array]:
    """Lowest eigenvalue (n,) of `b` (6, n), sign turned, and its vector (3, n), where the highest is separated."""
    root, alone, middle, lowest, rest = room[0], room[1:4], room[4:7], room[7:10], room[10:]
    _root(half_det, root)
    _separated_vector(b, root, alone, rest)
    radius = _middle_vector(b, root, alone, middle, rest)
    _cross(alone, middle, lowest, rest[1])
    # Largest component positive, as everywhere.
    high = np.maximum(np.maximum(lowest[0], lowest[1], out=rest[1]), lowest[2], out=rest[1])
    low = np.minimum(np.minimum(lowest[0], lowest[1], out=rest[2]), lowest[2], out=rest[2])
    lowest *= np.copysign(1.0, np.add(high, low, out=high), out=high)
    root *= 0.5
    root += radius
    return root, lowest


def system(tensors: Array, room: Array) -> tuple[Array, Array]:
    """Eigenvalues (3, n), descending, and eigenvectors (3 components, 3 vectors, n) of tensors (6, n)."""
    mean, size, half_det = _deviator(tensors, room)
    root, alone, middle, other, rest = room[3], room[4:7], room[7:10], room[10:13], room[13:]
    # Work on B or -B, whichever has its largest eigenvalue apart from the two others.
    side = np.copysign(1.0, half_det)
    tensors *= side
    _root(np.abs(half_det, out=half_det), root)
    _separated_vector(tensors, root, alone, rest)
    radius = _middle_vector(tensors, root, alone, middle, rest)
    _cross(alone, middle, other, rest[1])
    values = np.stack([root, radius - root / 2, -radius - root / 2]) * (side * size)
    vectors = np.stack([alone, middle, other], axis=1)
    turned = side < 0
    values[:, turned] = values[::-1, turned]
    vectors[:, :, turned] = vectors[:, ::-1, turned]
    values += mean
    vectors[:, :, size == 0] = np.eye(3)[:, :, None]
    bad = ~np.isfinite(size)
    values[:, bad] = np.nan
    vectors[:, :, bad] = 0
    return values, vectors


def _deviator(tensors: Array, room: Array) -> tuple[Array, Array, Array]:
    """Split A = mean I + size B with tr(B) = 0, tr(B^2) = 6; return mean, size and det(B)/2 in -1..1.

    B takes the place of the tensors (6, n); it is 0 where the tensor is isotropic (size 0).
    """
    xx, xy, xz, yy, yz, zz = tensors
    mean, size, half_det, d, e, t = room[:6]
    np.add(xx, yy, out=mean)
    mean += zz
    mean /= 3
    np.subtract(xx, yy, out=d)
    np.subtract(yy, zz, out=e)
    np.multiply(d, 2, out=xx)
    xx += e
    xx /= 3
    np.subtract(e, d, out=yy)
    yy /= 3
    np.negative(np.add(xx, yy, out=zz), out=zz)  # no trace at all, even if the rest is rounding
    np.multiply(xx, xx, out=size)
    for diagonal in (yy, zz):
        size += np.multiply(diagonal, diagonal, out=t)
    size *= 0.5
    for other in (xy, xz, yz):
        size += np.multiply(other, other, out=t)
    size /= 3
    np.sqrt(size, out=size)
    tensors /= np.maximum(size, 1e-300, out=t)
    _minor(yy, zz, yz, yz, half_det, t)
    half_det *= xx
    np.multiply(xz, yz, out=d)
    d *= 2
    d -= np.multiply(xy, zz, out=t)
    d *= xy
    half_det += d
    np.multiply(xz, xz, out=d)
    half_det -= np.multiply(d, yy, out=d)
    half_det *= 0.5
    np.minimum(half_det, 1, out=half_det)
    return mean, size, np.maximum(half_det, -1, out=half_det)


def _root(half_det: Array, out: Array) -> None:
    """Largest eigenvalue of B from det(B)/2."""
    np.arccos(half_det, out=out)
    out /= 3
    np.cos(out, out=out)
    out *= 2


def _separated_vector(b: Array, root: Array, vector: Array, room: Array) -> None:
    """Unit eigenvector (3, n) of B for its eigenvalue `root`, if no other is close; largest component positive.

    The adjugate of B - root I is k v v^T with k > 0: the column with the largest diagonal entry is the safest, and
    divided by its length it is v with that component positive.
    """
    b00, b01, b02, b11, b12, b22 = b
    m00, m11, m22, a00, a11, a22, a01, a02, a12, t = room[:10]
    for m, diagonal in ((m00, b00), (m11, b11), (m22, b22)):
        np.subtract(diagonal, root, out=m)
    _minor(m11, m22, b12, b12, a00, t)
    _minor(m00, m22, b02, b02, a11, t)
    _minor(m00, m11, b01, b01, a22, t)
    _minor(b02, b12, b01, m22, a01, t)
    _minor(b01, b12, b02, m11, a02, t)
    _minor(b01, b02, b12, m00, a12, t)
    second = a11 > a00
    third = a22 > np.maximum(a00, a11, out=t)
    for out, columns in zip(vector, ((a00, a01, a02), (a01, a11, a12), (a02, a12, a22)), strict=True):
        out[:] = columns[0]
        np.copyto(out, columns[1], where=second)
        np.copyto(out, columns[2], where=third)
    np.sqrt(_dot(vector, vector, m00, t), out=t)
    vector /= t


def _middle_vector(b: Array, root: Array, alone: Array, vector: Array, room: Array) -> Array:
    """Unit eigenvector (3, n) of the middle eigenvalue of B, exact even if the lower two are equal.

    `alone` is the vector of the separated largest eigenvalue `root`. In the plane across it B is a 2x2 problem with
    the eigenvalues -root/2 + radius and -root/2 - radius; the radius (n,) is returned, in ``room[0]``.
    """
    radius: Array = room[0]
    half, off, c, s, t = room[1:6]
    u, w, bu = room[6:9], room[9:12], vector
    _complement(alone, u, w, room[:2])
    for out, row in zip(bu, ((b[0], b[1], b[2]), (b[1], b[3], b[4]), (b[2], b[4], b[5])), strict=True):
        _dot(row, u, out, t)
    _dot(w, bu, off, t)
    _dot(u, bu, half, t)
    half += np.multiply(root, 0.5, out=t)
    np.multiply(half, half, out=radius)
    radius += np.multiply(off, off, out=t)
    np.sqrt(radius, out=radius)
    # Half-angle formulas, in the form without cancellation on either side.
    np.add(np.abs(half, out=c), radius, out=c)
    s[:] = off
    swap = half < 0
    np.copyto(s, c, where=swap)
    np.copyto(c, off, where=swap)
    _minor(c, c, s, np.negative(s, out=half), half, t)
    np.sqrt(half, out=half)
    equal = half == 0  # then every direction of the plane will do
    if equal.any():
        c[equal] = half[equal] = 1
    c /= half
    s /= half
    for out, first, second in zip(vector, u, w, strict=True):
        np.multiply(c, first, out=out)
        out += np.multiply(s, second, out=t)
    return radius


def _complement(v: Array, u: Array, w: Array, room: Array) -> None:
    """Two unit vectors (3, n) that make an orthonormal basis with unit vectors v (Duff et al., JCGT 6:1, 2017)."""
    x, y, z = v
    sign, a = room
    np.copysign(1.0, z, out=sign)
    np.divide(-1, np.add(sign, z, out=a), out=a)
    np.multiply(x, a, out=w[2])
    np.multiply(w[2], y, out=w[0])
    np.multiply(w[2], x, out=u[0])
    u[0] *= sign
    u[0] += 1
    np.multiply(sign, w[0], out=u[1])
    np.negative(np.multiply(sign, x, out=u[2]), out=u[2])
    np.multiply(y, y, out=w[1])
    w[1] *= a
    w[1] += sign
    np.negative(y, out=w[2])


def _minor(a: Array, b: Array, c: Array, d: Array, out: Array, t: Array) -> None:
    """Compute a b - c d."""
    np.multiply(c, d, out=t)
    np.multiply(a, b, out=out)
    out -= t


def _cross(a: Array, b: Array, out: Array, t: Array) -> None:
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        _minor(a[j], b[k], a[k], b[j], out[i], t)


def _dot(a: Any, b: Array, out: Array, t: Array) -> Array:
    np.multiply(a[0], b[0], out=out)
    for i in (1, 2):
        np.add(out, np.multiply(a[i], b[i], out=t), out=out)
    return out
