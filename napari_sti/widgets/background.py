"""Run a function in a thread and hand its result to the thread of the window."""

import threading
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

from qtpy.QtCore import QObject, Signal


class _Post(QObject):
    """Takes answers from threads to the thread of the window; never deleted.

    A thread that used a signal of its own `Background` could do so while the window deletes that, which ends the
    program.
    """

    arrived = Signal(object, int, bool, object)

    def __init__(self) -> None:
        super().__init__()
        self.arrived.connect(self._hand_over)

    def _hand_over(self, to: "weakref.ref[Background]", number: int, good: bool, answer: object) -> None:
        background = to()
        if background is not None:
            background._deliver(number, good, answer)


@cache
def _post() -> _Post:
    """Make it in the thread of the window, with the first `Background`."""
    return _Post()


class Background(QObject):
    """Runs functions one after the other in daemon threads; only the answer to the newest call is delivered.

    Reading files releases the interpreter lock, so that the window stays live meanwhile. The answer arrives through
    a signal, never directly: widgets and layers may only be touched in the thread of the window.
    """

    done = Signal(object)
    """The result of the newest call."""
    failed = Signal(object)
    """The exception that the newest call ended with."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._newest = 0
        self._waiting = False
        self._closed = False
        self._lock = threading.Lock()
        self._post, self._me = _post(), weakref.ref(self)

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the function in a thread; the answers to earlier calls are dropped."""
        self._newest += 1
        self._waiting = True
        thread = threading.Thread(target=self._work, args=(self._newest, function, args), daemon=True)
        thread.start()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._waiting

    def close(self) -> None:
        """Drop what is still to come, for good."""
        self._closed = True
        self._waiting = False

    def _work(self, number: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        # One at a time: two readers would only slow each other down.
        with self._lock:
            if self._closed or number != self._newest:
                return
            try:
                answer, good = function(*args), True
            except Exception as error:
                answer, good = error, False
        self._post.arrived.emit(self._me, number, good, answer)

    def _deliver(self, number: int, good: bool, answer: object) -> None:
        if self._closed or number != self._newest:
            return
        self._waiting = False
        try:
            (self.done if good else self.failed).emit(answer)
        except RuntimeError:  # the window was closed meanwhile and Qt has deleted this object
            return
