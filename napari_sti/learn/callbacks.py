"""What the engine hangs into Lightning's trainer beside averages and saved states: seeds, the record, pictures."""

import hashlib
import math
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Progress, Step
from napari_sti.io import atomic
from napari_sti.learn.keeper import Keeper, Stopped, diverged
from napari_sti.learn.record import Record


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
