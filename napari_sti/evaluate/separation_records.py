"""What came of each separation, as lines of a CSV file from which an evaluation goes on."""

import csv
import math
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.evaluate.records import DONE, FAILED, REFUSED
from napari_sti.evaluate.separation_design import SeparationCell, SeparationDesign, default_params
from napari_sti.maps.separation_scores import SourceScores

Key = tuple[str, ...]

SCORES = tuple(field.name for field in fields(SourceScores))
SOURCES = ("pos", "neg")
KEY = ("case", "method", "orientations", "seed", "chi", "snr_db", "rate_snr_db", "voxel_mm", "params")
OUTCOME = ("status", "message", "dr_assumed", "form")
COLUMNS = (
    *KEY,
    *OUTCOME,
    *(f"{name}_{source}" for source in SOURCES for name in SCORES),
    "pev_angle_deg",
    "seconds",
    "cpu_seconds",
    "device",
    "version",
)


@dataclass(frozen=True)
class SeparationRecord:
    """One line: what was run and what came of it.

    Parameters
    ----------
    cell : SeparationCell
        What was run.
    key : tuple of str
        What makes two lines the same run.
    status, message : str
        See `napari_sti.evaluate.records.Record`.
    dr_assumed, form : str
        Dr that was used, in words, and whether a tensor was found.
    pos, neg : SourceScores or None
        Of chi+, and of chi- or the mean of X-.
    pev_angle : float
        Mean angle in degrees between the fibres found in X- and the true ones; NaN without a tensor.
    seconds, cpu_seconds : float
        From beginning to end, and of computing on all CPU cores together, without the reconstruction before it.
    device, version : str
        Where it was computed, and by which version of the package.
    """

    cell: SeparationCell
    key: Key
    status: str
    message: str = ""
    dr_assumed: str = ""
    form: str = ""
    pos: SourceScores | None = None
    neg: SourceScores | None = None
    pev_angle: float = math.nan
    seconds: float = math.nan
    cpu_seconds: float = math.nan
    device: str = ""
    version: str = ""

    def score(self, source: str, name: str) -> float:
        """One figure of merit of ``"pos"`` or ``"neg"``; NaN if there is no result."""
        scores = self.pos if source == "pos" else self.neg
        return math.nan if scores is None else float(getattr(scores, name))


def key_of(cell: SeparationCell, design: SeparationDesign) -> Key:
    """What makes two lines the same run, as text."""
    noise = (f"{design.snr:g}", f"{design.rate_snr:g}", f"{design.voxel_size:g}")
    counted = (str(cell.orientations), str(cell.seed))
    return (cell.case, cell.method, *counted, design.chi, *noise, default_params(cell.method))


def read_separations(path: Path) -> list[SeparationRecord]:
    """Read the lines of an evaluation of separations; no file is no lines, a last line that was cut off is left out.

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
    if lines and tuple(lines[0]) != COLUMNS:
        raise InputError(
            "this is not an evaluation of separations by this version",
            file=path,
            mend="choose another folder or use --overwrite",
        )
    found: dict[Key, SeparationRecord] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(COLUMNS) and number == len(lines):
            break
        try:
            record = _parse(dict(zip(COLUMNS, line, strict=True)))
        except ValueError as error:
            raise InputError(f"line {number} cannot be understood", file=path, mend="remove it") from error
        found[record.key] = record
    return list(found.values())


def append_separation(path: Path, record: SeparationRecord) -> None:
    """Add one line, after the headings if the file is new.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
        if not content.endswith(b"\n"):  # what a killed program left of its last line
            path.write_bytes(content[: content.rfind(b"\n") + 1])
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line(() if b"\n" in content else COLUMNS) + _line(_values(record)))
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror or error})",
            file=path,
            mend="choose a folder that may be written and has space",
        ) from error


def _line(values: tuple[str, ...]) -> str:
    if not values:
        return ""
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def _values(record: SeparationRecord) -> tuple[str, ...]:
    scores = [
        _number(asdict(found)[name]) if found is not None else ""
        for found in (record.pos, record.neg)
        for name in SCORES
    ]
    cost = (_number(record.pev_angle), _number(record.seconds), _number(record.cpu_seconds))
    said = (record.status, record.message, record.dr_assumed, record.form)
    return (*record.key, *said, *scores, *cost, record.device, record.version)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.8g}"


def _parse(line: dict[str, str]) -> SeparationRecord:
    if line["status"] not in (DONE, REFUSED, FAILED):
        raise ValueError(line["status"])
    pos, neg = (
        SourceScores(**{name: _value(line[f"{name}_{source}"]) for name in SCORES}) if line["status"] == DONE else None
        for source in SOURCES
    )
    return SeparationRecord(
        cell=SeparationCell(line["case"], line["method"], int(line["orientations"]), int(line["seed"])),
        key=tuple(line[name] for name in KEY),
        status=line["status"],
        message=line["message"],
        dr_assumed=line["dr_assumed"],
        form=line["form"],
        pos=pos,
        neg=neg,
        pev_angle=_value(line["pev_angle_deg"]),
        seconds=_value(line["seconds"]),
        cpu_seconds=_value(line["cpu_seconds"]),
        device=line["device"],
        version=line["version"],
    )


def _value(text: str) -> float:
    return float(text) if text else math.nan
