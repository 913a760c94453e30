"""What can go wrong, in one sentence each."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """Bad input: one clear sentence of what is wrong, where, and how to mend it.

    Parameters
    ----------
    what : str
        What is wrong, starting in lower case, without a full stop.
    file : path, optional
        The file in which it is wrong.
    mend : str, optional
        What the person can do about it.
    """

    def __init__(self, what: str, *, file: str | Path | None = None, mend: str | None = None) -> None:
        self.what, self.file, self.mend = what, None if file is None else Path(file), mend
        where = f"{file}: " if file is not None else ""
        how = f"; {mend}" if mend else ""
        sentence = " ".join(f"{where}{what}{how}".split())
        super().__init__(sentence if sentence.endswith(("?", "!", ".")) else f"{sentence}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.what, file=self.file, mend=self.mend), ()


def shape_text(shape: Iterable[int]) -> str:
    """Write a shape for a sentence: ``84x92x56``."""
    return "x".join(map(str, shape)) or "empty"


class Cancelled(Exception):
    """Raised by a progress callback to leave a running method; nothing is kept."""


class OutOfMemory(MemoryError):
    """The device has not enough memory for the job; carries the sentence shown to the person."""
