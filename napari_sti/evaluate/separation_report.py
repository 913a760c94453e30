"""An evaluation of separations in words, tables and a figure, all made anew from its lines."""

import math
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev

from napari_sti import __version__
from napari_sti.evaluate.figures import save_figure
from napari_sti.evaluate.records import DONE
from napari_sti.evaluate.separation_design import DR_CASES, TRUE_CHI, form_of
from napari_sti.evaluate.separation_figure import separation_figure
from napari_sti.evaluate.separation_records import SeparationRecord
from napari_sti.evaluate.separation_run import CSV, SeparationOutcome
from napari_sti.io.atomic import write_text
from napari_sti.maps.scores import NOTHING, markdown
from napari_sti.recon.registry import get_method
from napari_sti.recon.separation_registry import get_separation_method

FLOOR = "closed_form"
"""Nothing is regularised in it: what others have to be ahead of."""

COLUMNS = (
    ("psnr", "PSNR", 1, True),
    ("nrmse", "NRMSE", 3, False),
    ("correlation", "corr.", 3, True),
    ("ssim", "SSIM", 3, True),
)
"""Figure of merit, heading, decimals, and whether more is better."""

ABOUT = """\
Everything here is simulated: the sample brain as iron and myelin, small head tilts, field maps of {snr:g} dB and R2′
of {rate_snr:g} dB, voxels of {voxel:g} mm, every method with its default parameters.

- PSNR is taken over the whole volume with the range of the truth, NRMSE (norm of the error over norm of the truth) and
  correlation inside the brain, SSIM over the whole volume. An NRMSE of 1 is what finding nothing has.
- Of a tensor X₋ its mean is scored as χ₋; the angle is the mean angle between found and true fibres, where the true MSA
  exceeds 0.015 ppm.
- {chi}
- The **closed form** is the floor: it splits every voxel on its own. A method that is not clearly ahead of it has shown
  its Dr and little else.
- Field maps are simulated on the grid of the reconstruction (an inverse crime, the same for all methods).
- Values are means over {seeds}; ± is the standard deviation over them. The best of a column is bold.
- Time is CPU time in seconds of all cores together, without the reconstruction before it.
"""


def write_separation_report(outcome: SeparationOutcome) -> list[Path]:
    """Write ``separations.md`` and ``separations.png``; earlier ones are replaced.

    Returns
    -------
    list of path
        What was written.
    """
    picture = outcome.folder / "separations.png"
    done = [r for r in outcome.records if r.status == DONE]
    parts = [_head(outcome)]
    written = []
    if done:
        written.append(save_figure(separation_figure(done, outcome.design), picture, overwrite=True))
        parts.append(f"![PSNR and NRMSE of both sources against the number of orientations]({picture.name})\n")
    for case in outcome.design.cases:
        parts.append(f"## {DR_CASES[case].title}\n")
        for n in outcome.design.orientations:
            parts.append(_table(outcome, case, n))
    parts.append(_missing(outcome.records))
    page = outcome.folder / "separations.md"
    write_text(page, "\n".join(part for part in parts if part), overwrite=True)
    return [page, *written]


def label_of(method: str) -> str:
    """Title of a method as tables and figures show it."""
    name = get_separation_method(method).title.split(" (")[0]
    return f"{name} (floor)" if method == FLOOR else name


def _head(outcome: SeparationOutcome) -> str:
    design = outcome.design
    seeds = f"{design.seeds} seeds" if design.seeds > 1 else "one seed, so that no spread is known"
    device = ", ".join(sorted({r.device for r in outcome.records if r.device})) or "nothing"
    made = f"napari-sti {__version__}, computed on {device} ({os.cpu_count()} CPU cores, {platform.system()})."
    about = ABOUT.format(
        snr=design.snr, rate_snr=design.rate_snr, voxel=design.voxel_size, chi=_of_chi(design.chi), seeds=seeds
    )
    where = f"All lines are in `{CSV}`."
    return f"# Evaluation of separations\n\nMade by\n\n    {design.command()}\n\nwith {made} {where}\n\n{about}"


def _of_chi(chi: str) -> str:
    """Say what is separated by methods that start from a susceptibility."""
    if chi == TRUE_CHI:
        return (
            "Methods that start from a susceptibility are given the **true** one with noise of 0.01 ppm in every "
            "entry, which no reconstruction provides; those that start from field maps are not."
        )
    return (
        f"Methods that start from a susceptibility are given the tensor that {get_method(chi).title} reconstructs from "
        "the same field maps (scalar ones its mean); the others start from the field maps."
    )


def _table(outcome: SeparationOutcome, case: str, n: int) -> str:
    """All methods at one number of orientations."""
    rows = {m: _of(outcome.records, case, m, n) for m in outcome.design.methods}
    columns = [(source, *column) for source in ("pos", "neg") for column in COLUMNS]
    sign = {"pos": "χ₊", "neg": "χ₋"}
    heading = [f"{n} orientation{'s' * (n > 1)}", *(f"{sign[c[0]]} {c[2]}" for c in columns), "angle", "CPU time"]
    means = {
        m: [_mean([r.score(source, key) for r in found]) for source, key, *_ in columns] for m, found in rows.items()
    }
    lines = [heading]
    for method, found in rows.items():
        cells = [f"{label_of(method)}{', scalar' * (form_of(method) == 'scalar')}"]
        for i, (source, key, _, digits, more) in enumerate(columns):
            text = _written(means[method][i], digits)
            rivals = [m[i] for m in means.values() if not math.isnan(m[i])]
            if text != NOTHING and len(rivals) > 1 and text == _written(max(rivals) if more else min(rivals), digits):
                text = f"**{text}**"
            spread = _spread([r.score(source, key) for r in found])
            cells.append(
                text if math.isnan(spread) or key not in ("psnr", "nrmse") else f"{text} ± {spread:.{digits}f}"
            )
        angle, cost = (_mean([getattr(r, name) for r in found]) for name in ("pev_angle", "cpu_seconds"))
        lines.append([*cells, NOTHING if math.isnan(angle) else f"{angle:.1f}°", _written(cost, 1)])
    return markdown(lines)


def _of(records: Iterable[SeparationRecord], case: str, method: str, n: int) -> list[SeparationRecord]:
    wanted = (case, method, n)
    return [r for r in records if r.status == DONE and (r.cell.case, r.cell.method, r.cell.orientations) == wanted]


def _missing(records: Iterable[SeparationRecord]) -> str:
    """What did not run, and why."""
    said: dict[str, list[str]] = {}
    for r in records:
        if r.status != DONE:
            said.setdefault(f"{label_of(r.cell.method)}: {r.message}", []).append(r.status)
    if not said:
        return ""
    return (
        "## What did not run\n\n" + "\n".join(f"- {words} ({len(count)} runs)" for words, count in said.items()) + "\n"
    )


def _written(value: float, digits: int) -> str:
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def _spread(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return stdev(known) if len(known) > 1 else math.nan
