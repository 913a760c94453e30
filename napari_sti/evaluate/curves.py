"""Curves: a figure of merit against the number of head orientations, one line for each method."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.evaluate.page import new_figure
from napari_sti.maps.scores import Column, Scores, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("angle_mean", "under_30", "wpsnr", "psnr", "msa_error_percent", "mms_error_percent")
"""Figures of merit that are drawn unless others are asked for."""

RANDOM_ANGLE = 180 / math.pi
"""Mean angle in degrees between directions that have nothing to do with each other (1 radian)."""

LARGEST_PERCENT, LARGEST_LOSS = 250.0, 8.0
"""How far panels reach: per cent, and dB below the tensor that is 0 everywhere."""

_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
    "#7F7F7F",
    "#8C510A",
    "#332288",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")
_DASHES = ("-", "--", "-.")

Curve = Mapping[int, Sequence[Scores]]
"""Scores of all seeds for every number of orientations."""


def curve_figure(
    curves: Mapping[str, Curve],
    *,
    floor: Scores | None = None,
    keys: Sequence[str] = SHOWN,
    title: str = "",
    note: str = "",
) -> "Figure":
    """Draw figures of merit against the number of orientations: mean over the seeds, and their spread as a band.

    Colours are those of Okabe and Ito, which colour-blind eyes tell apart; markers and dashes differ, too.

    Parameters
    ----------
    curves : mapping of method to mapping of number of orientations to scores
        One line for each method. Numbers without a value are gaps.
    floor : Scores, optional
        Of the tensor that is 0 everywhere: a dotted line.
    keys : sequence of str
        Attributes of `Scores`, one panel each.
    title, note : str
        Written above and below.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    counts = sorted({n for curve in curves.values() for n in curve})
    if not counts:
        raise InputError("there is no result to draw", mend="run at least one method")
    across = min(3, len(keys))
    down = -(-len(keys) // across)
    width, height = 0.55 + 2.75 * across, 0.5 + 2.35 * down + 0.27 * -(-len(curves) // 5) + (0.2 if note else 0)
    figure = new_figure(width, height)
    bottom = 0.27 * -(-len(curves) // 5) + (0.45 if note else 0.25)
    grid = figure.add_gridspec(
        down,
        across,
        left=0.6 / width,
        right=1 - 0.12 / width,
        top=1 - 0.5 / height,
        bottom=(bottom + 0.3) / height,
        wspace=0.3,
        hspace=0.32,
    )
    handles: list[Any] = []
    for i, key in enumerate(keys):
        axes = figure.add_subplot(grid[i // across, i % across])
        drawn = _panel(axes, column(key), curves, counts, floor, last=i >= len(keys) - across)
        handles = drawn if len(drawn) > len(handles) else handles
    figure.text(0.12 / width, 1 - 0.2 / height, title, size=11, weight="bold", va="center")
    figure.legend(
        handles=handles, loc="lower center", ncols=5, fontsize=8, frameon=False, bbox_to_anchor=(0.5, 0.2 / height)
    )
    if note:
        figure.text(0.12 / width, 0.08 / height, note, size=7.5, color="#606060", va="bottom")
    return figure


def _panel(
    axes: "Axes", what: Column, curves: Mapping[str, Curve], counts: list[int], floor: Scores | None, *, last: bool
) -> list[Any]:
    """Draw one figure of merit; returns the lines for the legend."""
    lines = []
    for number, (name, curve) in enumerate(curves.items()):
        style = style_of(number)
        values = {n: [v for v in map(what.value, curve.get(n, ())) if math.isfinite(v)] for n in counts}
        mean = [fmean(values[n]) if values[n] else math.nan for n in counts]
        low = [min(values[n], default=math.nan) for n in counts]
        high = [max(values[n], default=math.nan) for n in counts]
        axes.fill_between(counts, low, high, color=style["color"], alpha=0.18, linewidth=0)
        lines += axes.plot(counts, mean, label=name, markersize=4.5, linewidth=1.4, **style)
    if what.key == "angle_mean":
        axes.set_ylim(top=max(axes.get_ylim()[1], 1.1 * RANDOM_ANGLE))
        _level(axes, RANDOM_ANGLE, "random directions", counts)
    elif floor is not None and math.isfinite(what.value(floor)):
        _level(axes, what.value(floor), "all-zero tensor", counts)
    _cut_outliers(axes, what, floor)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(n) for n in counts], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlim(counts[0] / 1.12, counts[-1] * 1.12)
    axes.set_title(
        f"{what.heading} {'↑' if what.better == 'higher' else '↓'}", size=9, weight="bold", loc="left", pad=5
    )
    axes.tick_params(labelsize=7.5, length=2.5)
    axes.grid(True, color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if last:
        axes.set_xlabel("head orientations", size=8)
    return lines


def style_of(number: int) -> dict[str, Any]:
    """Colour, marker and dashes of the line of this number, from 0."""
    return dict(
        color=_COLOURS[number % len(_COLOURS)],
        marker=_MARKERS[number % len(_MARKERS)],
        linestyle=_DASHES[(number // len(_COLOURS) + number % 2) % len(_DASHES)],
    )


def _cut_outliers(axes: "Axes", what: Column, floor: Scores | None) -> None:
    """Keep one method that went astray from flattening all the others; its line then leaves the panel."""
    low, high = axes.get_ylim()
    if what.unit == "%":
        axes.set_ylim(max(low, 0.0), min(high, LARGEST_PERCENT))
    elif what.unit == "dB" and floor is not None and math.isfinite(what.value(floor)):
        axes.set_ylim(max(low, what.value(floor) - LARGEST_LOSS), high)


def _level(axes: "Axes", value: float, words: str, counts: list[int]) -> None:
    """Draw what knowing nothing gives."""
    axes.axhline(value, color="#404040", linewidth=0.9, linestyle=":")
    written = axes.annotate(words, (counts[-1], value), xytext=(0, 3), textcoords="offset points", size=7, ha="right")
    written.set(color="#404040", bbox=dict(boxstyle="square,pad=0.1", facecolor="white", edgecolor="none", alpha=0.75))
