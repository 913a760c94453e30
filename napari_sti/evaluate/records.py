"""What came of each cell, as lines of a CSV file that grows cell by cell and from which an evaluation goes on."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.evaluate.design import Cell, Study
from napari_sti.maps.scores import Scores

DONE, REFUSED, FAILED = "done", "refused", "failed"

FLOOR = "zero"
"""In place of a method: the tensor that is 0 everywhere, which every method has to beat."""

KEY = ("brain", "method", "orientations", "snr_db", "max_tilt_deg", "voxel_mm", "finer_grid", "seed", "params")
SCORES = tuple(field.name for field in fields(Scores))
COST = ("seconds", "cpu_seconds", "iterations", "memory_mb")
COLUMNS = (*KEY, "status", "message", *SCORES, *COST, "tilts", "device", "version")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """One line: what was run and what came of it.

    Parameters
    ----------
    cell : Cell
        What was run; `FLOOR` as method and 0 orientations for the tensor that is 0 everywhere.
    params : str
        Parameters of the method as JSON.
    status : {"done", "refused", "failed"}
        Refused: the method says that it cannot work with so few orientations or without something else.
    message : str
        Why it was refused or failed, or remarks.
    scores : Scores or None
        What the result is worth.
    seconds, cpu_seconds : float
        From beginning to end, and of computing on all CPU cores together; NaN if there is no result. Only the second
        can be compared where other programs ran beside.
    iterations : int or None
        Of iterative methods.
    memory_mb : float
        Peak in megabytes as the method estimates it.
    tilts : str
        Where the B0 directions came from: spread, head or real.
    device, version : str
        Where it was computed, and by which version of the package.
    """

    cell: Cell
    params: str
    status: str
    message: str = ""
    scores: Scores | None = None
    seconds: float = math.nan
    cpu_seconds: float = math.nan
    iterations: int | None = None
    memory_mb: float = math.nan
    tilts: str = ""
    device: str = ""
    version: str = ""

    @property
    def key(self) -> Key:
        """What makes two lines the same run, as text."""
        return key_of(self.cell, self.params)


def key_of(cell: Cell, params: str) -> Key:
    """What makes two lines the same run, as text."""
    s = cell.study
    finer = "yes" if s.finer else "no"
    numbers = (f"{s.snr:g}", f"{s.max_tilt:g}", f"{s.voxel_size:g}")
    return (s.brain, cell.method, str(s.orientations), *numbers, finer, str(s.seed), params)


def read_records(path: Path) -> list[Record]:
    """Read an evaluation file; of several lines of one cell the last counts. No file is no lines.

    A last line that was cut off when the program was killed is left out.

    Raises
    ------
    InputError
        If it is not an evaluation file.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the file cannot be read ({error})", file=path, mend="choose another folder") from error
    if lines and tuple(lines[0]) != COLUMNS:
        raise InputError(
            "this is not an evaluation of this version", file=path, mend="choose another folder or use --overwrite"
        )
    found: dict[Key, Record] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(COLUMNS) and number == len(lines):
            break
        try:
            record = _parse(dict(zip(COLUMNS, line, strict=True)))
        except ValueError as error:
            raise InputError(f"line {number} cannot be understood", file=path, mend="remove it") from error
        found[record.key] = record
    return list(found.values())


def append_record(path: Path, record: Record) -> None:
    """Add one line, after the headings if the file is new.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        text = "" if path.exists() and path.stat().st_size else _line(COLUMNS)
        if not text and not path.read_bytes().endswith(b"\n"):
            _drop_cut_line(path)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text + _line(_values(record)))
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror or error})",
            file=path,
            mend="choose a folder that may be written and has space",
        ) from error


def _drop_cut_line(path: Path) -> None:
    """Cut off what a killed program left of its last line."""
    content = path.read_bytes()
    path.write_bytes(content[: content.rfind(b"\n") + 1])


def _line(values: Iterable[str]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def _values(record: Record) -> list[str]:
    scores = record.scores
    numbers = [] if scores is None else [getattr(scores, name) for name in SCORES]
    written = [_number(value) for value in numbers] or [""] * len(SCORES)
    iterations = "" if record.iterations is None else str(record.iterations)
    cost = [_number(record.seconds), _number(record.cpu_seconds), iterations, _number(record.memory_mb)]
    rest = [*cost, record.tilts, record.device, record.version]
    return [*record.key, record.status, record.message, *written, *rest]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.8g}" if isinstance(value, float) else str(value)


def _parse(line: dict[str, str]) -> Record:
    if line["status"] not in (DONE, REFUSED, FAILED):
        raise ValueError(line["status"])
    study = Study(
        brain=line["brain"],
        orientations=int(line["orientations"]),
        snr=float(line["snr_db"]),
        max_tilt=float(line["max_tilt_deg"]),
        voxel_size=float(line["voxel_mm"]),
        finer=line["finer_grid"] == "yes",
        seed=int(line["seed"]),
    )
    scores = None
    if line["status"] == DONE:
        counts = ("voxels", "angle_voxels")
        values: dict[str, Any] = {n: int(line[n]) if n in counts else _value(line[n]) for n in SCORES}
        scores = Scores(**values)
    return Record(
        cell=Cell(study, line["method"]),
        params=line["params"],
        status=line["status"],
        message=line["message"],
        scores=scores,
        seconds=_value(line["seconds"]),
        cpu_seconds=_value(line["cpu_seconds"]),
        memory_mb=_value(line["memory_mb"]),
        iterations=int(line["iterations"]) if line["iterations"] else None,
        tilts=line["tilts"],
        device=line["device"],
        version=line["version"],
    )


def _value(text: str) -> float:
    return float(text) if text else math.nan
