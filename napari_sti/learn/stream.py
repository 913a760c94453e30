"""An endless stream of numbered examples that can be taken up anywhere, on any number of devices.

Training goes by steps. Example number i is the same whenever and wherever it is made, so that a run that was killed
goes on with the very batch that it would have had, and several devices never see the same example.
"""

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset, Sampler

from napari_sti.learn.kept_memory import keep_memory

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


class Numbers(Sampler[list[int]]):
    """Batches of example numbers without end.

    Parameters
    ----------
    batch : int
        Examples in a step of one process.
    first_step : int
        Step to begin with.
    rank, world : int
        Number of this process, and how many there are; step s of process r takes the numbers from
        ``(s * world + r) * batch`` on.
    """

    def __init__(self, batch: int, *, first_step: int = 0, rank: int = 0, world: int = 1) -> None:
        self._batch, self._first, self._rank, self._world = batch, first_step, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        step = self._first
        while True:
            start = (step * self._world + self._rank) * self._batch
            yield list(range(start, start + self._batch))
            step += 1


def numbered_loader(
    dataset: Dataset[Any], batch: int, trainer: "Trainer | None", *, workers: int = 0, **options: Any
) -> DataLoader[Any]:
    """Make the training loader of a data module, beginning with the step that the trainer is at.

    Parameters
    ----------
    dataset : Dataset
        Its ``__getitem__(number)`` makes an example from its number (and the seed) alone, for any number from 0 on:
        it must not draw from a global random generator.
    batch : int
        Examples in a step of one process.
    trainer : Trainer or None
        ``self.trainer`` of the data module; None begins at step 0.
    workers : int
        Processes that make examples beside the training; on a CPU at most one.
    **options
        Of the `torch.utils.data.DataLoader`, such as ``collate_fn``.
    """
    step, rank, world = (0, 0, 1) if trainer is None else (trainer.global_step, trainer.global_rank, trainer.world_size)
    numbers = Numbers(batch, first_step=step, rank=rank, world=world)
    return DataLoader(
        dataset,
        batch_sampler=numbers,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_settle_in,
        **options,
    )


def _settle_in(worker: int) -> None:
    """Make ready a process that makes examples.

    It survives the first request to end, not the second: a scheduler asks all processes of a job to end at once, and
    the training still needs its loaders until its state is saved; it ends them itself.
    """
    keep_memory()
    signal.signal(signal.SIGTERM, _end_next_time)


def _end_next_time(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
