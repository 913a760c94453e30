"""Saved states of a training, and its end in one of them where somebody asks for it."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from napari_sti.core.errors import InputError
from napari_sti.io import atomic

SAVE_EVERY = 60.0
"""Seconds of training that a killed process loses at most, but for what a step takes."""
BEFORE_VALIDATION = 10.0
"""Seconds since the last saved state from which one is saved before a validation, which may be long."""


class Stopped(Exception):
    """Leaves the trainer; the state has been saved. Carries the reason: ``cancelled``, ``signal`` or ``time``."""


class Keeper(Callback):
    """Saves the state now and then, and ends the training in a saved state where somebody asks for it.

    Parameters
    ----------
    path : path
        The saved state; replaced in one piece.
    validate_every : int
        Steps from one validation to the next.
    on_saved : callable
        Called with step and seconds of training after each saved state, in the main process.
    minutes : float, optional
        Stop after so many, counted from now.
    seconds : float
        Spent on the training so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        validate_every: int,
        on_saved: Callable[[int, float], None],
        minutes: float | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._path, self._validate_every, self._on_saved = path, validate_every, on_saved
        self._until = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self._before = seconds
        self._began = self._saved = time.monotonic()
        self._saved_step = -1
        self.request = ""
        """Set to a reason, it ends the training after the current step."""
        self.take_signals: Callable[[], None] = _nothing
        """Called when the trainer has put its own handlers of signals in place, to put others there."""

    @property
    def seconds(self) -> float:
        """Time spent on the training in all."""
        return self._before + time.monotonic() - self._began

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Begin to count."""
        self.take_signals()
        self._began = self._saved = time.monotonic()
        self._saved_step = trainer.global_step

    def on_save_checkpoint(self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Leave out what a safe loader refuses and nobody needs: parameters are in ``train.json``."""
        for name in [n for n in checkpoint if "hyper_parameters" in n or "hparams" in n]:
            del checkpoint[name]
        checkpoint["seconds"] = self.seconds

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        """After each step: stop, save, or go on."""
        step, limit = trainer.global_step, trainer.max_steps
        now = time.monotonic()
        reason = self.request or ("time" if now >= self._until else "")
        last = limit > 0 and step >= limit
        stop, due = _together(trainer, bool(reason) and not last, self._due(step, now - self._saved))
        if last or stop or due:
            self.save(trainer)
        if stop:
            raise Stopped(reason or "another process")

    def save(self, trainer: Trainer) -> None:
        """Save the state now; all processes have to call it."""
        if self._saved_step == trainer.global_step:
            return
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None and not bool(torch.isfinite(loss).all()):
            raise diverged(trainer.global_step)
        if trainer.is_global_zero:
            with atomic.replacing(self._path, overwrite=True) as temporary:
                trainer.save_checkpoint(temporary)
                _to_disk(temporary)
            self._on_saved(trainer.global_step, self.seconds)
        else:
            trainer.save_checkpoint(self._path)  # writes nothing here, but takes part in collecting the state
        self._saved, self._saved_step = time.monotonic(), trainer.global_step

    def _due(self, step: int, age: float) -> bool:
        # What is saved at the step of a validation is taken up behind it, so the step before is the better one.
        if self._validate_every > 2 and step % self._validate_every == 0:
            return False
        return age >= SAVE_EVERY or ((step + 1) % self._validate_every == 0 and age >= BEFORE_VALIDATION)


def _nothing() -> None:
    """Do nothing."""


def diverged(step: int) -> InputError:
    """Say that the training cannot go on."""
    return InputError(
        f"the loss is not a number any more at step {step}",
        mend="take a smaller learning rate or precision=32-true; the state saved before is kept",
    )


def _together(trainer: Trainer, *wishes: bool) -> tuple[bool, ...]:
    """What at least one process wishes."""
    if trainer.world_size == 1:
        return wishes
    reduce = trainer.strategy.reduce_boolean_decision
    return tuple(bool(reduce(wish, all=False)) for wish in wishes)


def _to_disk(path: Path) -> None:
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())
