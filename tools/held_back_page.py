"""Write the tables of the brain that nothing was trained on into ``docs/evaluation.md``.

    napari-sti evaluate --methods ... --brains dti --voxel-size 2.2 -o DIR
    python -m tools.held_back_page DIR [DIR...]

Runs of several folders come together: what takes hours may be done in parts. One table for each figure, methods by
number of orientations, mean and spread over seeds; the best of each column is bold.
"""

import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean, stdev

from napari_sti.evaluate.records import FLOOR, Record, read_records
from napari_sti.evaluate.report import short_name
from tools.evaluation_page import PAGE

BEGIN, END = "<!-- begin: written by tools/held_back_page.py -->", "<!-- end of held back -->"

Best = Callable[[Iterable[float]], float]

FIGURES: tuple[tuple[str, str, int, Best], ...] = (
    ("angle_mean", "Mean PEV angle in degrees", 1, min),
    ("ecse", "ECSE", 3, min),
    ("psnr", "PSNR in dB", 2, max),
    ("wpsnr", "wPSNR in dB", 2, max),
)
"""Name of the score, title, digits, and which one is better."""


def tables(records: Iterable[Record]) -> str:
    """All tables, in Markdown, of the runs that are done and claim a direction."""
    once = {r.key: r for r in records}.values()  # the folders may hold runs in common
    known = [r for r in once if r.cell.method != FLOOR and r.scores is not None]
    directed = [r for r in known if r.scores is not None and not math.isnan(r.scores.angle_mean)]
    seeds = {m: len({r.cell.study.seed for r in directed if r.cell.method == m}) for m in _methods(directed)}
    parts = [_table(directed, *figure) for figure in FIGURES]
    said = ", ".join(f"{short_name(m)} {n}" for m, n in seeds.items())
    return "\n\n".join([*parts, f"Seeds of head tilts and noise: {said}."])


def _methods(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(sorted((r.cell.method for r in records), key=lambda m: (m != "deepsti", m != "lpn", m))))


def _table(records: list[Record], name: str, title: str, digits: int, better: Best) -> str:
    counts = sorted({r.cell.study.orientations for r in records})
    columns = {n: {m: _values(records, m, n, name) for m in _methods(records)} for n in counts}
    best = {n: better(mean(v) for v in column.values() if v) for n, column in columns.items()}
    lines = [f"**{title}**", "", "| orientations | " + " | ".join(map(str, counts)) + " |"]
    lines.append("| :-- |" + " --: |" * len(counts))
    for method in _methods(records):
        cells = [_cell(columns[n][method], digits, best[n]) for n in counts]
        lines.append(f"| {short_name(method)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _values(records: list[Record], method: str, count: int, name: str) -> list[float]:
    these = (r for r in records if r.cell.method == method and r.cell.study.orientations == count)
    return [float(getattr(r.scores, name)) for r in these]


def _cell(values: list[float], digits: int, best: float) -> str:
    if not values:
        return "–"
    number = f"{mean(values):.{digits}f}"
    text = f"**{number}**" if mean(values) == best else number
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text


def page(words: str, made: str) -> str:
    """The page with everything between the marks replaced."""
    before, rest = words.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END, 1)[1]}"


def main(folders: list[str]) -> None:
    """Write the page."""
    records = [record for folder in folders for record in read_records(Path(folder) / "evaluation.csv")]
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), tables(records)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
