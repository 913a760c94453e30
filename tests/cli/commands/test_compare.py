"""``napari-sti compare``: the files that it writes, and what it refuses."""

import csv
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result, save_tensor

SHAPE = (12, 13, 11)
AFFINE = np.diag([-2.0, 2, 3, 1])
ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    truth = TensorField(frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :]), AFFINE)
    save_tensor(truth, folder / "truth.nii.gz")
    save_result(replace(truth, chi=truth.chi + rng.normal(0, 0.003, truth.chi.shape)), folder / "one")
    other = replace(truth, chi=truth.chi + rng.normal(0, 0.01, truth.chi.shape)).reordered(ORDER)
    save_result(other, folder / "two", frame="lps")
    directions = frames.rotate_vectors(truth.pev, frames.between("voxel", "ras", AFFINE))
    labels = np.ones(SHAPE, np.uint8)
    labels[6:] = 2
    for name, values in (("V1", directions), ("FA", np.full(SHAPE, 0.5)), ("labels", labels), ("half", labels - 1)):
        nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE), folder / f"{name}.nii.gz")
    return folder


def rows(out):
    with open(out / "comparison.csv", newline="") as stream:
        return {(row["region"], row["result"]): row for row in csv.DictReader(stream)}


def test_files_of_a_comparison(data, tmp_path, capsys):
    out = tmp_path / "out"
    words = [str(data / "one"), str(data / "two"), "--reference", str(data / "truth.nii.gz")]
    assert main(["compare", *words, "--labels", str(data / "labels.nii.gz"), "-o", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "angle_one.nii.gz",
        "angle_two.nii.gz",
        "comparison.csv",
        "comparison.md",
        "figure.png",
    ]
    said = capsys.readouterr().out
    assert "# Compared with truth" in said and "| one | **" in said
    found = rows(out)
    assert set(found) == {(r, n) for r in ("all", "region 1", "region 2") for n in ("one", "two")}
    angles = nib.load(out / "angle_two.nii.gz")
    assert angles.shape == (11, 12, 13) or angles.shape != SHAPE, "as the result is stored"
    assert np.nanmean(angles.get_fdata()) == pytest.approx(float(found["all", "two"]["angle_mean"]), abs=1e-3)
    assert main(["compare", *words, "-o", str(out)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main(["compare", *words, "-o", str(out), "--overwrite"]) == 0


def test_the_first_result_is_the_reference_where_none_is_given(data, tmp_path, capsys):
    assert main(["compare", str(data / "truth.nii.gz"), str(data / "one"), "-o", str(tmp_path / "out")]) == 0
    assert "compared with truth" in capsys.readouterr().out
    assert list(rows(tmp_path / "out")) == [("all", "one")]


def test_beside_a_dti(data, tmp_path, capsys):
    words = ["compare", str(data / "one"), str(data / "two"), "--reference", str(data / "V1.nii.gz")]
    assert main([*words, "--fa", str(data / "FA.nii.gz"), "--frame", "ras", "-o", str(tmp_path / "out")]) == 0
    found = rows(tmp_path / "out")
    assert float(found["all", "one"]["angle_mean"]) < float(found["all", "two"]["angle_mean"])
    assert "psnr" not in found["all", "one"] and "fa_correlation" in found["all", "one"]
    assert "fibre coherence index" in (tmp_path / "out" / "comparison.md").read_text()
    capsys.readouterr()
    assert main([*words, "--fa", str(data / "FA.nii.gz"), "-o", str(tmp_path / "more")]) == 2
    assert "V1.nii.gz: the axes of these directions are stated nowhere" in capsys.readouterr().err
    assert main([*words, "--frame", "ras", "-o", str(tmp_path / "more")]) == 2
    assert "give the FA as well" in capsys.readouterr().err


def test_masks(data, tmp_path):
    half = str(data / "half.nii.gz")
    words = ["compare", str(data / "one"), "--reference", str(data / "truth.nii.gz")]
    assert main([*words, "--mask", half, "-o", str(tmp_path / "mask")]) == 0
    assert int(rows(tmp_path / "mask")["all", "one"]["voxels"]) == 6 * 13 * 11
    assert main([*words, "--white", half, "-o", str(tmp_path / "white")]) == 0
    row = rows(tmp_path / "white")["all", "one"]
    assert (int(row["voxels"]), int(row["angle_voxels"])) == (12 * 13 * 11, 6 * 13 * 11)


def test_what_is_refused(data, tmp_path, capsys):
    one = str(data / "one")
    assert main(["compare", one, "-o", str(tmp_path / "out")]) == 2
    assert "one result alone cannot be compared; give a second one, or --reference" in capsys.readouterr().err
    assert main(["compare", one, one, "-o", str(tmp_path / "out")]) == 2
    assert "the same result was given twice" in capsys.readouterr().err
    assert main(["compare", one, str(data), "-o", str(tmp_path / "out")]) == 2
    assert "holds no finished result" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
