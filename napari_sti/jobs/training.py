"""A training as a job: begun, or gone on with where its folder holds one already."""

from pathlib import Path

from napari_sti.core.progress import Progress, Step, silent
from napari_sti.jobs.job import Job
from napari_sti.jobs.logbook import Logbook


def train_in_job(job: Job, folder: Path, books: Logbook, progress: Progress, overwrite: bool) -> tuple[Path, str]:
    """Train, and return the exported weights and the device.

    A cancel saves the state and exports the weights before it passes through.
    """
    from napari_sti.learn.engine import train
    from napari_sti.learn.folder import read_training

    progress(Step(0, message="Loading PyTorch Lightning"))
    train(
        job.method,
        job.params,
        folder,
        progress=_logged(books, progress),
        device=job.device,
        minutes=job.minutes,
        overwrite=overwrite,
    )
    training = read_training(folder)
    assert training is not None
    return folder / training.weights, training.device


def _logged(books: Logbook, progress: Progress) -> Progress:
    """Write into the log what was recorded, not every one of a hundred thousand steps."""
    write, last = books.watch(silent), ""

    def step_by_step(step: Step) -> None:
        nonlocal last
        if step.metrics or step.message != last:
            write(step)
        last = step.message
        progress(step)

    return step_by_step
