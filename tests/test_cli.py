"""The command line as a person types it: exit status, one line for a mistake, files that can be trusted."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.core.frames import rotate_tensors, to_ras


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small simulated study in a permuted and flipped storage order, seven orientations."""
    folder = tmp_path_factory.mktemp("cli") / "study"
    words = ["--orientations", "7", "--max-tilt", "60", "--voxel-size", "9", "--storage", "PIR", "-o", str(folder)]
    assert main(["simulate", *words]) == 0
    return folder / "study.yaml"


def run(capsys, *words):
    """Run the command line; return its status and the lines of both outputs."""
    capsys.readouterr()
    status = main([str(w) for w in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def mistake(capsys, *words):
    """Run a wrong command line and return its single line on standard error."""
    status, _, err = run(capsys, *words)
    assert status == 2
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def test_recon_writes_the_promised_files(study, tmp_path, capsys):
    out = tmp_path / "out"
    status, said, _ = run(capsys, "recon", study, "-m", "stiimag", "-p", "max_iterations=5", "-o", out)
    assert status == 0 and "STIimag" in said
    sidecar = json.loads((out / "result.json").read_text())
    assert sidecar["frame"] == "voxel"
    assert sidecar["provenance"]["params"]["max_iterations"] == 5
    assert sidecar["provenance"]["simulated"] is True
    field = nib.load(study.parent / "field_01.nii.gz")
    for name, extra in (("chi", (6,)), ("mms", ()), ("msa", ()), ("pev", (3,))):
        image = nib.load(out / f"{name}.nii.gz")
        assert image.shape == field.shape + extra
        np.testing.assert_allclose(image.affine, field.affine, atol=1e-5)


def test_frames_of_the_output_are_one_tensor(study, tmp_path, capsys):
    tensors = {}
    for frame in ("voxel", "ras", "lps", "fsl"):
        out = tmp_path / frame
        words = ("recon", study, "-m", "stiimag", "-p", "max_iterations=3", "--frame", frame, "-o", out)
        assert run(capsys, *words)[0] == 0
        image = nib.load(out / "chi.nii.gz")
        tensors[frame] = rotate_tensors(image.get_fdata(), to_ras(frame, image.affine))
    for frame in ("voxel", "lps", "fsl"):
        np.testing.assert_allclose(tensors[frame], tensors["ras"], atol=1e-6)
    assert np.abs(tensors["ras"]).max() > 0


def test_maps_of_a_result_agree_with_it(study, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    run(capsys, "recon", study, "-m", "stiimag", "-p", "max_iterations=3", "--frame", "lps", "-o", first)
    assert run(capsys, "maps", first / "chi.nii.gz", "-o", second)[0] == 0
    for name in ("mms", "msa"):
        a, b = (nib.load(folder / f"{name}.nii.gz").get_fdata() for folder in (first, second))
        np.testing.assert_allclose(a, b, atol=1e-6)
    colour = np.asarray(nib.load(second / "colour.nii.gz").dataobj)
    assert colour.shape[-1] == 3 and colour.max() > 0
    assert json.loads((second / "result.json").read_text())["frame"] == "lps"


def test_maps_of_a_bare_tensor_say_that_the_frame_was_not_stated(tmp_path, capsys):
    chi = np.zeros((3, 4, 5, 6), np.float32)
    chi[..., 0] = 0.02
    nib.save(nib.Nifti1Image(chi, np.diag([-2.0, 2, 2, 1])), tmp_path / "chi.nii.gz")
    status, _, err = run(capsys, "maps", tmp_path / "chi.nii.gz", "-o", tmp_path / "out")
    assert status == 0 and "--frame" in err
    colour = np.asarray(nib.load(tmp_path / "out" / "colour.nii.gz").dataobj)
    assert (colour[..., 0] > 200).all() and (colour[..., 1:] == 0).all(), "x is left-right, so red"


def test_maps_write_no_colours_where_they_depend_on_an_unstated_frame(tmp_path, capsys):
    chi = np.zeros((3, 4, 5, 6), np.float32)
    chi[..., 0] = 0.02
    affine = np.array([[0, 2.0, 0, 0], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(chi, affine), tmp_path / "chi.nii.gz")
    assert run(capsys, "maps", tmp_path / "chi.nii.gz", "-o", tmp_path / "out")[0] == 0
    assert not (tmp_path / "out" / "colour.nii.gz").exists()
    assert run(capsys, "maps", tmp_path / "chi.nii.gz", "--frame", "voxel", "-o", tmp_path / "stated")[0] == 0
    colour = np.asarray(nib.load(tmp_path / "stated" / "colour.nii.gz").dataobj)
    assert (colour[..., 1] > 200).all() and (colour[..., [0, 2]] == 0).all(), "the first voxel axis points to the front"


def test_methods_lists_parameters_with_units(capsys):
    status, text, _ = run(capsys, "methods")
    assert status == 0 and "stiimag" in text and "-p lam=" in text
    listed = json.loads(run(capsys, "methods", "--json")[1])
    assert {p["name"] for p in listed["stiimag"]["parameters"]} >= {"lam", "tol", "max_iterations"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("-m", "stimag"), "stiimag"),
        (("-m", "stiimag", "-p", "lamb=1"), "'lam'"),
        (("-m", "stiimag", "-p", "lam=-1"), "out of range"),
        (("-m", "stiimag", "-p", "lam"), "NAME=VALUE"),
        (("-m", "stiimag", "--weights", "w.pt"), "uses no weights"),
        (("-m", "stiimag", "--frame", "scanner"), "invalid choice"),
        ((), "--method"),
    ],
)
def test_mistakes_in_the_words(study, tmp_path, capsys, words, part):
    assert part in mistake(capsys, "recon", study, *words, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(study, tmp_path, capsys):
    words = ("recon", study, "-m", "stiimag", "-p", "max_iterations=2", "-o", tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert "--overwrite" in mistake(capsys, *words)
    assert run(capsys, *words, "--overwrite")[0] == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_missing_study(tmp_path, capsys):
    line = mistake(capsys, "recon", tmp_path / "no.yaml", "-m", "stiimag", "-o", tmp_path / "out")
    assert "no.yaml" in line


def test_few_orientations_run_and_say_so(tmp_path, capsys):
    folder = tmp_path / "study"
    run(capsys, "simulate", "--orientations", "2", "--voxel-size", "9", "-o", folder)
    words = ("-m", "stiimag", "-p", "max_iterations=2", "-o", tmp_path / "out")
    status, _, err = run(capsys, "recon", folder / "study.yaml", *words)
    assert status == 0 and "underdetermined" in err
    remarks = json.loads((tmp_path / "out" / "result.json").read_text())["provenance"]["remarks"]
    assert any("underdetermined" in remark for remark in remarks)


def test_run_repeats_a_job(study, tmp_path, capsys):
    job = tmp_path / "job.json"
    job.write_text(
        json.dumps(
            {
                "kind": "recon",
                "study": str(study),
                "method": "stiimag",
                "params": {"max_iterations": 2},
                "device": "cpu",
                "out": str(tmp_path / "run"),
            }
        )
    )
    assert run(capsys, "run", job)[0] == 0
    assert (tmp_path / "run" / "chi.nii.gz").exists()


def test_without_a_screen_no_window_is_tried(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert "--headless" in mistake(capsys, "view")
    assert "--headless" in mistake(capsys, "demo")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "install Xvfb" in mistake(capsys, "demo", "--headless", "--out", tmp_path / "out")


def test_inputs_are_never_replaced(study, tmp_path, capsys):
    folder = tmp_path / "both"
    shutil.copytree(study.parent, folder)
    before = (folder / "mask.nii.gz").read_bytes()
    line = mistake(capsys, "recon", folder / "study.yaml", "-m", "stiimag", "-o", folder, "--overwrite")
    assert "mask.nii.gz" in line and "choose another folder" in line
    assert (folder / "mask.nii.gz").read_bytes() == before
    nib.save(nib.Nifti1Image(np.ones((3, 4, 5, 6)), np.eye(4)), folder / "chi.nii.gz")
    assert "chi.nii.gz" in mistake(capsys, "maps", folder / "chi.nii.gz", "-o", folder, "--overwrite")


def test_missing_memory_is_a_sentence(study, tmp_path, capsys, monkeypatch):
    def refuse(path):
        raise MemoryError

    monkeypatch.setattr("napari_sti.io.load.load_study", refuse)
    status, _, err = run(capsys, "recon", study, "-m", "stiimag", "-o", tmp_path / "out")
    assert status == 1 and "memory" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("factor", [128.0, 298.0], ids=["Hz at 3 T", "Hz at 7 T"])
def test_fields_in_hz_called_ppm_are_noticed(study, tmp_path, capsys, factor):
    folder = tmp_path / "wrong"
    shutil.copytree(study.parent, folder)
    for path in folder.glob("field_*.nii.gz"):
        image = nib.load(path)
        nib.save(nib.Nifti1Image(image.get_fdata() * factor, image.affine), path)
    words = ("recon", folder / "study.yaml", "-m", "stiimag", "-p", "max_iterations=1", "-o", tmp_path / "out")
    status, _, err = run(capsys, *words)
    assert status in (0, 2) and "unit" in err and "field_01.nii.gz" in err
