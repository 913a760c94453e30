"""All figures at once: the same as one by one, honest where nothing is known, and tables that can be read."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps import metrics
from napari_sti.maps.scores import (
    COLUMNS,
    NOTHING,
    Scores,
    column,
    csv_text,
    markdown,
    markdown_table,
    score,
    score_regions,
    write_csv,
)

DATA = np.load(Path(__file__).resolve().parents[1] / "conformance" / "tensor_maps.npz")
CHI, PRED, MASK = DATA["chi"], DATA["pred"], DATA["mask"] > 0


def fibres(directions, msa=0.05, mms=0.0):
    v = np.asarray(directions, float)
    v = v / np.linalg.norm(v, axis=-1, keepdims=True)
    eye = np.eye(3)
    return frames.from_matrix(msa * (v[..., :, None] * v[..., None, :] - eye / 3) + mms * eye)


def random_tensors(seed, shape=(13, 12, 17)):
    return np.random.default_rng(seed).normal(0, 0.03, (*shape, 6)).astype(np.float32)


def test_all_at_once_are_the_figures_one_by_one():
    found = score(PRED, CHI, MASK)
    for name in ("psnr", "ssim", "ecse", "wpsnr", "mse"):
        assert getattr(found, name) == pytest.approx(float(DATA[name]), rel=1e-6), name
    angles = metrics.angle_summary(PRED, CHI, MASK)
    assert (found.angle_mean, found.angle_median) == pytest.approx((angles.mean, angles.median))
    assert (found.under_15, found.under_30, found.angle_voxels) == (angles.under_15, angles.under_30, angles.voxels)
    assert found.voxels == MASK.sum()


def test_errors_by_hand():
    shape = (2, 3, 5)
    reference = fibres(np.broadcast_to([0, 0, 1.0], (*shape, 3)), msa=0.04, mms=-0.02)
    chi = fibres(np.broadcast_to([0, 1.0, 1.0], (*shape, 3)), msa=0.03, mms=-0.025)
    found = score(chi, reference, np.ones(shape, bool))
    assert found.mms_error == pytest.approx(0.005) and found.mms_error_percent == pytest.approx(25)
    assert found.msa_error == pytest.approx(0.01) and found.msa_error_percent == pytest.approx(25)
    assert found.angle_mean == pytest.approx(45, abs=1e-3) and found.angle_median == pytest.approx(45, abs=1e-3)
    assert (found.under_15, found.under_30) == (0, 0)
    assert math.isnan(found.ssim)  # smaller than its window
    assert found.psnr == pytest.approx(metrics.psnr(chi, reference, np.ones(shape, bool)))


def test_angles_count_in_white_matter_and_the_published_figures_everywhere():
    shape = (2, 4, 3)
    reference = fibres(np.broadcast_to([1.0, 0, 0], (*shape, 3)))
    chi = reference.copy()
    chi[1] = fibres([0, 1.0, 0])
    white = np.zeros(shape, bool)
    white[0] = True
    mask = np.ones(shape, bool)
    everywhere, in_white = score(chi, reference, mask), score(chi, reference, mask, white=white)
    assert everywhere.angle_mean == pytest.approx(45) and in_white.angle_mean == pytest.approx(0, abs=1e-3)
    assert everywhere.ecse == in_white.ecse == pytest.approx(0.5)
    assert (everywhere.angle_voxels, in_white.angle_voxels) == (24, 12)


@pytest.mark.parametrize("rounding", [0.0, 1e-9])
def test_an_isotropic_method_has_no_directions_to_score(rounding):
    shape = (12, 11, 13)
    reference = fibres(np.random.default_rng(0).normal(size=(*shape, 3)), mms=-0.03)
    chi = np.zeros_like(reference)
    chi[..., [0, 3, 5]] = -0.02
    chi += rounding * random_tensors(1, shape)
    found = score(chi, reference, np.ones(shape, bool))
    assert all(math.isnan(getattr(found, key)) for key in ("ecse", "angle_mean", "angle_median", "under_15"))
    assert found.mms_error == pytest.approx(0.01) and found.msa_error_percent == pytest.approx(100)
    assert math.isfinite(found.psnr) and math.isfinite(found.ssim) and found.angle_voxels == np.prod(shape)


def test_a_tensor_that_is_isotropic_in_places_is_wrong_there():
    shape = (2, 3, 4)
    reference = fibres(np.broadcast_to([1.0, 0, 0], (*shape, 3)))
    chi = reference.copy()
    chi[0] = 0
    assert score(chi, reference, np.ones(shape, bool)).angle_mean == pytest.approx(45)


def test_a_perfect_answer():
    found = score(CHI, CHI, MASK)
    assert found.psnr == float("inf") and found.mse == 0 and found.ssim == pytest.approx(1)
    assert found.msa_error_percent == 0 and found.under_15 == 1
    assert column("psnr").text(found) == "∞"


def test_an_answer_with_nan_is_never_a_good_one():
    spoilt = PRED.copy()
    spoilt[tuple(np.argwhere(MASK)[0])] = np.nan
    found = score(spoilt, CHI, MASK)
    assert all(math.isnan(getattr(found, key)) for key in ("psnr", "mse", "mms_error", "msa_error"))
    assert math.isnan(metrics.psnr(spoilt, CHI, MASK))


def test_an_empty_mask_and_no_anisotropy_are_nan_not_an_error():
    found = score(PRED, CHI, np.zeros_like(MASK))
    assert found.voxels == 0 and math.isnan(found.psnr) and math.isnan(found.angle_mean)
    found = score(PRED, 0 * CHI, MASK)
    assert math.isnan(found.ecse) and math.isnan(found.mms_error_percent) and found.angle_voxels == 0


def test_figures_do_not_depend_on_storage_order():
    from napari_sti.core.tensor_field import TensorField

    a, b = (TensorField(random_tensors(seed), np.diag([1.0, 1.5, 2.5, 1])) for seed in (0, 1))
    move = np.array([[2, -1], [0, 1], [1, -1]], float)
    moved = score(a.reordered(move).chi, b.reordered(move).chi, np.ones(a.reordered(move).shape, bool))
    straight = score(a.chi, b.chi, np.ones(a.shape, bool))
    for key in ("psnr", "ecse", "mse", "mms_error", "msa_error_percent", "angle_mean", "under_30"):
        assert getattr(moved, key) == pytest.approx(getattr(straight, key), rel=1e-4), key


def test_regions_are_scored_each_for_itself():
    a, b = random_tensors(0), random_tensors(1)
    mask = np.ones(a.shape[:3], bool)
    mask[:, :, -3:] = False
    labels = np.zeros(mask.shape, np.int16)
    labels[:5], labels[5:8], labels[..., -1] = 4, 2, 9
    found = score_regions(a, b, mask, labels, {4: "corpus callosum", 7: "thalamus"})
    assert list(found) == ["region 2", "corpus callosum", "thalamus"]  # label 9 lies outside the mask
    region = found["corpus callosum"]
    where = mask & (labels == 4)
    alone = score(a, b, where)
    for key in ("psnr", "ecse", "wpsnr", "mse", "mms_error", "msa_error", "angle_median", "under_15", "voxels"):
        assert getattr(region, key) == pytest.approx(getattr(alone, key)), key
    assert region.ssim == pytest.approx(metrics.ssim_map(a, b, mask)[1][where].mean())
    assert found["thalamus"].voxels == 0 and math.isnan(found["thalamus"].ssim)


def test_regions_of_one_name_stay_apart():
    a, b = random_tensors(0), random_tensors(1)
    labels = np.ones(a.shape[:3], np.uint8)
    labels[6:] = 2
    found = score_regions(a, b, np.ones(labels.shape), labels, {1: "white", 2: "white"})
    assert list(found) == ["white", "white (2)"]


def test_bad_input_is_named():
    a = random_tensors(0)
    mask = np.ones(a.shape[:3], bool)
    with pytest.raises(
        InputError, match=r"tensor is 13x12x17x6, the reference 12x12x17x6 .*; bring all to the same grid"
    ):
        score(a, a[1:], mask)
    with pytest.raises(InputError, match="labels are 12x12x17 voxels and the tensor 13x12x17; draw the labels"):
        score_regions(a, a, mask, np.ones((12, 12, 17), int))
    with pytest.raises(InputError, match="the labels are not whole numbers"):
        score_regions(a, a, mask, np.ones(mask.shape))
    with pytest.raises(InputError, match="the figure 'speed' is not known; use one of psnr, ssim"):
        column("speed")


def test_columns_cover_every_figure():
    keys = {c.key for c in COLUMNS}
    assert keys == {name for name in Scores.__dataclass_fields__ if not name.endswith("voxels")}
    assert len({c.heading for c in COLUMNS}) == len(COLUMNS)  # no two columns look alike


def test_markdown_marks_the_best_and_shows_what_is_missing():
    good = score(PRED, CHI, MASK)
    bad = replace(good, psnr=good.psnr - 3, ecse=float("nan"), mms_error=2 * good.mms_error)
    text = markdown_table({"a|b": good, "bad": bad}, [column("psnr"), column("ecse"), column("mms_error")], heading="m")
    head, rule, first, second = text.splitlines()
    assert head == "| m | PSNR [dB] | ECSE | MMS error [ppb] |" and rule == "| :-- | --: | --: | --: |"
    assert first == f"| a\\|b | **{good.psnr:.2f}** | **{good.ecse:.3f}** | **{1000 * good.mms_error:.2f}** |"
    assert second.split(" | ")[2] == NOTHING and "**" not in second
    assert "**" not in markdown_table({"only": good})


def test_cells_that_read_the_same_are_both_best():
    good = score(PRED, CHI, MASK)
    text = markdown_table({"a": good, "b": replace(good, psnr=good.psnr + 1e-5)}, [column("psnr")])
    assert text.count("**") == 4


def test_markdown_keeps_one_line_a_row():
    assert markdown([["a", "b"], ["x\ny", "1"]]).splitlines()[-1] == "| x y | 1 |"


def test_csv_holds_every_figure_in_full(tmp_path):
    good = score(PRED, CHI, MASK)
    rows = {"first, second": good, "none": replace(good, ecse=float("nan"))}
    path = tmp_path / "scores.csv"
    write_csv(path, rows)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["result"] == "first, second" and float(first["psnr"]) == good.psnr
    assert int(first["voxels"]) == good.voxels and second["ecse"] == ""
    assert path.read_text(encoding="utf-8") == csv_text(rows)
    with pytest.raises(InputError, match="exists already"):
        write_csv(path, rows)
    write_csv(path, rows, overwrite=True)
