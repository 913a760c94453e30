"""The picture of a plan: the directions in the head, and what one more would be worth, over all tilts."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.io.atomic import replacing
from napari_sti.maps.head_tilt import tilt, upward
from napari_sti.maps.next_tilt import Plan
from napari_sti.maps.plan_report import amplification_text, condition_sentence, known_sentence, table

RIM_WORDS = {"R": "lean left", "L": "lean right", "A": "chin up", "P": "chin to chest"}
"""What the head does for B0 to move to a letter: it moves the other way (`napari_sti.maps.head_tilt`)."""

_STEP = 10.0


def radius(plan: Plan) -> float:
    """Degrees that the picture spans: all directions and the largest tilt, to the next ten."""
    largest = max([plan.gains.max_tilt, *(float(tilt(d)) for d in plan.worth.b0_dirs)])
    return float(np.ceil(largest / _STEP - 1e-9) * _STEP)


def offsets(b0_dir: Any) -> tuple[float, float]:
    """Place of a direction on the map in degrees: towards the head's right, towards its front."""
    x, y, _ = upward(b0_dir)
    angle, length = float(tilt(b0_dir)), float(np.hypot(x, y))
    return (angle * float(x) / length, angle * float(y) / length) if length > 1e-9 else (0.0, 0.0)


def plan_figure(plan: Plan, title: str) -> Any:
    """Matplotlib figure: the polar picture, and beside it the table.

    Parameters
    ----------
    plan : Plan
        What is drawn.
    title : str
        Heading.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.05, 1))
    _draw_map(figure, left, plan)
    _write_table(right, plan)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure


def save_plan_figure(plan: Plan, title: str, path: Path, *, overwrite: bool = False) -> None:
    """Write the figure as PNG, without any window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plan_figure(plan, title)
    FigureCanvasAgg(figure)
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_map(figure: Any, axes: Any, plan: Plan) -> None:
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.5, foreground="black")]
    gains, reach = plan.gains, radius(plan)
    rim = Circle((0, 0), gains.max_tilt, transform=axes.transData)
    image = axes.pcolormesh(
        gains.offsets, gains.offsets, gains.gain.T, shading="gouraud", cmap="cividis", vmin=0, vmax=gains.within.max()
    )
    image.set_clip_path(rim)
    axes.add_patch(Circle((0, 0), gains.max_tilt, fill=False, linestyle="--", color="black", linewidth=0.9))
    for degrees in np.arange(_STEP, reach + 1, _STEP):
        axes.add_patch(Circle((0, 0), degrees, fill=False, color="0.5", linewidth=0.5))
        axes.text(
            0.7071 * degrees,
            0.7071 * degrees,
            f"{degrees:.0f}°",
            fontsize=7,
            color="white",
            ha="center",
            path_effects=halo,
        )
    advised = {number: a.b0_dir for number, a in enumerate(plan.next_tilts, len(plan.worth.b0_dirs) + 1)}
    for number, b0_dir in enumerate(plan.worth.b0_dirs, 1):
        place = offsets(b0_dir)
        axes.plot(*place, "o", color="white", markeredgecolor="black", markersize=13)
        if not any(np.allclose(b0_dir, other, atol=0.02) for other in advised.values()):
            axes.text(*place, str(number), ha="center", va="center", fontsize=8)
    for number, b0_dir in advised.items():
        place = offsets(b0_dir)
        axes.plot(*place, "D", color="#f2b134", markeredgecolor="black", markersize=15)
        # An orientation that is advised once more lies on the one that is there: both numbers, side by side.
        there = [str(n) for n, other in enumerate(plan.worth.b0_dirs, 1) if np.allclose(b0_dir, other, atol=0.02)]
        axes.text(*place, "·".join([*there, str(number)]), ha="center", va="center", fontsize=8, fontweight="bold")
    out = 1.1 * reach
    for letter, (x, y), (across, up) in (
        ("R", (out, 0), ("left", "center")),
        ("L", (-out, 0), ("right", "center")),
        ("A", (0, out), ("center", "bottom")),
        ("P", (0, -out), ("center", "top")),
    ):
        axes.text(x, y, f"{letter}\n{RIM_WORDS[letter]}", ha=across, va=up, fontsize=9)
    axes.set(xlim=(-1.08 * reach, 1.08 * reach), ylim=(-1.08 * reach, 1.08 * reach), aspect="equal")
    axes.axis("off")
    axes.set_title("Where B0 points in the head, seen from above", fontsize=10, pad=28)
    figure.colorbar(image, ax=axes, location="bottom", shrink=0.6, pad=0.1, label="one more here makes known (of 6)")


def _write_table(axes: Any, plan: Plan) -> None:
    import textwrap

    axes.axis("off")
    lines = [
        [
            row.name,
            row.title,
            f"× {amplification_text(row.amplification)}" if np.isfinite(row.amplification) else "\N{EN DASH}",
            f"{row.error:.3f}" if np.isfinite(row.error) else "\N{EN DASH}",
            f"{100 * row.known:.0f} %",
        ]
        for row in table(plan.worth)
    ]
    drawn = axes.table(
        lines,
        colLabels=["", "in the head (RAS)", "noise", "ppm", "known"],
        colWidths=[0.12, 0.4, 0.16, 0.16, 0.16],
        cellLoc="left",
        loc="upper center",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8.5)
    drawn.scale(1, 1.35)
    for cell in drawn.get_celld().values():
        cell.set_edgecolor("0.85")
    says = [condition_sentence(plan.worth), known_sentence(plan.worth)]
    says += [f"{n}: {t.words}" for n, t in enumerate(plan.next_tilts, plan.worth.orientations + 1)]
    text = "\n".join(line for sentence in says for line in textwrap.wrap(sentence, 68))
    axes.text(0, 0.4, text, fontsize=8.5, va="top", transform=axes.transAxes)
