"""One process's work on a training: it begins at the saved state and leaves another, with exported weights."""

import os
import pickle
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch

from napari_sti.core import params as parameters
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Progress
from napari_sti.core.provenance import now, versions
from napari_sti.learn.folder import EVENTS, PICTURES, STATE_FILE, Training, write_training
from napari_sti.learn.record import METRICS_FILE, Record, read_record
from napari_sti.learn.surroundings import Places, heeding_signals, process_number
from napari_sti.learn.task import Task

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer

    from napari_sti.learn.average import Average
    from napari_sti.learn.callbacks import Recorder
    from napari_sti.learn.keeper import Keeper


@dataclass(frozen=True)
class _Parts:
    """What a session hangs into the trainer and asks afterwards."""

    trainer: "Trainer"
    module: "LightningModule"
    data: "LightningDataModule"
    average: "Average"
    keeper: "Keeper"
    recorder: "Recorder"


class Session:
    """One process's work on a training.

    Parameters
    ----------
    task, params
        What is trained, and its parameters.
    folder : path
        Made ready by `napari_sti.learn.folder.begin`.
    training : Training
        How it stands.
    places : Places
        Where it runs.
    """

    def __init__(self, task: Task, params: Any, folder: Path, training: Training, places: Places) -> None:
        self._task, self._params, self._folder, self._places = task, params, folder, places
        self._training = replace(training, device=places.device)
        self._state = folder / STATE_FILE
        self._main = process_number() == 0

    def run(self, progress: Progress, minutes: float | None) -> None:
        """Train until it is done or somebody stops it; leave a saved state and exported weights.

        Raises
        ------
        InputError
            If the saved state cannot be read, Lightning refuses the devices, or the loss is not a number any more.
        Cancelled
            If somebody other than the clock stopped it.
        """
        from napari_sti.learn.keeper import Stopped

        try:
            saved = read_state(self._state) if self._state.exists() else None
            step, seconds = saved or (0, 0.0)
            self._training = replace(self._training, step=step, seconds=seconds)
            parts = self._assemble(progress, minutes)
            reason = ""
            try:
                with heeding_signals(parts.keeper):
                    self._fit(parts, None if saved is None else self._state)
            except Stopped as stop:
                reason = str(stop)
            self._finish(parts, reason)
        except Cancelled:
            raise
        except BaseException:
            self._note(state="failed")
            raise
        if reason and reason != "time":
            raise Cancelled

    def _fit(self, parts: _Parts, state: Path | None) -> None:
        from lightning.pytorch.utilities.model_helpers import is_overridden

        trainer = parts.trainer
        trainer.fit(parts.module, datamodule=parts.data, ckpt_path=state, weights_only=True)
        step = trainer.global_step
        validated = parts.recorder.validated == step or self._validated(step)
        if not validated and is_overridden("val_dataloader", parts.data):
            trainer.validate(parts.module, datamodule=parts.data, verbose=False)

    def _validated(self, step: int) -> bool:
        """Whether an earlier process has left the validation of this step in the record."""
        if step != self._training.step or not (self._folder / METRICS_FILE).exists():
            return False
        rows = [row for row in read_record(self._folder / METRICS_FILE) if row["step"] == step]
        return any(name.startswith("val") for row in rows for name in row)

    def _assemble(self, progress: Progress, minutes: float | None) -> _Parts:
        from lightning.pytorch import seed_everything

        from napari_sti.learn.average import Average
        from napari_sti.learn.callbacks import Exporter, Gallery, Recorder, Seeds
        from napari_sti.learn.keeper import Keeper

        p = self._params
        record = Record(self._folder / METRICS_FILE, until=self._training.step) if self._main else None
        keeper = Keeper(
            self._state,
            validate_every=p.validate_every,
            on_saved=self._saved,
            minutes=minutes,
            seconds=self._training.seconds,
        )
        every = 10 if p.steps >= 200 else 1
        recorder = Recorder(record, progress, keeper, every=every)
        average = Average(p.ema)

        def export(module: "LightningModule") -> None:
            self._export(module, recorder.scores, keeper.seconds, recorder.validated)

        # The order counts: what looks at a validation does so before the average is taken out again.
        hung_in = [Seeds(p.seed), recorder, Gallery(self._folder / PICTURES), Exporter(export), average, keeper]
        trainer = self._trainer(every, hung_in)
        seed_everything(p.seed, workers=True, verbose=False)
        return _Parts(trainer, self._task.module(p), self._task.data(p), average, keeper, recorder)

    def _trainer(self, every: int, callbacks: list[Any]) -> "Trainer":
        from lightning.fabric.utilities.exceptions import MisconfigurationException
        from lightning.pytorch import Trainer
        from lightning.pytorch.loggers import TensorBoardLogger

        logger = TensorBoardLogger(
            self._folder, name=EVENTS, version="", default_hp_metric=False, purge_step=self._training.step or None
        )
        p = self._params
        try:
            return Trainer(
                **self._places.options(),
                precision=p.precision,
                max_steps=p.steps,
                max_epochs=-1,
                val_check_interval=p.validate_every,
                check_val_every_n_epoch=None,
                num_sanity_val_steps=0,
                gradient_clip_val=p.clip or None,
                log_every_n_steps=every,
                use_distributed_sampler=False,
                logger=logger,
                callbacks=callbacks,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=self._folder,
            )
        except (MisconfigurationException, ValueError) as error:
            why = " ".join(str(error).split()).rstrip(".")
            raise InputError(
                f"PyTorch Lightning refuses these options ({why})", mend="change the devices or the precision"
            ) from error

    def _saved(self, step: int, seconds: float) -> None:
        self._note(step=step, seconds=round(seconds, 1))

    def _export(self, module: "LightningModule", scores: Mapping[str, float], seconds: float, step: int) -> None:
        facts = {
            "task": self._task.id,
            "parameters": parameters.to_mapping(self._params),
            "seed": self._params.seed,
            "steps": step,
            "seconds": round(seconds, 1),
            "device": self._training.device,
            "machine": machine(self._training.device),
            "versions": versions(),
            "started": self._training.started,
            "finished": now(),
            "scores": dict(scores),
        }
        name = f"{self._task.weights_name(self._params)}.safetensors"
        written = self._task.export(module, self._params, facts, self._folder / name)
        self._note(weights=written.name, scores=dict(scores))

    def _finish(self, parts: _Parts, reason: str) -> None:
        """Export what there is, and say how it stands."""
        if not self._main:
            return
        step = parts.trainer.global_step
        if not (reason == "" and parts.recorder.validated == step):  # else that validation has exported it
            scores = parts.recorder.scores or self._training.scores
            with parts.average.in_place(parts.module):
                self._export(parts.module, scores, parts.keeper.seconds, step)
        self._note(state="stopped" if reason else "done")

    def _note(self, **values: Any) -> None:
        if self._main:
            self._training = replace(self._training, **values)
            write_training(self._folder, self._training)


def read_state(path: Path) -> tuple[int, float]:
    """Return steps and seconds of a saved state, which is read without ever running code that it holds.

    Raises
    ------
    InputError
        If it is broken, or no saved state of a training.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return int(content["global_step"]), float(content["seconds"])
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError, AttributeError):
        raise InputError(
            "the saved state of the training is broken, or holds more than plain values and arrays",
            file=path,
            mend="pass --overwrite to begin anew, and do not trust the sender of this file",
        ) from None


def machine(device: str) -> str:
    """Say on what a training ran."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {psutil.cpu_count(logical=False) or os.cpu_count()} cores, {torch.get_num_threads()} threads"
