"""A training that takes milliseconds: a line through numbered noise, with everything that the engine asks of a task."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.learn.task import Task, TrainingParams


@dataclass(frozen=True)
class ToyParams(TrainingParams):
    """What can be chosen."""

    steps: int = param(12, label="Steps", help="Updates.", low=1, high=10**6)
    learning_rate: float = param(0.05, label="Learning rate", help="Step size.", low=0.0, high=1e9)
    validate_every: int = param(5, label="Validate every", help="Steps.", low=1, high=10**6)
    width: int = param(3, label="Width", help="Of the line.", low=1, high=9)
    pause: float = param(0.0, label="Pause", unit="s", help="In every step.", low=0.0, high=10.0)
    spoil: int = param(0, label="Spoil", help="Step whose loss is not a number; 0: none.", low=0, high=10**6)


class Toy(Task):
    """A line."""

    id = "toy"
    title = "Toy"
    summary = "Fits a line to noise."
    Params = ToyParams
    changeable = (*Task.changeable, "pause")

    def check(self, params: Any) -> Any:
        """Width 7 does not go with seed 7."""
        if params.width == 7 and params.seed == 7:
            raise InputError("width 7 does not go with seed 7", mend="take another seed")
        return params

    def module(self, params):
        """Make the module."""
        from tests.learn.toy_module import ToyModule

        return ToyModule(params)

    def data(self, params):
        """Make the data."""
        from tests.learn.toy_module import ToyData

        return ToyData(params)

    def export(self, module, params, facts, path: Path) -> Path:
        """Write the weights as they are."""
        import json

        from safetensors.torch import save_file

        half = path.with_name(f".{os.getpid()}.tmp.{path.name}")
        save_file({name: value.detach().cpu().clone() for name, value in module.state_dict().items()}, half)
        os.replace(half, path)
        path.with_suffix(".json").write_text(json.dumps(facts))
        return path


def wait_for(condition, seconds: float = 60.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
