"""The warm worker process: reads commands, runs one job at a time, says how it goes, and never outlives its viewer.

Started with ``python -m napari_sti.jobs.worker``; `napari_sti.jobs.protocol` describes what it reads and writes.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from napari_sti.core.errors import Cancelled
from napari_sti.core.memory import is_out_of_memory
from napari_sti.core.provenance import versions
from napari_sti.jobs import protocol
from napari_sti.jobs.estimate import estimate
from napari_sti.jobs.job import Job, from_mapping, read_job
from napari_sti.jobs.memory import TooLarge
from napari_sti.jobs.reporter import PREVIEW_FILE, Reporter
from napari_sti.jobs.run import run_job
from napari_sti.jobs.sentences import sentence_for

NICE = 5
"""Added niceness: the viewer goes first wherever both want the processor."""

LAST_WORDS = 2.0
"""Seconds that a run has to leave by itself when the viewer has gone."""

_TICK = 0.1


class Worker:
    """Answers commands; the main thread computes, a reader thread listens meanwhile.

    Parameters
    ----------
    commands, answers : binary streams
        Lines in and lines out.
    """

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands, self._answers = commands, answers
        self._writing = threading.Lock()
        self._jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._cancelled: set[Any] = set()
        self._reporter: Reporter | None = None
        self._preview: Path | None = None
        self._current: Any = None
        self._leaving = threading.Event()
        self._left = threading.Event()

    def serve(self) -> int:
        """Warm up, then run jobs until told to quit; return the exit status."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        threading.Thread(target=self._tick, name="ticks", daemon=True).start()
        try:
            devices = _warm_up()
        except Exception as error:
            traceback.print_exc()
            self.send({"event": "fatal", "sentence": f"PyTorch could not be loaded: {_one_line(error)}."})
            return 3
        self.send({"event": "ready", "pid": os.getpid(), "devices": devices, "versions": versions()})
        while (command := self._jobs.get()) is not None:
            self._run(command)
        self._left.set()
        return 0

    def send(self, event: Mapping[str, Any]) -> None:
        """Write one event; a viewer that has gone is noticed by the reader."""
        line = protocol.encode(event)
        with self._writing:
            try:
                self._answers.write(line)
                self._answers.flush()
            except OSError:
                self._leaving.set()

    # ---- the main thread ---------------------------------------------------------------------------------------

    def _run(self, command: Mapping[str, Any]) -> None:
        name, folder, began, hungry = command.get("id"), None, time.monotonic(), False
        reporter = Reporter(
            lambda event: self.send({**event, "id": name}),
            lambda: name in self._cancelled or self._leaving.is_set(),
        )
        try:
            job = _job(command["job"])
            folder = job.out
            self._preview = None if folder is None else folder / PREVIEW_FILE
            reporter.preview = self._preview if command.get("preview") else None
            self._current, self._reporter = name, reporter
            self.send({"event": "started", "id": name, "folder": folder})
            result = run_job(
                job,
                reporter,
                check_memory=bool(command.get("check_memory", True)),
                memory_limit=command.get("memory_limit"),
            )
            last: dict[str, Any] = {"event": "done", "result": result}
        except Cancelled:
            last = {"event": "cancelled", "forced": False}
        except Exception as error:
            hungry = is_out_of_memory(error) and not isinstance(error, TooLarge)
            last = {"event": "failed", "sentence": sentence_for(error), "details": traceback.format_exc()}
        self._current = self._reporter = None
        reporter.flush()
        # What ran out of memory, or touched a GPU, gives everything back only by leaving.
        last |= {"id": name, "folder": folder, "seconds": round(time.monotonic() - began, 3)}
        self.send(last | {"recycle": hungry or _used_gpu()})
        self._cancelled.discard(name)

    # ---- the reader thread -------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for line in self._commands:
                command = protocol.decode(line)
                if command is None:
                    continue
                if command.get("do") == "quit":
                    break
                self._heed(command)
        finally:
            self._leave()

    def _heed(self, command: dict[str, Any]) -> None:
        do = command.get("do")
        if do == "run":
            self._jobs.put(command)
        elif do == "cancel":
            self._cancelled.add(command.get("id"))
        elif do == "preview":
            self._look(command)
        else:
            # Beside the reader, which has to stay free for a cancel.
            threading.Thread(target=self._answer, args=(command,), daemon=True).start()

    def _look(self, command: Mapping[str, Any]) -> None:
        reporter = self._reporter
        if reporter is not None and command.get("id") == self._current:
            reporter.preview = self._preview if command.get("on", True) else None

    def _answer(self, command: Mapping[str, Any]) -> None:
        """Answer a question beside a running job."""
        name = command.get("id")
        try:
            self.send({"event": "answer", "id": name, "answer": _ask(command)})
        except Exception as error:
            details = traceback.format_exc()
            self.send({"event": "refused", "id": name, "sentence": sentence_for(error), "details": details})

    def _leave(self) -> None:
        """Let the run end by itself for a moment, then end with it: nobody is there to look at the result."""
        self._leaving.set()
        self._jobs.put(None)
        if not self._left.wait(LAST_WORDS):
            os._exit(1)

    def _tick(self) -> None:
        """Send what was held back, and notice a viewer that vanished without closing its end."""
        parent = os.getppid()
        while not self._left.wait(_TICK):
            if (reporter := self._reporter) is not None:
                reporter.flush()
            if os.getppid() != parent and not self._leaving.is_set():
                threading.Thread(target=self._leave, daemon=True).start()


def _job(given: Any) -> Job:
    """Read a job from its file, or take one that has none as it was sent."""
    return from_mapping(given, Path.cwd()) if isinstance(given, Mapping) else read_job(given)


def _ask(command: Mapping[str, Any]) -> Any:
    from napari_sti.recon import devices

    if command.get("do") == "devices":
        return devices.available()
    if command.get("do") == "estimate":
        return estimate(
            command["study"],
            command.get("method", "stiimag"),
            command.get("params"),
            kind=command.get("kind", "recon"),
            device=command.get("device", "auto"),
            devices=devices.available(),
        )
    raise ValueError(f"unknown command {command.get('do')!r}")


def _warm_up() -> list[dict[str, Any]]:
    """Import what every job needs, so that Run answers at once; return the devices."""
    import torch

    from napari_sti.io import load, results
    from napari_sti.recon import devices, reconstruct, registry

    del load, results, reconstruct
    registry.methods()
    if threads := os.environ.get("NAPARI_STI_THREADS"):
        torch.set_num_threads(int(threads))
    torch.fft.irfftn(torch.fft.rfftn(torch.ones(8, 8, 8)))
    found: list[dict[str, Any]] = devices.available()
    return found


def _used_gpu() -> bool:
    """Give free GPU memory back; whether the run used any (the rest of it goes with the process)."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False
    torch.cuda.empty_cache()
    return bool(torch.cuda.max_memory_allocated() > 0)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


def _step_back() -> None:
    """Lower this process's priority."""
    try:
        if sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(NICE)
    except OSError:
        return


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep standard input and output for the protocol; whatever else prints goes to standard error."""
    commands, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(commands, "rb"), os.fdopen(answers, "wb")


def main() -> NoReturn:
    """Serve until the viewer has gone."""
    commands, answers = _private_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the viewer's terminal is the viewer's business
    _step_back()
    status = Worker(commands, answers).serve()
    sys.stderr.flush()
    os._exit(status)  # no thread, and no library's exit handler, may keep it


if __name__ == "__main__":
    main()
