"""From the steps of a running method to the lines that the viewer reads: held back, batched, with the time left."""

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core.convergence import IterationsLeft
from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Step
from napari_sti.jobs.files import replace_file

LINES_PER_SECOND = 20
PREVIEWS_PER_SECOND = 4
PREVIEW_SHARE = 0.1
"""Most of the time that previews may take away from the run."""

PREVIEW_FILE = "preview.npy"


class TimeLeft:
    """Estimate the time left: the usual duration of the latest iterations times those that are still needed.

    Slow single iterations do not disturb it. How many are needed is judged from how the method converges, and bounded
    by the limit of iterations.

    Attributes
    ----------
    expected : int
        Iterations that the run is going to take in all; 0 while that is not known.
    """

    def __init__(self) -> None:
        self.expected = 0
        self._durations: deque[float] = deque(maxlen=15)
        self._last: tuple[int, float] | None = None
        self._iterations = IterationsLeft()

    def update(self, step: Step, now: float) -> float | None:
        """Take note of an iteration done at `now` (s) and return the seconds left, None while unknown."""
        iteration = step.iteration
        last = self._last
        if last is None or iteration != last[0]:  # several reports within one iteration do not begin it anew
            self._last = iteration, now
        if last is not None and iteration < last[0]:
            self._durations.clear()
        elif last is not None and iteration > last[0] > 0:
            self._durations.append((now - last[1]) / (iteration - last[0]))
        needed = self._iterations.update(step)
        self.expected = 0 if needed is None else iteration + math.ceil(needed)
        if needed is None or not self._durations:
            return None
        return needed * statistics.median(self._durations)


class Reporter:
    """The progress callable of one run: tells the viewer, and leaves the method when the person has cancelled.

    Parameters
    ----------
    send : callable
        Takes one event.
    cancelled : callable
        Whether the run is to be left.
    preview : path, optional
        Where to write the current estimate, 4 times a second at most; None while nobody looks.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        send: Callable[[Mapping[str, Any]], None],
        cancelled: Callable[[], bool],
        *,
        preview: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.preview = preview
        self._send, self._cancelled, self._clock = send, cancelled, clock
        self._lock = threading.Lock()
        self._left = TimeLeft()
        self._began = clock()
        self._sent = self._next_preview = -1e9
        self._pending: dict[str, Any] | None = None
        self._curve: list[list[float | int | None]] = []
        self._message = ""
        self._residual: float | None = None
        self._objective: float | None = None
        self._metrics: dict[str, float] = {}
        self._rows: list[list[Any]] = []

    def __call__(self, step: Step) -> None:
        """Take a step of the method; raises `Cancelled` to leave it."""
        now = self._clock()
        with self._lock:
            self._pending = self._event(step, now)
            if step.residual is not None or step.objective is not None:
                self._curve.append([step.iteration, step.residual, step.objective])
            if step.metrics:
                self._rows.append([step.iteration, dict(step.metrics)])
        if self._cancelled():  # what is known up to here is sent when the run has been left
            raise Cancelled
        if now - self._sent >= 1 / LINES_PER_SECOND:
            self.flush()
        if self.preview is not None and step.preview is not None and now >= self._next_preview:
            self._write_preview(step, self.preview, now)

    def flush(self) -> None:
        """Send what was held back."""
        with self._lock:
            if self._pending is None:
                return
            event, self._pending = {**self._pending, "curve": self._curve}, None
            if self._metrics:
                event |= {"metrics": dict(self._metrics), "rows": self._rows}
            self._curve, self._rows, self._sent = [], [], self._clock()
            self._send(event)

    def _event(self, step: Step, now: float) -> dict[str, Any]:
        # What a step does not say is as it was.
        self._message = step.message or self._message
        self._residual = self._residual if step.residual is None else step.residual
        self._objective = self._objective if step.objective is None else step.objective
        self._metrics |= step.metrics
        left = self._left.update(step, now)
        return {
            "event": "progress",
            "iteration": step.iteration,
            "total": step.total,
            "expected": self._left.expected,
            "residual": self._residual,
            "objective": self._objective,
            "elapsed": round(now - self._began, 3),
            "left": left,
            "message": self._message,
        }

    def _write_preview(self, step: Step, path: Path, now: float) -> None:
        assert step.preview is not None
        half = path.with_name(f".{path.name}.half")
        try:
            with open(half, "wb") as stream:
                np.save(stream, np.asarray(step.preview(), np.float32))
            replace_file(half, path)
        except OSError:
            half.unlink(missing_ok=True)  # the next one may succeed; a preview is never worth a run
        else:
            self._send({"event": "preview", "iteration": step.iteration, "path": path})
        took = self._clock() - now
        self._next_preview = now + took + max(1 / PREVIEWS_PER_SECOND, took / PREVIEW_SHARE)
