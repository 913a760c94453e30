"""What a method that keeps its iterates leaves in the folder of its run."""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core.errors import Cancelled
from napari_sti.io.iterates import load_iterate, read_iterates
from napari_sti.io.results import load_result
from napari_sti.jobs import iterates
from napari_sti.jobs.job import Job
from napari_sti.jobs.run import run_job


def run(folder, study, progress=lambda step: None, *, overwrite=False, **values):
    job = Job(study=study, method="unrolled", device="cpu", out=folder, params={"iterations": 3, "pause": 0}, **values)
    return run_job(job, progress, overwrite=overwrite)


def test_every_iterate_is_kept_with_what_is_known_of_it(tmp_path, study, odd):
    run(tmp_path / "run", study)
    folder = tmp_path / "run" / "iterates"
    assert sorted(p.name for p in folder.iterdir()) == [
        "chi_01.nii.gz",
        "chi_02.nii.gz",
        "chi_03.nii.gz",
        "iterates.json",
    ]
    content = json.loads((folder / "iterates.json").read_text())
    assert content["total"] == 3 and content["frame"] == "voxel" and content["units"] == "ppm"
    assert content["iterates"][1] == {
        "number": 2,
        "file": "chi_02.nii.gz",
        "residual": pytest.approx(1.5 - 2 / 3),
        "step": 0.5,
    }
    result = load_result(tmp_path / "run")
    known = read_iterates(tmp_path / "run")
    for entry in known.entries:
        tensor = load_iterate(known, entry, result.mask)
        np.testing.assert_allclose(tensor.chi, result.chi * np.float32(entry.number / 3), rtol=1e-6)
        np.testing.assert_array_equal(tensor.affine, result.affine)


def test_they_are_in_the_frame_of_the_result(tmp_path, study, odd):
    run(tmp_path / "run", study, frame="lps")
    assert read_iterates(tmp_path / "run").frame == "lps"
    header = nib.load(tmp_path / "run" / "iterates" / "chi_01.nii.gz").header
    assert b"axes lps, iteration 1 of 3" in header["descrip"].tobytes()


@pytest.mark.parametrize("end", [Cancelled, RuntimeError("broken")])
def test_nothing_stays_of_a_run_that_does_not_end(tmp_path, study, odd, end):
    seen = []

    def progress(step):
        seen.append((tmp_path / "run" / "iterates" / "chi_01.nii.gz").is_file())
        if step.iteration == 3:
            raise end

    with pytest.raises(end if isinstance(end, type) else type(end)):
        run(tmp_path / "run", study, progress)
    assert seen[-1], "they are written as they come"
    assert not (tmp_path / "run" / "iterates").exists()


def test_running_again_leaves_none_of_the_old_ones(tmp_path, study, odd):
    run(tmp_path / "run", study)
    (tmp_path / "run" / "iterates" / "chi_07.nii.gz").write_bytes(b"old")
    run(tmp_path / "run", study, overwrite=True)
    assert len(list((tmp_path / "run" / "iterates").glob("chi_*"))) == 3


def test_a_full_disk_ends_the_keeping_and_not_the_run(tmp_path, study, odd, monkeypatch):
    def full(*args, **values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(iterates, "add_iterate", full)
    said = []
    assert run(tmp_path / "run", study, lambda step: said.append(step.message)).is_file()
    assert any(message.startswith("The iterates are no longer kept: ") for message in said)


def test_methods_that_keep_none_and_trust_leave_none(tmp_path, study, odd):
    job = Job(study=study, method="slow", device="cpu", out=tmp_path / "run", params={"iterations": 2})
    run_job(job)
    assert not (tmp_path / "run" / "iterates").exists()
    assert read_iterates(tmp_path / "run").entries == ()
