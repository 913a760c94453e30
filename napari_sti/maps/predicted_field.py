"""The field that a tensor predicts, for any direction of B0 at once, with numpy alone: the viewer loads no torch.

With P = k kᵀ/|k|² the field of a tensor X for the unit direction h is hᵀ Q h with

    Q = X/3 − ½ (P X + X P),        Q = 0 at k = 0

(`napari_sti.recon.dipole`, Liu 2010, with h taken out of the sum). So six volumes hold the fields of all orientations,
however many there are, and the field of a voxel costs one small product for each.
"""

import os
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text

_THREADS = max(1, min(4, os.cpu_count() or 1))
_PLACE = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
"""Place of the element of row a, column b among the six components."""


def field_tensor(chi: NDArray[np.floating], affine: ArrayLike) -> NDArray[np.float32]:
    """Compute the tensor Q (X, Y, Z, 6) in ppm whose form hᵀ Q h is the field for the direction h.

    Parameters
    ----------
    chi : (X, Y, Z, 6) array
        Susceptibility in ppm, order xx, xy, xz, yy, yz, zz, in voxel axes; NaN and infinity count as 0.
    affine : (4, 4) array
        Voxel indices to RAS mm; only the voxel size is taken from it.

    Returns
    -------
    (X, Y, Z, 6) float32 array
        In voxel axes. The fields are those of `napari_sti.recon.forward.simulate_field` up to the rounding of
        float32: periodic, of mean 0, kernels averaged with their mirror images on Nyquist planes.

    Raises
    ------
    InputError
        If it does not have six components.
    """
    from scipy import fft

    given = np.asarray(chi)
    if given.ndim != 4 or given.shape[-1] != 6:
        raise InputError(
            f"a tensor of shape {shape_text(given.shape)} does not have six components per voxel",
            mend="give (x, y, z, 6) in the order xx, xy, xz, yy, yz, zz",
        )
    shape = given.shape[:3]
    spectra = np.empty((6, *shape[:2], shape[2] // 2 + 1), np.complex64)
    for component in range(6):
        volume = np.nan_to_num(given[..., component], nan=0, posinf=0, neginf=0).astype(np.float32, copy=False)
        spectra[component] = fft.rfftn(volume, workers=_THREADS)
    k = _frequencies(shape, frames.voxel_size(affine))
    for slab in range(shape[0]):
        spectra[:, slab] = _one_slab(spectra[:, slab], _projector(k, shape, slab))
    spectra[:, 0, 0, 0] = 0
    out = np.empty((*shape, 6), np.float32)
    for component in range(6):
        out[..., component] = fft.irfftn(spectra[component], shape, workers=_THREADS)
    return out


def field_along(tensors: ArrayLike, b0_dirs: ArrayLike) -> NDArray[np.float64]:
    """Return hᵀ Q h, the fields (..., N) in ppm, of tensors (..., 6) for directions (N, 3) in the same axes."""
    h = np.asarray(b0_dirs, np.float64)
    weights = frames.from_matrix(h[:, :, None] * h[:, None, :]) * np.array([1, 2, 2, 1, 2, 1])
    return cast(NDArray[np.float64], np.asarray(tensors, np.float64) @ weights.T)


def _frequencies(shape: tuple[int, ...], voxel_size: tuple[float, float, float]) -> list[NDArray[np.float32]]:
    """Frequencies in 1/mm along each axis of the half spectrum; Nyquist counts as negative."""
    from scipy import fft

    x, y, z = (fft.fftfreq(n, size).astype(np.float32) for n, size in zip(shape, voxel_size, strict=True))
    return [x, y, z[: shape[2] // 2 + 1]]


def _projector(k: list[NDArray[np.float32]], shape: tuple[int, ...], slab: int) -> list[list[NDArray[np.float32]]]:
    """P of one slab: 3 x 3 planes. A product of one Nyquist component with another one that is none averages to 0."""
    axes = [k[0][slab].reshape(1, 1), k[1][:, None], k[2][None, :]]
    square = axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2
    if slab == 0:
        square[0, 0] = 1
    edge: list[Any] = [_at_nyquist(np.arange(len(k[axis])), shape[axis]) for axis in range(3)]
    edge = [edge[0][slab], edge[1][:, None], edge[2][None, :]]
    planes: dict[tuple[int, int], NDArray[np.float32]] = {}
    for a in range(3):
        for b in range(a, 3):
            plane = axes[a] * axes[b] / square
            planes[a, b] = plane if a == b else np.where(edge[a] == edge[b], plane, np.float32(0))
    return [[planes[min(a, b), max(a, b)] for b in range(3)] for a in range(3)]


def _at_nyquist(index: NDArray[np.int_], count: int) -> NDArray[np.bool_]:
    return np.asarray((index == count // 2) & (count % 2 == 0))


def _one_slab(x: NDArray[np.complex64], p: list[list[NDArray[np.float32]]]) -> NDArray[np.complex64]:
    """X/3 − ½ (P X + X P) of one slab (6, Y, Z)."""
    product = [[sum(p[a][c] * x[_PLACE[c][b]] for c in range(3)) for b in range(3)] for a in range(3)]
    out = np.empty_like(x)
    for a in range(3):
        for b in range(a, 3):
            out[_PLACE[a][b]] = x[_PLACE[a][b]] / 3 - (product[a][b] + product[b][a]) / 2
    return out
