"""``napari-sti masks`` as a person types it."""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.io.load import load_study
from napari_sti.io.nifti import write_volume
from napari_sti.io.study import read_study
from tests import onion


@pytest.fixture
def head(tmp_path):
    """A study in a permuted, flipped and oblique order of storage."""
    return onion.write_head(tmp_path / "head", order="SRP", turn=14.0).path


def run(capsys, *words):
    capsys.readouterr()
    status = main([str(w) for w in words])
    said = capsys.readouterr()
    return status, said.out, said.err


def mistake(capsys, *words):
    status, _, err = run(capsys, *words)
    assert status == 2 and len(err.strip().splitlines()) == 1, err
    return err.strip()


def test_masks_and_a_new_study(head, tmp_path, capsys):
    before = head.read_bytes()
    out = tmp_path / "elsewhere" / "masks"
    status, said, err = run(capsys, "masks", head, "--contrast", "t1", "-o", out)
    assert status == 0 and not err and "white matter" in said and " ml" in said
    assert {p.name for p in out.iterdir()} == {"wm_mask.nii.gz", "csf_mask.nii.gz", "masks.json", "study.yaml"}
    assert head.read_bytes() == before
    new, old = load_study(out / "study.yaml"), load_study(head)
    np.testing.assert_array_equal(new.field, old.field)
    np.testing.assert_allclose(new.b0_dirs, old.b0_dirs, atol=1e-6)
    assert new.wm_mask.sum() == nib.load(out / "wm_mask.nii.gz").get_fdata().sum() > 100
    assert new.csf_mask.any() and not (new.wm_mask & new.csf_mask).any() and new.warnings == ()
    assert json.loads((out / "masks.json").read_text())["contrast"] == "t1"


def test_out_is_beside_the_study_by_default_and_the_folder_can_be_moved(head, tmp_path, capsys):
    assert run(capsys, "masks", head, "--contrast", "t1")[0] == 0
    assert "wm_mask: wm_mask.nii.gz" in (head.parent / "masks" / "study.yaml").read_text()
    moved = head.parent.rename(tmp_path / "moved")
    assert load_study(moved / "masks" / "study.yaml").wm_mask.any()


def test_nothing_is_overwritten(head, capsys):
    words = ("masks", head, "--contrast", "t1")
    assert run(capsys, *words)[0] == 0
    assert "not empty" in mistake(capsys, *words)
    assert run(capsys, *words, "--overwrite")[0] == 0
    assert "would replace this file" in mistake(capsys, *words, "-o", head.parent, "--overwrite")
    # A second estimate on the new study says what it puts aside.
    again = head.parent / "masks" / "study.yaml"
    status, _, err = run(capsys, "masks", again, "--contrast", "t1", "-o", head.parent / "second")
    assert status == 0 and "this CSF mask instead of" in err
    assert read_study(head.parent / "second" / "study.yaml").csf_mask == head.parent / "second" / "csf_mask.nii.gz"


def test_given_image(head, tmp_path, capsys):
    image = tmp_path / "my_t1.nii"
    write_volume(image, onion.t1_image(seed=9), onion.affine(turn=14.0))
    assert run(capsys, "masks", head, "--image", image, "--contrast", "t1", "-o", tmp_path / "a")[0] == 0
    write_volume(tmp_path / "shifted.nii", onion.t1_image(), onion.affine(turn=0.0))
    words = ("masks", head, "--contrast", "t1", "-o", tmp_path / "b")
    assert "two affines that disagree" in mistake(capsys, *words, "--image", tmp_path / "shifted.nii")
    assert "does not exist" in mistake(capsys, *words, "--image", tmp_path / "none.nii")
    assert not (tmp_path / "b").exists()


def test_contrast_is_never_guessed(head, capsys):
    assert "contrast of the image is not stated; write --contrast t1" in mistake(capsys, "masks", head)
    assert "'T2' is not known" in mistake(capsys, "masks", head, "--contrast", "T2")


def test_doubts_are_printed(head, tmp_path, capsys):
    status, _, err = run(capsys, "masks", head, "--contrast", "t2star", "-o", tmp_path / "out")
    assert status == 0 and "note: " in err and "unlikely" in err
