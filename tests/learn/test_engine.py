"""Training: the same every time, whatever comes in between."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.learn import keeper
from napari_sti.learn.engine import train
from napari_sti.learn.folder import read_training
from napari_sti.learn.record import read_record
from napari_sti.learn.session import read_state
from tests.learn.toy import wait_for

SCRIPT = Path(__file__).with_name("train_toy.py")


class _CancelAt:
    """Cancels when a step of training, or a validation, is reached."""

    def __init__(self, step: int, message: str = "Training") -> None:
        self._step, self._message = step, message
        self.steps = []

    def __call__(self, step) -> None:
        self.steps.append(step)
        if step.iteration == self._step and step.message.startswith(self._message):
            raise Cancelled


def _state(folder: Path) -> dict:
    return torch.load(folder / "last.ckpt", weights_only=True)


def _flat(value, name=""):
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(inner, f"{name}/{key}")
    elif isinstance(value, torch.Tensor):
        yield name, value


def _assert_same_training(one: Path, other: Path) -> None:
    """Weights, their mean and the optimiser's state agree in every bit, the record in all but the seconds."""
    a, b = (dict(_flat(_state(folder))) for folder in (one, other))
    assert a.keys() == b.keys()
    assert len(a) >= 16  # four weights, their means, two moments each
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    x, y = (load_file(folder / "toy.safetensors") for folder in (one, other))
    assert [name for name in x if not torch.equal(x[name], y[name])] == []
    rows = [[{**row, "seconds": 0} for row in read_record(folder / "metrics.csv")] for folder in (one, other)]
    assert rows[0] == rows[1]


@pytest.fixture
def whole(toy, tmp_path):
    """A training of 12 steps without interruption."""
    return train("toy", {"ema": 0.5}, tmp_path / "whole", device="cpu")


def test_folder_of_a_training_holds_what_it_says(toy, tmp_path):
    steps = []
    folder = train("toy", {"steps": 6}, tmp_path / "run", device="cpu", progress=steps.append)
    names = {p.name for p in folder.iterdir()}
    assert names == {"train.json", "last.ckpt", "metrics.csv", "pictures", "events", "toy.safetensors", "toy.json"}
    training = read_training(folder)
    assert (training.task, training.state, training.step, training.weights) == ("toy", "done", 6, "toy.safetensors")
    assert training.params["steps"] == 6
    assert training.scores == {"val/error": pytest.approx(training.scores["val/error"])}
    facts = json.loads((folder / "toy.json").read_text())
    assert facts["steps"] == 6
    assert facts["scores"] == training.scores
    rows = read_record(folder / "metrics.csv")
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in rows if "val/error" in row] == [5, 6]
    assert rows[1]["learning_rate"] == pytest.approx(0.05 * 0.97, rel=1e-5)
    assert sorted(p.name for p in (folder / "pictures").iterdir()) == [
        "step-0000005-a-square-of-grey.png",
        "step-0000006-a-square-of-grey.png",
    ]
    assert list((folder / "events").glob("events.out.tfevents.*"))
    losses = [s for s in steps if "train/loss" in s.metrics]
    assert [(s.iteration, s.total) for s in losses] == [(n, 6) for n in range(1, 7)]
    assert all(s.objective == s.metrics["train/loss"] for s in losses)


def test_same_seed_same_weights_other_seed_other_weights(toy, tmp_path, whole):
    again = train("toy", {"ema": 0.5}, tmp_path / "again", device="cpu")
    _assert_same_training(whole, again)
    other = train("toy", {"ema": 0.5, "seed": 1}, tmp_path / "other", device="cpu")
    a, b = load_file(whole / "toy.safetensors"), load_file(other / "toy.safetensors")
    assert not torch.equal(a["model.0.weight"], b["model.0.weight"])


@pytest.mark.parametrize("step", [1, 5, 9])
def test_cancelled_training_goes_on_bit_for_bit(toy, tmp_path, whole, step):
    folder = tmp_path / "run"
    with pytest.raises(Cancelled):
        train("toy", {"ema": 0.5}, folder, device="cpu", progress=_CancelAt(step))
    training = read_training(folder)
    assert (training.state, training.step) == ("stopped", step)
    assert (folder / training.weights).is_file()
    train("toy", {"ema": 0.5}, folder, device="cpu")
    a, b = (dict(_flat(_state(f))) for f in (whole, folder))
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    if step != 5:  # stopped at the step of a validation, that one is left out
        _assert_same_training(whole, folder)


def test_cancel_is_heard_during_a_validation(toy, tmp_path, whole, monkeypatch):
    monkeypatch.setattr(keeper, "BEFORE_VALIDATION", 0.0)
    folder, watcher = tmp_path / "run", _CancelAt(10, "Validation, example 1")
    with pytest.raises(Cancelled):
        train("toy", {"ema": 0.5}, folder, device="cpu", progress=watcher)
    assert [s.message for s in watcher.steps if s.iteration == 10][-1] == "Validation, example 1"
    assert read_training(folder).step == 9  # saved before the step whose validation was left
    train("toy", {"ema": 0.5}, folder, device="cpu")
    _assert_same_training(whole, folder)


def test_killed_process_goes_on_bit_for_bit(toy, tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder), "40", "0.05", "0"])
    try:
        wait_for(lambda: (folder / "train.json").exists() and read_training(folder).step >= 7)
    finally:
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    training = read_training(folder)
    assert training.state == "stopped"
    assert training.step < 40
    train("toy", {"steps": 40, "pause": 0.0}, folder, device="cpu")
    _assert_same_training(train("toy", {"steps": 40}, tmp_path / "whole", device="cpu"), folder)


@pytest.mark.skipif(sys.platform == "win32", reason="gloo")
def test_two_processes_train_together(toy, tmp_path):
    folder = tmp_path / "run"
    words = [sys.executable, str(SCRIPT), str(folder), "6", "0", "60", "2"]
    process = subprocess.run(words, timeout=120, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    training = read_training(folder)
    assert (training.state, training.step) == ("done", 6)
    rows = read_record(folder / "metrics.csv")
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 2, 3, 4, 5, 6]  # one of them writes
    alone = train("toy", {"steps": 6}, tmp_path / "alone", device="cpu")
    a, b = load_file(folder / "toy.safetensors"), load_file(alone / "toy.safetensors")
    assert not torch.equal(a["model.0.weight"], b["model.0.weight"])  # the other one has a say


def test_sigterm_ends_in_a_saved_state(toy, tmp_path):
    def terminate(step) -> None:
        if step.iteration == 3 and step.message == "Training":
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Cancelled):
        train("toy", {}, tmp_path / "run", device="cpu", progress=terminate)
    assert signal.getsignal(signal.SIGTERM) == before
    training = read_training(tmp_path / "run")
    assert (training.state, training.step) == ("stopped", 3)


def test_time_is_up_in_a_saved_state(toy, tmp_path):
    folder = train("toy", {"steps": 10**6, "pause": 0.05}, tmp_path / "run", device="cpu", minutes=0.5 / 60)
    training = read_training(folder)
    assert training.state == "stopped"
    assert 0 < training.step < 1000
    assert (folder / training.weights).is_file()
    assert read_state(folder / "last.ckpt")[0] == training.step


def test_more_steps_are_gone_on_with_and_fewer_refused(toy, tmp_path, whole):
    folder = train("toy", {"ema": 0.5, "steps": 8}, tmp_path / "run", device="cpu")
    train("toy", {"steps": 12}, folder, device="cpu")  # what is not stated is as it was
    assert read_training(folder).params["ema"] == 0.5
    a, b = (dict(_flat(_state(f))) for f in (whole, folder))
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    with pytest.raises(InputError, match="has 12 steps behind it already, more than steps = 9"):
        train("toy", {"steps": 9}, folder, device="cpu")


def test_finished_training_is_left_as_it_is(toy, whole):
    before = load_file(whole / "toy.safetensors"), read_record(whole / "metrics.csv")
    train("toy", {}, whole, device="cpu")
    after = load_file(whole / "toy.safetensors"), read_record(whole / "metrics.csv")
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert before[1] == after[1]
    assert read_training(whole).state == "done"


def test_overwriting_begins_anew(toy, tmp_path, whole):
    train("toy", {"steps": 3}, whole, device="cpu", overwrite=True)
    assert read_training(whole).step == 3
    assert {row["step"] for row in read_record(whole / "metrics.csv")} == {1, 2, 3}


def test_exported_weights_are_the_mean_and_the_saved_ones_are_not(whole):
    state, exported = _state(whole), load_file(whole / "toy.safetensors")
    mean = state["callbacks"]["Average"]["mean"]["model.0.weight"]
    assert torch.equal(exported["model.0.weight"], mean)
    assert not torch.equal(state["state_dict"]["model.0.weight"], mean)


def test_without_averaging_the_last_weights_are_exported(toy, tmp_path):
    folder = train("toy", {"ema": 0.0, "steps": 3}, tmp_path / "run", device="cpu")
    exported = load_file(folder / "toy.safetensors")
    assert torch.equal(exported["model.0.weight"], _state(folder)["state_dict"]["model.0.weight"])


def test_loss_that_is_no_number_ends_it_and_keeps_the_state_before(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "SAVE_EVERY", 0.0)
    with pytest.raises(InputError, match=r"the loss is not a number any more at step 8; take a smaller learning rate"):
        train("toy", {"spoil": 8}, tmp_path / "run", device="cpu")
    training = read_training(tmp_path / "run")
    assert (training.state, training.step) == ("failed", 7)
    assert np.isfinite(_state(tmp_path / "run")["state_dict"]["model.0.weight"].numpy()).all()


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"stpes": 3}, "the parameter 'stpes' is not known; did you mean 'steps'?"),
        ({"steps": 0}, "steps = 0 is out of range; give a number from 1"),
        ({"precision": "int8"}, "precision = 'int8' is not known; use one of 32-true"),
        ({"width": 7, "seed": 7}, "width 7 does not go with seed 7; take another seed."),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(toy, tmp_path, given, sentence):
    with pytest.raises(InputError) as caught:
        train("toy", given, tmp_path / "run", device="cpu")
    assert sentence in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_unknown_task_is_refused():
    with pytest.raises(InputError, match=r"the training task 'deepst' is not known; did you mean 'deepsti'\?"):
        train("deepst", {}, "nowhere")


def test_folder_of_another_task_is_refused(whole):
    with pytest.raises(InputError, match=r"the folder holds a training of another task \(toy, not other\)"):
        train("other", {}, whole, device="cpu")
    assert read_training(whole).task == "toy"


def test_other_parameters_than_it_was_begun_with_are_refused(whole):
    with pytest.raises(InputError, match=r"was begun with learning_rate = 0.05, not 0.1; leave it out to go on"):
        train("toy", {"learning_rate": 0.1}, whole, device="cpu")


def test_without_resuming_an_existing_training_is_refused(whole):
    with pytest.raises(InputError, match="the folder holds a training already; choose another folder"):
        train("toy", {}, whole, device="cpu", resume=False)


def test_folder_with_something_else_is_refused_and_kept(toy, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(InputError, match=r"is not empty and holds no training \(letter.txt lies there\)"):
        train("toy", {}, tmp_path, device="cpu")
    train("toy", {"steps": 1}, tmp_path, device="cpu", overwrite=True)
    assert (tmp_path / "letter.txt").read_text() == "Dear"


def test_file_in_place_of_the_folder_is_refused(toy, tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="this is a file, not a folder"):
        train("toy", {}, tmp_path / "run", device="cpu")


def test_folder_in_use_is_refused(toy, whole, monkeypatch):
    content = json.loads((whole / "train.json").read_text())
    import psutil

    parent = psutil.Process(os.getppid())
    content |= {"state": "running", "pid": parent.pid, "process_started": parent.create_time()}
    (whole / "train.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"another process \\(number {parent.pid}\\) is training in this folder"):
        train("toy", {}, whole, device="cpu")


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(toy, tmp_path, minutes):
    with pytest.raises(InputError, match="is no time; give a number above 0"):
        train("toy", {}, tmp_path / "run", device="cpu", minutes=minutes)


class _Bomb:
    def __reduce__(self):
        return os.system, (f"touch {_Bomb.mark}",)

    mark = ""


def test_saved_state_that_would_run_code_is_refused(whole, tmp_path):
    _Bomb.mark = str(tmp_path / "exploded")
    torch.save({"global_step": 3, "seconds": 1.0, "more": _Bomb()}, whole / "last.ckpt", pickle_module=pickle)
    with pytest.raises(InputError, match="the saved state of the training is broken, or holds more than plain values"):
        train("toy", {}, whole, device="cpu")
    assert not Path(_Bomb.mark).exists()


def test_broken_saved_state_is_refused(whole):
    content = (whole / "last.ckpt").read_bytes()
    (whole / "last.ckpt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is broken"):
        train("toy", {}, whole, device="cpu")


def test_without_lightning_it_says_what_to_install(toy, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(InputError, match=r'run pip install "napari-sti\[train\]"'):
        train("toy", {}, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
