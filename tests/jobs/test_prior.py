import csv
import json

import nibabel
import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.jobs.job import Job, check_job, read_job, write_job
from napari_sti.jobs.prior import as_csv
from napari_sti.jobs.run import run_job
from napari_sti.lpn.checkpoint import save_lpn
from napari_sti.lpn.networks.local import LocalLpn


@pytest.fixture
def run_folder(tmp_path):
    """A run of the window: its images lie in its folder, and are named relative to it."""
    torch.manual_seed(0)
    save_lpn(LocalLpn(dims=2, widths=(3,)), {"title": "small"}, tmp_path / "net.safetensors")
    folder = tmp_path / "run"
    folder.mkdir()
    data = np.random.default_rng(0).uniform(size=(8, 9, 3)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([1.5, 2, 3, 1.0])), folder / "image.nii")
    return folder


def job(folder, action="value", **params):
    values = {"weights": str(folder.parent / "net.safetensors"), "image": "image.nii", "slice": 1, **params}
    return Job("prior", None, action, values, out=folder, name=f"{action} of a")


def test_a_question_is_a_job_like_others(run_folder):
    asked = job(run_folder)
    assert read_job(write_job(asked)) == asked
    steps = []
    assert run_job(asked, steps.append) == run_folder / "prior.json"
    record = json.loads((run_folder / "prior.json").read_text())
    assert record["action"] == "value" and record["model"]["title"] == "small" and record["slice"] == 1
    assert record["image"]["path"] == str(run_folder / "image.nii") and len(record["image"]["sha256"]) == 64
    assert nibabel.load(run_folder / "prior_map.nii.gz").shape[:2] == (8, 9)
    assert steps[0].message == "Reading" and any(step.residual for step in steps)
    assert "value of a" in (run_folder / "job.log").read_text()
    with pytest.raises(InputError, match="already holds a result"):
        run_job(asked)


def test_a_moved_run_is_asked_again(run_folder):
    write_job(job(run_folder, "perturb", ways="blur"))
    moved = run_folder.rename(run_folder.with_name("moved"))
    run_job(read_job(moved))
    rows = list(csv.reader((moved / "curve_blur.csv").open()))
    assert rows[0][0] == "blur (voxels)" and [row[0] for row in rows[1:]] == ["0.0", "0.5", "1.0", "2.0", "4.0"]
    assert (moved / "perturbed_blur.nii.gz").is_file()


def test_a_cancelled_question_leaves_nothing(run_folder):
    def leave(step):
        if step.iteration:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_job(job(run_folder), leave)
    assert not (run_folder / "prior.json").exists() and not (run_folder / "prox.nii.gz").exists()
    assert json.loads((run_folder / "run.json").read_text())["state"] == "cancelled"


@pytest.mark.parametrize(
    ("action", "params", "said"),
    [
        ("guess", {}, "cannot be asked of a prior"),
        ("compare", {}, "nothing to compare with"),
        ("value", {"wheight": 1}, "not known"),
    ],
)
def test_what_cannot_be_asked_is_said_before(run_folder, action, params, said):
    with pytest.raises(InputError, match=said):
        check_job(job(run_folder, action, **params))


def test_unknown_numbers_stay_empty_in_tables():
    assert as_csv([["a", "b"], [1.5, None]]) == "a,b\n1.5,\n"
