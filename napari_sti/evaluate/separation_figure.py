"""The figure of an evaluation of separations: PSNR and NRMSE of both sources against the number of orientations."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.evaluate.curves import style_of
from napari_sti.evaluate.page import new_figure
from napari_sti.evaluate.separation_design import SeparationDesign
from napari_sti.evaluate.separation_records import SeparationRecord
from napari_sti.recon.separation_registry import get_separation_method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = (
    ("pos", "psnr", "χ₊ PSNR (dB) ↑"),
    ("pos", "nrmse", "χ₊ NRMSE ↓"),
    ("neg", "psnr", "χ₋ PSNR (dB) ↑"),
    ("neg", "nrmse", "χ₋ NRMSE ↓"),
)
NAMES = {
    "consistent": "Dr consistent: 114 made R2′, 114 is assumed",
    "inconsistent": "Dr inconsistent: 137 made R2′, 114 is assumed",
    "theory": "R2′ of static dephasing, the theory's Dr for spheres is assumed",
}
NOTHING_FOUND = 1.0
"""NRMSE of zero everywhere."""


def separation_figure(records: Sequence[SeparationRecord], design: SeparationDesign) -> "Figure":
    """Draw a row of panels for every case of Dr: mean over the seeds, and their spread as a band.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if not records:
        raise InputError("there is no result to draw", mend="run at least one method")
    rows = len(design.cases)
    width, height = 10.4, 0.95 + 2.25 * rows + 0.55
    figure = new_figure(width, height)
    grid = figure.add_gridspec(
        rows, 4, left=0.055, right=0.99, top=1 - 0.95 / height, bottom=0.85 / height, wspace=0.26, hspace=0.52
    )
    handles: list[Any] = []
    for row, case in enumerate(design.cases):
        for column, (source, key, heading) in enumerate(PANELS):
            axes = figure.add_subplot(grid[row, column])
            lines = _panel(axes, [r for r in records if r.cell.case == case], design, source, key)
            handles = lines if len(lines) > len(handles) else handles
            axes.set_title(heading, size=8.5, weight="bold", loc="left", pad=4)
            if column == 0:
                place: dict[str, Any] = dict(
                    xycoords="axes fraction", textcoords="offset points", size=9, color="#404040"
                )
                axes.annotate(NAMES[case], (0, 1), xytext=(0, 19), **place)
            if row == rows - 1:
                axes.set_xlabel("head orientations", size=8)
    figure.text(0.012, 1 - 0.25 / height, "Separation of the simulated brain", size=11, weight="bold", va="center")
    figure.legend(handles=handles, loc="lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def _panel(
    axes: "Axes", records: Sequence[SeparationRecord], design: SeparationDesign, source: str, key: str
) -> list[Any]:
    """Draw one figure of merit; returns the lines for the legend."""
    counts = sorted(design.orientations)
    lines = []
    for number, method in enumerate(design.methods):
        values = {
            n: [
                r.score(source, key)
                for r in records
                if (r.cell.method, r.cell.orientations) == (method, n) and math.isfinite(r.score(source, key))
            ]
            for n in counts
        }
        style = style_of(number)
        low, high = ([pick(values[n], default=math.nan) for n in counts] for pick in (min, max))
        axes.fill_between(counts, low, high, color=style["color"], alpha=0.18, linewidth=0)
        mean = [fmean(values[n]) if values[n] else math.nan for n in counts]
        name = get_separation_method(method).title.split(" (")[0]
        lines += axes.plot(counts, mean, label=name, markersize=4, linewidth=1.3, **style)
    if key == "nrmse":
        axes.set_ylim(bottom=0)
        if axes.get_ylim()[1] > NOTHING_FOUND:
            axes.axhline(NOTHING_FOUND, color="#404040", linewidth=0.9, linestyle=":")
            axes.annotate(
                "finding nothing",
                (counts[-1], NOTHING_FOUND),
                xytext=(0, 3),
                textcoords="offset points",
                size=7,
                ha="right",
            )
    axes.set_xticks(counts)
    axes.tick_params(labelsize=7.5, length=2.5)
    axes.grid(True, color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return lines
