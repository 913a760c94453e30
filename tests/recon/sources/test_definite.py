"""The nearest negative semi-definite tensor, against a full eigen-decomposition."""

import numpy as np
import pytest
import torch

from napari_sti.recon.sources.definite import project_negative

SIX = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def nearest(six: np.ndarray) -> np.ndarray:
    """By eigh, in double precision."""
    matrices = np.zeros((six.shape[1], 3, 3))
    for c, (a, b) in enumerate(SIX):
        matrices[:, a, b] = matrices[:, b, a] = six[c]
    values, vectors = np.linalg.eigh(matrices)
    found = (vectors * np.minimum(values, 0)[:, None]) @ vectors.swapaxes(1, 2)
    return np.stack([found[:, a, b] for a, b in SIX])


def with_eigenvalues(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Tensors (6, n) with eigenvalues (n, 3) and random axes."""
    turns, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), 3, 3)))
    matrices = (turns * values[:, None]) @ turns.swapaxes(1, 2)
    return np.stack([matrices[:, a, b] for a, b in SIX])


def projected(six: np.ndarray) -> np.ndarray:
    tensors = torch.from_numpy(six.copy())
    project_negative(tensors)
    return tensors.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_eigh_for_all_signs(dtype: type) -> None:
    six = (0.05 * np.random.default_rng(0).normal(size=(6, 4000))).astype(dtype)
    expected = nearest(six.astype(np.float64))
    np.testing.assert_allclose(projected(six), expected, atol=1e-8 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-9, 1e-6, 1e-3])
def test_equal_and_nearly_equal_eigenvalues_lose_nothing(gap: float) -> None:
    base = np.array([[1, 1, 1], [1, 1, -1], [1, -1, -1], [-1, -1, -1], [0, 0, -1], [1, 0, 0], [0, 0, 0], [0, -1, -1.0]])
    values = np.repeat(base, 50, 0) + gap * np.random.default_rng(1).uniform(-1, 1, size=(400, 3))
    six = with_eigenvalues(values)
    np.testing.assert_allclose(projected(six), nearest(six), atol=2e-8)


def test_isotropic_and_diagonal_tensors() -> None:
    six = np.array([[1, 0, 0, 1, 0, 1], [-1, 0, 0, -1, 0, -1], [2, 0, 0, -3, 0, 1], [0] * 6], float).T
    expected = [[0, -1, 0, 0], [0] * 4, [0] * 4, [0, -1, -3, 0], [0] * 4, [0, -1, 0, 0]]
    np.testing.assert_allclose(projected(six), expected)


def test_negative_tensors_are_left_as_they_are() -> None:
    six = with_eigenvalues(-np.random.default_rng(2).uniform(0.01, 1, size=(500, 3))).astype(np.float32)
    np.testing.assert_array_equal(projected(six), six)


def test_works_on_parts_of_larger_arrays() -> None:
    whole = torch.from_numpy(np.random.default_rng(3).normal(size=(7, 100)))
    before = whole.clone()
    project_negative(whole[1:, 20:50])
    assert torch.equal(whole[0], before[0]) and torch.equal(whole[:, :20], before[:, :20])
    np.testing.assert_allclose(whole[1:, 20:50].numpy(), nearest(before[1:, 20:50].numpy()), atol=1e-12)
