"""What a run leaves written about itself while it works: how it stands, and a log that survives a crash."""

import time
import traceback
from dataclasses import replace
from pathlib import Path

from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Progress, Step
from napari_sti.core.provenance import now
from napari_sti.jobs.sentences import sentence_for
from napari_sti.jobs.state import started_now, write_state

LOG_FILE = "job.log"


class Logbook:
    """``run.json`` and ``job.log`` of one run; made when it begins, ended once.

    Parameters
    ----------
    folder : path
        Folder of the run.
    title : str
        First line of the log.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self._folder, self._began, self._state = folder, time.monotonic(), started_now()
        self._log = open(folder / LOG_FILE, "a", encoding="utf-8")  # noqa: SIM115 (closed by `end`)
        write_state(folder, self._state)
        self.note(title)

    def note(self, text: str) -> None:
        """Write a line into the log, at once."""
        self._log.write(f"{now()} {text}\n")
        self._log.flush()

    def sized(self, work: int) -> None:
        """Take note of voxels times orientations, for the next estimate of time."""
        self._state = replace(self._state, work=work)

    def watch(self, progress: Progress) -> Progress:
        """Return a progress callable that also writes the log."""
        last = ""

        def step_by_step(step: Step) -> None:
            nonlocal last
            text = step.message if step.message != last else ""
            last = step.message or last
            if step.iteration:
                text += f"{': ' if text else ''}iteration {step.iteration}" + (f" of {step.total}" * bool(step.total))
            said = {"residual": step.residual, "objective": step.objective} if not step.metrics else step.metrics
            for name, value in said.items():
                if value is not None:
                    text += f", {name} {value:.6g}"
            if text:
                self.note(text)
            progress(step)

        return step_by_step

    def done(self, result: Path, device: str) -> None:
        """Say that it is done and where the result lies."""
        name = str(result.relative_to(self._folder)) if result.is_relative_to(self._folder) else str(result)
        self._end(state="done", result=name, device=device)
        self._close(f"done in {self._state.seconds} s: {name}")

    def failed(self, error: BaseException) -> None:
        """Say how it ended without a result."""
        if isinstance(error, Cancelled):
            self._end(state="cancelled")
            self._close("cancelled")
        else:
            sentence = sentence_for(error)
            self._end(state="failed", sentence=sentence)
            self._close(sentence + "\n" + "".join(traceback.format_exception(error)).rstrip())

    def _end(self, **values: object) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        self._state = replace(self._state, finished=now(), seconds=seconds, **values)  # type: ignore[arg-type]
        write_state(self._folder, self._state)

    def _close(self, text: str) -> None:
        self.note(text)
        self._log.close()
