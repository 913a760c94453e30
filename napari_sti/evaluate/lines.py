"""Lines of a CSV file from which an evaluation goes on: each is whole as soon as its cell is done."""

import csv
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

from napari_sti.core.errors import InputError

R = TypeVar("R")


def read_lines(
    path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], R], key: Callable[[R], Hashable], what: str
) -> list[R]:
    """Read the lines of an evaluation; of several lines of one cell the last counts. No file is no lines.

    A last line that was cut off when the program was killed is left out.

    Parameters
    ----------
    path : path
        The file.
    columns : sequence of str
        Its headings.
    parse : callable
        Makes a record of a line; raises `ValueError` if it cannot.
    key : callable
        What makes two records the same run.
    what : str
        What the file should be, in words that follow on *this is not*.

    Raises
    ------
    InputError
        If it is not such a file.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the file cannot be read ({error})", file=path, mend="choose another folder") from error
    if lines and lines[0] != list(columns):
        raise InputError(f"this is not {what}", file=path, mend="choose another folder or use --overwrite")
    found: dict[Hashable, R] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(columns) and number == len(lines):
            break
        try:
            record = parse(dict(zip(columns, line, strict=True)))
        except ValueError as error:
            raise InputError(f"line {number} cannot be understood", file=path, mend="remove it") from error
        found[key(record)] = record
    return list(found.values())


def append_line(path: Path, columns: Sequence[str], values: Iterable[str]) -> None:
    """Add one line, after the headings if the file is new.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # what a killed program left of its last line
            path.write_bytes(whole)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(("" if whole else _line(columns)) + _line(values))
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror or error})",
            file=path,
            mend="choose a folder that may be written and has space",
        ) from error


def as_text(value: float) -> str:
    """Write a number with eight digits, whole numbers as they are, NaN as nothing."""
    return "" if math.isnan(value) else f"{value:.8g}" if isinstance(value, float) else str(value)


def as_number(text: str) -> float:
    """Read what `as_text` wrote."""
    return float(text) if text else math.nan


def _line(values: Iterable[str]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
