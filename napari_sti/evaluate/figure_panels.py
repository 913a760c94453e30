"""Draw a publication figure: every panel on the same scale, in the same windows, with its sides marked."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.tracts import Tracts
from napari_sti.evaluate.figure_spec import MAPS, FigureSpec, PanelSpec, check_figure
from napari_sti.evaluate.figure_titles import fitted_titles
from napari_sti.evaluate.figure_tracts import draw_tracts
from napari_sti.evaluate.page import ANGLE_MAP, DIM, FONT, MMS_MAP, MSA_MAP, NEUTRAL, new_figure
from napari_sti.evaluate.slices import Plane, Windows, choose_plane, suited_windows
from napari_sti.io.results import load_further
from napari_sti.io.sidecars import SIDECAR
from napari_sti.io.tracts import load_tracts
from napari_sti.maps.colour import colour_key, pev_colour
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.references import open_reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FA_WINDOW = (0.0, 0.8)
"""FA at which the colours of a DTI are black and at full brightness."""
SPREAD_TOP = 54.7356
"""Degrees: directions that are all equally likely."""

_INCH = 25.4
_BAR = 0.84
"""Inches of a colour bar."""
_GAP, _EDGE, _TITLE, _HEAD, _FOOT = 0.06, 0.12, 0.22, 0.3, 0.72
"""Inches between panels, around them, for their titles, for that of the figure, and for bars and key."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a panel is cut from.

    A DTI becomes the tensor FA (v v^T - 1/3): its MSA is the FA, and its principal eigenvector V1.
    """

    tensor: TensorField
    is_dti: bool
    name: str
    spread: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A panel that is ready to be drawn: its slice, or its picture (H, W, 3 or 4), and its size in mm."""

    spec: PanelSpec
    size_mm: tuple[float, float]
    source: Source | None = None
    plane: Plane | None = None
    tracts: Tracts | None = None
    picture: NDArray[Any] | None = None


def draw_figure(spec: FigureSpec) -> "Figure":
    """Read what the panels show and draw them; nothing is written.

    Raises
    ------
    InputError
        If a source cannot be read, has no such map, or a slice lies outside of it.
    """
    check_figure(spec)
    sources: dict[tuple[str, str, str], Source] = {}
    panels = [_prepared(panel, spec, sources) for panel in spec.panels]
    return _Sheet(spec, panels, _windows(spec, sources)).figure


def open_source(panel: PanelSpec) -> Source:
    """Read the result, tensor or DTI of a panel."""
    path = Path(panel.source)
    reference = open_reference(path, fa=panel.fa or None, frame=panel.frame or None)
    folder = path.parent if path.name == SIDECAR else path
    if isinstance(reference, DtiReference):
        v, fa = reference.directions, reference.fa
        dyads = v[..., :, None] * v[..., None, :] - np.eye(3, dtype=np.float32) / 3
        chi = frames.from_matrix(fa[..., None, None] * dyads)
        return Source(TensorField(chi, reference.affine, reference.mask, name=reference.name), True, reference.name)
    further = load_further(folder) if (folder / SIDECAR).is_file() else {}
    spread = further.get("pev_spread")
    name = folder.name if reference.name in ("", "tensor") else reference.name
    return Source(reference, False, name, None if spread is None else np.asarray(spread.data, np.float32))


def _prepared(panel: PanelSpec, spec: FigureSpec, sources: dict[tuple[str, str, str], Source]) -> Prepared:
    if panel.map == "picture":
        picture = _read_picture(Path(panel.source))
        height, width = picture.shape[:2]
        return Prepared(panel, (160.0 * height / width, 160.0), picture=picture)
    key = (panel.source, panel.fa, panel.frame)
    if key not in sources:
        sources[key] = open_source(panel)
    source = sources[key]
    _check_map(panel, source)
    plane = choose_plane(source.tensor, axis=panel.plane, slice_mm=panel.slice_mm, convention=spec.convention)
    tracts = load_tracts(panel.tracts) if panel.tracts else None
    return Prepared(panel, plane.size_mm, source, plane, tracts)


def _read_picture(path: Path) -> NDArray[Any]:
    from matplotlib.image import imread

    try:
        return np.asarray(imread(path))
    except Exception as error:  # the library has many errors of its own for what is no picture
        raise InputError("the picture cannot be read", file=path, mend="give a PNG file") from error


def _check_map(panel: PanelSpec, source: Source) -> None:
    has = {"pev_colour": True, "msa": not source.is_dti, "mms": not source.is_dti, "fa": source.is_dti}
    has["pev_spread"] = source.spread is not None
    if not has[panel.map]:
        mend = "make it with 'napari-sti trust'" if panel.map == "pev_spread" else "choose another map"
        raise InputError(f"{source.name} has no {MAPS[panel.map]}", file=panel.source, mend=mend)


def _windows(spec: FigureSpec, sources: dict[tuple[str, str, str], Source]) -> Windows:
    tensors = [source.tensor for source in sources.values() if not source.is_dti]
    found = suited_windows(None, tensors) if tensors else Windows(0.1, (0.0, 0.05))
    ceiling = found.msa[1] if spec.ceiling is None else spec.ceiling
    floor = min(found.msa[0], ceiling) if spec.floor is None else spec.floor
    return Windows(found.mms if spec.mms is None else spec.mms, (floor, ceiling))


class _Sheet:
    """The paper: panels in rows, all slices with the same number of inches for a mm."""

    def __init__(self, spec: FigureSpec, panels: list[Prepared], windows: Windows) -> None:
        self._spec, self._windows = spec, windows
        columns = min(spec.columns, len(panels))
        rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
        cell = spec.panel_mm / _INCH
        self._scale = cell / max(panel.size_mm[1] for panel in panels)
        heights = [max(panel.size_mm[0] for panel in row) * self._scale for row in rows]
        self._words = _words(panels, spec)
        width = 2 * _EDGE + columns * cell + (columns - 1) * _GAP
        lines = [part for text in self._words for part in textwrap.wrap(text, max(20, int(width * 17)))]
        self._said = "\n".join(lines)
        keys = _rows(self._keys(panels), width - 2 * _EDGE) if spec.bars else []
        foot = _EDGE + 0.14 * len(lines) + _FOOT * len(keys)
        head = _EDGE + (_HEAD if spec.title else 0)
        self._size = (width, head + sum(heights) + len(rows) * _TITLE + (len(rows) - 1) * _GAP + foot)
        self.figure = new_figure(*self._size)
        self.figure.set_dpi(spec.dpi)
        if spec.title:
            self._text(width / 2, self._size[1] - 0.2, spec.title, size=FONT + 2, weight="bold", ha="center")
        top = self._size[1] - head
        written = [panel.spec.title or _title(panel) for panel in panels]
        titles = iter(fitted_titles(written, lambda text: _width(text) < cell))
        for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
            for column, panel in enumerate(row):
                left = _EDGE + column * (cell + _GAP)
                self._panel(panel, next(titles), left, top, cell, height, first=number == column == 0)
            top -= height + _TITLE + _GAP
        for number, items in enumerate(keys):
            left = _EDGE
            for item in items:
                item.draw(left, foot - 0.12 - number * _FOOT)
                left += item.width
        self._text(_EDGE, _EDGE / 2, self._said, size=FONT - 2, color=DIM, va="bottom", linespacing=1.3)

    def _axes(self, left: float, bottom: float, width: float, height: float) -> "Axes":
        w, h = self._size
        return self.figure.add_axes((left / w, bottom / h, width / w, height / h))

    def _text(self, left: float, bottom: float, text: str, **style: Any) -> None:
        style = {"size": FONT, "color": NEUTRAL, "va": "center", **style}
        self.figure.text(left / self._size[0], bottom / self._size[1], text, **style)

    def _panel(
        self, panel: Prepared, title: str, left: float, top: float, cell: float, row: float, *, first: bool
    ) -> None:
        height, width = (size * self._scale for size in panel.size_mm)
        self._text(left + cell / 2, top - _TITLE / 2, title, weight="bold", ha="center")
        bottom = top - _TITLE - (row + height) / 2
        axes = self._axes(left + (cell - width) / 2, bottom, width, height)
        axes.set_axis_off()
        if panel.picture is not None:
            axes.imshow(panel.picture, aspect="auto")
            return
        assert panel.plane is not None
        axes.imshow(
            _picture(panel, self._windows), aspect="auto", interpolation="nearest", **_style(panel, self._windows)
        )
        if panel.tracts is not None and panel.source is not None:
            draw_tracts(axes, panel.tracts, panel.source.tensor, panel.plane, self._spec.slab_mm)
        if self._spec.letters:
            _letters(axes, panel.plane.letters, 0.09 / width, 0.09 / height)
        if self._spec.scale_bar and first:
            _scale_bar(axes, panel.plane, width, height)

    def _keys(self, panels: list[Prepared]) -> "list[_Item]":
        """A key to the directions for each plane, what their brightness means, and bars of the maps that are shown."""
        shown = dict.fromkeys(panel.spec.map for panel in panels)
        planes = {p.spec.plane: p.plane for p in panels if p.spec.map == "pev_colour" and p.plane is not None}
        items = [_Item(0.58, partial(self._key, plane)) for plane in planes.values()]
        if "pev_colour" in shown:
            items += [_Item(1.12, partial(self._said_beside, text)) for text in _brightness(panels, self._windows)]
        bars = [_bar(kind, self._windows) for kind in shown if kind in ("msa", "mms", "fa", "pev_spread")]
        return items + [_Item(_BAR + 0.4, partial(self._bar, bar)) for bar in bars]

    def _key(self, plane: Plane, left: float, top: float) -> None:
        axes = self._axes(left + 0.05, top - 0.56, 0.5, 0.5)
        axes.imshow(colour_key(plane.view, size=320), interpolation="bilinear")
        axes.set_axis_off()
        _letters(axes, plane.letters, 0.11, 0.11, size=FONT - 3)

    def _said_beside(self, text: str, left: float, top: float) -> None:
        self._text(left + 0.04, top - 0.3, text, size=FONT - 2)

    def _bar(self, of: tuple[str, float, float, str], left: float, top: float) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        cmap, low, high, text = of
        axes = self._axes(left + 0.2, top - 0.22, _BAR, 0.09)
        bar = self.figure.colorbar(ScalarMappable(Normalize(low, high), cmap), cax=axes, orientation="horizontal")
        ticks = [low, (low + high) / 2, high]
        bar.set_ticks(ticks, labels=[f"{value:.3g}".replace("-", "\N{MINUS SIGN}") for value in ticks])
        bar.ax.tick_params(labelsize=FONT - 2, length=2, pad=1.5, colors=NEUTRAL)
        bar.outline.set_linewidth(0.4)
        bar.set_label(text, size=FONT - 1.5, labelpad=1.5, color=NEUTRAL)


@dataclass(frozen=True)
class _Item:
    """Something at the foot: its width in inches, and what draws it at its left and top."""

    width: float
    draw: Callable[[float, float], None]


def _rows(items: list[_Item], room: float) -> list[list[_Item]]:
    """Put items beside each other as far as there is room, the others in further rows."""
    rows: list[list[_Item]] = []
    for item in items:
        if rows and sum(one.width for one in rows[-1]) + item.width <= room:
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _width(text: str) -> float:
    """Width of a panel's title in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, prop=FontProperties(weight="bold", size=FONT)).get_extents().width) / 72


# ---- one panel ----


def _title(panel: Prepared) -> str:
    if panel.source is None:
        return ""
    return f"{panel.source.name}, {MAPS[panel.spec.map]}"


def _picture(panel: Prepared, windows: Windows) -> NDArray[Any]:
    """Values or colours of the slice, first row at the top."""
    source, plane = panel.source, panel.plane
    assert source is not None and plane is not None
    if panel.spec.map == "pev_spread":
        assert source.spread is not None
        inside = plane.cut(source.tensor).mask
        return np.where(inside, plane.cut_volume(source.spread, source.tensor.affine), np.nan)
    cut = plane.cut(source.tensor)
    if panel.spec.map == "pev_colour":
        return pev_colour(cut.pev, cut.msa, *(FA_WINDOW if source.is_dti else windows.msa))
    if panel.spec.map == "mms":
        return np.where(cut.mask, cut.mms, -windows.mms)
    return cut.msa


def _style(panel: Prepared, windows: Windows) -> dict[str, Any]:
    if panel.spec.map == "pev_colour":
        return {}
    cmap, low, high, _ = _bar(panel.spec.map, windows)
    from matplotlib import colormaps

    return {"cmap": colormaps[cmap].with_extremes(bad="black"), "vmin": low, "vmax": high}


def _bar(kind: str, windows: Windows) -> tuple[str, float, float, str]:
    return {
        "msa": (MSA_MAP, 0.0, windows.msa[1], "MSA [ppm]"),
        "mms": (MMS_MAP, -windows.mms, windows.mms, "MMS [ppm]"),
        "fa": ("gray", 0.0, 1.0, "FA"),
        "pev_spread": (ANGLE_MAP, 0.0, SPREAD_TOP, "PEV spread [°]"),
    }[kind]


def _brightness(panels: list[Prepared], windows: Windows) -> list[str]:
    coloured = [p.source for p in panels if p.spec.map == "pev_colour" and p.source is not None]
    said = []
    if any(not source.is_dti for source in coloured):
        said.append(f"brightness: MSA\n{windows.msa[0]:.2g} to {windows.msa[1]:.2g} ppm")
    if any(source.is_dti for source in coloured):
        said.append(f"brightness: FA\n{FA_WINDOW[0]:g} to {FA_WINDOW[1]:g} (DTI)")
    return said


def _letters(
    axes: "Axes", letters: tuple[str, str, str, str], across: float, up: float, size: float = FONT - 1
) -> None:
    from matplotlib.patheffects import withStroke

    places = ((across, 0.5), (1 - across, 0.5), (0.5, 1 - up), (0.5, up))
    for (x, y), letter in zip(places, letters, strict=True):
        style: dict[str, Any] = dict(color="white", size=size, weight="bold", ha="center", va="center")
        written = axes.text(x, y, letter, transform=axes.transAxes, **style)
        written.set_path_effects([withStroke(linewidth=1.2, foreground="black")])


def _scale_bar(axes: "Axes", plane: Plane, width: float, height: float) -> None:
    """A white bar of 1, 2 or 5 cm at the lower right, about a quarter as wide as the panel."""
    from matplotlib.patches import Rectangle

    total = plane.size_mm[1]
    length = max((mm for mm in (5, 10, 20, 50, 100) if mm <= total / 3), default=5)
    share = length / total
    left, bottom = 1 - share - 0.06 / width, 0.07 / height
    axes.add_patch(
        Rectangle((left, bottom), share, 0.022 / height, transform=axes.transAxes, facecolor="white", edgecolor="none")
    )
    words = f"{length / 10:g} cm" if length >= 10 else f"{length} mm"
    style: dict[str, Any] = dict(color="white", size=FONT - 3, ha="center", va="bottom")
    axes.text(left + share / 2, bottom + 0.035 / height, words, transform=axes.transAxes, **style)


def _words(panels: list[Prepared], spec: FigureSpec) -> list[str]:
    """The foot: where the slices lie, on which side the person's left is, and that data are simulated."""
    places = dict.fromkeys(panel.plane.describe() for panel in panels if panel.plane is not None)
    said = [f"{place[0].upper()}{place[1:]}." for place in places]
    if any(panel.tracts is not None for panel in panels):
        said.append(f"Streamlines within {spec.slab_mm:g} mm of depth, coloured by direction.")
    simulated = [p.source.tensor.provenance.get("simulated") for p in panels if p.source is not None]
    if any(simulated):
        said.append("Simulated data." if all(simulated) else "Partly simulated data.")
    return ["  ".join(said)] + ([spec.notes] if spec.notes else [])


def save_panels(spec: FigureSpec, path: str | Path, *, overwrite: bool = False) -> Path:
    """Draw a figure and write it; the suffix says as what (png, pdf, svg, tif), the figure at how many dpi."""
    from napari_sti.evaluate.figures import save_figure

    return save_figure(draw_figure(spec), path, overwrite=overwrite, dpi=spec.dpi)
