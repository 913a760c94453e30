"""A page of slices: panels in a grid, names at the left, headings above, colour bars and key below."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.evaluate.slices import Plane, Slice, Windows
from napari_sti.maps.colour import colour_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MMS_MAP, MSA_MAP, ANGLE_MAP = "gray", "magma", "viridis"
"""Even in lightness, also for colour-blind eyes; the first two are those of the window."""

BRAIN_GREY = 0.35
"""Of the brain around the voxels that have an angle."""

NEUTRAL, DIM = "#202020", "#606060"
FONT = 9.0


def new_figure(width: float, height: float) -> "Figure":
    """Make a white figure of this size in inches on an Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", dpi=100)
    FigureCanvasAgg(figure)
    return figure


class Page:
    """A grid of slices with labels at the left, headings above, and bars, key and notes below; sizes in inches."""

    _GAP, _SIDE, _HEADING = 0.04, 0.1, 0.3

    def __init__(
        self,
        plane: Plane,
        windows: Windows,
        rows: int,
        columns: int,
        *,
        label_width: float,
        panel_width: float = 1.75,
        title: str = "",
        foot: float = 1.05,
        below_row: Mapping[int, float] | None = None,
        right_of_column: Mapping[int, float] | None = None,
    ) -> None:
        height_mm, width_mm = plane.size_mm
        self._plane, self._windows, self._foot = plane, windows, foot
        self._label, self._width, self._height = label_width, panel_width, panel_width * height_mm / width_mm
        self._below, self._right = dict(below_row or {}), dict(right_of_column or {})
        self._top = 0.0  # of the first row; first as if the page began there
        head = self._HEADING + (0.28 if title else 0)
        self._top = foot - self._bottom(rows - 1)
        self._total = (self._left(columns) + self._SIDE, self._top + head)
        self.figure = new_figure(*self._total)
        if title:
            self._text(self._SIDE, self._total[1] - 0.2, title, size=FONT + 2, weight="bold")

    def _left(self, column: int) -> float:
        extra = sum(width for after, width in self._right.items() if after < column)
        return self._SIDE + self._label + column * (self._width + self._GAP) + extra

    def _bottom(self, row: int) -> float:
        extra = sum(height for after, height in self._below.items() if after < row)
        return self._top - (row + 1) * self._height - row * self._GAP - extra

    def _axes(self, left: float, bottom: float, width: float, height: float) -> "Axes":
        total_width, total_height = self._total
        return self.figure.add_axes(
            (left / total_width, bottom / total_height, width / total_width, height / total_height)
        )

    def _text(self, left: float, bottom: float, text: str, **style: Any) -> None:
        style = {"size": FONT, "color": NEUTRAL, "va": "center", **style}
        self.figure.text(left / self._total[0], bottom / self._total[1], text, **style)

    # ---- words ----

    def heading(self, first: int, text: str, *, row: int = 0, columns: int = 1, small: bool = False) -> None:
        """Write above one or several columns, at the top edge of a row."""
        middle = (self._left(first) + self._left(first + columns - 1) + self._width) / 2
        style = dict(size=FONT - 1) if small else dict(weight="bold")
        self._text(middle, self._bottom(row) + self._height + 0.13, text, ha="center", **style)

    def label(self, row: int, name: str, below: str = "") -> None:
        """Write the name of a row at its left, and something smaller below it."""
        middle = self._bottom(row) + self._height / 2
        lines = _wrapped(name, max(8, int(self._label * 12)))
        self._text(self._SIDE, middle, lines, weight="bold", linespacing=1.15)
        if below:
            drop = 0.16 + 0.075 * lines.count("\n")
            self._text(self._SIDE, middle - drop, below, size=FONT - 1.5, color=DIM, va="top", linespacing=1.3)

    def note(self, text: str) -> None:
        """Write the foot: where the slice lies, and what else is to be known."""
        where = self._plane.describe()
        lines = [where[0].upper() + where[1:] + ".", text]
        width = int(self._total[0] * 17)
        said = "\n".join(_wrapped(line, width) for line in lines if line)
        self._text(self._SIDE, 0.08, said, size=FONT - 1.5, color=DIM, va="bottom", linespacing=1.35)

    # ---- panels ----

    def _panel(self, row: int, column: int) -> "Axes":
        axes = self._axes(self._left(column), self._bottom(row), self._width, self._height)
        axes.set_axis_off()
        return axes

    def _image(self, row: int, column: int, values: NDArray[Any], **style: Any) -> "Axes":
        axes = self._panel(row, column)
        axes.imshow(values, aspect="auto", interpolation="nearest", **style)
        if column == 0:
            self._sides(axes)
        return axes

    def _sides(self, axes: "Axes") -> None:
        self._letters(axes, 0.09 / self._width, 0.09 / self._height, FONT - 1)

    def _letters(self, axes: "Axes", across: float, up: float, size: float) -> None:
        """Mark the sides, `across` and `up` (shares of the axes) away from the edges."""
        from matplotlib.patheffects import withStroke

        places = ((across, 0.5), (1 - across, 0.5), (0.5, 1 - up), (0.5, up))
        for (x, y), letter in zip(places, self._plane.letters, strict=True):
            written = axes.text(
                x,
                y,
                letter,
                transform=axes.transAxes,
                color="white",
                size=size,
                weight="bold",
                ha="center",
                va="center",
            )
            written.set_path_effects([withStroke(linewidth=1.2, foreground="black")])

    def grey(self, row: int, column: int, shown: Slice) -> None:
        """Draw the mean susceptibility; black outside the mask."""
        limit = self._windows.mms
        values = np.where(shown.mask, shown.mms, -limit)
        self._image(row, column, values, cmap=MMS_MAP, vmin=-limit, vmax=limit)

    def anisotropy(self, row: int, column: int, shown: Slice) -> None:
        """Draw the anisotropy."""
        self._image(row, column, shown.msa, cmap=MSA_MAP, vmin=0, vmax=self._windows.msa[1])

    def directions(self, row: int, column: int, shown: Slice) -> None:
        """Draw direction colours."""
        axes = self._image(row, column, shown.colour(self._windows))
        if not shown.pev.any():
            _say(axes, "isotropic:\nno directions")

    def angle(self, row: int, column: int, shown: Slice, truth: Slice) -> None:
        """Draw the angle to the true directions, where there are any; the brain around it grey."""
        from matplotlib import colormaps

        if not shown.pev.any():
            _say(self._image(row, column, np.zeros((1, 1, 3))), "no directions")
            return
        angle = shown.angle(truth)
        picture = colormaps[ANGLE_MAP](np.nan_to_num(angle) / self._windows.angle)[..., :3]
        rest = np.isnan(angle)
        picture[rest] = np.where(truth.mask[rest], BRAIN_GREY, 0)[:, None]
        self._image(row, column, picture)

    def corner(self, row: int, column: int, text: str) -> None:
        """Write a number into the lower right corner of a panel."""
        axes = self._panel(row, column)
        axes.patch.set_alpha(0)
        axes.text(0.97, 0.03, text, transform=axes.transAxes, color="white", size=FONT - 2, ha="right", va="bottom")

    def empty(self, row: int, column: int, why: str) -> None:
        """Leave a panel empty and say why."""
        from matplotlib.patches import Rectangle

        axes = self._panel(row, column)
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor="#f0f0f0", edgecolor="none"))
        style: dict[str, Any] = dict(transform=axes.transAxes, color=DIM, size=FONT - 3, ha="center", va="center")
        axes.text(0.5, 0.5, _wrapped(why, max(10, int(self._width * 16))), **style)

    # ---- keys ----

    def _bar(self, left: float, bottom: float, width: float, cmap: str, low: float, high: float, text: str) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        axes = self._axes(left, bottom, width, 0.09)
        bar = self.figure.colorbar(ScalarMappable(Normalize(low, high), cmap), cax=axes, orientation="horizontal")
        ticks = [low, (low + high) / 2, high]
        bar.set_ticks(ticks, labels=[f"{value:.3g}".replace("-", "\N{MINUS SIGN}") for value in ticks])
        bar.ax.tick_params(labelsize=FONT - 2, length=2, pad=1.5, colors=NEUTRAL)
        bar.outline.set_linewidth(0.4)
        bar.set_label(text, size=FONT - 1.5, labelpad=1.5, color=NEUTRAL)

    def _bar_below(self, column: int, *what: Any) -> None:
        self._bar(self._left(column) + 0.1 * self._width, self._foot - 0.24, 0.8 * self._width, *what)

    def mms_bar(self, column: int) -> None:
        """Draw the bar of the mean susceptibility below a column."""
        self._bar_below(column, MMS_MAP, -self._windows.mms, self._windows.mms, "MMS [ppm]")

    def msa_bar(self, column: int) -> None:
        """Draw the bar of the anisotropy below a column."""
        self._bar_below(column, MSA_MAP, 0, self._windows.msa[1], "MSA [ppm]")

    def angle_bar(self, column: int) -> None:
        """Draw the bar of the angles below a column."""
        self._bar_below(column, ANGLE_MAP, 0, self._windows.angle, "PEV angle error [°]")

    def angle_bar_in(self, row: int, column: int, columns: int) -> None:
        """Draw the bar of the angles in the place of some panels."""
        width = self._left(column + columns - 1) + self._width - self._left(column)
        middle = self._bottom(row) + self._height / 2
        self._bar(self._left(column), middle, width, ANGLE_MAP, 0, self._windows.angle, "PEV angle error [°]")

    def key(self, column: int) -> None:
        """Draw the key to the direction colours below a column."""
        self._ball(self._left(column) + 0.1, self._foot - 0.64, 0.52)
        self._text(self._left(column) + 0.7, self._foot - 0.38, self._brightness(), size=FONT - 2)

    def key_in(self, row: int, column: int) -> None:
        """Draw the key to the direction colours in the place of a panel, its words at the right."""
        size = 0.8 * min(self._width, self._height)
        bottom = self._bottom(row) + (self._height - size) / 2
        self._ball(self._left(column) + (self._width - size) / 2, bottom, size)
        self._text(self._left(column + 1), bottom + size / 2, self._brightness(), size=FONT - 2)

    def _brightness(self) -> str:
        low, high = self._windows.msa
        return f"brightness: MSA\n{low:.2g} to {high:.2g} ppm"

    def _ball(self, left: float, bottom: float, size: float) -> None:
        """Draw the directions as this slice sees them."""
        axes = self._axes(left, bottom, size, size)
        axes.imshow(colour_key(self._plane.view, size=320), interpolation="bilinear")
        axes.set_axis_off()
        self._letters(axes, 0.11, 0.11, FONT - 2 if size > 0.6 else FONT - 3)


def _say(axes: "Axes", text: str) -> None:
    """Write into an empty panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, color="#b0b0b0", size=FONT - 2, ha="center", va="center")


def _wrapped(text: str, width: int) -> str:

    return "\n".join(textwrap.wrap(text, width, break_long_words=True)) or text
