"""The process itself, without a client."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from napari_sti.jobs.history import read_run
from napari_sti.jobs.job import Job, write_job
from napari_sti.jobs.process import worker_environment
from napari_sti.jobs.worker import Worker, _warm_up

WORKER = [sys.executable, "-X", "faulthandler", str(Path(__file__).parent / "odd_worker.py")]


@pytest.fixture
def worker():
    process = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=worker_environment())
    yield process
    process.kill()
    process.wait()


def say(worker, **command):
    worker.stdin.write(json.dumps(command).encode() + b"\n")
    worker.stdin.flush()


def hear(worker, kind):
    for line in worker.stdout:
        event = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(f"it ended without {kind!r}")


def test_it_dies_with_its_viewer_even_while_it_computes(worker, study, tmp_path):
    job = Job(study=study, method="stuck", device="cpu", out=tmp_path / "run")
    say(worker, do="run", id="a", job=str(write_job(job)))
    hear(worker, "progress")
    began = time.monotonic()
    worker.stdin.close()
    assert worker.wait(6) == 1
    assert time.monotonic() - began < 4
    assert read_run(job.out).state == "interrupted"
    assert {p.name for p in job.out.iterdir()} == {"job.json", "run.json", "job.log"}


def test_a_run_that_can_leaves_its_books_in_order_when_the_viewer_dies(worker, study, tmp_path):
    job = Job(study=study, method="slow", params={"iterations": 10_000}, device="cpu", out=tmp_path / "run")
    say(worker, do="run", id="a", job=str(write_job(job)))
    hear(worker, "progress")
    if sys.platform != "win32":
        assert psutil.Process(worker.pid).nice() > psutil.Process().nice()  # it gives way to the viewer
    worker.stdin.close()
    assert worker.wait(5) == 0
    assert read_run(job.out).state == "cancelled"


def test_it_answers_nonsense_with_patience_and_quits(tmp_path):
    """In this process, with pipes."""
    _warm_up()  # a worker that is told to quit while it still loads torch ends its process, which is this one
    answers = io.BytesIO()
    inside, outside = os.pipe()
    with os.fdopen(outside, "wb") as commands:
        commands.write(b"hello\n[1]\n\xff\n")
        for command in (
            {"do": "cancel", "id": "nobody"},
            {"do": "preview", "id": "nobody"},
            {"do": "run", "id": "b", "job": str(tmp_path / "none.json")},
            {"do": "quit"},
        ):
            commands.write(json.dumps(command).encode() + b"\n")
        commands.flush()
        assert Worker(os.fdopen(inside, "rb"), answers).serve() == 0
    ready, failed = map(json.loads, answers.getvalue().splitlines())
    assert ready["event"] == "ready"
    assert (failed["event"], failed["id"]) == ("failed", "b")
    assert "no such job file" in failed["sentence"]


def test_the_environment_is_without_the_viewers_qt(monkeypatch):
    monkeypatch.setenv("QT_PLUGIN_PATH", "/x")
    monkeypatch.setenv("QML2_IMPORT_PATH", "/x")
    found = worker_environment({"A": "b"})
    assert "QT_PLUGIN_PATH" not in found
    assert "QML2_IMPORT_PATH" not in found
    assert (found["A"], found["PYTHONUTF8"]) == ("b", "1")
