"""The Train panel: what is asked for, what it says while a training runs, and what becomes of the weights."""

import os
import platform
from types import MappingProxyType

import numpy as np
import psutil
import pytest

from napari_sti.learn import registry
from napari_sti.learn.folder import Training, write_training
from napari_sti.learn.record import Record
from napari_sti.widgets.session import train as session
from napari_sti.widgets.session.train import TrainState
from napari_sti.widgets.train_progress import scores_text, validation_name
from tests.learn.toy import Toy


class Other(Toy):
    id = "other"
    title = "Other"


class Deep(Toy):
    id = "deepsti"
    title = "Deep"


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    monkeypatch.setattr(
        registry, "_found", lambda: MappingProxyType({task.id: task for task in (Other(), Toy(), Deep())})
    )


@pytest.fixture
def panel(workbench):
    workbench.show_panel("train")
    return workbench.panels["train"]


def leave_training(folder, *, task="toy", state="stopped", step=7, weights=True, **params):
    """What a training leaves in its folder, as far as the window reads it."""
    folder.mkdir(parents=True)
    record = Record(folder / "metrics.csv")
    for number in range(1, step + 1):
        record.write(number, 0.5 * number, {"train/loss": 1 / number})
    record.write(step, 0.5 * step, {"val/loss": 0.25, "val/angle": 12.5})
    (folder / "pictures").mkdir()
    from matplotlib.image import imsave

    imsave(folder / "pictures" / f"step-{step:07d}-brain.png", np.full((20, 60, 3), 99, np.uint8))
    if weights:
        (folder / f"{task}.safetensors").write_bytes(b"weights")
    values = {**dict(steps=20, batch=2, width=5, seed=3), **params}
    write_training(
        folder,
        Training(task, values, state=state, step=step, weights=f"{task}.safetensors", pid=1, host=platform.node()),
    )
    return folder


def open_folder(panel, folder, qtbot):
    panel.editor.folder.setValue(folder)
    qtbot.waitUntil(lambda: panel.training.state.folder == folder and panel.training.state.training is not None)


def client(panel):
    return panel.training._client


def say(panel, event, **values):
    client(panel).say({"event": event, "id": panel.training.run.id, **values})


def test_what_is_asked_for_is_what_is_sent(panel, tmp_path):
    choice = panel.value()
    assert choice.task == "other", "the first one"
    panel.editor.combo.setCurrentIndex(panel.editor.combo.findData("toy"))
    panel.editor.form.editors["width"].setValue(4)
    panel.editor.minutes.setValue(30)
    panel.editor.folder.setValue(tmp_path / "mine")
    panel.button.click()
    (job,) = client(panel).jobs
    assert (job.kind, job.method, job.minutes, job.out) == ("train", "toy", 30, tmp_path / "mine")
    assert job.params["width"] == 4
    command = panel.command.value()
    assert command.startswith("napari-sti train toy -p width=4 --minutes 30 -o ") and command.endswith("mine")


def test_a_training_does_not_keep_reconstructions_waiting(panel, controller, have_study):
    panel.start()
    run = controller.reconstruct("stiimag", {})
    assert client(panel) is not controller.runs._client
    assert [job.kind for job in controller.runs._client.jobs] == ["recon"] and run.active


def test_a_new_folder_is_offered_and_none_is_used_twice(panel):
    first = panel.folder()
    assert first.name == "other-1" and not first.exists()
    assert panel.editor.folder._name.without == "other-1 (new)"
    first.mkdir(parents=True)
    assert panel.folder().name == "other-2"
    panel.editor.combo.setCurrentIndex(panel.editor.combo.findData("toy"))
    assert panel.folder().name == "toy-1"


def test_progress_is_seen(panel, qtbot):
    panel.start()
    say(panel, "started")
    rows = [[step, {"train/loss": 1 / step, "learning_rate": 0.01}] for step in range(1, 9)]
    say(panel, "progress", iteration=8, total=20, left=65.0, message="Training", rows=rows)
    qtbot.waitUntil(lambda: panel.progress.bar.value() == 8)
    assert panel.progress.bar.maximum() == 20 and panel.progress.bar.text() == "40 %   about 1 min 5 s left"
    assert panel.progress.title.text() == "other-1 · Training"
    assert panel.progress.numbers.text() == "step 8 of 20   loss 0.125"
    training, validation = panel.progress.curves.curves()
    assert training.points[-1] == (8.0, 0.125) and validation.points == ()
    assert panel.button.text() == "Stop" and not panel.editor.parameters.is_open()
    assert not panel.editor.folder.isEnabled() and not panel.editor.form.editors["seed"].isEnabled()


def test_a_validation_brings_picture_scores_and_weights(panel, qtbot):
    folder = panel.folder()
    panel.start()
    leave_training(folder, task="other", state="running", step=8)
    numbers = [[8, {"val/loss": 0.25, "val/angle": None}]]
    say(panel, "progress", iteration=8, total=20, left=1.0, message="Validated", rows=numbers)
    qtbot.waitUntil(panel.progress.pictures.isVisible, timeout=10_000)
    assert panel.progress.pictures.value() == {"brain": folder / "pictures" / "step-0000008-brain.png"}
    assert panel.progress.scores.text() == "Latest validation: loss 0.25, angle 12.5."
    assert panel.result.text() == "other.safetensors, of step 8, lies in the folder with its card."
    assert panel.result.toolTip() == str(folder / "other.safetensors") and not panel.result.button.isVisible()


def test_of_many_scores_the_whole_ones_are_said():
    scores = {"val/angle": 36.24, "val/angle_1": 44.9, "val/angle_1_least_squares": 48.0, "val/error_map": 0.4}
    assert scores_text(scores) == "Latest validation: angle 36.24, error map 0.4."
    assert validation_name(TrainState(rows=((1.0, scores),))) == "val/angle"
    assert validation_name(TrainState(rows=((1.0, {**scores, "val/error": 0.2}),))) == "val/error"


def test_stop_saves_and_resume_goes_on(panel, qtbot):
    folder = panel.folder()
    run = panel.start()
    say(panel, "progress", iteration=9, total=20, rows=[[s, {"train/loss": 1.0}] for s in range(1, 10)])
    qtbot.waitUntil(lambda: len(panel.training.state.rows) == 9)
    panel.button.click()
    assert client(panel).cancelled == [run.id]
    say(panel, "cancelling")
    qtbot.waitUntil(lambda: panel.button.text().startswith("Stopping"))
    assert not panel.button.isEnabled()
    leave_training(folder, task="other", step=7)
    say(panel, "cancelled")
    qtbot.waitUntil(lambda: panel.button.text() == "Resume", timeout=10_000)
    assert panel.progress.title.text() == "other-1 · stopped at step 7 of 20"
    assert [step for step, _ in panel.training.state.curve("train/loss")] == list(range(1, 8))
    assert panel.editor.form.editors["steps"].isEnabled() and not panel.editor.form.editors["seed"].isEnabled()
    assert panel.editor.form.editors["seed"].value() == 3, "as it was begun"
    panel.button.click()
    assert client(panel).jobs[-1].out == folder and len(client(panel).jobs) == 2


def test_what_lies_in_a_folder_is_taken_over(panel, tmp_path, qtbot):
    folder = leave_training(tmp_path / "earlier", width=6)
    open_folder(panel, folder, qtbot)
    qtbot.waitUntil(lambda: panel.value().task == "toy")
    assert panel.value().mapping()["width"] == 6 and panel.value().mapping()["steps"] == 20
    assert panel.button.text() == "Resume" and panel.button.isEnabled()
    panel.editor.folder.setValue(None)
    assert panel.button.text() == "Start" and panel.editor.form.editors["width"].isEnabled()


@pytest.mark.parametrize(
    ("state", "values", "said"),
    [
        ("done", {"steps": 7}, "All steps are done: ask for more of them to go on, or choose another folder."),
        ("running", {}, "Another process is training in this folder: wait for it, or choose another folder."),
    ],
)
def test_why_it_cannot_go_on(panel, tmp_path, qtbot, state, values, said, monkeypatch):
    folder = leave_training(tmp_path / "earlier", state=state, **values)
    if state == "running":
        me = psutil.Process(os.getpid())
        begun = Training("toy", {}, state="running", pid=me.pid, process_started=me.create_time(), host=platform.node())
        write_training(folder, begun)
    open_folder(panel, folder, qtbot)
    qtbot.waitUntil(lambda: panel.blocked.text() == said)
    assert not panel.button.isEnabled() and panel.button.toolTip() == said
    if state == "done":
        panel.editor.form.editors["steps"].setValue(30)
        assert panel.button.isEnabled() and panel.blocked.text() == ""


def test_a_training_of_another_process_is_followed(panel, tmp_path, qtbot):
    panel.training._again.setInterval(20)
    folder = leave_training(tmp_path / "elsewhere")
    me = psutil.Process(os.getpid())
    begun = Training("toy", {}, state="running", pid=me.pid, process_started=me.create_time(), host=platform.node())
    write_training(folder, begun)
    open_folder(panel, folder, qtbot)
    Record(folder / "metrics.csv", until=99).write(8, 4.0, {"train/loss": 0.01})
    qtbot.waitUntil(lambda: panel.training.state.curve("train/loss")[-1] == (8.0, 0.01))
    write_training(folder, Training("toy", {}, state="done", step=8))
    qtbot.waitUntil(lambda: panel.training.state.training.state == "done")


def test_a_folder_of_another_task_is_refused(panel, tmp_path, qtbot):
    open_folder(panel, leave_training(tmp_path / "earlier"), qtbot)
    panel.editor.combo.setCurrentIndex(panel.editor.combo.findData("other"))
    assert panel.blocked.text() == "The folder holds a training of toy: choose another folder."


def test_a_broken_folder_is_said(panel, tmp_path, qtbot):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.json").write_text("{}")
    panel.editor.folder.setValue(tmp_path / "broken")
    qtbot.waitUntil(lambda: "does not describe a training" in panel.blocked.text())
    assert not panel.button.isEnabled()


def test_an_earlier_training_is_offered(workbench, panel, qtbot):
    folder = leave_training(session.runs_folder() / "trainings" / "toy-4", step=9)
    workbench.show_panel("data")
    workbench.show_panel("train")
    qtbot.waitUntil(panel.earlier.isVisible)
    assert panel.earlier.text() == "The training toy-4 was stopped at step 9 of 20."
    panel.earlier.button.click()
    qtbot.waitUntil(lambda: panel.button.text() == "Resume")
    assert panel.folder() == folder and not panel.earlier.isVisible()


def test_failure_is_one_sentence_with_folded_details(panel, qtbot):
    panel.start()
    say(panel, "failed", sentence="The loss is not a number any more at step 3.", details="Traceback ...")
    qtbot.waitUntil(panel.failure.isVisible)
    assert panel.failure.text() == "other in other-1: The loss is not a number any more at step 3."
    assert panel.button.text() == "Start" and panel.editor.parameters.is_open()


def test_what_is_wrong_with_the_parameters_is_said_at_once(panel):
    panel.editor.form.editors["width"].setValue(7)
    panel.editor.form.editors["seed"].setValue(7)
    client_before = client(panel)
    panel.training._make_client = _Refusing
    panel.button.click()
    assert "width 7 does not go with seed 7" in panel.failure.text() and client_before is None


class _Refusing:
    """Looks at the job as the real client does."""

    def __init__(self, on_event):
        pass

    def submit(self, job, **_):
        from napari_sti.jobs.job import check_job

        check_job(job)

    def close(self, timeout=3.0):
        pass


def test_without_lightning_there_is_a_sentence(workbench, controller, qtbot, monkeypatch):
    from napari_sti.widgets.panels.train import TrainPanel

    monkeypatch.setattr(session, "find_spec", lambda name: None)
    assert session.what_is_missing() == (
        "Training needs PyTorch Lightning and TensorBoard, which are not installed: "
        'run pip install "napari-sti[train]".'
    )
    panel = TrainPanel(controller)
    area = panel.in_scroll_area()
    qtbot.addWidget(area)
    area.show()
    assert panel.blocked.isVisible() and not panel.button.isEnabled()


def test_the_worker_ends_a_while_after_the_training(panel, qtbot):
    panel.training._idle.setInterval(20)
    panel.start()
    worker = client(panel)
    say(panel, "cancelled")
    qtbot.waitUntil(lambda: worker.closed)
    assert client(panel) is None


def test_weights_of_a_method_are_tried_at_once(workbench, panel, controller, tmp_path, qtbot):
    wanted = []
    controller.training.weights_wanted.connect(lambda method, file: wanted.append((method, file)))
    folder = leave_training(tmp_path / "earlier", task="deepsti")
    open_folder(panel, folder, qtbot)
    qtbot.waitUntil(panel.result.button.isVisible)
    panel.result.button.click()
    assert wanted == [("deepsti", str(folder / "deepsti.safetensors"))]
    reconstruct = workbench.panels["reconstruct"]
    assert workbench.tabs.currentWidget().widget() is reconstruct
    assert reconstruct.value().method == "deepsti" and reconstruct.value().params.weights == wanted[0][1]
