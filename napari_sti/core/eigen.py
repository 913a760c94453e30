"""Eigen-decomposition of fields of tensors: exact, fast with numpy alone, and only where there is a mask.

Computed in float64 by `napari_sti.core.closed_form`, in blocks that stay in the cache, on several threads (numpy lets
go of the interpreter lock).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import closed_form

Array = NDArray[np.float64]
Put = Callable[[NDArray[Any], NDArray[Any]], None]

BLOCK = 1 << 14
"""Voxels worked on at a time: a few dozen float64 arrays of this length stay in the cache."""


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

    def work(tensors: Array, room: Array, put: Put) -> None:
        mean, anisotropy, vector = closed_form.principal_maps(tensors, room)
        put(mms, mean)
        put(msa, anisotropy)
        for i in range(3):
            put(pev[:, i], vector[i])

    field.each_block(work)
    return field.shaped(mms), field.shaped(msa), field.shaped(pev)


def eigenvalues(chi: NDArray[np.floating], *, mask: NDArray[np.bool_] | None = None) -> Array:
    """Compute the eigenvalues (..., 3) of tensors (..., 6), the largest first, float64 in the unit of `chi`.

    NaN where a tensor holds NaN or infinity, 0 outside the mask.
    """
    field = _Field(chi, mask)
    values = field.empty(np.float64, 3)
    field.each_block(lambda tensors, room, put: put(values, closed_form.system(tensors, room)[0].T))
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

    def work(tensors: Array, room: Array, put: Put) -> None:
        found, axes = closed_form.system(tensors, room)
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

    def each_block(self, work: Callable[[Array, Array, Put], None]) -> None:
        """Call ``work(tensors, room, put)`` for each block of voxels.

        It gets tensors (6, n) and scratch (closed_form.ROOM, n), both its own to write to, and stores what it found by
        ``put(array, rows)``.
        """
        starts = range(0, len(self._rows), BLOCK)
        threads = max(1, min(4, _cores(), len(starts)))

        def share(first: int) -> None:
            scratch = np.empty((6 + closed_form.ROOM, min(BLOCK, len(self._rows))))
            for start in starts[first::threads]:
                where: Any = slice(start, start + BLOCK)
                if self._mask is not None and not self._mask[where].all():
                    where = start + np.flatnonzero(self._mask[where])
                given = self._rows[where]
                room = scratch[:, : len(given)]
                room[:6] = given.T
                if given.size:
                    with np.errstate(all="ignore"):  # NaN and infinity are expected and handled
                        work(room[:6], room[6:], _into(where))

        if threads == 1:
            share(0)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(share, range(threads)))


def _into(where: Any) -> Put:
    def put(array: NDArray[Any], rows: NDArray[Any]) -> None:
        array[where] = rows

    return put


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
