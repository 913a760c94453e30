"""An evaluation in words, tables and figures, all made anew from its lines."""

import math
import os
import platform
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from napari_sti import __version__
from napari_sti.evaluate.curves import curve_figure
from napari_sti.evaluate.design import BRAINS
from napari_sti.evaluate.figures import direction_figure, save_figure
from napari_sti.evaluate.records import DONE, FAILED, FLOOR, REFUSED, Record
from napari_sti.evaluate.run import CSV, Outcome, shown_tensors, simulate_study, voxel_size_of
from napari_sti.io.atomic import write_text
from napari_sti.maps.scores import NOTHING, Column, Scores, column, markdown
from napari_sti.recon.registry import get_method

SHOWN = ("angle_mean", "under_30", "ecse", "wpsnr", "psnr", "ssim", "mms_error_percent", "msa_error_percent")
"""Figures of merit in the tables; all are in the CSV file."""

OF_DIRECTIONS = ("wpsnr", "msa_error", "msa_error_percent")
"""Figures of merit in which an isotropic method is just the tensor that is 0 everywhere; left out for it."""

OF_THE_MEAN = ("mms_error", "mms_error_percent")
"""Those in which isotropic methods compete."""

COST = (
    Column("seconds", "time", "s", 1, "lower"),
    Column("cpu_seconds", "CPU time", "s", 1, "lower"),
    Column("iterations", "iterations", "", 0, "lower"),
    Column("memory_mb", "memory", "MB", 0, "lower"),
)
"""What a run costs: from beginning to end, on all CPU cores together, iterations, and the method's own estimate."""

ABOUT = """\
Everything here is simulated, and every method runs with its default parameters; nothing was tuned on these scans.

- The angle between the principal eigenvector (PEV) and the true one is taken in white matter where the true MSA exceeds
  0.015 ppm. Directions that have nothing to do with the truth have a mean angle of 57.3° and an ECSE of 0.5, which is
  where a method that knows nothing stands. ECSE 0.1 is about 26°, 0.2 about 37°.
- The row *all-zero tensor* is what doing nothing gives. PSNR is flattering, since its peak is set by iron and veins;
  what counts is how far a method is above that row.
- Errors of MMS and MSA are those of the norm, in per cent of the norm of the truth; 100 % is what the all-zero tensor
  has.
- Isotropic methods claim no direction: they compete for the MMS only, have no angle, and their PSNR and SSIM stand
  there to compare with.
- No method can see a constant that is added to the susceptibility everywhere in an unbounded volume; figures are not
  corrected for it, as published.
- Time runs from beginning to end, whatever else the machine did meanwhile; CPU time is that of all cores together,
  which other programs disturb less. Memory is the peak as the method itself estimates it.
- Values are means over {seeds}; ± is the standard deviation over them. The best of a column is bold.
"""

FINER = """\
- The field is simulated on a finer grid than that of the reconstruction and averaged over its voxels, so that methods
  meet the error of discretisation that real data have. Noise is white, in the averaged field. Wrapping, background
  fields, motion and registration are taken to be perfect, and real data are harder.
"""
SAME_GRID = """\
- **Inverse crime**: the field is simulated on the grid of the reconstruction with the same formula, so that methods
  meet no error of discretisation at all. All figures are better than they would be on real data.
"""


def write_report(outcome: Outcome) -> list[Path]:
    """Write ``evaluation.md``, and for each brain the curves and the picture as PNG; earlier ones are replaced.

    Returns
    -------
    list of path
        What was written.
    """
    written = []
    parts = [_head(outcome)]
    for brain in outcome.design.brains:
        parts.append(f"## {BRAINS[brain][0].upper()}{BRAINS[brain][1:]}\n")
        picture = _write_picture(outcome, brain)
        if picture is not None:
            written.append(picture)
            parts.append(f"![Direction colours and angle errors of every method]({picture.name})\n")
        for max_tilt in outcome.design.max_tilt:
            for snr in outcome.design.snr:
                chosen = _chosen(outcome.records, brain, snr, max_tilt)
                curves = _write_curves(outcome, brain, snr, max_tilt)
                size = voxel_size_of(brain, outcome.design)
                parts.append(f"### {condition(chosen, snr, max_tilt)}, voxels of {size:.3g} mm\n")
                if curves is not None:
                    written.append(curves)
                    parts.append(f"![Figures of merit against the number of orientations]({curves.name})\n")
                for n in outcome.design.orientations:
                    parts.append(_table(outcome, [r for r in chosen if r.cell.study.orientations == n], brain, n))
    parts.append(_missing(outcome.records))
    page = outcome.folder / "evaluation.md"
    write_text(page, "\n".join(part for part in parts if part), overwrite=True)
    return [page, *written]


def short_name(method: str) -> str:
    """Name of a method as tables and figures show it: its title without what stands in brackets."""
    return get_method(method).title.split(" (")[0]


def condition(records: Iterable[Record], snr: float, max_tilt: float) -> str:
    """Say noise and tilts in words."""
    tilts = next((record.tilts for record in records if record.tilts), "")
    words = {
        "spread": f"one untilted, the others tilted by up to {max_tilt:g}° all around",
        "head": f"small random tilts, at most {min(max_tilt, 37):g}°",
        "real": f"real head tilts, at most {min(max_tilt, 37):g}°",
    }.get(tilts, f"tilts up to {max_tilt:g}°")
    return f"{snr:g} dB, {words}"


def floor_of(outcome: Outcome, brain: str) -> Scores | None:
    """Scores of the tensor that is 0 everywhere."""
    for record in outcome.records:
        if record.cell.method == FLOOR and record.cell.study.brain == brain:
            return record.scores
    return None


def _head(outcome: Outcome) -> str:
    design = outcome.design
    seeds = f"{design.seeds} seeds" if design.seeds > 1 else "one seed, so that no spread is known"
    device = ", ".join(sorted({r.device for r in outcome.records if r.device})) or "nothing"
    made = f"napari-sti {__version__}, computed on {device} ({os.cpu_count()} CPU cores, {platform.system()})."
    about = ABOUT.format(seeds=seeds) + (FINER if design.finer else SAME_GRID)
    return f"# Evaluation\n\nMade by\n\n    {design.command()}\n\nwith {made} All lines are in `{CSV}`.\n\n{about}"


def _chosen(records: Iterable[Record], brain: str, snr: float, max_tilt: float) -> list[Record]:
    """Lines of one brain, noise level and tilt."""
    return [
        record
        for record in records
        if record.cell.method != FLOOR
        and (record.cell.study.brain, record.cell.study.snr, record.cell.study.max_tilt) == (brain, snr, max_tilt)
    ]


def _table(outcome: Outcome, records: list[Record], brain: str, n: int) -> str:
    """All methods at one number of orientations."""
    columns = [column(key) for key in SHOWN]
    rows: dict[str, list[list[float]]] = {}
    isotropic: set[str] = set()
    for method in outcome.design.methods:
        of_method = [r for r in records if r.cell.method == method and r.status == DONE and r.scores is not None]
        values = [[each.value(r.scores) for r in of_method if r.scores is not None] for each in columns]
        if of_method and all(r.scores is not None and math.isnan(r.scores.ecse) for r in of_method):
            isotropic.add(short_name(method))
            values = [[] if each.key in OF_DIRECTIONS else v for each, v in zip(columns, values, strict=True)]
        costs = [[_cost(r, each.key) for r in of_method] for each in COST]
        rows[short_name(method)] = [*values, *costs]
    lines = _lines(rows, [*columns, *COST], judged=len(columns), isotropic=isotropic)
    floor = floor_of(outcome, brain)
    if floor is not None:
        lines.append(["*all-zero tensor*", *(each.text(floor) for each in columns), *(NOTHING for _ in COST)])
    heading = f"{n} orientation{'s' * (n > 1)}"
    return markdown([[heading, *(each.heading for each in (*columns, *COST))], *lines])


def _cost(record: Record, key: str) -> float:
    value = getattr(record, key)
    return math.nan if value is None else float(value)


def _lines(
    rows: dict[str, list[list[float]]], columns: list[Column], *, judged: int, isotropic: set[str]
) -> list[list[str]]:
    """Mean and spread as text; the best of the first `judged` columns in bold, isotropic methods only for their MMS."""
    means = {name: [_mean(values) for values in row] for name, row in rows.items()}

    def competes(name: str, each: Column) -> bool:
        return name not in isotropic or each.key in OF_THE_MEAN

    best = [
        each.write(each.best([row[i] for name, row in means.items() if competes(name, each)]))
        for i, each in enumerate(columns)
    ]
    lines = []
    for name, row in rows.items():
        cells = []
        for i, (each, values) in enumerate(zip(columns, row, strict=True)):
            text = each.write(means[name][i])
            if i < judged and text != NOTHING and text == best[i] and len(rows) > 1 and competes(name, each):
                text = f"**{text}**"
            spread = _spread(values)
            cells.append(f"{text} ± {each.write(spread)}" if i < judged and not math.isnan(spread) else text)
        lines.append([name, *cells])
    return lines


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def _spread(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return stdev(known) if len(known) > 1 else math.nan


def _missing(records: Iterable[Record]) -> str:
    """Say what was refused and what failed, and why."""
    reasons: dict[tuple[str, str, str], set[int]] = {}
    first: dict[str, str] = {}  # refusals differ in the number that they name; one sentence is enough
    for record in records:
        if record.status != DONE:
            message = record.message
            if record.status == REFUSED:
                message = first.setdefault(record.cell.method, message)
            key = (record.cell.method, record.status, message)
            reasons.setdefault(key, set()).add(record.cell.study.orientations)
    if not reasons:
        return ""
    lines = ["## What is missing\n"]
    for (method, status, message), counts in reasons.items():
        number = _listed(sorted(counts))
        verb = "**failed**" if status == FAILED else "did not run"
        lines.append(f"- {short_name(method)} {verb} with {number}: {message}")
    return "\n".join(lines) + "\n"


def _listed(counts: list[int]) -> str:
    *most, last = map(str, counts)
    return f"{', '.join(most)} and {last} orientations" if most else f"{last} orientation{'s' * (last != '1')}"


# ---- figures ----------------------------------------------------------------------------------------------------


def _write_curves(outcome: Outcome, brain: str, snr: float, max_tilt: float) -> Path | None:
    chosen = _chosen(outcome.records, brain, snr, max_tilt)
    curves: dict[str, dict[int, list[Scores]]] = {}
    for method in outcome.design.methods:
        curve: dict[int, list[Scores]] = {}
        for record in chosen:
            if record.cell.method == method and record.scores is not None:
                curve.setdefault(record.cell.study.orientations, []).append(_without_directions(record.scores))
        if curve:
            curves[short_name(method)] = curve
    if not curves:
        return None
    band = "Bands: smallest to largest of the seeds. " if outcome.design.seeds > 1 else ""
    figure = curve_figure(
        curves,
        floor=floor_of(outcome, brain),
        title=BRAINS[brain].split(" (")[0],
        note=f"Simulated: {condition(chosen, snr, max_tilt)}, {voxel_size_of(brain, outcome.design):.3g} mm. {band}",
    )
    name = f"curves-{brain}-{snr:g}dB-{max_tilt:g}deg.png"
    return save_figure(figure, outcome.folder / name, overwrite=True)


def _write_picture(outcome: Outcome, brain: str) -> Path | None:
    """Direction colours and angle errors of the first noise level, tilt and seed."""
    design = outcome.design
    isotropic = [method for method in design.methods if _claims_no_direction(outcome.records, method)]
    tensors = shown_tensors(outcome, brain)
    shown = {short_name(method): row for method, row in tensors.items() if method not in isotropic}
    studies = [s for s in design.studies() if s.brain == brain and design.is_shown(s)]
    if not any(not isinstance(found, str) for row in shown.values() for found in row.values()):
        return None
    truth = simulate_study(studies[0], design).reference_tensor
    assert truth is not None
    chosen = _chosen(outcome.records, brain, design.snr[0], design.max_tilt[0])
    size = voxel_size_of(brain, design)
    left_out = f" Isotropic, without directions: {', '.join(map(short_name, isotropic))}." if isotropic else ""
    figure = direction_figure(
        shown,
        truth,
        title=BRAINS[brain].split(" (")[0],
        note=f"{condition(chosen, design.snr[0], design.max_tilt[0])}, {size:.3g} mm.{left_out}",
    )
    return save_figure(figure, outcome.folder / f"directions-{brain}.png", overwrite=True)


def _claims_no_direction(records: Iterable[Record], method: str) -> bool:
    """Whether all results of a method are isotropic."""
    errors = [r.scores.ecse for r in records if r.cell.method == method and r.scores is not None]
    return bool(errors) and all(map(math.isnan, errors))


def _without_directions(scores: Scores) -> Scores:
    """Drop what does not tell an isotropic result from the tensor that is 0 everywhere."""
    if not math.isnan(scores.ecse):
        return scores
    nothing: dict[str, Any] = dict.fromkeys(OF_DIRECTIONS, math.nan)
    return replace(scores, **nothing)
