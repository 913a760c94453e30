"""The viewer's end of the worker: submit jobs, hear how they go, cancel them. Knows no Qt and never blocks."""

import itertools
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from napari_sti.jobs.handle import RunHandle
from napari_sti.jobs.job import Job, check_job, to_mapping, write_job
from napari_sti.jobs.manager import GRACE, Manager, Run
from napari_sti.jobs.process import worker_command

MEMORY_LIMIT_VARIABLE = "NAPARI_STI_MEMORY_LIMIT"
"""Environment variable with the bytes that a run may take, where the client is told nothing else."""


class WorkerClient:
    """One warm worker process and the queue of runs before it.

    Runs are done one at a time in the order in which they were submitted. A worker that crashes is reported as the
    failure of its run, in a sentence, and replaced; the runs behind it are not lost. All methods return at once.

    Parameters
    ----------
    on_event : callable, optional
        Called with every event (`napari_sti.jobs.protocol`) from one background thread, in order. Whoever draws
        windows has to carry it over to the window's thread, for instance by emitting a signal.
    command : sequence of str, optional
        What to start instead of the worker.
    env : mapping, optional
        Environment variables for the worker on top of the viewer's.
    grace : float
        Seconds that a run has to heed a cancel before its process is ended.
    memory_limit : int, optional
        Bytes that a run may take; by default ``NAPARI_STI_MEMORY_LIMIT``, else whatever is free.
    """

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        *,
        command: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        grace: float = GRACE,
        memory_limit: int | None = None,
    ) -> None:
        self.memory_limit = _memory_limit() if memory_limit is None else memory_limit
        self._numbers = itertools.count(1)
        self._manager = Manager(on_event, list(command or worker_command()), dict(env or {}), grace)
        # Runs when the client is forgotten and when the interpreter ends, so that no worker is left behind.
        self._finalizer = weakref.finalize(self, self._manager.close, 2.0)

    def start(self) -> None:
        """Start the worker now, so that it is warm when Run is pressed; ``ready`` is its first event."""
        self._manager.post(self._manager.warm_up)

    def submit(self, job: Job, *, preview: bool = False, check_memory: bool = True) -> RunHandle:
        """Queue a run; its job file is written into its folder.

        Parameters
        ----------
        job : Job
            What to do, and in which folder.
        preview : bool
            Whether to write the current estimate now and then (``preview`` events).
        check_memory : bool
            Refuse to run what is estimated to need more memory than there is.

        Raises
        ------
        InputError
            If the job is not right (its study, method or parameters) or its folder cannot be written.
        """
        if not self._finalizer.alive:
            raise RuntimeError("the worker client is closed")
        if job.out is not None:
            job = replace(job, out=job.out.absolute())
        check_job(job)
        given = to_mapping(job) if job.out is None else str(write_job(job))
        handle = RunHandle(f"{os.getpid()}-{next(self._numbers)}", job, self.cancel)
        options = {"preview": preview, "check_memory": check_memory, "memory_limit": self.memory_limit}
        self._manager.post(partial(self._manager.enqueue, Run(handle, given, options)))
        return handle

    def cancel(self, name: str) -> None:
        """Cancel a run, by asking first and by ending its process if it does not heed that within `grace` seconds."""
        self._manager.post(partial(self._manager.cancel, name))

    def show_preview(self, name: str, on: bool = True) -> None:
        """Begin or stop to write previews of a run that is under way."""
        self._manager.post(partial(self._manager.tell, {"do": "preview", "id": name, "on": on}))

    def ask(self, do: str, **values: Any) -> "Future[Any]":
        """Ask the worker something (``devices``, ``estimate``) beside whatever it computes.

        The future fails with `RuntimeError`, which carries the sentence, if there is no answer.
        """
        future: Future[Any] = Future()
        question = {**values, "do": do, "id": f"question-{next(self._numbers)}"}
        self._manager.post(partial(self._manager.ask, question, future))
        return future

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return self._manager.pid

    @property
    def devices(self) -> list[dict[str, Any]]:
        """What the worker said about the devices of this machine; empty until it has."""
        return self._manager.devices

    @property
    def busy(self) -> bool:
        """Whether a run is under way or waits."""
        return self._manager.busy

    def close(self, timeout: float = 3.0) -> None:
        """End the worker, with a run if there is one; waits until it has gone, at most about `timeout` seconds."""
        if self._finalizer.detach() is not None:
            self._manager.close(timeout)

    def __enter__(self) -> "WorkerClient":
        """Start the worker."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()


def _memory_limit() -> int | None:
    text = os.environ.get(MEMORY_LIMIT_VARIABLE, "")
    return int(float(text)) if text else None
