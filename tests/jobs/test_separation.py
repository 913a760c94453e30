"""A separation as a job: what it leaves, run again from its own file, cancelled, and wrong in several ways."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core.errors import Cancelled, InputError, OutOfMemory
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import save_result
from napari_sti.io.save import save_acquisition
from napari_sti.io.separations import load_separation
from napari_sti.jobs.history import read_run
from napari_sti.jobs.job import Job, read_job
from napari_sti.jobs.run import run_job
from napari_sti.jobs.separation import estimate_separation, form_of
from napari_sti.recon.separate import separate
from napari_sti.recon.separation_registry import get_separation_method
from tests.recon.test_separation_registry import study as make_study


@pytest.fixture(scope="module")
def acquisition():
    return make_study("tensor", 3, order="LSA", oblique=True)


@pytest.fixture(scope="module")
def study(acquisition, tmp_path_factory) -> Path:
    return save_acquisition(acquisition, tmp_path_factory.mktemp("sources") / "study")


def job(study: Path, out: Path, **values) -> Job:
    given = {"params": {"max_iterations": 4}, "device": "cpu", "name": "wavesep 1"} | values
    return Job("separate", study, given.pop("method", "wavesep"), out=out, **given)


def test_leaves_what_the_command_leaves_and_tells_the_objective(study, acquisition, tmp_path) -> None:
    steps: list = []
    wanted = job(study, tmp_path / "run", given={"dr": "137"}, frame="ras")
    result = run_job(wanted, steps.append)
    assert result == wanted.out / "result.json" and read_job(wanted.out) == wanted
    names = {path.name for path in wanted.out.iterdir()}
    assert {"chi_pos.nii.gz", "chi_neg.nii.gz", "chi_neg_tensor.nii.gz", "closed_form_chi_pos.nii.gz"} <= names
    assert {"job.json", "run.json", "job.log"} <= names and not any(name.startswith(".") for name in names)
    sidecar = json.loads(result.read_text())
    assert sidecar["dr"]["pos"] == 137 and sidecar["frame"] == "ras" and sidecar["name"] == "wavesep 1"
    values = [step.objective for step in steps if step.objective is not None]
    assert len(values) == 4 and values[-1] < values[0]
    direct = separate(acquisition, "wavesep", dr="137", device="cpu", max_iterations=4)
    found = load_separation(wanted.out)
    np.testing.assert_allclose(found.chi_pos, direct.chi_pos, atol=2e-6)
    np.testing.assert_allclose(found.chi_neg_tensor.chi, direct.chi_neg_tensor.chi, atol=2e-6)
    record = read_run(wanted.out)
    assert (record.state, record.method, record.name) == ("done", "wavesep", "wavesep 1")


def test_can_be_run_again_from_its_folder_that_was_moved(study, acquisition, tmp_path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    rates = []
    for index, rate in enumerate(acquisition.r2prime):
        rates.append(folder / f"r2star{index}.nii.gz")
        write_volume(rates[-1], rate + 13, acquisition.affine)
    save_result(acquisition.reference_tensor, folder / "chi")
    given = {"chi": str(folder / "chi"), "r2star": [str(path) for path in rates], "constant_r2": 13.0}
    run_job(job(study, folder, given=given, method="closed_form", params={}))
    written = json.loads((folder / "job.json").read_text())["given"]
    assert written["chi"] == "chi" and written["r2star"][0] == "r2star0.nii.gz"
    before = load_separation(folder)
    moved = folder.rename(tmp_path / "there")
    again = read_job(moved)
    assert again.given["chi"] == str(moved / "chi")
    run_job(replace(again, out=tmp_path / "again"))
    np.testing.assert_array_equal(load_separation(tmp_path / "again").chi_pos, before.chi_pos)
    assert "constant R2 of 13 Hz" in json.dumps(json.loads((tmp_path / "again/result.json").read_text())["provenance"])


def test_cancel_leaves_books_and_no_result(study, tmp_path) -> None:
    def cancel(step) -> None:
        if step.iteration == 2:
            raise Cancelled

    wanted = job(study, tmp_path / "run")
    with pytest.raises(Cancelled):
        run_job(wanted, cancel)
    assert {path.name for path in wanted.out.iterdir()} == {"job.json", "run.json", "job.log"}
    assert read_run(wanted.out).state == "cancelled"


def test_what_is_wrong_is_said_before_anything_is_read(study, tmp_path) -> None:
    out = tmp_path / "run"
    for values, said in (
        ({"given": {"ch": "qsm"}}, r"the separation is given 'ch'; known are chi, chi_frame"),
        ({"given": {"chi": str(tmp_path / "away.nii")}}, r"away.nii: there is no such file; check the path in the job"),
        ({"given": {"r2star": 3}}, "r2star of the job is no list of paths; give paths in quotes"),
        ({"given": {"dr": "-3"}}, "Dr\\+ = -3 Hz/ppm is not positive"),
        ({"given": {"naming": "bids"}}, "the naming 'bids' is not known; use one of para-dia, sti"),
        ({"method": "wavesap", "params": {}}, "did you mean 'wavesep'"),
        ({"params": {"lambda": 1}}, "lambda"),
    ):
        with pytest.raises(InputError, match=said):
            run_job(job(study, out, **values))
    with pytest.raises(InputError, match="the job names no study"):
        Job("separate", out=out)
    with pytest.raises(InputError, match="a job of the kind recon is given nothing more"):
        Job(study=study, out=out, given={"dr": "114"})
    assert not out.exists()


def test_too_large_a_run_is_refused_before_it_begins(study, tmp_path) -> None:
    with pytest.raises(OutOfMemory, match="the limit that was set"):
        run_job(job(study, tmp_path / "run"), memory_limit=1_000_000)


def test_the_estimate_counts_a_tensor_as_one(study, tmp_path) -> None:
    forms = [
        form_of(job(study, tmp_path / "a", params={}, given=given), get_separation_method("wavesep"))
        for given in ({"chi": "tensor"}, {"chi": "qsm"})
    ]
    assert forms == ["tensor", "scalar"]
    tensor, scalar = (estimate_separation(study, "wavesep", {}, form) for form in forms)
    assert tensor["bytes"] > scalar["bytes"] > 0 and tensor["orientations"] == 3 and tensor["seconds"] is None
