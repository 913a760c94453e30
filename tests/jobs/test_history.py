import json
import os
import platform
import subprocess
import sys
from datetime import UTC

import psutil
import pytest

from napari_sti.core.errors import InputError
from napari_sti.jobs.history import list_runs, new_run_folder, read_run, rerun, runs_folder, seconds_per_work, unlist
from napari_sti.jobs.job import JOB_FILE, Job, write_job
from napari_sti.jobs.state import State, end_state, read_state, started_now, write_state


def make(root, name="run", state=None, **values):
    folder = new_run_folder(name, root)
    write_job(Job(study=root / "study.yaml", out=folder, name=name, params={"lam": 0.5}))
    if state is not None:
        write_state(folder, State(state=state, **values))
    return folder


def test_the_folder_of_runs_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_STI_RUNS", str(tmp_path / "mine"))
    assert runs_folder() == tmp_path / "mine"
    assert list_runs() == []
    assert new_run_folder("a").parent == tmp_path / "mine"
    monkeypatch.delenv("NAPARI_STI_RUNS")
    assert runs_folder().name == "runs"


def test_folders_never_collide_and_have_readable_names(tmp_path):
    folders = {new_run_folder("Kopf 1 / STI: λ=3?", tmp_path) for _ in range(20)}
    assert len(folders) == 20
    assert all(folder.is_dir() and "kopf-1-sti" in folder.name for folder in folders)
    assert new_run_folder("../..", tmp_path).parent == tmp_path
    assert "-run" in new_run_folder("λ", tmp_path).name
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        new_run_folder("a", tmp_path / "file")


def test_newest_first_with_everything_a_list_shows(tmp_path):
    old = make(tmp_path, "old", "failed", started="2026-01-02T03:04:05+00:00", sentence="No.", seconds=2.5)
    new = make(tmp_path, "new", "done", started="2026-05-02T03:04:05+00:00", seconds=9.0, result="result.json")
    (new / "result.json").write_text("{}")
    gone = make(tmp_path, "gone", "done", started="2025-05-02T03:04:05", result="result.json")
    records = list_runs(tmp_path)
    assert [r.folder for r in records] == [new, old, gone]
    first, second, third = records
    assert (first.name, first.method, first.params, first.state) == ("new", "stiimag", {"lam": 0.5}, "done")
    assert first.result == new / "result.json"
    assert first.study == tmp_path / "study.yaml"
    assert first.seconds == 9.0
    assert first.started.astimezone(UTC).hour == 3
    assert (second.state, second.sentence) == ("failed", "No.")
    assert third.result is None
    assert list_runs(tmp_path, limit=1) == [first]


def test_broken_folders_do_not_break_the_list(tmp_path):
    good = make(tmp_path, "good")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("")
    (new_run_folder("bad", tmp_path) / "job.json").write_text("{")
    odd = make(tmp_path, "odd")
    (odd / "run.json").write_text('{"state": "done", "seconds": "often"}')
    states = {record.folder: record.state for record in list_runs(tmp_path)}
    assert states == {good: "waiting", odd: "interrupted"}


def test_a_run_whose_process_has_gone_is_interrupted(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    started = psutil.Process(process.pid).create_time()
    values = dict(pid=process.pid, process_started=started, host=platform.node())
    folder = make(tmp_path, "a", "running", **values)
    assert read_run(folder).state == "running"
    other = make(tmp_path, "b", "running", **{**values, "process_started": started - 100})
    assert read_run(other).state == "interrupted"  # the number was given to another process since
    process.kill()
    process.wait()
    assert read_run(folder).state == "interrupted"
    far = make(tmp_path, "c", "running", **{**values, "host": "elsewhere"})
    assert read_run(far).state == "running"


def test_the_end_of_a_run_is_said_once(tmp_path):
    folder = make(tmp_path, "a")
    write_state(folder, started_now())
    assert read_state(folder).pid == os.getpid()
    end_state(folder, "failed", "The worker was killed.")
    end_state(folder, "cancelled")
    state = read_state(folder)
    assert (state.state, state.sentence) == ("failed", "The worker was killed.")
    assert json.loads((folder / "run.json").read_text())["format"] == 1


def test_run_again_has_a_new_folder_and_the_same_rest(tmp_path):
    folder = make(tmp_path, "a", "done")
    job = rerun(folder, tmp_path)
    assert job.out != folder
    assert job.out.is_dir()
    assert (job.study, job.params, job.name) == (tmp_path / "study.yaml", {"lam": 0.5}, "a")
    with pytest.raises(InputError, match="no such job file"):
        rerun(tmp_path / "none", tmp_path)


def test_a_run_folder_that_was_moved_is_itself(tmp_path):
    folder = make(tmp_path, "a", "done").rename(tmp_path / "moved")
    assert read_run(folder).job.out == folder


def test_pace_from_earlier_runs(tmp_path):
    assert seconds_per_work("stiimag", "cpu", tmp_path) is None
    for seconds in (10.0, 12.0, 90.0):
        make(tmp_path, "a", "done", seconds=seconds, work=1000, device="cpu")
    make(tmp_path, "a", "done", seconds=1.0, work=1000, device="cuda")
    make(tmp_path, "a", "failed", seconds=1.0, work=1000, device="cpu")
    assert seconds_per_work("stiimag", "cpu", tmp_path) == pytest.approx(0.012)


def test_what_was_taken_off_the_list_keeps_its_folder(tmp_path) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second")
    unlist(first)
    assert [record.folder for record in list_runs(tmp_path)] == [second]
    assert (first / JOB_FILE).exists() and read_run(first).name == "first"
