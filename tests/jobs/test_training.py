"""A training as a job: watched, stopped and gone on with, from the viewer's side and from the command line."""

import json
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from napari_sti.cli import main
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.jobs.client import WorkerClient
from napari_sti.jobs.history import list_runs, new_run_folder, read_run
from napari_sti.jobs.job import Job, read_job, write_job
from napari_sti.jobs.reporter import Reporter
from napari_sti.jobs.run import run_job
from napari_sti.learn import registry
from napari_sti.learn.folder import read_training
from napari_sti.learn.record import read_record
from tests.learn.toy import Toy

WORKER = [sys.executable, str(Path(__file__).with_name("train_worker.py"))]
LEFT_BEHIND = {"events", "pictures", "last.ckpt", "metrics.csv", "toy.json", "toy.safetensors", "train.json"}
BOOKS = {"job.json", "job.log", "run.json"}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """Let the registry know the toy alone."""
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType({"toy": Toy()}))


@pytest.fixture
def job(tmp_path):
    """Make jobs in folders of their own."""

    def make(**params):
        folder = new_run_folder("toy", tmp_path / "runs")
        return Job(kind="train", method="toy", params=params, device="cpu", out=folder, name="a toy")

    return make


def _cancel_at(number: int):
    def progress(step: Step) -> None:
        if step.iteration == number:
            raise Cancelled

    return progress


def test_training_leaves_its_weights_as_result(job):
    run = job(steps=4)
    result = run_job(run)
    assert result == run.out / "toy.safetensors"
    assert {p.name for p in run.out.iterdir()} == LEFT_BEHIND | BOOKS
    record = read_run(run.out)
    assert (record.state, record.result, record.method, record.name) == ("done", result, "train", "a toy")
    log = (run.out / "job.log").read_text()
    assert " iteration 4 of 4, train/loss " in log
    assert "val/error" in log


def test_cancelled_job_is_gone_on_with_by_the_same_job_file(job, tmp_path, capsys):
    run = job(steps=9)
    with pytest.raises(Cancelled):
        run_job(run, _cancel_at(4))
    assert read_run(run.out).state == "cancelled"
    assert read_training(run.out).step == 4
    assert (run.out / "toy.safetensors").is_file()
    assert main(["run", str(run.out / "job.json")]) == 0
    assert read_run(run.out).state == "done"
    assert read_training(run.out).step == 9
    assert {row["step"] for row in read_record(run.out / "metrics.csv")} == set(range(1, 10))
    whole = job(steps=9)
    run_job(whole)
    for name in ("toy.safetensors",):
        assert (whole.out / name).read_bytes() == (run.out / name).read_bytes()


def test_overwriting_a_job_begins_anew(job):
    run = job(steps=3)
    run_job(run)
    seen = []
    run_job(run, seen.append, overwrite=True)
    assert [s.iteration for s in seen if s.metrics and "train/loss" in s.metrics] == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"method": "tay"}, "the training task 'tay' is not known; did you mean 'toy'?"),
        ({"params": {"stpes": 1}}, "the parameter 'stpes' is not known"),
        ({"params": {"width": 7, "seed": 7}}, "width 7 does not go with seed 7"),
        ({"out": None}, "the job names no output folder"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path, values, sentence):
    with pytest.raises(InputError) as caught:
        run_job(Job(**{"kind": "train", "method": "toy", "out": tmp_path / "run", **values}))
    assert sentence in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_job_file_says_everything(job):
    run = job(steps=3, learning_rate=0.01)
    write_job(run)
    assert read_job(run.out) == run
    assert json.loads((run.out / "job.json").read_text())["kind"] == "train"


def test_lines_carry_the_latest_numbers_and_every_row():
    now, sent = 0.0, []
    reporter = Reporter(sent.append, lambda: False, clock=lambda: now)
    for step in range(1, 7):
        reporter(Step(step, 6, objective=1 / step, metrics={"train/loss": 1 / step}))
        if step == 4:
            reporter(Step(step, 6, metrics={"val/angle": 20.0}))
        now += 0.01
    reporter.flush()
    rows = [row for event in sent for row in event["rows"]]
    assert [row[0] for row in rows] == [1, 2, 3, 4, 4, 5, 6]
    assert rows[4] == [4, {"val/angle": 20.0}]
    assert sent[-1]["metrics"] == {"train/loss": pytest.approx(1 / 6), "val/angle": 20.0}
    assert len(sent) < 6


def test_reconstructions_carry_no_numbers_of_a_training():
    sent = []
    Reporter(sent.append, lambda: False)(Step(1, 3, residual=0.5))
    assert not {"metrics", "rows"} & set(sent[0])


def test_training_in_a_process_of_its_own_is_watched_stopped_and_gone_on_with(job, tmp_path):
    from tests.jobs.conftest import Events

    events = Events()
    run = job(steps=60, pause=0.05, validate_every=4)
    with WorkerClient(events, command=WORKER, grace=0.2) as client:
        handle = client.submit(run)
        assert events.until("started", handle, timeout=60)
        events.until("progress", handle, timeout=60, message="Validated")
        handle.cancel()
        last = handle.wait(60)
        assert (last["event"], last["forced"]) == ("cancelled", False)  # it heeded it, far beyond the usual grace
        step = read_training(run.out).step
        assert 4 <= step < 60
        progress = [e for e in events.of(handle) if e["event"] == "progress" and "rows" in e]
        rows = [row for event in progress for row in event["rows"]]
        assert [row[0] for row in rows if "train/loss" in row[1]] == list(range(1, step + 1))
        assert {"train/loss", "learning_rate", "val/error"} <= set(progress[-1]["metrics"])
        assert [r.state for r in list_runs(tmp_path / "runs")] == ["cancelled"]
        again = client.submit(Job(**{**vars(run), "params": {**run.params, "pause": 0.0}}))
        assert again.wait(60)["event"] == "done"
        assert again.result == run.out / "toy.safetensors"
    assert read_training(run.out).step == 60
