"""The files of a comparison: numbers in full precision, tables that can be read, angle maps as their results lie."""

import csv
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import Volume
from napari_sti.maps.comparison import compare
from napari_sti.maps.comparison_files import angle_files, comparison_markdown, write_comparison

SHAPE = (12, 11, 13)
AFFINE = np.diag([-2.0, 1.5, 3, 1])
ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


def tensors():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    truth = TensorField(frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :]), AFFINE)
    noisy = replace(truth, chi=truth.chi + rng.normal(0, 0.004, truth.chi.shape))
    worse = replace(truth, chi=truth.chi + rng.normal(0, 0.01, truth.chi.shape)).reordered(ORDER)
    return truth, {"stiimag 1": noisy, "mmsr/2": worse}


@pytest.fixture(scope="module")
def compared():
    truth, given = tensors()
    labels = np.ones(SHAPE, np.float32)
    labels[6:] = 2
    names = {1: "left | half"}
    volume = Volume(labels, AFFINE, Path("labels.nii"))
    return compare(given, truth, reference_name="truth", labels=volume, names=names), given


def test_csv_has_every_number(compared, tmp_path):
    comparison, given = compared
    write_comparison(comparison, given, tmp_path / "out")
    with open(tmp_path / "out" / "comparison.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["region"], row["result"]) for row in rows] == [
        (region, name) for region in ("all", "left | half", "region 2") for name in given
    ]
    for row in rows:
        scores = comparison.scores if row["region"] == "all" else comparison.regions[row["region"]]
        for key in ("psnr", "mse", "angle_mean", "under_15", "voxels"):
            assert float(row[key]) == getattr(scores[row["result"]], key), key
        assert row["reference"] == "truth"


def test_markdown_marks_the_best(compared):
    text = comparison_markdown(compared[0])
    assert text.startswith("# Compared with truth\n")
    assert "1716 voxels" in text and "where the MSA of truth exceeds 0.015 ppm" in text
    line = next(line for line in text.splitlines() if line.startswith("| stiimag 1"))
    assert line.count("**") == 2 * 13, "the less noisy one is the best in everything"
    assert "## left | half" in text and "## region 2" in text


def test_angle_maps_lie_as_their_results(compared, tmp_path):
    comparison, given = compared
    files = write_comparison(comparison, given, tmp_path / "out")
    assert [file.name for file in files] == [
        "comparison.csv",
        "comparison.md",
        "angle_stiimag-1.nii.gz",
        "angle_mmsr-2.nii.gz",
    ]
    for name, file in zip(given, files[2:], strict=True):
        image = nib.load(file)
        np.testing.assert_allclose(image.affine, given[name].affine, atol=1e-5)
        assert image.shape == given[name].shape
        values = image.get_fdata()
        counted = np.isfinite(values)
        assert values[counted].mean() == pytest.approx(comparison.scores[name].angle_mean, abs=1e-3)
        assert values[counted].min() >= 0 and values[counted].max() <= 90
    with pytest.raises(InputError, match="not empty"):
        write_comparison(comparison, given, tmp_path / "out")
    write_comparison(comparison, given, tmp_path / "out", overwrite=True)


def test_names_that_would_fall_together_are_refused():
    assert angle_files({"a b": 1, "../..": 2}) == {"a b": "angle_a-b.nii.gz", "../..": "angle_result.nii.gz"}
    with pytest.raises(InputError, match="two of the results"):
        angle_files({"a b": 1, "a-b": 2})
