"""The pictures of a quality page: every one drawn for light and for dark paper, on a transparent ground."""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.slices import Plane, choose_plane, suited_windows
from napari_sti.maps.dti import transform_words
from napari_sti.maps.quality import Quality

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
_WIDE = 8.6
_NORMAL = {"sagittal": 0, "coronal": 1, "axial": 2}
_FEWEST_COLUMNS, _MOST_COLUMNS = 3, 4
_PAD = 0.06
"""Around a picture, inches."""
ANGLE_MAP = "viridis"


@dataclass(frozen=True)
class Paper:
    """Colours of a picture for a light or a dark ground: of words and marks, and of what is below and above 0."""

    ink: str
    dim: str
    mark: str
    bar: str
    ground: str
    ends: tuple[str, str]


LIGHT = Paper(
    ink="#1d2430", dim="#5f6875", mark="#b4511a", bar="#3a55b4", ground="#ffffff", ends=("#14508c", "#a5320f")
)
DARK = Paper(ink="#e6e9ef", dim="#9aa3b2", mark="#f0a35e", bar="#7d97f0", ground="#161a21", ends=("#8cc8ff", "#ffb27a"))


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Parameters
    ----------
    section : str
        Where it belongs (`napari_sti.maps.quality_lines.SECTIONS`), or ``"maps"``.
    words : str
        What it shows: its caption, and what is read out where it cannot be seen.
    light, dark : bytes
        PNG for both grounds.
    """

    section: str
    words: str
    light: bytes
    dark: bytes

    def uri(self, dark: bool = False) -> str:
        """The picture as a ``data:`` address."""
        return "data:image/png;base64," + base64.b64encode(self.dark if dark else self.light).decode()


Draw = Callable[[Quality, Paper], "Figure"]


def quality_pictures(quality: Quality) -> Iterator[Picture]:
    """Draw what there is to see, one picture after the other."""
    for section, draw, words in _wanted(quality):
        yield Picture(section, words, *_both(draw(quality, LIGHT), draw(quality, DARK)))


def _wanted(q: Quality) -> Iterator[tuple[str, Draw, str]]:
    yield (
        "maps",
        _maps,
        "PEV colour, MSA and MMS in the three slices that hold most anisotropy. "
        "Red is left-right, green front-back, blue up-down.",
    )
    if q.flips is not None:
        yield (
            "directions",
            _coherence,
            "Fibre coherence index of the directions as stored and after every flip and swap, over the largest.",
        )
    if q.fit is not None:
        yield (
            "data",
            _residuals,
            "Residual of every field map, measured minus predicted, and its size beside the field.",
        )
    yield "values", _histograms, "Values inside the mask."
    if q.mean_streaks is not None or q.anisotropic_streaks is not None:
        yield "streaks", _streaks, "Power on the cone of every orientation (marks) beside that of other axes (bars)."
    yield "mask", _depths, "By depth below the surface of the mask."
    if q.fibres is not None:
        yield (
            "dti",
            _angles,
            f"Angle between PEV and V1, where {q.fibres.where}; bars: its histogram, line: axes drawn at random.",
        )


# ---- charts -----------------------------------------------------------------------------------------------------


def _figure(paper: Paper, height: float, columns: int = 1, **ratios: Any) -> tuple["Figure", list["Axes"]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE, height), dpi=DPI, layout="constrained", facecolor="none")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(1, columns, **ratios)))
    for one in axes:
        _plain(one, paper)
    return figure, axes


def _plain(axes: "Axes", paper: Paper) -> None:
    axes.set_facecolor("none")
    axes.tick_params(colors=paper.dim, labelsize=8, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(paper.dim)
        spine.set_linewidth(0.6)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(paper.ink)
        label.set_fontsize(9)


def _coherence(q: Quality, paper: Paper) -> "Figure":
    assert q.flips is not None
    table = q.flips.table
    figure, (axes,) = _figure(paper, 4.4)
    order = np.argsort(table.index)
    share = table.index[order] / max(float(table.index.max()), 1e-30)
    stored = order == 0
    axes.hlines(np.arange(24), 0, share, color=paper.dim, lw=0.5, alpha=0.5)
    axes.scatter(share, np.arange(24), c=np.where(stored, paper.mark, paper.bar), s=np.where(stored, 46, 26), zorder=3)
    axes.set_yticks(np.arange(24), ["as stored" if n == 0 else transform_words(table.transforms[n]) for n in order])
    axes.tick_params(axis="y", labelsize=6.5, length=0)
    for label, mine in zip(axes.get_yticklabels(), stored, strict=True):
        label.set(color=paper.mark if mine else paper.dim, fontweight="bold" if mine else "normal")
    axes.set_xlim(max(0.0, float(share.min()) - 0.03), 1.008)
    axes.set_ylim(-0.6, 23.6)
    axes.set_xlabel("fibre coherence index / largest")
    return figure


def _histograms(q: Quality, paper: Paper) -> "Figure":
    figure, (left, right) = _figure(paper, 2.3, 2)
    mms, msa = (values[q.mask] for values in (q.tensor.mms, q.tensor.msa))
    for axes, values, low, title in (
        (left, mms, None, "MMS [ppb]"),
        (right, msa, 0.0, "MSA [ppb]"),
    ):
        good = 1000 * values[np.isfinite(values)].astype(np.float64)
        ends = np.percentile(good, (0.2, 99.8)) if good.size else (-1, 1)
        first = float(ends[0]) if low is None else low
        span = (first, max(float(ends[1]), first + 1e-3))
        axes.hist(good, bins=80, range=span, color=paper.bar, weights=np.full(good.size, 100 / max(1, good.size)))
        axes.set_xlabel(title)
        axes.set_ylabel("voxels [%]")
    study = q.acquisition
    for mask, name, style in (
        (None if study is None else study.wm_mask, "median in white matter", "-"),
        (None if study is None else study.csf_mask, "median in fluid", "--"),
    ):
        if mask is not None and mask.any():
            right.axvline(
                1000 * float(np.nanmedian(q.tensor.msa[mask])), color=paper.mark, ls=style, lw=1.2, label=name
            )
    if right.get_legend_handles_labels()[0]:
        right.legend(frameon=False, fontsize=7.5, labelcolor=paper.ink)
    return figure


def _streaks(q: Quality, paper: Paper) -> "Figure":
    found = [(name, one) for name, one in (("MMS", q.mean_streaks), ("anisotropic part", q.anisotropic_streaks)) if one]
    figure, axes = _figure(paper, 2.2, len(found))
    for place, (name, one) in zip(axes, found, strict=True):
        both = np.concatenate([one.others, one.ratio])
        place.hist(one.others, bins=30, range=(both.min(), both.max()), color=paper.bar, alpha=0.75)
        top = place.get_ylim()[1]
        for height, number in enumerate(np.argsort(one.ratio)):
            ratio = one.ratio[number]
            place.plot([ratio, ratio], [0, top], color=paper.mark, lw=1)
            place.text(ratio, top * (1.02 + 0.1 * (height % 3)), str(number + 1), color=paper.mark, size=7, ha="center")
        place.set_ylim(0, top * 1.32)
        place.set_xlabel(f"power on the cone / elsewhere, {name}")
        place.set_ylabel("other axes")
    return figure


def _depths(q: Quality, paper: Paper) -> "Figure":
    depths = q.leaks.depths
    figure, axes = _figure(paper, 2.1, 2 if depths.residual is not None else 1)
    shown = [(depths.msa, "median MSA [ppb]")]
    shown += [] if depths.residual is None else [(depths.residual, "residual, rms [ppb]")]
    for place, (values, title) in zip(axes, shown, strict=True):
        place.plot(depths.mm, 1000 * values, "o-", color=paper.bar, ms=3.5, lw=1.3)
        place.set_ylim(0, None)
        place.set_xlim(0, None)
        place.set_xlabel("depth [mm]")
        place.set_ylabel(title)
    return figure


# ---- slices -----------------------------------------------------------------------------------------------------


def _planes(q: Quality) -> list[Plane]:
    return [choose_plane(q.tensor, axis=axis) for axis in ("axial", "coronal", "sagittal")]


def _maps(q: Quality, paper: Paper) -> "Figure":
    planes, windows = _planes(q), suited_windows(q.tensor, ())
    figure, rows = _slice_page(planes, ("PEV colour", "MSA", "MMS"), paper)
    for row, plane in zip(rows, planes, strict=True):
        shown = plane.cut(q.tensor)
        row[0].imshow(shown.colour(windows))
        msa = row[1].imshow(shown.msa, cmap="magma", vmin=0, vmax=windows.msa[1])
        mms = row[2].imshow(
            np.where(shown.mask, shown.mms, -windows.mms), cmap="gray", vmin=-windows.mms, vmax=windows.mms
        )
        for axes in row:
            _finish(axes, plane, paper, first=axes is row[0])
    _bar(figure, [row[1] for row in rows], msa, "ppm", paper)
    _bar(figure, [row[2] for row in rows], mms, "ppm", paper)
    return figure


def _angles(q: Quality, paper: Paper) -> "Figure":
    assert q.fibres is not None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    planes = _planes(q)
    figure = Figure(figsize=(_WIDE, 4.6), dpi=DPI, layout="constrained", facecolor="none")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=(1.5, 1))
    top = [figure.add_subplot(grid[0, column]) for column in range(3)]
    for axes, plane in zip(top, planes, strict=True):
        image = axes.imshow(_over_brain(q, q.fibres.angle, plane), interpolation="nearest")
        _finish(axes, plane, paper, first=True)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    del image
    _bar(figure, top, ScalarMappable(Normalize(0, 90), ANGLE_MAP), "angle [°]", paper)
    axes = figure.add_subplot(grid[1, :])
    _plain(axes, paper)
    values = q.fibres.angle[np.isfinite(q.fibres.angle)]
    edges = np.arange(0.0, 91.0, 3.0)
    axes.hist(values, bins=edges.tolist(), color=paper.bar, weights=np.full(values.size, 100 / max(1, values.size)))
    chance = 100 * -np.diff(np.cos(np.radians(edges)))
    axes.plot((edges[:-1] + edges[1:]) / 2, chance, color=paper.mark, lw=1.3, label="axes drawn at random")
    for degrees in (15, 30):
        axes.axvline(degrees, color=paper.dim, lw=0.7, ls=":")
    axes.set_xlim(0, 90)
    axes.set_xlabel("angle of PEV and V1 [°]")
    axes.set_ylabel("voxels [%]")
    axes.legend(frameon=False, fontsize=7.5, labelcolor=paper.ink)
    return figure


def _residuals(q: Quality, paper: Paper) -> "Figure":
    assert q.fit is not None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    fit, plane = q.fit, choose_plane(q.tensor)
    count = len(fit.orientations)
    columns = min(max(_FEWEST_COLUMNS, -(-count // 2) if count > _MOST_COLUMNS else count), _MOST_COLUMNS)
    lines = -(-count // columns)
    height = _WIDE / columns * plane.size_mm[0] / plane.size_mm[1]
    figure = Figure(
        figsize=(_WIDE, 1.6 + lines * (min(height, 3.2) + 0.35)), dpi=DPI, layout="constrained", facecolor="none"
    )
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(lines + 1, columns, height_ratios=[min(height, 3.2) + 0.35] * lines + [1.5])
    inside = fit.residual[:, fit.mask]
    limit = float(np.percentile(np.abs(inside), 99)) * 1000 or 1.0
    diverging = LinearSegmentedColormap.from_list("residual", (paper.ends[0], paper.ground, paper.ends[1]))
    places = []
    for number in range(count):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        shown = 1000 * cut_volume(fit.residual[number], q.tensor, plane)
        image = axes.imshow(shown, cmap=diverging, vmin=-limit, vmax=limit, interpolation="nearest")
        _finish(axes, plane, paper, first=number == 0, letters=paper.ink)
        worst = number == fit.worst and count > 1
        title = f"{number + 1}{', fits worst' if worst else ''}: {100 * fit.orientations[number].relative:.1f} %"
        axes.set_title(
            title, size=8.5, color=paper.mark if worst else paper.ink, fontweight="bold" if worst else "normal"
        )
        places.append(axes)
    _bar(figure, places, image, "residual [ppb]", paper)
    axes = figure.add_subplot(grid[lines, :])
    _plain(axes, paper)
    numbers = np.arange(count)
    shares = [100 * one.relative for one in fit.orientations]
    axes.bar(numbers, shares, 0.6, color=[paper.mark if n == fit.worst and count > 1 else paper.bar for n in numbers])
    axes.set_xticks(numbers, [f"{n + 1}\n{one.tilt:.0f}°" for n, one in enumerate(fit.orientations)])
    axes.set_ylabel("residual / field [%]")
    axes.set_xlabel("orientation and its tilt")
    return figure


def _slice_page(planes: list[Plane], titles: tuple[str, ...], paper: Paper) -> tuple["Figure", list[list["Axes"]]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [plane.size_mm[0] / plane.size_mm[1] for plane in planes]
    width = _WIDE / len(titles)
    figure = Figure(figsize=(_WIDE, width * sum(heights) + 0.9), dpi=DPI, layout="constrained", facecolor="none")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(planes), len(titles), height_ratios=heights)
    rows = [[figure.add_subplot(grid[r, c]) for c in range(len(titles))] for r in range(len(planes))]
    for axes, title in zip(rows[0], titles, strict=True):
        axes.set_title(title, size=9.5, color=paper.ink, fontweight="bold")
    return figure, rows


def _finish(axes: "Axes", plane: Plane, paper: Paper, *, first: bool, letters: str = "white") -> None:
    """Square voxels, no ticks, and the letters of the sides."""
    axes.set_aspect(plane.pixel[0] / plane.pixel[1])
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if not first:
        return
    left, right, top, bottom = plane.letters
    for x, y, letter in ((0.04, 0.5, left), (0.96, 0.5, right), (0.5, 0.95, top), (0.5, 0.05, bottom)):
        axes.text(
            x, y, letter, transform=axes.transAxes, color=letters, size=8, weight="bold", ha="center", va="center"
        )
    axes.set_xlabel(f"{plane.axis}, {plane.position:.0f} mm", color=paper.dim, size=7.5, labelpad=2)


def _bar(figure: "Figure", axes: list["Axes"], image: Any, title: str, paper: Paper) -> None:
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=32, pad=0.02)
    bar.ax.tick_params(labelsize=7.5, colors=paper.dim, length=2)
    bar.outline.set_visible(False)
    bar.set_label(title, size=8, color=paper.ink, labelpad=1)


def _over_brain(q: Quality, angle: NDArray[np.float32], plane: Plane) -> NDArray[np.float64]:
    """Colours of angles, the brain around them grey, all else black."""
    from matplotlib import colormaps

    cut, mask = cut_volume(angle, q.tensor, plane), cut_volume(q.mask, q.tensor, plane)
    picture: NDArray[np.float64] = colormaps[ANGLE_MAP](np.nan_to_num(cut) / 90)[..., :3]
    rest = np.isnan(cut)
    picture[rest] = np.where(mask[rest], 0.28, 0)[:, None]
    return picture


def cut_volume(volume: NDArray[Any], like: TensorField, plane: Plane) -> NDArray[Any]:
    """Cut a volume that is stored as a tensor is: rows from the top of the page, columns from its left."""
    ordered = frames.reorder_volume(volume, frames.canonical_orientation(like.affine))
    where: list[Any] = [*plane.box]
    where.insert(_NORMAL[plane.axis], plane.index)
    page = np.swapaxes(ordered[tuple(where)], 0, 1)[::-1]
    return np.asarray(page[:, ::-1] if plane.convention == "radiological" else page)


def _both(light: "Figure", dark: "Figure") -> tuple[bytes, bytes]:
    """PNG of the same picture for both grounds; it is laid out once, since that takes longer than drawing it."""
    light.draw_without_rendering()
    light.set_layout_engine("none")
    dark.set_layout_engine("none")
    for placed, other in zip(light.axes, dark.axes, strict=True):
        other.set_position(placed.get_position(original=True))
    box = light.get_tightbbox().padded(_PAD)
    return _png(light, box), _png(dark, box)


def _png(figure: "Figure", box: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", transparent=True, bbox_inches=box)
    return stream.getvalue()


__all__ = ["DARK", "LIGHT", "Paper", "Picture", "cut_volume", "quality_pictures"]
