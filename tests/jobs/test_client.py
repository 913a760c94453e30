import os
import signal
import sys
import time

import numpy as np
import psutil
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.results import load_result
from napari_sti.jobs.history import list_runs, new_run_folder, read_run
from napari_sti.jobs.job import Job

BOOKS = {"job.json", "run.json", "job.log"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture
def job(tmp_path, study, odd):
    """Make jobs in folders of their own."""

    def make(method="slow", **params):
        folder = new_run_folder(method, tmp_path / "runs")
        return Job(study=study, method=method, params=params, device="cpu", out=folder, name=folder.name)

    return make


def kinds(events):
    found = []
    for event in events:
        if not found or found[-1] != event["event"]:
            found.append(event["event"])
    return found


def names(job):
    return {path.name for path in job.out.iterdir()}


def test_a_whole_run(warm, job):
    client, events = warm
    run = job("stiimag", max_iterations=4, tol=0.0)
    handle = client.submit(run)
    last = handle.wait(30)
    assert handle.state == "done"
    assert last["event"] == "done"
    assert handle.result == run.out / "result.json"
    assert load_result(run.out).name == run.name
    mine = events.of(handle)
    assert kinds(mine) == ["queued", "started", "progress", "done"]
    assert mine[0]["position"] == 0
    progress = [event for event in mine if event["event"] == "progress"]
    curve = [point for event in progress for point in event["curve"]]
    assert [point[0] for point in curve if point[0]] == [1, 2, 3, 4]
    assert all(point[1] is not None for point in curve)
    assert progress[0]["message"]
    assert {"iteration", "total", "residual", "objective", "elapsed", "left", "message"} <= set(progress[-1])
    assert client.devices[0]["name"] == "cpu"


def test_ready_says_what_there_is(warm):
    client, events = warm
    ready = events.until("ready")
    assert ready["pid"] == client.pid
    assert ready["devices"][0]["free"] > 0
    assert "torch" in ready["versions"]


def test_every_iteration_is_told_in_order_in_few_lines(warm, job):
    client, events = warm
    handle = client.submit(job(iterations=300, pause=0.002))
    assert handle.wait(30)["event"] == "done"
    progress = [event for event in events.of(handle) if event["event"] == "progress"]
    curve = [point for event in progress for point in event["curve"]]
    assert [point[0] for point in curve] == list(range(1, 301))
    assert curve[3][1] == pytest.approx(0.25)
    for name in ("iteration", "elapsed"):
        values = [event[name] for event in progress]
        assert values == sorted(values)
    assert len(progress) <= 22 * handle.outcome["seconds"] + 5
    assert progress[-1]["left"] == 0


def test_the_result_stays_bound_to_its_run(warm, job):
    client, events = warm
    first, second = job(iterations=10), job(iterations=5)
    handles = [client.submit(run) for run in (first, second)]
    assert [h.wait(30)["event"] for h in handles] == ["done", "done"]
    assert [h.result.parent for h in handles] == [first.out, second.out]
    order = [(e["event"], e["id"]) for e in events if e["event"] in ("started", "done")][-4:]
    assert order == [(kind, h.id) for h in handles for kind in ("started", "done")]
    assert events.until("queued", handles[1])["position"] == 1
    assert not client.busy


def test_cancel_in_the_middle(warm, job):
    client, events = warm
    pid = client.pid
    run = job(iterations=10_000)
    handle = client.submit(run)
    events.until("progress", handle)
    began = time.monotonic()
    handle.cancel()
    handle.cancel()
    assert handle.wait(10) == {**handle.outcome, "event": "cancelled", "forced": False}
    assert time.monotonic() - began < 1.4
    assert sum(event["event"] == "cancelling" for event in events.of(handle)) == 1
    assert names(run) == BOOKS
    assert read_run(run.out).state == "cancelled"
    assert client.pid == pid  # still warm
    handle.cancel()  # too late, no harm


def test_cancel_while_it_waits(warm, job):
    client, events = warm
    first, second = client.submit(job(iterations=50)), client.submit(job())
    second.cancel()
    assert second.wait(5)["event"] == "cancelled"
    assert first.state in ("queued", "running")
    assert kinds(events.of(second)) == ["queued", "cancelled"]
    assert read_run(second.folder).state == "cancelled"
    assert first.wait(20)["event"] == "done"


def test_what_does_not_heed_the_cancel_is_ended(warm, job):
    client, events = warm
    pid = client.pid
    run = job("stuck")
    handle = client.submit(run)
    behind = client.submit(job(iterations=3))
    events.until("progress", handle)
    began = time.monotonic()
    handle.cancel()
    last = handle.wait(10)
    assert (last["event"], last["forced"]) == ("cancelled", True)
    assert 1.4 < time.monotonic() - began < 6
    assert not psutil.pid_exists(pid)
    assert read_run(run.out).state == "cancelled"
    assert names(run) == BOOKS
    assert behind.wait(60)["event"] == "done"  # in a new worker
    assert client.pid != pid


@posix
def test_a_killed_worker_is_said_and_replaced(warm, job):
    client, events = warm
    run = job(iterations=10_000)
    handle = client.submit(run, preview=True)
    behind = client.submit(job(iterations=3))
    events.until("preview", handle)
    os.kill(client.pid, signal.SIGKILL)
    last = handle.wait(10)
    assert last["event"] == "failed"
    assert "killed (signal 9), most likely because memory ran out" in last["sentence"]
    assert names(run) == BOOKS
    record = read_run(run.out)
    assert (record.state, record.sentence) == ("failed", last["sentence"])
    assert behind.wait(60)["event"] == "done"


@posix
def test_a_crash_is_said_with_the_place(warm, job):
    client, _ = warm
    run = job("crashing")
    last = client.submit(run).wait(30)
    assert last["event"] == "failed"
    assert "SIGSEGV" in last["sentence"]
    assert "in string_at" in last["details"]
    assert "in string_at" in (run.out / "job.log").read_text()


def test_a_fault_is_a_sentence_with_details(warm, job):
    client, _ = warm
    last = client.submit(job("faulty")).wait(60)
    assert last["event"] == "failed"
    assert "size of tensor a (3) must match the size of tensor b (4)" in last["sentence"]
    assert "Traceback" in last["details"]
    assert last["recycle"] is False


def test_a_study_with_faults_is_a_sentence(warm, job, study, tmp_path):
    client, _ = warm
    bad = study.with_name("bad.yaml")
    bad.write_text(study.read_text().replace("mask: mask.nii.gz", "mask: gone.nii.gz"))
    last = client.submit(Job(study=bad, out=tmp_path / "bad")).wait(60)
    assert last["event"] == "failed"
    assert "gone.nii.gz" in last["sentence"]
    with pytest.raises(InputError, match="did you mean 'stiimag'"):
        client.submit(Job(study=study, method="stiimagg", out=tmp_path / "x"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux enforces the limit")
def test_memory_runs_out(warm, job, monkeypatch):
    client, _ = warm
    run = job("hungry", megabytes=2000)
    monkeypatch.setattr(client, "memory_limit", 300_000_000)
    last = client.submit(run).wait(60)
    assert last["event"] == "failed"
    assert "Memory ran out: this run may take 300 MB" in last["sentence"]
    assert "allocate" in last["details"]
    assert names(run) == BOOKS
    # What ran out of memory is replaced, and works again.
    assert last["recycle"]
    assert client.submit(job("hungry", megabytes=10)).wait(60)["event"] == "done"


def test_too_large_is_refused_and_can_be_insisted_upon(warm, job):
    client, _ = warm
    last = client.submit(job("greedy", megabytes=90_000_000)).wait(60)
    assert last["event"] == "failed"
    assert "Not enough memory: this run needs about 90000 GB" in last["sentence"]
    assert not last["recycle"]
    handle = client.submit(job("greedy", megabytes=90_000_000), check_memory=False)
    assert handle.wait(60)["event"] == "done"


def test_stray_prints_do_not_break_the_protocol(warm, job):
    client, events = warm
    handle = client.submit(job("chatty"))
    assert handle.wait(60)["event"] == "done"
    assert not [event for event in events if event.get("id") == "nonsense"]
    point = events.until("progress", handle, iteration=1)["curve"][-1]
    assert point == [1, None, None]  # NaN is no JSON


def test_previews_can_be_looked_at(warm, job):
    client, events = warm
    handle = client.submit(job(iterations=10_000))
    events.until("progress", handle)
    assert "preview" not in kinds(events.of(handle))
    client.show_preview(handle.id)
    seen = events.until("preview", handle)
    shown = np.load(seen["path"])
    assert shown.shape == (7, 6, 5, 6)
    assert shown[0, 0, 0, 0] >= seen["iteration"]
    handle.cancel()
    assert handle.wait(10)["event"] == "cancelled"
    assert "preview.npy" not in names(handle.job)


def test_questions_are_answered_beside_a_run(warm, job, study):
    client, events = warm
    handle = client.submit(job(iterations=10_000))
    events.until("progress", handle)
    assert client.ask("devices").result(10)[0]["name"] == "cpu"
    answer = client.ask("estimate", study=study, method="stiimag").result(10)
    assert answer["shape"] == [7, 6, 5]
    with pytest.raises(RuntimeError, match="did you mean 'stiimag'"):
        client.ask("estimate", study=study, method="stimag").result(10)
    with pytest.raises(RuntimeError, match="unknown command"):
        client.ask("dance").result(10)
    handle.cancel()
    handle.wait(10)


SMALL_WORKER = """
import json, sys
print(json.dumps({"event": "ready", "devices": []}), flush=True)
for line in sys.stdin:
    print(json.dumps({"event": "done", "id": json.loads(line)["id"], "result": "r"}), flush=True)
"""


def test_a_listener_that_fails_does_no_harm(fresh, study, tmp_path):
    def listener(event):
        raise ValueError("oops")

    client, _ = fresh(on_event=listener, command=[sys.executable, "-c", SMALL_WORKER])
    handle = client.submit(Job(study=study, device="cpu", out=tmp_path / "run"))
    assert handle.wait(60)["event"] == "done"


def test_a_worker_that_cannot_start_is_said(fresh, job):
    client, _ = fresh(command=[sys.executable, "-c", "import nothing_of_that_name"])
    last = client.submit(job()).wait(20)
    assert last["event"] == "failed"
    assert "could not start (ModuleNotFoundError: No module named 'nothing_of_that_name')" in last["sentence"]
    client, _ = fresh(command=["/no/such/program"])
    assert "could not be started" in client.submit(job()).wait(20)["sentence"]
    with pytest.raises(RuntimeError, match="could not"):
        client.ask("devices").result(10)


def test_close_ends_everything(fresh, job):
    client, events = fresh()
    events.until("ready", timeout=60)
    worker = psutil.Process(client.pid)
    running, waiting = client.submit(job("stuck")), client.submit(job())
    events.until("progress", running)
    client.close(timeout=0.3)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert [h.wait(1)["event"] for h in (running, waiting)] == ["cancelled", "cancelled"]
    assert "closed" in running.outcome["sentence"]
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.submit(job())


def test_the_list_of_runs(warm, job, tmp_path):
    client, _ = warm
    done, failed = client.submit(job(iterations=2)), client.submit(job("faulty"))
    failed.wait(60)
    records = {record.folder: record for record in list_runs(tmp_path / "runs")}
    assert records[done.folder].state == "done"
    assert records[done.folder].result == done.result
    assert records[done.folder].params == {"iterations": 2}
    assert (records[failed.folder].state, records[failed.folder].method) == ("failed", "faulty")


def test_the_sample_needs_no_folder(warm):
    client, _ = warm
    handle = client.submit(Job(kind="sample", params={"oblique": True}))
    assert handle.wait(60)["event"] == "done"
    assert handle.result.parts[-2:] == ("sample-True", "study.yaml")
    assert handle.folder is None
