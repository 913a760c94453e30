"""The steps of a wavelet filter against its matrix."""

import numpy as np
import pytest

from napari_sti.recon.wavelet_filters import WAVELETS, level_matrix
from napari_sti.recon.wavelet_steps import Shears, rotations

EVERY = pytest.mark.parametrize("wavelet", WAVELETS)


def matrix_of_rotations(n: int, wavelet: str) -> np.ndarray:
    """Averages at even places and details at odd ones, one rotation of all pairs after the other."""
    angles, sign = rotations(wavelet)
    out = np.eye(n)
    for number, angle in enumerate(angles):
        turn, begin = np.eye(n), (len(angles) - 1 - number) % 2
        for k in range(n // 2):
            i, j = (2 * k + begin) % n, (2 * k + begin + 1) % n
            turn[np.ix_([i, j], [i, j])] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        out = turn @ out
    return np.concatenate([out[0::2], sign * out[1::2]])


@EVERY
@pytest.mark.parametrize("n", [2, 4, 6, 10, 34])
def test_rotations_are_the_filter(wavelet: str, n: int) -> None:
    np.testing.assert_allclose(matrix_of_rotations(n, wavelet), level_matrix(n, wavelet), atol=1e-12)


def test_there_are_half_as_many_rotations_as_taps() -> None:
    assert [len(rotations(wavelet)[0]) for wavelet in ("haar", "db2", "db8", "sym6")] == [1, 2, 8, 6]


def through(x: np.ndarray, shears: Shears) -> np.ndarray:
    """Samples in memory (n,) after all steps."""
    halves = [x[0::2].copy(), x[1::2].copy()]
    for step in shears.steps:
        halves[step.target] += step.factor * np.roll(halves[1 - step.target], -step.shift)
    out = np.empty_like(x)
    out[0::2], out[1::2] = halves[0] * shears.scales[0], halves[1] * shears.scales[1]
    return out


@EVERY
@pytest.mark.parametrize("n", [2, 6, 16])
@pytest.mark.parametrize("start", [0, 1, -3, 4])
def test_shears_are_the_filter_wherever_the_samples_begin(wavelet: str, n: int, start: int) -> None:
    x, shears = np.random.default_rng(0).normal(size=n), Shears(wavelet, start)
    found = through(np.roll(x, start), shears)
    np.testing.assert_allclose(found[shears.places(n)], level_matrix(n, wavelet) @ x, atol=1e-12)
    # The next level begins where the first average is among those that are in its half.
    half, offset = shears.low
    np.testing.assert_allclose(np.roll(found[half::2], -offset), level_matrix(n, wavelet)[: n // 2] @ x, atol=1e-12)


@EVERY
def test_no_step_loses_digits(wavelet: str) -> None:
    shears = Shears(wavelet)
    assert len(shears.steps) == 2 * len(rotations(wavelet)[0])
    assert max(abs(step.factor) for step in shears.steps) < 1.5
    x = np.random.default_rng(0).normal(size=64).astype(np.float32)
    exact = level_matrix(64, wavelet) @ x.astype(np.float64)
    assert np.abs(through(x, shears)[shears.places(64)] - exact).max() < 2e-6
