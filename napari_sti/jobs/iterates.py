"""Keeps the estimates of a run while it computes, for methods whose way to the result is worth a look back."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.io.iterates import FOLDER, add_iterate
from napari_sti.jobs.job import Job

if TYPE_CHECKING:
    from napari_sti.core.acquisition import Acquisition


@contextmanager
def keeping_iterates(job: Job, acquisition: "Acquisition", progress: Progress) -> Iterator[Progress]:
    """Yield the progress callable for the method of a job: one that also keeps the iterates where it is to.

    All are written when the block ends.
    """
    from napari_sti.recon.registry import get_method

    if job.out is None or job.kind != "recon" or not get_method(job.method).keeps_iterates:
        yield progress
        return
    keeper = IterateKeeper(progress, job.out, job, acquisition)
    try:
        yield keeper
    finally:
        keeper.close()


def remove_iterates(folder: Path) -> None:
    """Remove the iterates in the folder of a run: it was left before its result, or begins anew."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


class IterateKeeper:
    """A progress callable that has the tensor of every iteration written, in a thread beside the method.

    Compressing takes far longer than an iteration on a GPU. At most one estimate waits in memory; when the disk does
    not keep up, the method waits. A disk that is full ends the keeping, not the run.
    """

    def __init__(self, progress: Progress, folder: Path, job: Job, acquisition: "Acquisition") -> None:
        self._progress, self._folder, self._job, self._acquisition = progress, folder, job, acquisition
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="iterates")
        self._last: Future[None] | None = None
        self._failed = False

    def __call__(self, step: Step) -> None:
        """Hand the step on, and keep its estimate."""
        if step.preview is None or step.iteration < 1:
            self._progress(step)
            return
        estimate = cache(step.preview)  # the live preview and the file are of one and the same
        self._progress(replace(step, preview=estimate))
        self._wait(step)
        if not self._failed:
            # A copy: the method may go on in the very same memory.
            self._last = self._writer.submit(self._write, np.array(estimate(), np.float32), replace(step, preview=None))

    def close(self) -> None:
        """Wait until all are written."""
        try:
            self._wait(Step(0))
        finally:
            self._writer.shutdown()

    def _wait(self, step: Step) -> None:
        last, self._last = self._last, None
        if last is None:
            return
        try:
            last.result()
        except (InputError, OSError) as error:
            self._failed = True
            self._progress(Step(step.iteration, step.total, message=f"The iterates are no longer kept: {error}"))

    def _write(self, chi: NDArray[np.float32], step: Step) -> None:
        from napari_sti.core.tensor_field import TensorField

        tensor = TensorField(chi, self._acquisition.affine, self._acquisition.mask).in_frame(self._job.frame)
        add_iterate(self._folder, tensor, step.iteration, step.total, residual=step.residual, step=step.change)


def kept_bytes(voxels: int) -> int:
    """Memory in bytes that keeping takes on top of the method: the estimate that waits, and what is written of it."""
    return 3 * 6 * 4 * voxels
