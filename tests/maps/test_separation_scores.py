"""Scores of sources: known values, and what cannot be scored."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.maps.separation_scores import source_scores

SHAPE = (9, 8, 11)
MASK = np.random.default_rng(0).random(SHAPE) < 0.6
TRUTH = np.random.default_rng(1).random(SHAPE) * MASK


def test_a_perfect_source() -> None:
    scores = source_scores(TRUTH, TRUTH, MASK)
    assert scores.psnr == np.inf and scores.nrmse == 0
    assert scores.correlation == pytest.approx(1) and scores.ssim == pytest.approx(1)


def test_known_errors() -> None:
    scores = source_scores(TRUTH + 0.1, TRUTH, MASK)  # outside the mask nothing counts
    expected = 10 * np.log10(np.ptp(TRUTH) ** 2 / (0.01 * MASK.mean()))
    assert scores.psnr == pytest.approx(expected)
    assert scores.nrmse == pytest.approx(0.1 * np.sqrt(MASK.sum()) / np.linalg.norm(TRUTH))
    assert scores.correlation == pytest.approx(1)
    assert source_scores(2 * TRUTH, TRUTH, MASK).nrmse == pytest.approx(1)
    assert source_scores(-TRUTH, TRUTH, MASK).correlation == pytest.approx(-1)
    assert np.isnan(source_scores(0 * TRUTH, TRUTH, MASK).correlation)


def test_psnr_is_that_of_skimage() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    found = TRUTH + 0.05 * np.random.default_rng(2).normal(size=SHAPE) * MASK
    expected = metrics.peak_signal_noise_ratio(TRUTH, found, data_range=np.ptp(TRUTH))
    assert source_scores(found, TRUTH, MASK).psnr == pytest.approx(expected)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(InputError, match="the source is 8x8x11 voxels and the truth 9x8x11; bring both to one grid"):
        source_scores(TRUTH[1:], TRUTH, np.ones(SHAPE, bool))
    with pytest.raises(InputError, match="the true source is the same everywhere"):
        source_scores(TRUTH, 0 * TRUTH, MASK)
