"""Bad studies on the command line: exit status 2, one line that names the file and the mend, nothing left behind."""

import nibabel
import numpy as np
import pytest
import yaml

from napari_sti.cli import main
from tests.io.bad_files import SAID, make_bad_file
from tests.io.studies import SHAPE, acquisition, ball, grid, rotation

STRAIGHT, TILTED = [0.0, 0.0, 1.0], [0.0, 0.6, 0.8]


def save(path, data, affine=None, *, qform=None):
    """A file as another program would leave it."""
    affine = grid() if affine is None else affine
    image = nibabel.Nifti1Image(data, None)
    image.set_sform(affine, code=1)
    if qform is not False:
        image.set_qform(affine if qform is None else qform, code=1)
    image.to_filename(path)


@pytest.fixture
def content(tmp_path):
    """A good study; its keys, still to be written."""
    fields = acquisition(n=2).field
    for i in (0, 1):
        save(tmp_path / f"f{i + 1}.nii.gz", fields[i])
    save(tmp_path / "mask.nii.gz", ball().astype(np.uint8))
    return {
        "tesla": 3,
        "units": "ppm",
        "frame": "ras",
        "field": ["f1.nii.gz", "f2.nii.gz"],
        "b0_dirs": [STRAIGHT, TILTED],
        "mask": "mask.nii.gz",
    }


def write(folder, content):
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / "study.yaml").write_text(text)
    return folder / "study.yaml"


def refused(capsys, study, out):
    """The single line on standard error of a reconstruction that must not start."""
    before = sorted(out.parent.iterdir())
    capsys.readouterr()
    status = main(["recon", str(study), "-m", "stiimag", "-o", str(out)])
    said = capsys.readouterr()
    assert status == 2 and said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("napari-sti: "), said.err
    assert sorted(out.parent.iterdir()) == before
    return lines[0]


def _sheared():
    affine = grid()
    affine[0, 1] = 0.3
    return affine


def _turned():
    affine = grid()
    affine[:3, :3] = rotation() @ affine[:3, :3]
    return affine


def _with(value):
    data = acquisition(n=1).field[0].copy()
    data[3, 4, 3] = value
    return data


FIELD = acquisition(n=1).field[0]
RGB = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
PHASE = np.random.default_rng(0).integers(0, 4096, SHAPE).astype(np.int16)


@pytest.mark.parametrize(
    ("name", "data", "codes", "says"),
    [
        ("f2", np.zeros((5, 5, 5), np.float32), {}, "the field is 5x5x5 voxels, f1.nii.gz is 7x9x6"),
        ("mask", np.zeros((5, 5, 5), np.uint8), {}, "the mask is 5x5x5 voxels, f1.nii.gz is 7x9x6"),
        ("f2", FIELD, {"affine": _turned()}, "two affines that disagree"),
        ("mask", np.zeros(SHAPE, np.uint8), {}, "the mask is empty; give a mask"),
        ("f1", _with(np.nan), {}, "has 1 NaN or infinite value inside the mask; shrink"),
        ("f2", _with(np.inf), {}, "has 1 NaN or infinite value inside the mask; shrink"),
        ("f1", np.zeros(SHAPE, np.float32), {}, "is zero everywhere inside the mask; check"),
        ("f1", FIELD.astype(np.complex64), {}, "holds complex values; give real values"),
        ("f1", RGB, {}, "holds RGB colours; give numbers"),
        ("f1", np.stack([FIELD] * 2, -1), {}, "has 4 dimensions (7x9x6x2) where 3 are expected; give one volume"),
        ("f1", FIELD, {"affine": _sheared(), "qform": False}, "the affine is sheared"),
        ("f1", FIELD, {"qform": _turned()}, "sform and qform are two affines that disagree"),
        ("f2", PHASE, {}, "phase in arbitrary scanner units"),
    ],
)
def test_bad_volumes(tmp_path, capsys, content, name, data, codes, says):
    save(tmp_path / f"{name}.nii.gz", data, **codes)
    line = refused(capsys, write(tmp_path, content), tmp_path / "out")
    assert f"{tmp_path}/{name}.nii.gz: " in line and says in line


@pytest.mark.parametrize("name", SAID)
def test_files_that_are_no_whole_images(tmp_path, capsys, content, name):
    path = make_bad_file(tmp_path, name)
    line = refused(capsys, write(tmp_path, content | {"field": ["f1.nii.gz", name]}), tmp_path / "out")
    assert f"{path}: {SAID[name]}" in line


def test_a_text_file_as_field_map_and_a_folder(tmp_path, capsys, content):
    (tmp_path / "notes.txt").write_text("0 0 1\n")
    for name, says in (("notes.txt", "this is a text file, not a NIfTI image"), (".", "the field is a folder")):
        line = refused(capsys, write(tmp_path, content | {"field": ["f1.nii.gz", name]}), tmp_path / "out")
        assert says in line and "B0" not in line


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"b0_dirs": [STRAIGHT]}, "2 field maps but 1 B0 direction; give one direction"),
        ({"b0_dirs": [STRAIGHT, [0, 0, 0]]}, "orientation 2 is zero; give a unit vector"),
        ({"b0_dirs": [STRAIGHT, [0, 0, 0.9]]}, "orientation 2 has length 0.9 instead of 1; give a unit vector"),
        ({"units": "rad", "te": 20}, "looks like milliseconds; give te in seconds, for example 0.02"),
        ({"units": "rad"}, "needs the echo time; state te"),
        ({"units": "Hz", "tesla": None}, "needs the field strength; state B0"),
        ({"tesla": int("1" + "0" * 400)}, "the value of 'tesla' is not right; give a number"),
        ({"frame": None}, "is not stated; state frame"),
        ({"mask": None}, "the study has no brain mask; add a mask"),
        ({"maks": "a.nii"}, "the key 'maks' is not known; did you mean 'mask'?"),
    ],
)
def test_bad_keys(tmp_path, capsys, content, change, says):
    study = write(tmp_path, content | change)
    line = refused(capsys, study, tmp_path / "out")
    assert f"{study}: " in line and says in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("field: [a.nii\nmask: b.nii\n", "broken YAML in line 2"),
        ("name: !!python/object/apply:os.system ['touch OWNED']\n", "asks for object construction"),
        ("a: &a [x]\nname: *a\n", "the alias *a in line 2 repeats another part of the file"),
    ],
)
def test_bad_text(tmp_path, capsys, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    study = write(tmp_path, text)
    line = refused(capsys, study, tmp_path / "out")
    assert f"{study}: " in line and says in line


def test_phase_of_a_scanner_in_hertz(tmp_path, capsys, content):
    save(tmp_path / "f1.nii.gz", PHASE)
    line = refused(capsys, write(tmp_path, content | {"units": "Hz"}), tmp_path / "out")
    assert "f1.nii.gz: " in line and "scanner units, not Hz; bring the phase to radians" in line


def test_missing_files(tmp_path, capsys, content):
    study = write(tmp_path, content)
    (tmp_path / "f2.nii.gz").unlink()
    assert f"{tmp_path}/f2.nii.gz: the file of the field does not exist" in refused(capsys, study, tmp_path / "out")
    study.unlink()
    assert f"{study}: there is no such file" in refused(capsys, study, tmp_path / "out")


def test_bad_output_folders(tmp_path, capsys, content):
    study = write(tmp_path, content)
    (tmp_path / "taken").write_text("kept")
    assert f"{tmp_path}/taken: taken is a file, not a folder" in refused(capsys, study, tmp_path / "taken")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("kept")
    assert f"{tmp_path}/full: " in refused(capsys, study, tmp_path / "full")
    long = tmp_path / ("x" * 400)
    assert "cannot be written (File name too long)" in refused(capsys, study, long)


def test_the_good_study_is_taken(tmp_path, content):
    study = write(tmp_path, content)
    out = tmp_path / "out"
    assert main(["recon", str(study), "-m", "stiimag", "-p", "max_iterations=1", "-o", str(out)]) == 0
