import json

import numpy as np
import pytest

from napari_sti.core.errors import Cancelled, InputError, OutOfMemory
from napari_sti.core.provenance import file_hash
from napari_sti.io.replicates import count_replicates
from napari_sti.io.results import load_further, load_result
from napari_sti.jobs.history import read_run
from napari_sti.jobs.job import Job, read_job, write_job
from napari_sti.jobs.run import run_job
from napari_sti.jobs.state import read_state, started_now, write_state

RESULT = {"chi.nii.gz", "mms.nii.gz", "msa.nii.gz", "pev.nii.gz", "mask.nii.gz", "result.json"}
BOOKS = {"job.json", "run.json", "job.log"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_reconstruction_leaves_everything_in_its_folder(tmp_path, study):
    steps = []
    job = Job(study=study, params={"max_iterations": 3}, device="cpu", out=tmp_path / "run", name="Run 1", frame="ras")
    result = run_job(job, steps.append)
    assert result == tmp_path / "run" / "result.json"
    assert names(job.out) == RESULT | BOOKS
    tensor = load_result(job.out)
    assert tensor.name == "Run 1"
    assert tensor.shape == (7, 6, 5)
    assert tensor.provenance["params"]["max_iterations"] == 3
    assert json.loads(result.read_text())["frame"] == "ras"
    assert read_job(job.out) == job
    record = read_run(job.out)
    assert (record.state, record.result, record.name) == ("done", result, "Run 1")
    assert record.seconds > 0
    state = read_state(job.out)
    assert (state.work, state.device) == (7 * 6 * 5 * 2, "cpu")
    assert steps[0].message == "Reading the study"
    assert max(step.iteration for step in steps) >= 3
    assert (steps[-1].message, steps[-1].iteration) == ("Writing the result", max(step.iteration for step in steps))
    log = (job.out / "job.log").read_text()
    assert "Run 1" in log
    assert "iteration 3" in log
    assert "done in" in log


def test_nothing_is_overwritten_unless_asked(tmp_path, study):
    job = Job(study=study, params={"max_iterations": 2}, device="cpu", out=tmp_path / "run")
    run_job(job)
    before = (job.out / "result.json").read_bytes()
    with pytest.raises(InputError, match="already holds a result; choose another folder, or pass --overwrite"):
        run_job(job)
    assert (job.out / "result.json").read_bytes() == before
    assert read_state(job.out).state == "done"
    (job.out / "chi.nii.gz").write_text("old")
    run_job(job, overwrite=True)
    assert load_result(job.out).shape == (7, 6, 5)


def test_other_files_of_the_person_are_not_replaced(tmp_path, study):
    job = Job(study=study, params={"max_iterations": 2}, device="cpu", out=tmp_path)
    (tmp_path / "chi.nii.gz").write_text("mine")
    with pytest.raises(InputError, match=r"chi\.nii\.gz: there is such a file already"):
        run_job(job)
    assert (tmp_path / "chi.nii.gz").read_text() == "mine"
    assert names(tmp_path) == BOOKS | {"chi.nii.gz"}


def test_the_persons_own_job_file_is_left_as_written(tmp_path, study):
    text = json.dumps({"study": str(study), "params": {"max_iterations": 2}, "device": "cpu"})
    (tmp_path / "job.json").write_text(text)
    run_job(read_job(tmp_path / "job.json"))
    assert (tmp_path / "job.json").read_text() == text


def test_cancel_leaves_books_and_no_result(tmp_path, study, odd):
    def cancel(step):
        if step.iteration == 5:
            raise Cancelled

    job = Job(study=study, method="slow", device="cpu", out=tmp_path / "run")
    with pytest.raises(Cancelled):
        run_job(job, cancel)
    assert names(job.out) == BOOKS
    assert read_state(job.out).state == "cancelled"
    assert run_job(job).exists()  # and can be run again


def test_a_fault_is_logged_with_its_traceback(tmp_path, study, odd):
    job = Job(study=study, method="faulty", device="cpu", out=tmp_path / "run")
    with pytest.raises(RuntimeError):
        run_job(job)
    state = read_state(job.out)
    assert state.state == "failed"
    assert "size of tensor a (3) must match the size" in state.sentence
    assert "Traceback" in (job.out / "job.log").read_text()


def test_a_study_with_faults_is_refused(tmp_path, study):
    text = study.read_text().replace("mask: mask.nii.gz", "mask: away.nii.gz")
    broken = study.with_name("broken.yaml")
    broken.write_text(text)
    job = Job(study=broken, device="cpu", out=tmp_path / "run")
    with pytest.raises(InputError, match=r"away\.nii\.gz"):
        run_job(job)
    assert "away.nii.gz" in read_state(job.out).sentence
    with pytest.raises(InputError, match="did you mean 'stiimag'"):
        run_job(Job(study=study, method="stimag", out=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_too_large_a_run_is_refused_before_it_begins(tmp_path, study, odd):
    job = Job(study=study, method="greedy", params={"megabytes": 50_000_000}, device="cpu", out=tmp_path / "run")
    with pytest.raises(OutOfMemory, match="needs about 50000 GB and"):
        run_job(job)
    assert read_state(job.out).state == "failed"
    assert run_job(job, check_memory=False).exists()


def test_a_limit_counts_as_what_is_free(tmp_path, study, odd):
    job = Job(study=study, method="greedy", params={"megabytes": 700}, device="cpu", out=tmp_path / "run")
    with pytest.raises(OutOfMemory, match="needs about 700 MB and may take 500 MB, the limit that was set"):
        run_job(job, memory_limit=500_000_000)


def test_what_a_killed_run_left_is_cleaned(tmp_path, study):
    job = Job(study=study, params={"max_iterations": 2}, device="cpu", out=tmp_path)
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "chi.nii.gz").write_text("half")
    (tmp_path / ".preview.npy.half").write_text("half")
    (tmp_path / "preview.npy").write_text("old")
    run_job(job)
    assert names(tmp_path) == RESULT | BOOKS


def test_a_folder_in_use_is_refused(tmp_path, study):
    import dataclasses
    import os

    import psutil

    job = Job(study=study, out=tmp_path)
    write_job(job)
    parent = psutil.Process(os.getppid())
    write_state(tmp_path, dataclasses.replace(started_now(), pid=parent.pid, process_started=parent.create_time()))
    with pytest.raises(InputError, match="another process is running in this folder"):
        run_job(job)


def test_a_simulation_becomes_a_study_in_its_folder(tmp_path, monkeypatch):
    from napari_sti.io.load import load_study
    from napari_sti.simulate import study as simulation

    asked = []

    def simulate(wanted=None, progress=None):
        asked.append(wanted)
        return load_study(made)

    made = _tiny(tmp_path / "made")
    monkeypatch.setattr(simulation, "simulate", simulate)
    job = Job(kind="simulate", params={"orientations": 3}, out=tmp_path / "run", name="S")
    path = run_job(job)
    assert path == tmp_path / "run" / "study.yaml"
    assert asked[0].orientations == 3
    assert load_study(path).shape == (4, 5, 3)
    assert names(job.out) >= BOOKS
    with pytest.raises(InputError, match="already holds a result"):
        run_job(job)


def test_the_sample_is_where_it_is_kept(tmp_path, monkeypatch):
    from napari_sti.simulate import sample

    asked = []

    def sample_study(*, oblique=False, progress=None):
        asked.append(oblique)
        return tmp_path / "cache" / "study.yaml"

    monkeypatch.setattr(sample, "sample_study", sample_study)
    assert run_job(Job(kind="sample")) == tmp_path / "cache" / "study.yaml"
    assert run_job(Job(kind="sample", params={"oblique": True}, out=tmp_path / "run")).parent.name == "cache"
    assert asked == [False, True]
    assert names(tmp_path / "run") == BOOKS


def test_trust_leaves_the_result_and_its_spreads(tmp_path, study, odd):
    steps = []
    job = Job(kind="trust", study=study, params={"max_iterations": 3}, device="cpu", out=tmp_path / "run", name="T 1")
    result = run_job(job, steps.append)
    assert names(job.out) == RESULT | BOOKS | {
        "pev_spread.nii.gz",
        "msa_spread.nii.gz",
        "mms_spread.nii.gz",
        "replicates.nii.gz",
    }
    assert count_replicates(job.out) == 2
    tensor, further = load_result(job.out), load_further(job.out)
    assert tensor.name == "T 1"
    assert {name: one.units for name, one in further.items()} == {
        "pev_spread": "degrees",
        "msa_spread": "ppm",
        "mms_spread": "ppm",
    }
    units = json.loads(result.read_text())["units"]
    assert units["chi"] == "ppm" and units["pev_spread"] == "degrees"
    spread = further["pev_spread"].data
    assert 0 < spread[tensor.mask].max() <= 45.01 and not spread[~tensor.mask].any()
    assert len(tensor.provenance["leave_one_out"]["runs"]) == 3
    state = read_state(job.out)
    assert (state.work, state.device) == (7 * 6 * 5 * 4, "cpu"), "two runs with two and one orientations each"
    assert read_run(job.out).method == "stiimag"
    assert steps[-1].message == "Writing the result"
    assert any(step.message.startswith("Run 2 of 3, without ") for step in steps)


@pytest.mark.parametrize("at", ["Run 1", "Run 3"])
def test_cancel_in_the_middle_of_trust_leaves_nothing_half_written(tmp_path, study, odd, at):
    def cancel(step):
        if step.message.startswith(at) and step.iteration % 20 == 5:
            raise Cancelled

    job = Job(kind="trust", study=study, method="slow", device="cpu", out=tmp_path / "run")
    with pytest.raises(Cancelled):
        run_job(job, cancel)
    assert names(job.out) == BOOKS
    assert read_state(job.out).state == "cancelled"


def test_a_run_begins_at_another_and_says_so(tmp_path, study, odd):
    first = Job(study=study, method="continuing", device="cpu", out=tmp_path / "first", name="first")
    run_job(first)
    second = Job(study=study, method="continuing", device="cpu", out=tmp_path / "second", start=first.out)
    run_job(second)
    one, two = (load_result(job.out) for job in (first, second))
    np.testing.assert_allclose(two.chi[two.mask], 2 * one.chi[one.mask])
    assert "start" not in one.provenance
    assert two.provenance["start"] == {
        "path": str(first.out),
        "name": "first",
        "method": "continuing",
        "sha256": file_hash(first.out / "result.json"),
    }
    assert read_job(second.out).start == first.out, "it can be run again from its folder"


def test_a_start_on_another_grid_is_refused_in_a_sentence(tmp_path, study, odd):
    other = _tiny(tmp_path / "other")
    run_job(Job(study=other, method="continuing", device="cpu", out=tmp_path / "first", name="first"))
    job = Job(study=study, method="continuing", device="cpu", out=tmp_path / "second", start=tmp_path / "first")
    with pytest.raises(InputError, match=r"the result to start from .*first.* is on another grid than the study"):
        run_job(job)
    assert names(job.out) == BOOKS


def _tiny(folder):
    from napari_sti.core.acquisition import Acquisition
    from napari_sti.io.save import save_acquisition

    field = 0.01 * np.random.default_rng(0).standard_normal((1, 4, 5, 3))
    return save_acquisition(Acquisition(field, [[0, 0, 1]], np.ones((4, 5, 3)), np.eye(4)), folder)
