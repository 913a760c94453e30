"""``metrics.csv``: one row per recorded step, the record of a training that needs no TensorBoard to be read."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.io import atomic

METRICS_FILE = "metrics.csv"
FIRST_COLUMNS = ("step", "seconds")


class Record:
    """Writes rows at once, so that a killed process leaves all but the last line whole.

    Parameters
    ----------
    path : path
        The file; made with the first row.
    until : int
        Rows of later steps are dropped: they come from a process that was killed after its last saved state.
    """

    def __init__(self, path: Path, *, until: int = 0) -> None:
        self._path = path
        self._columns, rows = list(FIRST_COLUMNS), []
        if path.exists():
            everything = read_record(path)
            rows = [row for row in everything if row["step"] <= until]
            self._add_columns(*everything)
            self._rewrite(rows)

    def write(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Add a row; columns not known so far are added to all rows, empty in the earlier ones."""
        row = {"step": float(step), "seconds": round(seconds, 1), **values}
        if self._add_columns(row) or not self._path.exists():
            self._rewrite([*(read_record(self._path) if self._path.exists() else []), row])
            return
        with open(self._path, "a", encoding="utf-8", newline="") as stream:
            stream.write(self._line(row))

    def _add_columns(self, *rows: Mapping[str, float]) -> bool:
        new = list(dict.fromkeys(name for row in rows for name in row if name not in self._columns))
        self._columns += new
        return bool(new)

    def _rewrite(self, rows: list[dict[str, float]]) -> None:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(self._columns)
        atomic.write_text(self._path, head.getvalue() + "".join(map(self._line, rows)), overwrite=True)

    def _line(self, row: Mapping[str, float]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([_text(row.get(name)) for name in self._columns])
        return line.getvalue()


def read_record(path: str | Path) -> list[dict[str, float]]:
    """Read ``metrics.csv``: for each row its numbers by column, empty ones left out; a broken last line is, too.

    Raises
    ------
    InputError
        If there is no such file or its first line names no columns.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError("the record of the training cannot be read", file=path, mend="check the path") from None
    lines = text.split("\n")[:-1]  # what has no line end was not written to its end
    names = next(csv.reader(lines[:1]), [])
    if tuple(names[:2]) != FIRST_COLUMNS:
        raise InputError("this is no record of a training", file=path, mend="give the metrics.csv of a training")
    rows = (_numbers(names, cells) for cells in csv.reader(lines[1:]))
    return [row for row in rows if row]


def _numbers(names: list[str], cells: list[str]) -> dict[str, float]:
    if len(cells) != len(names):
        return {}
    try:
        row = {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}
    except ValueError:
        return {}
    return row if "step" in row else {}


def _text(value: float | None) -> str:
    if value is None:
        return ""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.7g}"
