"""Run a sequence of torch's operations without Python's lock.

Threads that compute with torch one operation at a time hand Python's lock to each other after every single one. On a
busy machine the one that waits is often woken too late, and two threads are hardly faster than one: for forty
operations of 30 to 100 µs on each of two volumes, 2 to 4 times slower than here was measured. torch's own compiler of
Python functions makes one call of them. It has to be told all types, and knows a part of the language only.
"""

import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

Function = TypeVar("Function", bound=Callable[..., Any])


def unlocked(function: Function) -> Function:
    """Decorate a function of tensors, numbers and lists of them, so that it keeps no other thread from computing.

    It is compiled when it is first called. Where torch cannot do that, as on versions of Python that its compiler does
    not know, the function is called as it is: results are the same, and threads wait for each other.
    """
    return cast(Function, _Unlocked(function))


class _Unlocked:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain, self._compiled = function, cast(Any, None)
        self._lock = threading.Lock()
        self.__doc__, self.__wrapped__ = function.__doc__, function

    def __call__(self, *args: Any) -> Any:
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compiled = _compiled(self._plain)
        return self._compiled(*args)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what follows it in torch's plans needs a C++ compiler on every machine
            return cast(Callable[..., Any], torch.jit.script(function))
    except (AttributeError, OSError, RuntimeError, NotImplementedError):
        return function
