"""Separations as files: names, signs, sidecar, frames, and back."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.frames import rotate_tensors, to_ras
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.separations import load_separation, save_separation

SHAPE = (5, 4, 7)
RNG = np.random.default_rng(0)
AFFINE = np.diag([-1.0, 1.4, 2.0, 1.0]) @ np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
MASK = RNG.random(SHAPE) < 0.8
POS = (0.1 * RNG.random(SHAPE) * MASK).astype(np.float32)
NEG = (-0.05 * RNG.random(SHAPE) * MASK).astype(np.float32)


def tensor() -> TensorField:
    a = RNG.normal(size=(*SHAPE, 3, 3)) * 0.2
    m = -a @ a.swapaxes(-1, -2) * MASK[..., None, None]
    chi = np.stack([m[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], -1)
    return TensorField(chi, AFFINE, MASK)


def scalar(**more: object) -> SeparatedField:
    return SeparatedField(POS, NEG, AFFINE, relaxation(114, 90), MASK, name="head", **more)


def test_scalar_files_and_sidecar(tmp_path: Path) -> None:
    floor = SeparatedField(POS / 2, NEG / 2, AFFINE, relaxation(114, 90), MASK)
    made = scalar(closed_form=floor, further={"r2": 20 * POS}, provenance={"method": "wavesep", "inputs": []})
    sidecar = json.loads(save_separation(made, tmp_path / "out").read_text())
    expected = {"chi_pos", "chi_neg", "chi_total", "mask", "closed_form_chi_pos", "closed_form_chi_neg", "r2"}
    assert {p.name.removesuffix(".nii.gz") for p in (tmp_path / "out").glob("*.nii.gz")} == expected
    image = nib.load(tmp_path / "out" / "chi_neg.nii.gz")
    np.testing.assert_allclose(image.get_fdata(), -NEG, atol=1e-7)  # a magnitude
    np.testing.assert_allclose(image.affine, AFFINE)
    assert sidecar["dr"] == {"pos": 114.0, "neg": 90.0, "unit": "Hz/ppm", "source": "as stated"}
    assert sidecar["kind"] == "separation" and sidecar["units"]["r2"] == "Hz"
    assert all(len(entry["sha256"]) == 64 for entry in sidecar["files"].values())
    back = load_separation(tmp_path / "out")
    np.testing.assert_allclose(back.chi_pos, POS)
    np.testing.assert_allclose(back.chi_neg, NEG)
    np.testing.assert_allclose(back.closed_form.chi_neg, NEG / 2)
    np.testing.assert_array_equal(back.mask, MASK)
    assert back.relaxation == made.relaxation and back.provenance["method"] == "wavesep" and back.name == "head"


@pytest.mark.parametrize("frame", ["voxel", "ras", "lps", "fsl"])
def test_tensor_files_in_every_frame(tmp_path: Path, frame: str) -> None:
    made = SeparatedField(POS, None, AFFINE, relaxation(114), MASK, chi_neg_tensor=tensor())
    sidecar = json.loads(save_separation(made, tmp_path, frame=frame).read_text())
    assert sidecar["frame"] == frame and sidecar["order"] == ["xx", "xy", "xz", "yy", "yz", "zz"]
    image = nib.load(tmp_path / "chi_neg_tensor.nii.gz")
    world = rotate_tensors(made.chi_neg_tensor.chi, to_ras("voxel", AFFINE))
    np.testing.assert_allclose(rotate_tensors(image.get_fdata(), to_ras(frame, AFFINE)), world, atol=1e-6)
    mean = nib.load(tmp_path / "chi_neg.nii.gz").get_fdata()
    np.testing.assert_allclose(mean, -made.chi_neg_tensor.mms, atol=1e-6)
    assert mean.min() >= 0
    assert nib.load(tmp_path / "chi_neg_pev.nii.gz").shape == (*SHAPE, 3)
    back = load_separation(tmp_path / "result.json")
    np.testing.assert_allclose(back.chi_neg_tensor.chi, made.chi_neg_tensor.chi, atol=1e-6)


def test_other_names_on_request(tmp_path: Path) -> None:
    save_separation(scalar(), tmp_path, naming="para-dia")
    np.testing.assert_allclose(nib.load(tmp_path / "chi-para.nii.gz").get_fdata(), POS, atol=1e-7)
    np.testing.assert_allclose(nib.load(tmp_path / "chi-dia.nii.gz").get_fdata(), -NEG, atol=1e-7)
    np.testing.assert_allclose(load_separation(tmp_path).chi_neg, NEG, atol=1e-7)
    with pytest.raises(InputError, match="the naming 'bids' is not known; use one of sti, para-dia"):
        save_separation(scalar(), tmp_path / "x", naming="bids")


def test_the_package_of_the_other_program_scores_the_files(tmp_path: Path) -> None:
    scoring = pytest.importorskip("qsm_ci.qsm_eval", reason="qsm-ci is not installed")
    folders = tmp_path / "truth", tmp_path / "found"
    noise = (0.01 * RNG.normal(size=SHAPE)).astype(np.float32) * MASK
    found = SeparatedField(np.maximum(POS + noise, 0), np.minimum(NEG + noise, 0), AFFINE, relaxation(114), MASK)
    for folder, one in zip(folders, (scalar(), found), strict=True):
        save_separation(one, folder, naming="para-dia")
    for part, true in (("para", POS), ("dia", -NEG)):
        ours, theirs = (scoring.load(folder / f"chi-{part}.nii.gz") for folder in folders[::-1])
        scores = scoring.score_arrays(ours, theirs, MASK, kind="chisep", component=part)
        mine = getattr(found, "chi_pos" if part == "para" else "chi_neg_magnitude")
        expected = np.corrcoef(mine[MASK], true[MASK])[0, 1]
        values = [v for v in flat(scores) if isinstance(v, float)]
        assert any(v == pytest.approx(expected, abs=1e-4) for v in values), scores


def flat(scores: object) -> list[object]:
    if isinstance(scores, dict):
        return [value for item in scores.values() for value in flat(item)]
    return [value for item in scores for value in flat(item)] if isinstance(scores, list | tuple) else [scores]


def test_nothing_is_replaced(tmp_path: Path) -> None:
    save_separation(scalar(), tmp_path)
    with pytest.raises(InputError, match="is not empty"):
        save_separation(scalar(), tmp_path)
    save_separation(scalar(), tmp_path, overwrite=True)
    source = {"inputs": [{"role": "chi", "path": str(tmp_path / "chi_total.nii.gz")}]}
    with pytest.raises(InputError, match="the result would replace this file, from which it is made; choose another"):
        save_separation(scalar(provenance=source), tmp_path, overwrite=True)


def test_folders_without_a_separation_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no finished result \(result.json is missing\)"):
        load_separation(tmp_path)
    for text in ("{", "[]", '{"format": "napari-sti result", "version": 1, "files": {}}'):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match="this is not the sidecar of a separation; choose a folder that separate"):
            load_separation(tmp_path)
    whole = save_separation(scalar(), tmp_path, overwrite=True)
    content = json.loads(whole.read_text())
    for broken in ({"files": {}}, {"dr": {}}, {"dr": {"pos": "x", "neg": 1, "source": ""}}):
        whole.write_text(json.dumps({**content, **broken}))
        with pytest.raises(InputError, match="this sidecar lacks an entry; run the separation again"):
            load_separation(tmp_path)
