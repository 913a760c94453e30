"""The only module that rotates directions and tensors, or reorders the axes of a volume.

Four frames are known, all with three orthogonal unit axes:

``voxel``
    The axes of the stored array, i, j, k. This is the frame of the forward operator and of everything in memory.
``ras``
    World axes of NIfTI: +x to the right, +y to the front (anterior), +z to the top (superior).
``lps``
    World axes of DICOM: +x to the left, +y to the back, +z to the top.
``fsl``
    FSL's convention for vectors: the voxel axes, with the first component negated where det(affine) > 0.

A tensor is stored as six components in the order of `COMPONENTS`.
"""

from functools import lru_cache
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.errors import InputError

Frame = Literal["voxel", "ras", "lps", "fsl"]
FRAMES: tuple[str, ...] = get_args(Frame)

COMPONENTS = ("xx", "xy", "xz", "yy", "yz", "zz")
"""Order of the six components of a symmetric tensor, everywhere."""

_ROWS, _COLUMNS = np.triu_indices(3)  # (0,0) (0,1) (0,2) (1,1) (1,2) (2,2): just the order of COMPONENTS
_POSITION = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])

Array = NDArray[np.floating]


def parse_frame(text: str) -> Frame:
    """Read the name of a frame as people write it.

    Raises
    ------
    InputError
        If it is none of voxel, ras, lps or fsl.
    """
    name = str(text).strip().lower()
    if name not in FRAMES:
        raise InputError(f"the frame {text!r} is not known", mend=f"use one of {', '.join(FRAMES)}")
    return cast(Frame, name)


def to_matrix(chi: ArrayLike) -> Array:
    """Six components (..., 6) to symmetric matrices (..., 3, 3)."""
    return cast(Array, np.asarray(chi)[..., _POSITION])


def from_matrix(matrix: ArrayLike) -> Array:
    """Symmetric matrices (..., 3, 3) to six components (..., 6); the symmetric part is taken."""
    m = np.asarray(matrix)
    return cast(Array, (m[..., _ROWS, _COLUMNS] + m[..., _COLUMNS, _ROWS]) / 2)


def voxel_size(affine: ArrayLike) -> tuple[float, float, float]:
    """Edge lengths of a voxel in mm along i, j, k."""
    i, j, k = np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)
    return float(i), float(j), float(k)


def check_affine(affine: ArrayLike, *, file: object = None) -> NDArray[np.float64]:
    """Return the affine as a float64 (4, 4) array, or refuse it.

    Raises
    ------
    InputError
        If the shape is wrong, a number is not finite, an axis has no length, or the axes are sheared by more than
        0.1 degrees (tensors have no meaning on such a grid).
    """
    a = np.array(affine, dtype=np.float64)
    where = None if file is None else str(file)
    if a.shape != (4, 4) or not np.isfinite(a).all():
        raise InputError("the affine is not a finite 4x4 matrix", file=where, mend="rewrite the header")
    size = np.linalg.norm(a[:3, :3], axis=0)
    if (size <= 1e-6).any():
        raise InputError("the affine has an axis of no length", file=where, mend="set the voxel size in the header")
    axes = a[:3, :3] / size
    worst = np.max(np.abs(axes.T @ axes - np.eye(3)))
    if worst > np.sin(np.radians(0.1)):
        angle = 90 - np.degrees(np.arcsin(min(worst, 1.0)))
        raise InputError(
            f"the affine is sheared (two axes {angle:.1f} degrees apart instead of 90)",
            file=where,
            mend="resample the image to a grid with orthogonal axes first",
        )
    return a


def voxel_axes(affine: ArrayLike) -> NDArray[np.float64]:
    """Orthogonal matrix (3, 3) whose columns are the voxel axes i, j, k in RAS; its determinant is +1 or -1."""
    a = np.asarray(affine, np.float64)[:3, :3]
    # The nearest orthogonal matrix removes the rounding of float32 headers.
    u, _, vt = np.linalg.svd(a / np.linalg.norm(a, axis=0))
    return cast(NDArray[np.float64], u @ vt)


def to_ras(frame: Frame, affine: ArrayLike) -> NDArray[np.float64]:
    """Orthogonal matrix (3, 3) that takes vector components from `frame` to RAS."""
    if frame == "ras":
        return np.eye(3)
    if frame == "lps":
        return np.diag([-1.0, -1.0, 1.0])
    axes = voxel_axes(affine)
    if frame == "fsl" and np.linalg.det(axes) > 0:
        return axes @ np.diag([-1.0, 1.0, 1.0])
    return axes


def between(source: Frame, target: Frame, affine: ArrayLike) -> NDArray[np.float64]:
    """Orthogonal matrix (3, 3) that takes vector components from `source` to `target`."""
    rotation: NDArray[np.float64] = to_ras(target, affine).T @ to_ras(source, affine)
    return rotation


def _floating(array: ArrayLike) -> NDArray[Any]:
    a = np.asarray(array)
    return a if a.dtype.kind == "f" else a.astype(np.float64)


def rotate_vectors(vectors: ArrayLike, rotation: ArrayLike) -> NDArray[Any]:
    """Apply an orthogonal matrix (3, 3) to vectors (..., 3); a floating dtype is kept, integers become float64."""
    v = _floating(vectors)
    return cast(NDArray[Any], v @ np.asarray(rotation).T.astype(v.dtype))


@lru_cache(maxsize=64)
def _six_by_six(flat: tuple[float, ...]) -> NDArray[np.float64]:
    q = np.array(flat).reshape(3, 3)
    basis = to_matrix(np.eye(6))  # the unit tensors, off-diagonals counted in both places
    matrix = cast(NDArray[np.float64], from_matrix(q @ basis @ q.T).T)
    matrix.setflags(write=False)  # everybody gets the cached one
    return matrix


def tensor_rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    """Matrix (6, 6) that acts on the six components as X -> Q X Q^T acts on the tensor."""
    return _six_by_six(tuple(np.asarray(rotation, np.float64).ravel().tolist()))


def rotate_tensors(chi: ArrayLike, rotation: ArrayLike) -> Array:
    """Express tensors (..., 6) in rotated axes: X -> Q X Q^T; a floating dtype is kept.

    Isotropic tensors stay exactly isotropic.
    """
    c = _floating(chi)
    # xx times the unit matrix looks the same from everywhere. Rotated with the rest it would leave rounding behind,
    # which has principal directions.
    diagonal, same = [0, 3, 5], c[..., :1]
    rest = c.copy()
    rest[..., diagonal] -= same
    turned = rest @ tensor_rotation(rotation).T.astype(c.dtype)
    turned[..., diagonal] += same
    return cast(Array, turned)


def permute_tensors(chi: ArrayLike, permutation: ArrayLike) -> Array:
    """Express tensors (..., 6) in axes that are flipped or swapped: X -> P X P^T, to the last bit.

    Parameters
    ----------
    chi : (..., 6) array
        Tensors; NaN stays where it is.
    permutation : (3, 3) array
        Signed permutation.
    """
    p = np.asarray(permutation)
    source, sign = np.abs(p).argmax(1), p[range(3), np.abs(p).argmax(1)]
    c = _floating(chi)
    out = c[..., _POSITION[source[_ROWS], source[_COLUMNS]]]
    return cast(Array, out * (sign[_ROWS] * sign[_COLUMNS]).astype(c.dtype))


def b0_from_affine(affine: ArrayLike) -> NDArray[np.float64]:
    """B0 in voxel axes (3,) for a scan that was not resampled: the scanner's z axis, which is RAS +z.

    Holds for horizontal-bore magnets, and only while the affine is still that of the scan.
    """
    return cast(NDArray[np.float64], voxel_axes(affine).T @ np.array([0.0, 0.0, 1.0]))


def tilt_degrees(b0_dirs: ArrayLike) -> NDArray[np.float64]:
    """Angle in degrees (N,) between every B0 direction and the first; directions are axes, so 0 to 90."""
    d = np.asarray(b0_dirs, np.float64)
    cosine = np.clip(np.abs(d @ d[0]), 0, 1) if len(d) else np.zeros(0)
    return cast(NDArray[np.float64], np.degrees(np.arccos(cosine)))


def count_distinct(b0_dirs: ArrayLike, *, apart: float = 1.0) -> int:
    """Count the B0 directions (N, 3) that are at least `apart` degrees from all counted before; signs do not matter."""
    kept: list[NDArray[np.float64]] = []
    limit = np.cos(np.radians(apart))
    for direction in np.asarray(b0_dirs, np.float64):
        if all(abs(float(direction @ other)) < limit for other in kept):
            kept.append(direction)
    return len(kept)


def obliquity_degrees(affine: ArrayLike) -> float:
    """Largest angle in degrees between a voxel axis and its nearest world axis."""
    nearest = np.max(np.abs(voxel_axes(affine)), axis=0)
    return float(np.degrees(np.arccos(np.clip(nearest.min(), 0, 1))))


# ---- order of storage -------------------------------------------------------------------------------------------


def canonical_orientation(affine: ArrayLike) -> NDArray[np.float64]:
    """How to reach the nearest RAS order: nibabel's (3, 2) array of target axis and flip for each stored axis."""
    from nibabel.orientations import io_orientation

    return cast(NDArray[np.float64], io_orientation(np.asarray(affine, np.float64)))


def axis_codes(affine: ArrayLike) -> str:
    """Letters such as ``"LAS"``: where each stored axis points to, to the nearest world axis."""
    from nibabel.orientations import aff2axcodes

    return "".join(aff2axcodes(np.asarray(affine, np.float64)))


def orientation_between(source_affine: ArrayLike, target_affine: ArrayLike) -> NDArray[np.float64]:
    """Orientation (3, 2) that brings a volume stored like `source_affine` into the order of `target_affine`."""
    from nibabel.orientations import ornt_transform

    return cast(
        NDArray[np.float64],
        ornt_transform(canonical_orientation(source_affine), canonical_orientation(target_affine)),
    )


def reorder_volume(volume: NDArray, orientation: NDArray[np.float64], *, first_axis: int = 0) -> NDArray:  # type: ignore[type-arg]
    """Permute and flip the three spatial axes of a volume (a view where possible).

    Parameters
    ----------
    volume : ndarray
        Array whose axes `first_axis`, +1 and +2 are spatial.
    orientation : (3, 2) ndarray
        As returned by `canonical_orientation` or `orientation_between`.
    """
    flips = [slice(None)] * volume.ndim
    for axis in range(3):
        if orientation[axis, 1] < 0:
            flips[first_axis + axis] = slice(None, None, -1)
    out = volume[tuple(flips)]
    order = list(range(volume.ndim))
    for axis in range(3):
        order[first_axis + int(orientation[axis, 0])] = first_axis + axis
    return out.transpose(order)


def reordering_matrix(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed permutation (3, 3) that takes vector components of the old voxel axes to the new ones."""
    q = np.zeros((3, 3))
    for axis in range(3):
        q[int(orientation[axis, 0]), axis] = orientation[axis, 1]
    return q


def reorder_affine(affine: ArrayLike, orientation: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Affine of the reordered volume, so that every voxel keeps its place in the world; `shape` is the old one."""
    from nibabel.orientations import inv_ornt_aff

    return cast(NDArray[np.float64], np.asarray(affine, np.float64) @ inv_ornt_aff(orientation, shape[:3]))
