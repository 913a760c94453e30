"""Figures of merit against the published evaluation, and what they say in cases that can be worked out."""

from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps import metrics

DATA = np.load(Path(__file__).resolve().parents[1] / "conformance" / "tensor_maps.npz")
CHI, PRED, MASK = DATA["chi"], DATA["pred"], DATA["mask"] > 0


@pytest.mark.parametrize("name", ["psnr", "ssim", "ecse", "wpsnr", "mse"])
def test_agrees_with_the_published_evaluation(name):
    assert getattr(metrics, name)(PRED, CHI, MASK) == pytest.approx(float(DATA[name]), rel=1e-6)


def test_constants_are_the_published_ones():
    assert (float(DATA["psnr_data_min"]), float(DATA["psnr_data_max"])) == metrics.PSNR_RANGE
    np.testing.assert_array_equal(metrics.SSIM_RANGE, [DATA["ssim_min"], DATA["ssim_max"]])
    assert float(DATA["ecse_threshold"]) == metrics.ECSE_THRESHOLD
    assert metrics.WPSNR_PEAK == 0.08


def test_a_perfect_answer():
    assert metrics.mse(CHI, CHI, MASK) == 0
    assert metrics.psnr(CHI, CHI, MASK) == float("inf")
    weaker = 0.8 * CHI  # only the prediction is clipped at the peak: a reference beyond it cannot be met
    assert metrics.wpsnr(weaker, weaker, MASK) == float("inf") > metrics.wpsnr(CHI, CHI, MASK)
    assert metrics.ssim(CHI, CHI, MASK) == pytest.approx(1)
    assert metrics.ecse(CHI, CHI, MASK) == pytest.approx(0, abs=1e-6)
    assert metrics.angle_summary(CHI, CHI, MASK).mean == pytest.approx(0, abs=0.1)


def test_only_the_mask_counts():
    spoilt = PRED.copy()
    spoilt[~MASK] = np.nan
    for name in ("psnr", "ecse", "wpsnr", "mse", "ssim"):
        measure = getattr(metrics, name)
        assert measure(spoilt, CHI, MASK) == measure(PRED, CHI, MASK), name


def test_mse_and_psnr_by_hand():
    reference = np.zeros((3, 4, 5, 6))
    chi = reference + 0.01
    mask = np.ones((3, 4, 5), bool)
    assert metrics.mse(chi, reference, mask) == pytest.approx(1e-4)
    peak = metrics.PSNR_RANGE[1] - metrics.PSNR_RANGE[0]
    assert metrics.psnr(chi, reference, mask) == pytest.approx(20 * np.log10(peak / 0.01))
    far = np.full_like(reference, 99.0)  # clipped to the range first
    assert metrics.psnr(far, reference, mask) == pytest.approx(20 * np.log10(peak / metrics.PSNR_RANGE[1]))


def fibres(directions, msa=0.05):
    v = np.asarray(directions, float)
    v = v / np.linalg.norm(v, axis=-1, keepdims=True)
    return frames.from_matrix(msa * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3))


def test_ecse_of_random_directions_is_one_half():
    rng = np.random.default_rng(0)
    shape = (21, 19, 23)
    a, b = (fibres(rng.standard_normal((*shape, 3))) for _ in range(2))
    assert metrics.ecse(a, b, np.ones(shape, bool)) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("degrees", [0.0, 0.01, 1.0, 26.0, 89.9, 90.0])
def test_ecse_and_angle_of_a_known_turn(degrees):
    turn = np.radians(degrees)
    shape = (2, 3, 4)
    reference = fibres(np.broadcast_to([1.0, 0, 0], (*shape, 3)))
    chi = fibres(np.broadcast_to([np.cos(turn), np.sin(turn), 0], (*shape, 3)))
    mask = np.ones(shape, bool)
    assert metrics.ecse(chi, reference, mask) == pytest.approx(1 - np.cos(turn), abs=1e-6)
    summary = metrics.angle_summary(chi, reference, mask)
    assert summary.mean == pytest.approx(degrees, abs=1e-3) and summary.median == pytest.approx(degrees, abs=1e-3)
    assert (summary.under_15, summary.under_30, summary.voxels) == (degrees < 15, degrees < 30, 24)


def test_directions_count_only_where_the_reference_is_anisotropic():
    x, y = (1.0, 0, 0), (0, 1.0, 0)
    reference = np.stack([fibres([x, x], 0.02), fibres([x, x], 0.01)])[None]
    chi = np.stack([fibres([x, y], 0.02), fibres([y, y], 0.02)])[None]
    mask = np.ones((1, 2, 2), bool)
    assert metrics.ecse(chi, reference, mask) == pytest.approx(0.5)
    assert metrics.ecse(chi, reference, mask, threshold=0.0) == pytest.approx(0.75)
    assert metrics.angle_summary(chi, reference, mask).voxels == 2


def test_an_answer_without_direction_is_not_a_good_one():
    reference = fibres(np.broadcast_to([1.0, 0, 0], (2, 2, 2, 3)))
    mask = np.ones((2, 2, 2), bool)
    assert metrics.ecse(np.zeros_like(reference), reference, mask) == pytest.approx(1)
    assert metrics.angle_summary(np.zeros_like(reference), reference, mask).mean == 90


def test_angles_know_no_sign_and_no_length():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 7, 5, 6, 3))
    angle = metrics.pev_angle(a, b)
    np.testing.assert_allclose(metrics.pev_angle(-3 * a, 0.1 * b), angle, rtol=1e-5)
    assert angle.min() >= 0 and angle.max() <= 90 and angle.shape == (7, 5, 6)
    cosine = np.abs(np.sum(a * b, -1)) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    np.testing.assert_allclose(angle, np.degrees(np.arccos(cosine)), rtol=1e-4)
    assert np.isnan(metrics.pev_angle(np.zeros(3), np.array([1.0, 0, 0])))


def test_small_angles_are_told_apart_in_single_precision():
    a = np.array([1, 0, 0], np.float32)
    b = np.array([1, 1e-5, 0], np.float32)
    assert metrics.pev_angle(a, b) == pytest.approx(np.degrees(1e-5), rel=1e-3)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ecse", "wpsnr", "mse", "angle_summary"])
def test_bad_input_is_named(name):
    measure = getattr(metrics, name)
    with pytest.raises(InputError, match=r"tensor has the shape .*; bring all to the same grid"):
        measure(PRED[1:], CHI, MASK)
    with pytest.raises(InputError, match="same grid"):
        measure(PRED, CHI, MASK[1:])
    with pytest.raises(InputError, match="the mask is empty"):
        measure(PRED, CHI, np.zeros_like(MASK))


def test_a_reference_without_anisotropy_is_named():
    for measure in (metrics.ecse, metrics.angle_summary):
        with pytest.raises(InputError, match=r"exceeds 0.015 ppm nowhere inside the mask; lower the threshold"):
            measure(PRED, 0 * CHI, MASK)


def test_a_volume_too_small_for_the_ssim_is_named():
    with pytest.raises(InputError, match="SSIM needs 11 voxels along every axis and the volume has 8x19x15"):
        metrics.ssim(PRED[:8], CHI[:8], MASK[:8])
