"""``napari-sti separate`` as a person types it."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.io.nifti import write_volume
from napari_sti.io.save import save_acquisition
from tests.recon.test_separation_registry import study


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return save_acquisition(study("tensor", 3, order="LSA"), tmp_path_factory.mktemp("separate") / "study")


def run(capsys, *words):
    capsys.readouterr()
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def mistake(capsys, *words) -> str:
    status, _, err = run(capsys, "separate", *words)
    lines = err.strip().splitlines()
    assert status == 2 and len(lines) == 1, err
    return lines[0]


def test_writes_the_promised_files_and_says_dr(file, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    words = ("-m", "wavesep", "-p", "max_iterations=5", "--dr", "137", "--frame", "ras", "-o", out)
    status, said, err = run(capsys, "separate", file, *words)
    assert status == 0 and "WaveSep" in said and str(out) in said
    assert "note: Dr = 137 Hz/ppm (chi-separation toolbox (Shin 2021), at 3 T)." in err
    sidecar = json.loads((out / "result.json").read_text())
    assert sidecar["dr"]["pos"] == 137 and sidecar["frame"] == "ras"
    assert sidecar["provenance"]["params"]["max_iterations"] == 5 and sidecar["provenance"]["simulated"] is True
    mask = nib.load(file.parent / "mask.nii.gz")
    for name, extra in (("chi_pos", ()), ("chi_neg", ()), ("chi_neg_tensor", (6,)), ("closed_form_chi_pos", ())):
        image = nib.load(out / f"{name}.nii.gz")
        assert image.shape == mask.shape + extra
        np.testing.assert_allclose(image.affine, mask.affine, atol=1e-5)


def test_files_beside_the_study(file, tmp_path, capsys) -> None:
    given = study("tensor", 3, order="LSA")
    star = [tmp_path / f"star{i}.nii.gz" for i in range(3)]
    for path, rate in zip(star, given.r2prime, strict=True):
        write_volume(path, rate + 13, given.affine)
    words = ("-m", "closed_form", "--r2star", *star, "--constant-r2", 13, "--naming", "para-dia", "-o", tmp_path / "a")
    status, _, err = run(capsys, "separate", file, *words)
    assert status == 0 and "less a constant R2 of 13 Hz" in err
    assert (tmp_path / "a" / "chi-para.nii.gz").is_file() and (tmp_path / "a" / "chi-dia.nii.gz").is_file()


def test_mistakes_are_one_line(file, tmp_path, capsys) -> None:
    out = ("-o", tmp_path / "out")
    assert "Dr+ = 0 Hz/ppm is not positive" in mistake(capsys, file, "-m", "wavesep", "--dr", 0, *out)
    assert "did you mean 'wavesep'?" in mistake(capsys, file, "-m", "wave", *out)
    assert "did you mean 'lam_pos'?" in mistake(capsys, file, "-m", "wavesep", "-p", "lam_po=1", *out)
    assert "does not separate tensors" in mistake(capsys, file, "-m", "kernel_map", *out)
    assert "starts from field maps" not in mistake(capsys, file, "-m", "chi_sep", "--chi", "qsm", "--dr", "x", *out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    assert "is not empty" in mistake(capsys, file, "-m", "wavesep", "-o", tmp_path / "full")
    assert not (tmp_path / "out").exists()


def test_ppb_and_milliseconds(tmp_path, capsys) -> None:
    given = study("scalar", 1)
    ppb = save_acquisition(replace(given, te=None, qsm=given.qsm * 1000), tmp_path / "ppb")
    slow = save_acquisition(replace(given, te=None, r2prime=given.r2prime / 1000), tmp_path / "slow")
    assert "looks like ppb; divide it by 1000" in mistake(capsys, ppb, "-m", "wavesep", "-o", tmp_path / "out")
    assert "looks like 1/ms; multiply it by 1000" in mistake(capsys, slow, "-m", "wavesep", "-o", tmp_path / "out")


def test_a_study_survives_being_written_with_all_rates(tmp_path) -> None:
    from napari_sti.io.load import load_study

    given = study("scalar", 2)
    whole = replace(given, te=None, r2star=given.r2prime + 14, r2=np.full(given.shape, 14.0))
    back = load_study(save_acquisition(whole, tmp_path / "study"))
    np.testing.assert_allclose(back.r2star, whole.r2star, atol=1e-5)
    np.testing.assert_allclose(back.r2, whole.r2, atol=1e-5)


def test_methods_are_listed(capsys) -> None:
    status, said, _ = run(capsys, "methods", "--separation")
    assert status == 0 and "wavesep: WaveSep" in said and "-p lam_pos=" in said
    listed = json.loads(run(capsys, "methods", "--separation", "--json")[1])
    assert set(listed) >= {"closed_form", "wavesep", "chi_sep", "kernel_map"}
    assert listed["chi_sep"]["needs"] == {"starts_from": "field", "forms": ["scalar"]}


def test_regions_are_written_for_the_method_and_the_closed_form(file, tmp_path, capsys) -> None:
    mask = nib.load(file.parent / "mask.nii.gz")
    labels = np.asarray(mask.dataobj).astype(np.int16)
    labels[: labels.shape[0] // 2] *= 4
    write_volume(tmp_path / "labels.nii.gz", labels, mask.affine)
    out, words = tmp_path / "out", ("-m", "wavesep", "-p", "max_iterations=3", "--regions", tmp_path / "labels.nii.gz")
    assert run(capsys, "separate", file, *words, "-o", out)[0] == 0
    rows = [line.split(",") for line in (out / "regions.csv").read_text().splitlines()]
    assert [row[0] for row in rows[1:]] == ["label 1"] * 4 + ["label 4"] * 4
    assert {row[1] for row in rows[1:]} == {"wavesep", "closed form"} and rows[0][4] == "p5 [ppm]"
    pos = np.asarray(nib.load(out / "chi_pos.nii.gz").dataobj)
    assert float(rows[5][6]) == pytest.approx(np.median(pos[labels == 4]), rel=1e-4)
    write_volume(tmp_path / "small.nii.gz", labels[1:], mask.affine)
    said = mistake(capsys, file, "-m", "closed_form", "--regions", tmp_path / "small.nii.gz", "-o", tmp_path / "b")
    assert "small.nii.gz" in said and "label image" in said
