"""How strongly each tensor component bends the misfit: a bound on the normal operator from the dipole kernels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.recon.design import field_weights

SPACING = 3.0
"""Degrees between the directions of k at which the kernels are looked at."""
BETWEEN = 1.01
"""Allows for directions between these: G is of fourth degree in n, its eigenvalues rise by less than 0.6 % there."""
SMALLEST = 1e-4
"""Of the largest curvature: components that the directions cannot see get this instead of zero."""


def component_curvature(b0_dirs: ArrayLike) -> NDArray[np.float64]:
    """L (6,) with A^T A ⪯ diag(L) for the operator A of these directions, whatever the mask, grid and voxel size.

    At every k the normal operator without mask is the 6 x 6 matrix G = Σ_i d_i d_iᵀ, which depends on n = k/|k| alone;
    a mask only makes it smaller, and so does averaging kernels at Nyquist planes. L is the mean of diag(G) over all
    directions n, scaled by the smallest number that leaves diag(L) - G without negative eigenvalue for every n. Heads
    tilt little, so that components which do not involve the upright axis have much smaller L than the others, and
    gradient steps of length 1/L_c go much further than those of one length for all.

    Parameters
    ----------
    b0_dirs : (N, 3) array
        Unit vectors of the main field in the axes of the components.
    """
    kernels = _kernels(np.asarray(b0_dirs, np.float64), _half_sphere())
    g = np.einsum("inc,ind->ncd", kernels, kernels)
    mean = np.einsum("ncc->c", g) / len(g)
    mean = np.maximum(mean, SMALLEST * mean.max())
    scale = 1 / np.sqrt(mean)
    highest = np.linalg.eigvalsh(g * scale[:, None] * scale)[:, -1].max()
    bound: NDArray[np.float64] = mean * highest * BETWEEN
    return bound


def _kernels(h: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dipole kernels (N, M, 6) of the field directions (N, 3) at the directions of k (M, 3): see `recon.dipole`."""
    twice = np.array([1, 2, 2, 1, 2, 1])
    products = frames.from_matrix(h[:, None, :, None] * n[None, :, None, :]) * twice
    kernels: NDArray[np.float64] = field_weights(h)[:, None] / 3 - (h @ n.T)[..., None] * products
    return kernels


def _half_sphere() -> NDArray[np.float64]:
    """Unit vectors (M, 3), about evenly spread over one half of all directions; n and -n have the same kernels."""
    height = np.arange(0, 90 + SPACING, SPACING)
    rings = []
    for angle in np.radians(height):
        turn = np.linspace(0, 2 * np.pi, max(1, round(360 / SPACING * np.sin(angle))), endpoint=False)
        ring = [np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.full_like(turn, np.cos(angle))]
        rings.append(np.stack(ring, -1))
    return np.concatenate(rings)
