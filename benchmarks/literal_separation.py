"""WaveSep as its formulas are written: NumPy in double precision, PyWavelets one volume at a time, eigh per voxel.

What a reader of the paper would write first. `benchmarks.separation` times it beside the package, and tests compare
with it at sizes for which there is no published result. Sizes have to be multiples of 2^levels: `pywt.waverecn`
returns larger volumes for others.
"""

import numpy as np
import pywt

SIX = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
AXES = (0, 1, 2)


def threshold(volume, amount, wavelet, levels):
    """Soft-threshold all wavelet coefficients of one volume, the averages included."""
    array, slices = pywt.coeffs_to_array(
        pywt.wavedecn(volume, wavelet, mode="periodization", level=levels, axes=AXES), axes=AXES
    )
    kept = pywt.array_to_coeffs(pywt.threshold(array, amount, mode="soft"), slices)
    return pywt.waverecn(kept, wavelet, mode="periodization", axes=AXES)


def scalar_step(x, chi, r2prime, mask, dr, step, lam, wavelet, levels):
    """One step of the scalar version; x is (2, X, Y, Z) with the diamagnetic part (<= 0) second."""
    ratio = dr[1] / dr[0]
    misfit = x[0] + x[1] - chi
    rates = np.mean([x[0] - ratio * x[1] - r / dr[0] for r in r2prime], axis=0)
    new = x - step * np.stack([misfit + rates, misfit - ratio * rates])
    new = np.stack([threshold(volume, step * lam, wavelet, levels) for volume in new]) * mask
    return np.stack([np.maximum(new[0], 0), np.minimum(new[1], 0)])


def tensor_step(x, chi, r2prime, mask, b0_dirs, dr, step, lam, wavelet, levels):
    """One step of the tensor version; x is (7, X, Y, Z): the scalar chi+, then xx, xy, xz, yy, yz, zz of X-."""
    double = np.array([1, 2, 2, 1, 2, 1])[:, None, None, None]
    gradient = np.zeros_like(x)
    gradient[1:] = x[1:] - chi
    for c in (1, 4, 6):
        gradient[c] += x[0]
    gradient[0] = gradient[1] + gradient[4] + gradient[6]
    for h, r in zip(b0_dirs, r2prime, strict=True):
        product = np.array([h[a] * h[b] for a, b in SIX])[:, None, None, None]
        rates = x[0] - (double * product * x[1:]).sum(0) - r / dr
        gradient[0] += rates / len(b0_dirs)
        gradient[1:] -= product * rates / len(b0_dirs)
    new = x - step * gradient
    weights = [lam[0]] + [lam[1]] * 6
    new = np.stack([threshold(v, step * w, wavelet, levels) for v, w in zip(new, weights, strict=True)]) * mask
    new[0] = np.maximum(new[0], 0)
    new[1:] = project(new[1:])
    return new


def project(six):
    """Nearest negative semi-definite tensors, by a full eigen-decomposition of every voxel."""
    matrices = np.zeros((*six.shape[1:], 3, 3))
    for c, (a, b) in enumerate(SIX):
        matrices[..., a, b] = matrices[..., b, a] = six[c]
    values, vectors = np.linalg.eigh(matrices)
    nearest = (vectors * np.minimum(values, 0)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return np.stack([nearest[..., a, b] for a, b in SIX])


def iterate(one_step, start, tol, most=100):
    """Repeat a step until the relative change falls below `tol`; the result and the number of iterations."""
    x = start
    for iteration in range(1, most + 1):
        before, x = x, one_step(x)
        if np.linalg.norm(x - before) < tol * np.linalg.norm(x):
            return x, iteration
    return x, most
