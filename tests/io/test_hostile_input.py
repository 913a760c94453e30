"""Input that is broken on purpose or by an accident: one sentence that names the file, and nothing else."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping
from napari_sti.io.atomic import check_folder
from napari_sti.io.nifti import check_volume, read_volume, write_volume
from napari_sti.io.results import load_result, load_tensor, save_result
from napari_sti.io.study import Orientation, Study, read_study, write_study
from tests.io.bad_files import SAID, make_bad_file
from tests.io.studies import SHAPE, grid, tensor, write_study_files
from tests.io.test_nifti import save, volume


def refusal(function, *given, **more):
    with pytest.raises(InputError) as error:
        function(*given, **more)
    message = str(error.value)
    assert "\n" not in message and message.endswith((".", "?")) and len(message) < 1500
    return message


# ---- study files ------------------------------------------------------------------------------------------------

HUGE = "1" + "0" * 400
ENDLESS = "9" * 5000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"tesla: {HUGE}", "the value of 'tesla' is not right; give a number instead of 1000"),
        (f"tesla: 0x{'f' * 9000}", "give a number instead of a number of thousands of digits"),
        (f"tesla: {ENDLESS}", "in line 1: '9999"),
        (f"field: a.nii\nb0_dirs: [[0, 0, {HUGE}]]", "'b0_dirs' is not right; give three numbers"),
        ('tesla: !!bool "zz"', "in line 1: 'zz' is no value of the type 'bool'"),
        ('tesla: !!timestamp "zz"', "in line 1: 'zz' is no value of the type 'timestamp'"),
        ('tesla: !!int ""', "in line 1: '' is no value of the type 'int'"),
        ("field: ~nosuchuser/x.nii.gz", "no home folder is known for '~nosuchuser/x.nii.gz', give the whole path"),
        ('field: "a\\0b.nii"', "the value of 'field' is not right; give the path of a file"),
        ("name: &a x\nmask: *a", "the alias *a in line 2 repeats another part of the file, which is not accepted"),
        ("name: [a, b]", "the value of 'name' is not right; give a text instead of ['a', 'b']"),
        ("orientations: [{field: a.nii, label: {a: b}}]", "the value of 'label' is not right"),
        ("field: a.nii\nunits: [[1, 2]]\nb0_dirs: affine", "use one of ppm, Hz or rad instead of [1, 2]"),
        ("field: a.nii\nframe: {a: b}\nb0_dirs: affine", "use one of voxel, ras, lps, fsl instead of {'a': 'b'}"),
        ("tag: 1\ntag: 2", "the key 'tag' is given twice"),
        (f"{'k' * 900}: 1", "the key 'kkkkkkkkkkkk...kkkkkkkkkkkkk' is not known"),
    ],
)
def test_a_study_file(tmp_path, text, says):
    path = tmp_path / "study.yaml"
    path.write_text(text + "\n")
    message = refusal(read_study, path)
    assert says in message and message.startswith(f"{path}: ")


def test_a_billion_laughs(tmp_path):
    path = tmp_path / "study.yaml"
    rows = [f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'lol'}]" for i in range(10)]
    path.write_text("\n".join([*rows, "name: *a9"]))
    assert f"{path}: the alias *a0 in line 2 repeats" in refusal(read_study, path)


def test_a_json_study_with_an_endless_number(tmp_path):
    path = tmp_path / "study.json"
    path.write_text(f'{{"tesla": {ENDLESS}}}')
    assert f"{path}: broken JSON; correct this line" in refusal(read_study, path)


def test_names_that_no_file_can_have(tmp_path):
    long = tmp_path / ("x" * 400)
    assert "there is no such file" in refusal(read_study, long)
    assert "does not exist" in refusal(read_volume, long)
    study = write_study_files(tmp_path)
    first = replace(study.orientations[0], b0_dir=long)
    message = replace(study, orientations=(first, *study.orientations[1:])).problems()[0].error()
    assert "the file of the B0 direction does not exist" in str(message)
    assert "File name too long" in refusal(write_study, study, tmp_path / ("x" * 400 + ".yaml"))


@pytest.mark.parametrize("value", [10**400, 10**5000], ids=["400", "5000"])
def test_a_parameter_that_is_too_large(value):
    from napari_sti.recon.registry import get_method

    says = refusal(from_mapping, get_method("stiimag").Params, {"lam": value})
    assert "lam = 'a number of" in says and "is not a number; give a number" in says


# ---- whatever keeps a study from being loaded names a file -------------------------------------------------------


def _changed(study, **more):
    return replace(study, orientations=(replace(study.orientations[0], **more), *study.orientations[1:]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: replace(_changed(s, units="Hz"), tesla=None), "needs the field strength"),
        (lambda s: _changed(s, units="rad"), "needs the echo time"),
        (lambda s: _changed(s, units="rad", te=20.0), "looks like milliseconds"),
        (lambda s: replace(s, tesla=3000.0), "B0 of 3000 T is implausible"),
        (lambda s: _changed(s, b0_dir=(0.0, 0.0, 0.0)), "is zero"),
        (lambda s: _changed(s, b0_dir=(0.0, 0.0, 0.9)), "has length 0.9 instead of 1"),
        (lambda s: _changed(s, b0_dir=(0.0, 0.0, float("nan"))), "is not finite"),
        (lambda s: _changed(s, frame=None), "the frame of the B0 direction of orientation 1 is not stated"),
        (lambda s: _changed(s, b0_dir=None), "orientation 1 has no B0 direction"),
        (lambda s: replace(s, mask=None), "the study has no brain mask"),
        (lambda s: _changed(s, field=None), "orientation 1 has no field map"),
        (lambda s: Study(path=s.path), "the study has no field maps"),
        (lambda s: _changed(replace(s, orientations=s.orientations[:1] * 2), b0_dir="affine"), None),
    ],
)
def test_the_study_file_is_named(tmp_path, change, says):
    study = change(replace(write_study_files(tmp_path), path=tmp_path / "study.yaml"))
    if says is None:
        study = replace(study, orientations=tuple(replace(o, b0_dir="affine") for o in study.orientations))
        says = "the B0 direction is taken from the affine for more than one orientation"
    message = str(study.problems()[0].error())
    assert message.startswith(f"{study.path}: ") and says in message


def test_without_a_study_file_the_field_is_named(tmp_path):
    study = _changed(write_study_files(tmp_path), frame=None)
    assert str(study.problems()[0].error()).startswith(f"{tmp_path / 'field1.nii.gz'}: the frame")
    assert Study(orientations=(Orientation(),)).problems()[0].file is None


# ---- volumes ----------------------------------------------------------------------------------------------------


def patched(folder, offset, value, kind):
    path = save(folder / "a.nii", volume(), grid())
    data = bytearray(path.read_bytes())
    part = np.array(value, kind).tobytes()
    data[offset : offset + len(part)] = part
    path.write_bytes(data)
    return path


_HEADERS = [
    (108, 1e20, "<f4", "cut short or damaged"),
    (108, np.inf, "<f4", "the header of the image is damaged"),
    (108, np.nan, "<f4", "the header of the image is damaged"),
    (108, 10, "<f4", "the header of the image is damaged"),
    (108, -100, "<f4", "the header of the image is damaged"),
    (70, 9999, "<i2", "the header of the image is damaged"),
    (40, 9, "<i2", "the header of the image is damaged"),
    (42, -5, "<i2", "has no voxels"),
    (80, 0, "<f4", "two affines that disagree"),
]


@pytest.mark.parametrize(("offset", "value", "kind", "says"), _HEADERS)
def test_a_damaged_header(tmp_path, offset, value, kind, says):
    path = patched(tmp_path, offset, value, kind)
    message = refusal(read_volume, path)
    assert says in message and message.startswith(f"{path}: ")


def test_nibabel_prints_nothing_about_headers(tmp_path):
    # In a process of its own: nibabel's handler writes to the standard error that there was at its import.
    paths = []
    for i, (offset, value, kind, _) in enumerate(_HEADERS):
        path = patched(tmp_path, offset, value, kind)
        paths.append(str(path.rename(tmp_path / f"{i}.nii")))
    code = (
        "import sys\nfrom napari_sti.io.nifti import read_volume\n"
        "for path in sys.argv[1:]:\n    try:\n        read_volume(path)\n"
        "    except ValueError:\n        print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, timeout=60)
    assert done.stderr == "" and done.stdout.split() == ["refused"] * len(paths)


def test_an_unknown_unit_of_length_counts_as_mm(tmp_path):
    read = read_volume(patched(tmp_path, 123, 7, "<u1"))
    assert np.allclose(read.affine, grid(), atol=1e-5) and np.array_equal(read.data, volume())


def test_values_that_float32_cannot_hold_give_no_warning(tmp_path):
    data = np.ones(SHAPE)
    data[0, 0, 0] = 1e300
    path = save(tmp_path / "a.nii", data, grid())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_volume(path)
    assert np.isinf(read.data[0, 0, 0]) and (read.data.ravel()[1:] == 1).all()


@pytest.mark.parametrize("missing", [1, 8, 60, -20])
def test_a_small_compressed_file_that_is_cut_short(tmp_path, missing):
    whole = gzip.compress(save(tmp_path / "a.nii", np.zeros((3, 3, 3), np.float32), grid()).read_bytes())
    path = tmp_path / "b.nii.gz"
    path.write_bytes(whole[:-missing])
    assert "cut short" in refusal(read_volume, path)


@pytest.mark.parametrize("name", SAID)
def test_what_is_no_whole_image(tmp_path, name):
    path = make_bad_file(tmp_path, name)
    for function in (check_volume, read_volume):
        assert f"{path}: {SAID[name]}" in refusal(function, path, what="field")


def test_a_whole_image_is_taken(tmp_path):
    for name, data in (("a.nii", np.ones(SHAPE)), ("b.nii.gz", np.ones(SHAPE)), ("c.nii.gz", np.ones((*SHAPE, 4)))):
        write_volume(tmp_path / name, data, grid())
        assert check_volume(tmp_path / name, dims=(3, 4)).shape == data.shape
    with pytest.raises(InputError, match="is a folder, not a file; give a NIfTI file"):
        check_volume(tmp_path, what="field")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="there are no such permissions here")
def test_a_file_that_one_may_not_read():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "a.nii.gz"
        write_volume(path, np.ones(SHAPE), grid())
        path.chmod(0)
        own = os.geteuid()
        if own == 0:  # who may read everything
            os.seteuid(65534)
        try:
            said = refusal(check_volume, path, what="field")
        finally:
            os.seteuid(own)
    assert said == f"{path}: you may not read the file of the field; change its permissions (chmod u+r)."


# ---- results ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "abc"),
        ("version", [1]),
        ("provenance", ["a"]),
        ("provenance", "text"),
        ("remarks", 5),
        ("frame", "mni"),
        ("files", {"chi": 3}),
        ("files", {"chi": {"file": "chi.nii.gz"}, "mask": {"file": "x" * 400}}),
    ],
)
def test_a_sidecar_with_values_of_another_kind(tmp_path, key, value):
    save_result(tensor(), tmp_path / "out")
    sidecar = tmp_path / "out" / "result.json"
    content = json.loads(sidecar.read_text())
    content |= {"provenance": {"remarks": value}} if key == "remarks" else {key: value}
    content["files"]["chi"] = content["files"]["chi"] if key != "remarks" else {"file": "chi.nii.gz", "sha256": "0"}
    sidecar.write_text(json.dumps(content))
    message = refusal(load_result, tmp_path / "out")
    assert message == f"{sidecar}: the value of {key!r} is not right; run the reconstruction again."
    assert f"the value of {key!r}" in refusal(load_tensor, tmp_path / "out" / "chi.nii.gz")


# ---- output folders ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these folders are those of Linux")
@pytest.mark.parametrize("folder", ["/proc/x", "/sys/x", "/proc/self/x/y"])
def test_folders_in_which_even_root_may_not_write(folder):
    message = refusal(check_folder, folder)
    assert message.startswith(f"{folder}: the output folder cannot be written (")


def test_trying_a_folder_leaves_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b" / ".." / "c")
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    assert "cannot be written (File name too long)" in refusal(check_folder, tmp_path / "a" / ("x" * 400))
    assert "cannot be written (embedded null" in refusal(check_folder, tmp_path / "a\0b")
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_goes_with_the_next_overwrite(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f".{dead.pid}.tmp.chi.nii.gz"
    living = tmp_path / f".{os.getppid()}.tmp.chi.nii.gz"
    other = tmp_path / ".mine.tmp.txt"
    for path in (stale, living, other):
        path.write_text("half")
    save_result(tensor(), tmp_path, overwrite=True)
    assert not stale.exists() and living.exists() and other.exists()
