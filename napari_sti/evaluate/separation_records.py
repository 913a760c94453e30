"""What came of each separation, as lines of a CSV file from which an evaluation goes on."""

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from napari_sti.evaluate.lines import append_line, as_number, as_text, read_lines
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
    """Read an evaluation of separations; see `napari_sti.evaluate.lines.read_lines`."""
    return read_lines(path, COLUMNS, _parse, lambda record: record.key, "an evaluation of separations by this version")


def append_separation(path: Path, record: SeparationRecord) -> None:
    """Add one line; see `napari_sti.evaluate.lines.append_line`."""
    append_line(path, COLUMNS, _values(record))


def _values(record: SeparationRecord) -> tuple[str, ...]:
    scores = [
        as_text(asdict(found)[name]) if found is not None else ""
        for found in (record.pos, record.neg)
        for name in SCORES
    ]
    cost = (as_text(record.pev_angle), as_text(record.seconds), as_text(record.cpu_seconds))
    said = (record.status, record.message, record.dr_assumed, record.form)
    return (*record.key, *said, *scores, *cost, record.device, record.version)


def _parse(line: dict[str, str]) -> SeparationRecord:
    if line["status"] not in (DONE, REFUSED, FAILED):
        raise ValueError(line["status"])
    pos, neg = (
        SourceScores(**{name: as_number(line[f"{name}_{source}"]) for name in SCORES})
        if line["status"] == DONE
        else None
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
        pev_angle=as_number(line["pev_angle_deg"]),
        seconds=as_number(line["seconds"]),
        cpu_seconds=as_number(line["cpu_seconds"]),
        device=line["device"],
        version=line["version"],
    )
