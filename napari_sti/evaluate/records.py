"""What came of each cell, as lines of a CSV file that grows cell by cell and from which an evaluation goes on."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.evaluate.design import Cell, Study
from napari_sti.evaluate.lines import append_line, as_number, as_text, read_lines
from napari_sti.maps.scores import Scores

DONE, REFUSED, FAILED = "done", "refused", "failed"

FLOOR = "zero"
"""In place of a method: the tensor that is 0 everywhere, which every method has to beat."""

KEY = ("brain", "method", "orientations", "snr_db", "max_tilt_deg", "voxel_mm", "finer_grid", "seed", "params")
SCORES = tuple(field.name for field in fields(Scores))
COST = ("seconds", "cpu_seconds", "iterations", "memory_mb")
COLUMNS = (*KEY, "status", "message", *SCORES, *COST, "tilts", "device", "version")

Key = tuple[str, ...]


def went_wrong(error: Exception) -> tuple[str, str]:
    """Status and message of a line where a method has refused its input, or has crashed."""
    refused = isinstance(error, InputError)
    said = str(error) if refused else f"{type(error).__name__}: {error}"
    return REFUSED if refused else FAILED, " ".join(said.split())


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
    """Read an evaluation file; see `napari_sti.evaluate.lines.read_lines`."""
    return read_lines(path, COLUMNS, _parse, lambda record: record.key, "an evaluation of this version")


def append_record(path: Path, record: Record) -> None:
    """Add one line; see `napari_sti.evaluate.lines.append_line`."""
    append_line(path, COLUMNS, _values(record))


def _values(record: Record) -> list[str]:
    scores = record.scores
    numbers = [] if scores is None else [getattr(scores, name) for name in SCORES]
    written = [as_text(value) for value in numbers] or [""] * len(SCORES)
    iterations = "" if record.iterations is None else str(record.iterations)
    cost = [as_text(record.seconds), as_text(record.cpu_seconds), iterations, as_text(record.memory_mb)]
    rest = [*cost, record.tilts, record.device, record.version]
    return [*record.key, record.status, record.message, *written, *rest]


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
        values: dict[str, Any] = {n: int(line[n]) if n in counts else as_number(line[n]) for n in SCORES}
        scores = Scores(**values)
    return Record(
        cell=Cell(study, line["method"]),
        params=line["params"],
        status=line["status"],
        message=line["message"],
        scores=scores,
        seconds=as_number(line["seconds"]),
        cpu_seconds=as_number(line["cpu_seconds"]),
        memory_mb=as_number(line["memory_mb"]),
        iterations=int(line["iterations"]) if line["iterations"] else None,
        tilts=line["tilts"],
        device=line["device"],
        version=line["version"],
    )
