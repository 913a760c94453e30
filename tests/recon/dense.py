"""Everything as matrices in double precision, written down literally: what the fast code is compared with."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition

Matrix = NDArray[np.float64]


def directions(count: int, seed: int = 0) -> Matrix:
    """Unit vectors in all directions."""
    h = np.random.default_rng(seed).normal(size=(count, 3))
    return h / np.linalg.norm(h, axis=1, keepdims=True)


def frequencies(shape: tuple[int, ...], size: tuple[float, ...]) -> tuple[Matrix, Matrix]:
    """k (3, X, Y, Z) in 1/mm, and |k|² with 1 at the origin."""
    k = np.stack(np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(shape, size, strict=True)), indexing="ij"))
    k2 = (k**2).sum(0)
    k2[0, 0, 0] = 1
    return k, k2


def with_mirror_image(kernels: Matrix) -> Matrix:
    """Average kernels (..., X, Y, Z) with their mirror images: what a real volume sees on even grids."""
    mirrored = kernels
    for axis in (-3, -2, -1):
        mirrored = np.roll(np.flip(mirrored, axis), 1, axis)
    return (kernels + mirrored) / 2


def dipole(shape: tuple[int, ...], size: tuple[float, ...], h: Matrix) -> Matrix:
    """Scalar kernel (X, Y, Z) of one orientation."""
    k, k2 = frequencies(shape, size)
    kernel = 1 / 3 - np.tensordot(h, k, 1) ** 2 / k2
    kernel[0, 0, 0] = 0
    return with_mirror_image(kernel)


def convolution(kernel: Matrix) -> Matrix:
    """Matrix (V, V) that multiplies with the kernel in k-space."""
    axes, count = (1, 2, 3), kernel.size
    unit = np.eye(count).reshape(count, *kernel.shape)
    return np.fft.ifftn(kernel * np.fft.fftn(unit, axes=axes), axes=axes).real.reshape(count, count).T


def scalar_matrix(acquisition: Acquisition) -> Matrix:
    """Matrix (N V, V) of the forward operator of an isotropic susceptibility."""
    rows = [convolution(dipole(acquisition.shape, acquisition.voxel_size, h)) for h in acquisition.b0_dirs]
    return np.concatenate([row * acquisition.mask.reshape(-1, 1) for row in rows])


def gradient_matrix(weights: NDArray[np.floating], size: tuple[float, ...]) -> Matrix:
    """Matrix (P, V) of the weighted forward differences per mm of all pairs of neighbours, pair by pair."""
    shape = weights.shape[1:]
    rows = []
    for axis in range(3):
        for at in np.ndindex(shape):
            if at[axis] + 1 < shape[axis]:
                row = np.zeros(shape)
                row[at] = -1
                row[tuple(i + (a == axis) for a, i in enumerate(at))] = 1
                rows.append(row.ravel() * float(weights[axis][at]) / size[axis])
    return np.array(rows).reshape(-1, int(np.prod(shape)))


def measured(shape: tuple[int, int, int], count: int, *, whole: bool = False, seed: int = 0) -> Acquisition:
    """Field maps of nothing but noise, on anisotropic voxels, with a ragged mask or none."""
    rng = np.random.default_rng(seed)
    mask = np.ones(shape, bool) if whole else rng.random(shape) < 0.7
    mask.flat[0] = True
    field = 0.05 * rng.normal(size=(count, *shape))
    return Acquisition(field, directions(count, seed), mask, np.diag([0.9, 1.3, 2.1, 1.0]))
