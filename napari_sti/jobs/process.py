"""One worker process as its owner sees it: lines go in, events come out, and its end is always noticed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_sti.jobs import protocol

_STDERR_LINES = 200
"""Lines of standard error kept for the details of a crash."""


def worker_command() -> list[str]:
    """Command line that starts a worker; ``-P`` keeps the current folder from shadowing modules."""
    return [sys.executable, "-P", "-X", "faulthandler", "-m", "napari_sti.jobs.worker"]


def worker_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of a worker: the viewer's, without what belongs to its Qt."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "QML"))}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"} | dict(extra or {})


class WorkerProcess:
    """A running worker.

    Parameters
    ----------
    command : sequence of str
        What to start.
    on_event : callable
        Called with (this process, event) from a thread of its own for every line that the worker writes.
    on_end : callable
        Called with (this process, exit status) once, after the last event.
    env : mapping, optional
        Environment variables to set on top.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        on_event: Callable[["WorkerProcess", dict[str, Any]], None],
        on_end: Callable[["WorkerProcess", int], None],
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._on_event, self._on_end = on_event, on_end
        self._errors: deque[str] = deque(maxlen=_STDERR_LINES)
        self._popen = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_environment(env),
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        readers = [
            threading.Thread(target=work, name=f"worker {self.pid} {work.__name__}", daemon=True)
            for work in (self._read_events, self._read_errors)
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._await_end, args=(readers,), name=f"worker {self.pid} end", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def errors(self) -> str:
        """The last lines that it wrote on standard error."""
        return "".join(list(self._errors))

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command; to a process that has just ended, nothing (its end is reported anyway)."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(protocol.encode(command))
            self._popen.stdin.flush()

    def kill(self) -> None:
        """End it at once, with whatever it has started."""
        if self._popen.poll() is not None:
            return
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._popen.kill()

    def leave(self) -> None:
        """Ask it to end; it does so by itself, a running job included, within about two seconds."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.close()

    def wait(self, timeout: float) -> bool:
        """Wait for its end; whether it has ended."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read_events(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as lines:
            for line in lines:
                if (event := protocol.decode(line)) is not None:
                    self._on_event(self, event)

    def _read_errors(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as lines:
            for line in lines:
                self._errors.append(line.decode(errors="replace"))

    def _await_end(self, readers: list[threading.Thread]) -> None:
        status = self._popen.wait()
        for reader in readers:
            reader.join(1.0)  # something that it started may hold the pipe open for ever
        self.leave()
        self._on_end(self, status)


def append_to_log(folder: Path, text: str) -> None:
    """Put what a dead worker left on standard error into the log of its run."""
    with contextlib.suppress(OSError), open(folder / "job.log", "a", encoding="utf-8") as log:
        log.write(text.rstrip() + "\n")
