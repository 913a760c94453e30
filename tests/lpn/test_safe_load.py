import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.safe_load import read_checkpoint, strip_prefix

STATE = {"module.a": torch.arange(3.0)}


class Evil:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_checkpoint(path)
    return str(caught.value)


@pytest.mark.parametrize("archive", [True, False])
def test_numpy_scalars_beside_the_weights(tmp_path, archive):
    file = tmp_path / "a.pkl"
    content = {"model_state": STATE, "best": np.float64(3.5), "epoch": np.int64(7), "done": np.bool_(True), "note": "é"}
    torch.save(content, file, _use_new_zipfile_serialization=archive)
    found = read_checkpoint(file)
    assert torch.equal(found["model_state"]["module.a"], STATE["module.a"])
    assert (found["best"], found["epoch"], found["done"], found["note"]) == (3.5, 7, True, "é")


@pytest.mark.parametrize("archive", [True, False])
def test_runs_nothing(tmp_path, archive):
    file, mark = tmp_path / "evil.pt", tmp_path / "ran"
    torch.save({"model_state": STATE, "x": Evil(mark)}, file, _use_new_zipfile_serialization=archive)
    said = refusal(file)
    assert not mark.exists()
    assert "posix.system" in said and "could run code" in said and "evil.pt" in said


@pytest.mark.parametrize(
    "value", [np.ones(3), torch.nn.Linear(2, 2), np.array(["a"])[0], np.datetime64("2020"), Path("x")], ids=type
)
def test_refuses_other_objects(tmp_path, value):
    file = tmp_path / "a.pt"
    torch.save({"x": value}, file)
    assert "more than weights" in refusal(file)


def test_sentences(tmp_path):
    file = tmp_path / "a.pt"
    assert "not a file that exists" in refusal(file)
    file.write_bytes(b"")
    assert "empty" in refusal(file)
    file.write_bytes(b"hello world")
    assert "not a readable PyTorch checkpoint" in refusal(file)
    torch.save([1], file)
    assert "holds a list" in refusal(file)
    torch.save({"a": torch.zeros(1000)}, file)
    file.write_bytes(file.read_bytes()[:700])
    assert "cut short" in refusal(file)


def test_prefix_only_where_all_have_it():
    assert list(strip_prefix(STATE)) == ["a"]
    assert list(strip_prefix({**STATE, "b": 1})) == ["module.a", "b"]
