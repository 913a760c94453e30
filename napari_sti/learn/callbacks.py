"""What the engine hangs into Lightning's trainer: averaged weights, saved states and stops, the record, pictures."""

import hashlib
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.io import atomic
from napari_sti.learn.record import Record

SAVE_EVERY = 60.0
"""Seconds of training that a killed process loses at most, but for what a step takes."""
BEFORE_VALIDATION = 10.0
"""Seconds since the last saved state from which one is saved before a validation, which may be long."""


class Stopped(Exception):
    """Leaves the trainer; the state has been saved. Carries the reason: ``cancelled``, ``signal`` or ``time``."""


class Seeds(Callback):
    """Makes the random numbers of a step depend on the seed and on the number of the step alone.

    So a run that is taken up again draws what it would have drawn, whatever came in between; a validation always
    draws the same.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, number: int) -> None:
        """Before each step."""
        self._sow("step", number, trainer.global_rank)

    def on_validation_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, number: int, loader: int = 0
    ) -> None:
        """Before each batch of a validation."""
        self._sow("validation", loader, number)

    def _sow(self, *what: object) -> None:
        text = "/".join(map(str, (self._seed, *what)))
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())
        # torch.manual_seed also prepares devices that are not used, which takes as long as a small step.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.manual_seed(seed)
        if torch.backends.mps.is_available():
            torch.mps.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (for libraries that draw from it)
        random.seed(seed)


class Average(Callback):
    """Running mean of the weights with exponential decay, which is what is validated and exported.

    The first steps count less: the decay of update n is min(decay, (1 + n) / (10 + n)).

    Parameters
    ----------
    decay : float
        0: no mean, the weights themselves are used.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._mean: dict[str, torch.Tensor] = {}
        self._updates = 0
        self._kept: dict[str, torch.Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """What the saved state holds of it."""
        return {"mean": self._mean, "updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        self._mean, self._updates = dict(state_dict["mean"]), int(state_dict["updates"])

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Begin with the weights as they are, or bring the mean to the device."""
        if not self._decay:
            self._mean = {}
            return
        for name, value in module.named_parameters():
            mean = self._mean.get(name, value)
            self._mean[name] = mean.detach().to(value.device, copy=True)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        """After each step."""
        if not self._mean:
            return
        weight = 1 - min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        current = dict(module.named_parameters())
        with torch.no_grad():
            torch._foreach_lerp_(list(self._mean.values()), [current[name].detach() for name in self._mean], weight)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the mean in place."""
        self._put_in(module)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the weights back."""
        self._put_back(module)

    def on_exception(self, trainer: Trainer, module: LightningModule, error: BaseException) -> None:
        """Put the weights back where a validation was left."""
        self._put_back(module)

    @contextmanager
    def in_place(self, module: LightningModule) -> Iterator[None]:
        """Put the mean in place for a while."""
        self._put_in(module)
        try:
            yield
        finally:
            self._put_back(module)

    def _put_in(self, module: LightningModule) -> None:
        if self._kept is not None or not self._mean:
            return
        parameters = dict(module.named_parameters())
        self._kept = {name: parameters[name].detach().clone() for name in self._mean}
        _copy(parameters, self._mean)

    def _put_back(self, module: LightningModule) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            _copy(dict(module.named_parameters()), kept)


def _copy(parameters: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)


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


class Recorder(Callback):
    """Writes the record, and tells whoever watches.

    Parameters
    ----------
    record : Record or None
        None in all processes but the main one.
    progress : callable
        Called after every step, in the main process; may raise `Cancelled`.
    keeper : Keeper
        Asked to stop where it does.
    every : int
        Steps from one row to the next; a row holds the means over them.
    """

    def __init__(self, record: Record | None, progress: Progress, keeper: Keeper, *, every: int) -> None:
        self._record, self._progress, self._keeper, self._every = record, progress, keeper, every
        self._sums: dict[str, list[torch.Tensor]] = {}
        self._rate: dict[str, float] = {}
        self.scores: dict[str, float] = {}
        """What the latest validation found."""
        self.validated = -1
        """Step of the latest validation."""

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Say where it begins."""
        self._tell(trainer, Step(trainer.global_step, max(0, trainer.max_steps), message="Training"))

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, number: int) -> None:
        """Note the learning rate of the step, which has changed when it is over."""
        if trainer.optimizers:
            self._rate = {"learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"])}

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        """After each step."""
        if self._record is None:
            return
        for name, value in trainer.callback_metrics.items():
            if not name.startswith("val"):
                self._sums.setdefault(name, []).append(value.detach())
        step, row = trainer.global_step, {}
        if step % self._every == 0 or step >= trainer.max_steps > 0:
            row = {name: float(torch.stack(values).double().mean()) for name, values in self._sums.items()}
            row |= self._rate
            self._sums = {}
            self._record.write(step, self._keeper.seconds, row)
            if not math.isfinite(row.get("train/loss", 0.0)):
                raise diverged(step)
        self._tell(trainer, self._step(trainer, row, "Training"))

    def on_validation_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int, loader: int = 0
    ) -> None:
        """While a validation is under way, which can be left, too: the state was saved before it."""
        self._tell(trainer, self._step(trainer, {}, f"Validation, example {number + 1}"))
        if self._keeper.request and trainer.world_size == 1:
            raise Stopped(self._keeper.request)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write down what a validation has found."""
        found = {n: float(v) for n, v in trainer.callback_metrics.items() if n.startswith("val")}
        self.scores, self.validated = found, trainer.global_step
        if self._record is not None and found:
            self._record.write(trainer.global_step, self._keeper.seconds, found)
        self._tell(trainer, self._step(trainer, found, "Validated"))

    def _step(self, trainer: Trainer, row: Mapping[str, float], message: str) -> Step:
        total = max(0, trainer.max_steps)
        return Step(trainer.global_step, total, objective=row.get("train/loss"), message=message, metrics=row)

    def _tell(self, trainer: Trainer, step: Step) -> None:
        if self._record is None:
            return
        try:
            self._progress(step)
        except Cancelled:
            self._keeper.request = "cancelled"


class Gallery(Callback):
    """Keeps the pictures that a module draws after a validation: as files, and in TensorBoard.

    Parameters
    ----------
    folder : path
        Where the files go, as ``step-0001000-name.png``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """After each validation."""
        draw = getattr(module, "pictures", None)
        if draw is None or not trainer.is_global_zero:
            return
        from matplotlib.image import imsave

        for name, picture in draw().items():
            safe = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "picture"
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"step-{trainer.global_step:07d}-{safe}.png"
            with atomic.replacing(path, overwrite=True) as temporary:
                imsave(temporary, np.asarray(picture, np.uint8), format="png")
            if trainer.logger is not None:
                board: Any = trainer.logger
                board.experiment.add_image(name, picture, trainer.global_step, dataformats="HWC")


class Exporter(Callback):
    """Exports the weights after every validation, so that they can be used while the training goes on.

    Parameters
    ----------
    export : callable
        Called with the module, the averaged weights in place, in the main process.
    """

    def __init__(self, export: Callable[[LightningModule], None]) -> None:
        self._export = export

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """After each validation."""
        if trainer.is_global_zero:
            self._export(module)
