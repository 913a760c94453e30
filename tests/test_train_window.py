"""The Train panel in the real window, by mouse and keys: a training is begun, stopped, resumed and finished."""

import sys
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from napari_sti.jobs.client import WorkerClient
from napari_sti.learn import registry
from napari_sti.learn.folder import read_training
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
