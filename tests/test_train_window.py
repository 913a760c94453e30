"""The Train panel in the real window, by mouse and keys: a training is begun, stopped, resumed and finished."""

import sys
from functools import partial
from pathlib import Path
from types import MappingProxyType

import nibabel
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sti.cli import main
from napari_sti.jobs.client import WorkerClient
from napari_sti.learn import registry
from napari_sti.learn.folder import read_training
from napari_sti.recon.checkpoint import load_model
from tests.learn.toy import Toy
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

START = 3 * LONG
"""Milliseconds for a worker to load PyTorch Lightning at most: long on a machine that has much else to do."""
WORKER = [sys.executable, str(Path(__file__).parent / "jobs" / "train_worker.py")]


@pytest.fixture
def window(make_window, monkeypatch):  # noqa: F811
    """A window in which a line can be fitted to noise, one step in a twentieth of a second."""
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType({"toy": Toy()}))
    return make_window(partial(WorkerClient, command=WORKER))


def start(window, *, steps, pause):
    """Type what is wanted and press the button."""
    window.tab("Train")
    window.type_number("sti_param_steps", str(steps))
    window.type_number("sti_param_pause", str(pause))
    assert window.find("sti_train").text() == "Start"
    window.click("sti_train")
    return window.controller.training.run


def test_a_training_is_started_stopped_resumed_and_finished(window):
    training = window.controller.training
    run = start(window, steps=60, pause=0.1)
    assert run is not None and window.find("sti_train").text() == "Stop"
    window.until(lambda: len(training.state.curve("train/loss")) >= 8, timeout=START)
    assert window.find("sti_train_curves").isVisible()
    window.until(lambda: "about" in window.find("sti_train_bar").text())
    window.until(lambda: window.find("sti_train_picture").isVisible())  # of the validation at step 5
    window.click("sti_train")
    window.until(lambda: run.state == "cancelled")
    window.until(lambda: training.state.training is not None and training.state.training.state == "stopped")
    stopped = training.state.training.step
    assert 8 <= stopped < 60 and training.state.curve("train/loss")[-1][0] == stopped
    assert window.find("sti_train_state").text() == f"{run.job.out.name} · stopped at step {stopped} of 60"
    window.until(lambda: window.find("sti_train").text() == "Resume")
    assert not window.find("sti_param_width").isEnabled() and window.find("sti_param_steps").isEnabled()

    window.type_number("sti_param_steps", str(stopped + 6))
    window.type_number("sti_param_pause", "0")
    window.click("sti_train")
    again = training.run
    window.until(lambda: again is not run and not again.active, timeout=LONG)
    assert again.state == "done", again.sentence
    window.until(lambda: training.state.training.state == "done")
    steps = [step for step, _ in training.state.curve("train/loss")]
    assert steps == list(range(1, stopped + 7)), "every step once, none lost and none twice"
    found = read_training(run.job.out)
    assert found.step == stopped + 6 and (run.job.out / found.weights).is_file()
    assert window.find("sti_train_result").isVisible() and "toy.safetensors" in window.said("sti_train_result")
    assert not window.find("sti_train").isEnabled() and "All steps are done" in window.said("sti_train_blocked")


@pytest.fixture
def own_tensors(tmp_path):
    """Two small tensors of one's own, one to train on and one to validate with."""
    folder = tmp_path / "own"
    folder.mkdir()
    affine, mask = np.diag([2, 2, 2, 1]), np.zeros((24, 16, 17), np.uint8)
    mask[2:-2, 2:-2, 2:-2] = 1
    for name in ("seen", "unseen"):
        chi = np.random.default_rng(len(name)).normal(0, 0.02, (*mask.shape, 6)) * mask[..., None]
        nibabel.save(nibabel.Nifti1Image(chi.astype(np.float32), affine), folder / f"{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(mask, affine), folder / f"{name}_mask.nii.gz")
    entries = (
        f"  - {{tensor: {n}.nii.gz, mask: {n}_mask.nii.gz, use: {use}}}\n"
        for n, use in (("seen", "train"), ("unseen", "validation"))
    )
    (folder / "dataset.yaml").write_text("frame: ras\ntensors:\n" + "".join(entries))
    return folder


def test_deepsti_is_trained_stopped_and_resumed_in_the_window_and_on_the_command_line(
    make_window,  # noqa: F811
    own_tensors,
    monkeypatch,
    capsys,
):
    window = make_window()
    window.tab("Train")
    tasks = window.find("sti_train_task")
    tasks.setFocus()
    window.qtbot.keyClicks(tasks, "DeepSTI")
    assert tasks.currentData() == "deepsti"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(own_tensors))
    window.click("sti_choose_data")
    assert window.find("sti_param_data").value() == str(own_tensors)
    window.qtbot.mouseClick(window.workbench.panels["train"].editor.form.more.button, Qt.MouseButton.LeftButton)
    small = {"width": 6, "crop": 16, "batch": 1, "validate_every": 1000, "validation_brains": 1, "loaders": 0}
    for name, value in {"steps": 100000, "alone": 99999, "unroll": 1, **small}.items():
        window.type_number(f"sti_param_{name}", str(value))
    window.click("sti_train")
    training = window.controller.training
    run = training.run
    window.until(lambda: len(training.state.curve("train/loss")) >= 1, timeout=START)
    window.click("sti_train")
    window.until(lambda: run.state == "cancelled", timeout=START)
    window.until(lambda: training.state.training is not None and training.state.training.state == "stopped")
    stopped = read_training(run.job.out).step
    assert 0 < stopped < 100000

    window.until(lambda: window.find("sti_train").text() == "Resume")
    window.type_number("sti_param_steps", str(stopped + 3))
    window.click("sti_train")
    again = training.run
    window.until(lambda: not again.active, timeout=START)
    assert again.state == "done", again.sentence
    found = read_training(run.job.out)
    assert found.step == stopped + 3 and found.params["data"] == str(own_tensors)

    words = ["train", "deepsti", "-o", str(run.job.out), "-p", f"steps={stopped + 5}", "--device", "cpu"]
    assert main(words) == 0, capsys.readouterr().err
    found = read_training(run.job.out)
    assert found.step == stopped + 5
    model, card = load_model(run.job.out / found.weights)
    assert card["steps"] == stopped + 5 and model.config["widths"][0] == 6
