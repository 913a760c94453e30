"""Box plots of regions, for papers and pages: one panel for each map, regions below each other, results in colours."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.io.atomic import replacing
from napari_sti.maps.regions import Measured, Regions, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4269d0", "#efb118", "#3ca951", "#ff725c", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
"""Of the results, in their order, the same in the window; told apart in the common kinds of colour blindness, and by
their order within each region where there are more."""

MOST_REGIONS = 60
"""In one figure; the tables hold all."""
_ACROSS = 3
_WIDTH, _ROW, _ABOVE = 4.2, 0.17, 1.1
"""Inches: width of a panel, height of one box, room for the title and the axis."""
_ENDINGS = (".png", ".pdf", ".svg", ".tif", ".tiff")


def region_figure(found: Regions) -> "Figure":
    """Draw a box from the 25th to the 75th percentile, the median, the mean as a dot, whiskers from 5 to 95 %."""
    from matplotlib.figure import Figure

    regions = list(found.regions)[:MOST_REGIONS]
    columns = min(len(found.maps), _ACROSS)
    rows = math.ceil(len(found.maps) / columns)
    boxes = len(regions) * (len(found.results) + 0.7)
    height = rows * (_ABOVE + max(boxes, 4) * _ROW) + 0.4
    figure = Figure(figsize=(columns * _WIDTH + 1, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for number, one in enumerate(found.maps):
        _draw(axes[number // columns][number % columns], found, one, regions)
    for number in range(len(found.maps), rows * columns):
        axes[number // columns][number % columns].set_visible(False)
    _title(figure, found, len(regions))
    return figure


def save_boxes(found: Regions, path: Path, *, overwrite: bool = False) -> Path:
    """Write the figure as PNG, PDF, SVG or TIFF, by the ending of the path.

    Raises
    ------
    InputError
        If the ending is none of these, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"a figure cannot be written as {path.suffix or 'no ending'!r}", file=path, mend="use .png")
    figure = region_figure(found)
    FigureCanvasAgg(figure)
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=200)
    return path


def _draw(axes: Any, found: Regions, one: Measured, regions: list[str]) -> None:
    step = len(found.results) + 0.7
    for result, name in enumerate(found.results):
        colour = COLOURS[result % len(COLOURS)]
        places = {region: i * step + result for i, region in enumerate(regions)}
        rows = [(at, found.rows.get((name, region, one.key))) for region, at in places.items()]
        drawn = [(at, row) for at, row in rows if row is not None and row.voxels]
        if drawn:
            _boxes(axes, drawn, colour, name)
    axes.set_yticks([i * step + (len(found.results) - 1) / 2 for i in range(len(regions))], regions, fontsize=8)
    axes.set_ylim(len(regions) * step - 0.85, -0.85)
    axes.set_xlabel(one.heading, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _boxes(axes: Any, rows: list[tuple[float, Summary]], colour: str, name: str) -> None:
    for at, row in rows:
        axes.plot((row.p5, row.p95), (at, at), color=colour, linewidth=1, solid_capstyle="butt")
        axes.barh(at, row.p75 - row.p25, left=row.p25, height=0.72, color=colour, alpha=0.45, linewidth=0)
        axes.plot((row.median, row.median), (at - 0.36, at + 0.36), color=colour, linewidth=2)
    means = [row.mean for _, row in rows]
    axes.plot(means, [at for at, _ in rows], "o", color=colour, markersize=3, markeredgecolor="white", label=name)


def _title(figure: Any, found: Regions, shown: int) -> None:
    from matplotlib.lines import Line2D

    words = ["box 25 to 75 %, line median, dot mean, whiskers 5 to 95 %"]
    if shown < len(found.regions):
        words.append(f"the first {shown} of {len(found.regions)} regions")
    words += ["simulated data"] if found.simulated else []
    figure.suptitle(f"{found.source}: {'; '.join(words)}", fontsize=9)
    keys = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], linewidth=5, alpha=0.6, label=name)
        for i, name in enumerate(found.results)
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4), fontsize=8, frameon=False)
