"""One thread that owns the worker, its queue and its events: whatever happens is a message in its inbox.

Nothing here is shared between threads but the inbox, so that there is no lock to get wrong.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_sti.jobs import protocol
from napari_sti.jobs.handle import RunHandle
from napari_sti.jobs.process import WorkerProcess, append_to_log
from napari_sti.jobs.run import clean
from napari_sti.jobs.sentences import exit_sentence
from napari_sti.jobs.state import RunState, end_state

GRACE = 5.0
"""Seconds that a run has to heed a cancel before its process is ended."""

TRAINING_GRACE = 60.0
"""The same for a training, which ends its step and saves its state first."""

_CLOSED = "The program was closed before the run was done."


@dataclass(frozen=True)
class Run:
    """A submitted run with its job (file, or values where it has none) and what else to tell the worker."""

    handle: RunHandle
    job: str | dict[str, Any]
    options: dict[str, Any]


class Manager:
    """The actor behind `WorkerClient`; its public methods but `post` and `close` run in its own thread.

    Parameters
    ----------
    on_event : callable or None
        Hears every event.
    command : list of str
        What to start as worker.
    env : dict
        Its environment variables on top.
    grace : float
        Seconds between cancel and kill.
    """

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None] | None,
        command: list[str],
        env: dict[str, str],
        grace: float,
    ) -> None:
        self._on_event, self._command, self._env, self._grace = on_event, command, env, grace
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: deque[Run] = deque()
        self._current: Run | None = None
        self._questions: dict[str, tuple[dict[str, Any], Future[Any]]] = {}
        self._worker: WorkerProcess | None = None
        self._ready = False
        self._fatal = ""
        self._kill_at: float | None = None
        self._forced = self._over = False
        self.devices: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._work, name="napari-sti jobs", daemon=True)
        self._thread.start()

    # ---- from any thread ---------------------------------------------------------------------------------------

    def post(self, message: Callable[[], None]) -> None:
        """Have something done in the manager's thread."""
        self._inbox.put(message)

    def close(self, timeout: float) -> None:
        """End worker and thread; waits for it unless called from an event of its own."""
        self.post(partial(self._close, timeout))
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout + 1)
            if (worker := self._worker) is not None and self._thread.is_alive():
                worker.kill()

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        worker = self._worker
        return None if worker is None else worker.pid

    @property
    def busy(self) -> bool:
        """Whether a run is under way or waits."""
        return self._current is not None or bool(self._waiting)

    # ---- messages ----------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Start the worker if there is none."""
        if self._worker is not None:
            return
        self._ready, self._fatal = False, ""
        try:
            self._worker = WorkerProcess(
                self._command,
                lambda worker, event: self.post(partial(self._heard, worker, event)),
                lambda worker, status: self.post(partial(self._ended, worker, status)),
                env=self._env,
            )
        except OSError as error:
            self._give_up(f"The worker process could not be started ({error}).")

    def enqueue(self, run: Run) -> None:
        """Put a run at the end of the queue."""
        self._waiting.append(run)
        position = len(self._waiting) - (self._current is None)
        self._tell_of(run, {"event": "queued", "position": position, "folder": _text(run)})
        self._next()

    def cancel(self, name: str) -> None:
        """Take a run out of the queue, or ask the worker to leave it and begin to count."""
        for run in list(self._waiting):
            if run.handle.id == name:
                self._waiting.remove(run)
                self._finish_for(run, {"event": "cancelled", "forced": False}, "cancelled")
        if self._current is not None and self._current.handle.id == name and self._kill_at is None:
            training = self._current.handle.job.kind == "train"
            self._kill_at = time.monotonic() + (max(self._grace, TRAINING_GRACE) if training else self._grace)
            self._tell_of(self._current, {"event": "cancelling"})
            self.tell({"do": "cancel", "id": name})

    def tell(self, command: dict[str, Any]) -> None:
        """Send the worker a command, if there is a worker."""
        if self._worker is not None:
            self._worker.send(command)

    def ask(self, question: dict[str, Any], future: "Future[Any]") -> None:
        """Send a question, now or when the worker is ready."""
        self._questions[question["id"]] = (question, future)
        self.warm_up()
        if self._ready:
            self.tell(question)

    # ---- from the worker ---------------------------------------------------------------------------------------

    def _heard(self, worker: WorkerProcess, event: dict[str, Any]) -> None:
        if worker is not self._worker:
            return
        kind = event.get("event")
        if kind == "ready":
            self._ready, self.devices = True, event.get("devices") or []
            self._emit(event)
            for question, _ in self._questions.values():
                self.tell(question)
            self._next()
        elif kind == "fatal":
            self._fatal = str(event.get("sentence", ""))
        elif kind in ("answer", "refused"):
            self._answered(event)
        elif self._current is not None and event.get("id") == self._current.handle.id:
            self._heard_of(self._current, event)

    def _heard_of(self, run: Run, event: dict[str, Any]) -> None:
        if event["event"] not in protocol.FINAL:
            self._tell_of(run, event)
            return
        self._current = self._kill_at = None
        if event.get("recycle"):
            self._recycle()
        self._tell_of(run, event)
        self._next()

    def _recycle(self) -> None:
        """Replace the worker by a fresh one: only the end of a process gives all of its memory back."""
        if self._worker is not None:
            old, self._worker = self._worker, None
            old.leave()
            self.warm_up()

    def _answered(self, event: dict[str, Any]) -> None:
        _, future = self._questions.pop(str(event.get("id")), (None, None))
        if future is None or not future.set_running_or_notify_cancel():
            return
        if event["event"] == "answer":
            future.set_result(event.get("answer"))
        else:
            future.set_exception(RuntimeError(str(event.get("sentence"))))

    def _ended(self, worker: WorkerProcess, status: int) -> None:
        """Take note that a worker has gone, wanted or not."""
        if worker is not self._worker:
            return
        was_ready, self._worker, self._ready = self._ready, None, False
        run, self._current, self._kill_at = self._current, None, None
        forced, self._forced = self._forced, False
        last = worker.errors.rstrip().rpartition("\n")[2]
        sentence = self._fatal or exit_sentence(status, ready=was_ready, last_line=last)
        if run is not None and (forced or run.handle.state == "cancelling"):
            self._finish_for(run, {"event": "cancelled", "forced": True}, "cancelled")
            self.warm_up()
        elif run is not None:
            if run.handle.folder is not None:
                append_to_log(run.handle.folder, f"{sentence}\n{worker.errors}")
            self._finish_for(run, {"event": "failed", "sentence": sentence, "details": worker.errors}, "failed")
        elif was_ready and not forced:
            self._emit({"event": "lost", "sentence": sentence, "details": worker.errors})
        if not was_ready:
            self._give_up(sentence, worker.errors)
        self._next()

    # ---- within ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._over:
            patience = None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
            try:
                message = self._inbox.get(timeout=patience)
            except queue.Empty:
                message = self._force
            try:
                message()
            except Exception:
                logging.getLogger(__name__).exception("a message to the worker's manager failed")

    def _force(self) -> None:
        """End the process of a run that did not heed the cancel."""
        self._kill_at = None
        if self._worker is not None and self._current is not None:
            self._forced = True
            self._worker.kill()

    def _next(self) -> None:
        if self._current is not None or not self._waiting or self._over:
            return
        self.warm_up()
        if self._worker is not None and self._ready and self._waiting:
            run = self._current = self._waiting.popleft()
            self.tell({"do": "run", "id": run.handle.id, "job": run.job, **run.options})

    def _give_up(self, sentence: str, details: str = "") -> None:
        """Fail everything that waits for a worker that cannot be had."""
        waiting, self._waiting = list(self._waiting), deque()
        for run in waiting:
            self._finish_for(run, {"event": "failed", "sentence": sentence, "details": details}, "failed")
        self._refuse_questions(sentence)
        if not waiting:
            self._emit({"event": "lost", "sentence": sentence, "details": details})

    def _refuse_questions(self, sentence: str) -> None:
        for _, future in self._questions.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(RuntimeError(sentence))
        self._questions.clear()

    def _finish_for(self, run: Run, event: dict[str, Any], state: RunState) -> None:
        """End a run in place of the worker, which cannot: books, leftovers and event."""
        folder = run.handle.folder
        if folder is not None:
            try:
                end_state(folder, state, event.get("sentence", ""))
                clean(folder)
            except OSError:
                logging.getLogger(__name__).exception("the books of %s could not be closed", folder)
        self._tell_of(run, {**event, "folder": _text(run)})

    def _tell_of(self, run: Run, event: dict[str, Any]) -> None:
        event = {**event, "id": run.handle.id}
        run.handle._take(event)
        self._emit(event)
        if event["event"] in protocol.FINAL:
            run.handle._end()

    def _emit(self, event: dict[str, Any]) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            logging.getLogger(__name__).exception("a listener failed at the event %r", event.get("event"))

    def _close(self, timeout: float) -> None:
        self._over = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.leave()
            if not worker.wait(timeout):
                worker.kill()
                worker.wait(1.0)
        current = [] if self._current is None else [self._current]
        for run in (*current, *self._waiting):
            self._finish_for(run, {"event": "cancelled", "forced": True, "sentence": _CLOSED}, "cancelled")
        self._waiting.clear()
        self._current = None
        self._refuse_questions(_CLOSED)


def _text(run: Run) -> str | None:
    """Folder of a run as the worker says it."""
    return None if run.handle.folder is None else str(run.handle.folder)
