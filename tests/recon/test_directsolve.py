"""The solution at every frequency against a literal solve of each 6x6 system."""

import numpy as np
import pytest
import torch

from napari_sti.recon import directsolve, fourier
from napari_sti.recon.directsolve import DirectSolve
from napari_sti.recon.halfspace import spectrum_shape
from tests.recon.dense import dipole, directions, frequencies, with_mirror_image

SIZE = (0.9, 1.1, 2.5)
GRIDS = [(7, 9, 5), (8, 6, 4), (4, 5, 6), (1, 8, 6), (6, 5, 1), (1, 1, 1)]


def solved(shape: tuple[int, int, int], h: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, DirectSolve]:
    dtype = torch.float32 if y.dtype == np.float32 else torch.float64
    solver = DirectSolve(shape, SIZE, h, ridge, dtype=dtype)
    volumes = solver.combine(y)
    kind = fourier.complex_type(dtype)
    spectra = fourier.empty(6, *spectrum_shape(shape), device=torch.device("cpu"), dtype=kind)
    fourier.to_spectra(volumes, spectra)
    solver.clear(spectra)
    for part in solver.parts(3):
        solver.solve(spectra, part)
    fourier.to_images(spectra, volumes)
    return volumes.numpy(), solver


def tensor_kernels(shape: tuple[int, int, int], h: np.ndarray) -> np.ndarray:
    """Kernels (6, X, Y, Z) of one orientation, element by element."""
    k, k2 = frequencies(shape, SIZE)
    b = np.tensordot(h, k, 1) / k2
    rows = []
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        kernel = h[i] * h[j] / 3 - b * (k[i] * h[j] + k[j] * h[i]) / 2
        rows.append(kernel if i == j else 2 * kernel)
    kernels = with_mirror_image(np.array(rows))
    kernels[:, 0, 0, 0] = 0
    return kernels


def literal(h: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, float, float]:
    """Tensor (6, X, Y, Z), misfit and penalty of one dense solve for each frequency."""
    shape = y.shape[1:]
    kernels = np.array([tensor_kernels(shape, direction) for direction in h])
    data = np.fft.fftn(y, axes=(1, 2, 3), norm="ortho")
    x = np.zeros((6, *shape), complex)
    for k in np.ndindex(shape):
        if any(k) and not any(2 * i == n for i, n in zip(k, shape, strict=True)):
            d = kernels[(..., *k)]
            x[(..., *k)] = np.linalg.solve(d.T @ d + ridge * np.eye(6), d.T @ data[(..., *k)])
    misfit = (np.abs((kernels * x).sum(1) - data) ** 2).sum()
    found = np.fft.ifftn(x, axes=(1, 2, 3), norm="ortho")
    assert np.abs(found.imag).max() < 1e-9
    return found.real, float(misfit), float(ridge * (np.abs(x) ** 2).sum())


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("count", [6, 9])
@pytest.mark.parametrize("ridge", [0.0, 1e-3, 1.0])
def test_is_the_literal_solution_on_every_kind_of_grid(shape: tuple[int, int, int], count: int, ridge: float) -> None:
    h = directions(count)
    y = np.random.default_rng(1).normal(size=(count, *shape))
    expected, misfit, penalty = literal(h, y, ridge)
    found, solver = solved(shape, h, y, ridge)
    scale = np.abs(expected).max() + 1e-9
    np.testing.assert_allclose(found, expected, atol=1e-10 * scale)
    np.testing.assert_allclose([solver.misfit, solver.penalty], [misfit, penalty], rtol=1e-9, atol=1e-9)
    single, _ = solved(shape, h, y.astype(np.float32), ridge)
    np.testing.assert_allclose(single, expected, atol=5e-6 * scale)


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 1e-3])
def test_single_precision_is_enough_for_heads_that_hardly_tilt(ridge: float) -> None:
    shape = (6, 7, 5)
    h = directions(7) * [0.1, 0.1, 1]
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    y = np.random.default_rng(1).normal(size=(7, *shape))
    exact, _ = solved(shape, h, y, ridge)
    found, _ = solved(shape, h, y.astype(np.float32), ridge)
    assert np.linalg.norm(found - exact) < 1e-4 * np.linalg.norm(exact)


def test_slabs_and_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    h, shape = directions(7), (9, 6, 8)
    y = np.random.default_rng(1).normal(size=(7, *shape))
    for ridge in (0.0, 0.01):
        whole, _ = solved(shape, h, y, ridge)
        monkeypatch.setattr(directsolve, "SLAB_VALUES", 12)
        torch.set_num_threads(2)
        parts, _ = solved(shape, h, y, ridge)
        np.testing.assert_allclose(parts, whole, atol=1e-12 * np.abs(whole).max())
        monkeypatch.undo()


def test_the_kernels_of_this_test_are_those_of_an_isotropic_susceptibility() -> None:
    h = directions(1)[0]
    kernels = tensor_kernels((6, 7, 5), h)
    np.testing.assert_allclose(kernels[[0, 3, 5]].sum(0), dipole((6, 7, 5), SIZE, h), atol=1e-15)
