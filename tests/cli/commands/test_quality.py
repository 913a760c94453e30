"""``napari-sti quality``: the page, the mend in a new folder, and what it refuses."""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.evaluate import quality_figures
from napari_sti.io.results import save_result
from napari_sti.maps.flips import MENDS, mended, parse_mend
from tests.maps import bundled
from tests.maps.test_dti_mends import spoil


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    save_result(bundled.tensor(), folder / "right", frame="ras")
    save_result(mended(bundled.tensor(), parse_mend("-x,y,z")), folder / "wrong", frame="ras")
    # as a person has it: flipped by somebody else, who recorded nothing
    sidecar = folder / "wrong" / "result.json"
    content = json.loads(sidecar.read_text())
    del content["provenance"][MENDS], content["provenance"]["remarks"]
    sidecar.write_text(json.dumps(content))
    bundled.write_dti(folder)
    return folder


@pytest.fixture(autouse=True)
def _quick_pictures(monkeypatch):
    """Drawing is tested where it is done."""
    monkeypatch.setattr(quality_figures, "quality_pictures", lambda quality: iter([PICTURE]))


PICTURE = quality_figures.Picture("maps", "a picture", b"\x89PNG light", b"\x89PNG dark")


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_a_page(files, tmp_path, capsys):
    dti = ["--dti", str(files / "V1.nii.gz"), str(files / "FA.nii.gz"), "--dti-frame", "fsl"]
    assert main(["quality", str(files / "wrong"), *dti, "-o", str(tmp_path / "page")]) == 0
    said = capsys.readouterr().out
    assert "after flipping x of the voxel axes" in said and "outside of the rule of thumb" in said
    assert "Mean angle of PEV and V1" in said and "page in" in said
    assert sorted(p.name for p in (tmp_path / "page").iterdir()) == [
        "angle.nii.gz",
        "pictures",
        "quality.html",
        "quality.json",
    ]


def test_mend_and_undo(files, tmp_path, capsys):
    before = bytes_of(files / "wrong")
    assert main(["quality", str(files / "wrong"), "--mend", "auto", "-o", str(tmp_path / "mended")]) == 0
    assert "Mended by flipping x of the voxel axes" in capsys.readouterr().out
    assert bytes_of(files / "wrong") == before
    content = json.loads((tmp_path / "mended" / "result.json").read_text())
    (record,) = content["provenance"][MENDS]
    assert content["frame"] == "ras" and record["of"]["path"].endswith("wrong/chi.nii.gz") and record["why"]
    mends, right = (nib.load(f / "chi.nii.gz").get_fdata() for f in (tmp_path / "mended", files / "right"))
    np.testing.assert_allclose(mends, right, atol=1e-8)
    assert main(["quality", str(tmp_path / "mended"), "--mend", "undo", "-o", str(tmp_path / "undone")]) == 0
    undone, wrong = (nib.load(f / "chi.nii.gz").get_fdata() for f in (tmp_path / "undone", files / "wrong"))
    np.testing.assert_allclose(undone, wrong, atol=1e-8)


def test_v1_with_a_flip_is_mended_for_the_page_or_as_a_copy(files, tmp_path, capsys):
    v1, fa, right = spoil(tmp_path / "dti", "z,y,-x")
    words = ["quality", str(files / "right"), "--dti", str(v1), str(fa), "--dti-frame", "fsl"]
    assert main([*words, "-o", str(tmp_path / "page")]) == 0
    told = json.loads((tmp_path / "page" / "quality.json").read_text())["dti"]
    page = (tmp_path / "page" / "quality.html").read_text()
    assert told["angle_mean"] > 30 and told["mended"] == "" and f"--dti-mend={told['mend']}</code>" in page
    assert f"Proposed mend of V1: {told['mend']}" in page

    assert main([*words, "--dti-mend=auto", "-o", str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "quality.json").read_text())
    assert again["dti"]["angle_mean"] < 0.1 and again["dti"]["mend"] == "" and again["command"].count("--dti-mend=auto")
    (record,) = again["dti"]["mends"]
    assert record["mend"] == told["mend"] and record["of"]["path"] == str(v1) and record["inverse"]
    assert "V1 was compared as mended" in (tmp_path / "again" / "quality.html").read_text()

    before, capsys_text = v1.read_bytes(), capsys.readouterr()
    copy = ["quality", str(v1), "--fa", str(fa), "--frame", "fsl", "--mend", "auto", "-o", str(tmp_path / "mended")]
    assert main(copy) == 0 and v1.read_bytes() == before and capsys_text.out
    assert "the file itself is as it was" in capsys.readouterr().out
    stored = nib.load(tmp_path / "mended" / "V1.nii.gz").get_fdata(dtype=np.float32)
    assert np.array_equal(stored, right) or np.array_equal(stored, -right)
    undo = ["quality", str(tmp_path / "mended" / "V1.nii.gz"), "--mend", "undo", "-o", str(tmp_path / "undone")]
    assert main(undo) == 0
    np.testing.assert_array_equal(nib.load(tmp_path / "undone" / "V1.nii.gz").get_fdata(), nib.load(v1).get_fdata())
    assert main([*copy[:-1], str(v1.parent), "--overwrite"]) == 2
    assert "the mended copy would replace this file" in capsys.readouterr().err and v1.read_bytes() == before
    assert main(["quality", str(v1), "-o", str(tmp_path / "no")]) == 2
    assert "this is V1 of a DTI and no tensor; mend it by --mend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["right", "--mend", "auto"],
            "there is nothing to mend (The directions run along the bundles best as they are",
        ),
        (["right", "--mend", "undo"], "no mend was applied to this result, so that none can be undone"),
        (["right", "--mend", "x,x,z"], "does not name each of the axes x, y, z once"),
        (["right", "--mend", "auto", "--study", "s.yaml"], "--mend needs the result alone"),
        (["right", "--dti-frame", "fsl"], "--dti-frame goes with --dti"),
        (["right", "--dti-mend", "auto"], "--dti-mend goes with --dti"),
        (["right", "--fa", "fa.nii.gz"], "--fa goes with --mend of V1"),
        (["right", "--mend", "auto", "--fa", "fa.nii.gz"], "--fa goes with --mend of V1, and this is a result"),
        (["nowhere"], "nowhere"),
    ],
)
def test_one_sentence_for_what_cannot_be(files, tmp_path, capsys, words, said):
    result, *more = words
    assert main(["quality", str(files / result), *more, "-o", str(tmp_path / "out")]) == 2
    *before, error = capsys.readouterr().err.strip().splitlines()
    assert said in error and not [line for line in before if not line.startswith("quality: ")]
    assert not (tmp_path / "out").exists()


def test_the_old_result_is_never_replaced(files, capsys):
    before = bytes_of(files / "right")
    words = ["quality", str(files / "right"), "--mend", "y,x,z", "-o", str(files / "right"), "--overwrite"]
    assert main(words) == 2
    assert "the result would replace this file, from which it is made" in capsys.readouterr().err
    assert bytes_of(files / "right") == before
