"""``napari-sti train``: begun, stopped, gone on with, and every refusal in one sentence."""

import json
import os
import signal
from types import MappingProxyType

import pytest

from napari_sti.cli import main
from napari_sti.learn import registry
from napari_sti.learn.folder import read_training
from tests.learn.toy import Toy


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """Let the registry know the toy alone."""
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType({"toy": Toy()}))


@pytest.fixture(autouse=True)
def interruptible():
    """Heed SIGINT, which is ignored in programs that a shell has put into the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _train(*words) -> int:
    return main(["train", "toy", "--device", "cpu", *map(str, words)])


def test_trains_and_says_where_the_weights_are(tmp_path, capsys):
    folder = tmp_path / "run"
    assert _train("-o", folder, "-p", "steps=3", "-p", "learning_rate=0.01") == 0
    said = capsys.readouterr()
    assert said.out.startswith("3 steps in ")
    assert said.out.rstrip().endswith(f"weights in {folder / 'toy.safetensors'}")
    assert "Toy: Training 3/3" in said.err
    assert json.loads((folder / "train.json").read_text())["params"]["learning_rate"] == 0.01


def test_time_limit_leaves_something_to_go_on_with(tmp_path, capsys):
    folder = tmp_path / "run"
    assert _train("-o", folder, "-p", "steps=100000", "-p", "pause=0.05", "--minutes", 0.005) == 0
    assert "the same command goes on from here" in capsys.readouterr().out
    step = read_training(folder).step
    assert _train("-o", folder, "-p", f"steps={step + 2}", "-p", "pause=0") == 0
    assert read_training(folder).step == step + 2


def test_asked_to_end_it_saves_and_says_so(tmp_path, capsys, monkeypatch):
    from napari_sti.cli.commands import train as command

    class Ending(command.Meter):
        def __call__(self, step) -> None:
            if step.iteration == 2:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(command, "Meter", Ending)
    assert _train("-o", tmp_path / "run") == 130
    assert "stopped; the state is saved, and the same command goes on from it" in capsys.readouterr().err
    assert read_training(tmp_path / "run").step == 2


def test_job_that_is_asked_to_end_says_that_it_can_be_gone_on_with(tmp_path, capsys, monkeypatch):
    from napari_sti.cli.commands import run as command
    from napari_sti.jobs.job import Job, write_job

    class Ending(command.Meter):
        def __call__(self, step) -> None:
            if step.iteration == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    path = write_job(Job(kind="train", method="toy", device="cpu", out=tmp_path / "run"))
    with monkeypatch.context() as patch:
        patch.setattr(command, "Meter", Ending)
        assert main(["run", str(path)]) == 130
    assert "stopped; the state is saved" in capsys.readouterr().err
    assert main(["run", str(path)]) == 0
    assert read_training(tmp_path / "run").step == 12


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "no folder was given for the training; write -o DIR."),
        (["-o", "RUN", "-p", "steps"], "-p steps is not an assignment"),
        (["-o", "RUN", "-p", "stps=1"], "the parameter 'stps' is not known; did you mean 'steps'?"),
        (["-o", "RUN", "-p", "steps=many"], "steps = 'many' is not a whole number"),
        (["-o", "RUN", "--minutes", "0"], "minutes = 0 is no time"),
        (["-o", "RUN", "--devices", "0"], "devices = 0 is no number of devices"),
        (["-o", "RUN", "--strategy", "dpd"], "the strategy 'dpd' is not known"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, capsys, words, sentence):
    words = [str(tmp_path / "run") if word == "RUN" else word for word in words]
    assert _train(*words) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_unknown_task_names_the_nearest(tmp_path, capsys):
    assert main(["train", "toi", "-o", str(tmp_path / "run")]) == 2
    assert "the training task 'toi' is not known; did you mean 'toy'?" in capsys.readouterr().err


def test_without_a_task_it_lists_all_with_their_parameters(capsys):
    assert main(["train"]) == 0
    said = capsys.readouterr().out
    assert "toy: Toy. Fits a line to noise." in said
    assert "learning_rate = 0.05  (from 0 to 1e+09) Step size." in said
