"""What is written on the canvas while napari's grid is on: name and sides of every cell, one legend for all.

In the grid every cell shows the same slice from the same side. Each has its own title and its own letters, since left
and right must not have to be looked for; plane, key and bars are written once, in the free cell if there is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from napari_sti.viz import _compat, views
from napari_sti.viz.display import grid_of, layer_info
from napari_sti.viz.legend import Bar, Key, bar_of, key_of, simulated_words, view_line
from napari_sti.viz.numbers import Unit

MARGIN = 6
_MOST_BARS = 3
_SCALE_BAR = 44
"""Pixels at the foot of the canvas that napari's scale bar takes."""
_BAR_ROOM = 50
"""Width of a colour bar with its numbers, without the title."""
_OVERHANG = 12
"""Pixels by which the title of a bar may reach out of the free cell."""
_BAR_HEAD, _LOWEST = 40, 50
"""Pixels of a colour bar for its title and ends, and the least height of the bar itself."""
_LEAST = 260
"""Height of the legend in pixels where no cell is free."""


@dataclass(frozen=True)
class Box:
    """A cell of the grid in logical pixels of the canvas."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Cell:
    """What is written in one cell: a title in bold, and lines below it."""

    box: Box
    lines: tuple[str, ...]


@dataclass(frozen=True)
class GridLegend:
    """Everything that is written while the grid is on.

    Parameters
    ----------
    letters : four str or None
        At the right, left, top and bottom of every cell.
    cells : tuple of Cell
        Those that show a layer of ours.
    free : Box or None
        The cells at the end of the last row in which nothing is shown.
    lines : tuple of str
        Plane, place and convention; that data are simulated.
    warning : str
        What must not be overlooked.
    key, bars
        Key to the colours, and the different colour bars.
    """

    letters: tuple[str, str, str, str] | None = None
    cells: tuple[Cell, ...] = ()
    free: Box | None = None
    lines: tuple[str, ...] = ()
    warning: str = ""
    key: Key | None = None
    bars: tuple[Bar, ...] = ()


def grid_legend(viewer: Any, unit: Unit, width: float, height: float) -> GridLegend:
    """Work out what is to be written in the grid; nothing for layers of other origin."""
    (rows, columns), found = _compat.grid_cells(viewer)
    boxes = cell_boxes(rows, columns, width, height, float(_compat.grid(viewer).spacing))
    shown: list[tuple[Any, dict[str, Any]]] = []
    cells = []
    for place, layers in found.items():
        ours = [(layer, info) for layer in reversed(layers) if (info := layer_info(layer.metadata)) is not None]
        if ours and place in boxes:
            # What was brushed lies over the image of the cell, which keeps its title.
            front = next((one for one in ours if not one[1].get("brush")), ours[0])
            cells.append(Cell(boxes[place], _lines(*front)))
            shown.append(front)
    axes = views.screen_axes(viewer) if shown else None
    if axes is None:
        return GridLegend()
    grid = grid_of(shown[0][1])
    oblique = 0.0 if grid is None else grid.oblique_degrees
    lines = view_line(viewer, axes, grid, oblique).split(", ")
    if oblique:
        lines.append(f"along the scan's axes, {oblique:.1f}° oblique")
    simulated = simulated_words([info for _, info in shown])
    if simulated:
        lines.append(simulated)
    bars = dict.fromkeys(bar for layer, info in shown if (bar := bar_of(layer, info, unit)) is not None)
    return GridLegend(
        letters=axes.letters(),
        cells=tuple(cells),
        free=_free(rows, columns, set(found), boxes),
        lines=tuple(lines),
        warning="mirrored view" if axes.ndisplay == 3 and axes.mirrored else "",
        key=key_of(shown, axes, grid, unit),
        bars=tuple(bars)[:_MOST_BARS],
    )


def _free(rows: int, columns: int, taken: set[tuple[int, int]], boxes: dict[tuple[int, int], Box]) -> Box | None:
    """Put together the cells at the end of the last row in which nothing is shown."""
    free = [j for j in range(columns) if all((rows - 1, right) not in taken for right in range(j, columns))]
    if not free:
        return None
    first, last = boxes[rows - 1, free[0]], boxes[rows - 1, columns - 1]
    return Box(first.x, first.y, last.x + last.width - first.x, first.height)


def cell_boxes(rows: int, columns: int, width: float, height: float, spacing: float) -> dict[tuple[int, int], Box]:
    """Where the cells of a grid lie on a canvas; as in napari a spacing below 1 is a share of their mean edge."""
    gap = spacing if spacing >= 1 else int(spacing * (width / columns + height / rows) / 2)
    w, h = (width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows
    return {(i, j): Box(j * (w + gap), i * (h + gap), w, h) for i in range(rows) for j in range(columns)}


def _lines(layer: Any, info: dict[str, Any]) -> tuple[str, ...]:
    """Title and further lines of a cell."""
    if "cell" in info:
        return cast(tuple[str, ...], tuple(str(line) for line in info["cell"] if line))
    run, what = str(info.get("run", "")), str(info.get("map", ""))
    return tuple(text for text in (run, what) if text) or (str(layer.name),)


def grid_sprites(
    state: GridLegend, shown: dict[str, bool], width: float, height: float, ratio: float, dark: bool
) -> Iterator[tuple[str, Any, float, float, tuple[float, float]]]:
    """Yield name, picture, place and anchor (0 to 1 across and down) of everything that is written in the grid."""
    for number, cell in enumerate(state.cells):
        yield from _cell(f"cell {number + 1}", cell, state.letters, shown, ratio, dark)
    yield from _shared(state, shown, width, height, ratio, dark)


def _cell(
    name: str, cell: Cell, letters: tuple[str, str, str, str] | None, shown: dict[str, bool], ratio: float, dark: bool
) -> Iterator[tuple[str, Any, float, float, tuple[float, float]]]:
    from napari_sti.viz import paint

    box, top = cell.box, cell.box.y + MARGIN
    for i, text in enumerate(cell.lines if shown["caption"] else ()):
        picture = paint.line(text, box.width - 2 * MARGIN, ratio, dark, bold=i == 0)
        yield f"{name} line {i + 1}", picture, box.x + MARGIN, top, (0, 0)
        top += picture.shape[0] / ratio
    if letters is None or not shown["letters"]:
        return
    right, left, up, down = (paint.letter(text, ratio, dark, small=True) for text in letters)
    middle_x, middle_y = box.x + box.width / 2, box.y + box.height / 2
    yield f"{name} right", right, box.x + box.width - MARGIN / 2, middle_y, (1, 0.5)
    yield f"{name} left", left, box.x + MARGIN / 2, middle_y, (0, 0.5)
    yield f"{name} top", up, middle_x, top, (0.5, 0)
    yield f"{name} bottom", down, middle_x, box.y + box.height - MARGIN / 2, (0.5, 1)


def _bars(
    bars: tuple[Bar, ...], box: Box, top: float, ratio: float, dark: bool
) -> Iterator[tuple[str, Any, float, float, tuple[float, float]]]:
    """Bars from the right to the left; those for which there is no room beside the others in rows below them."""
    from napari_sti.viz import paint

    room = box.y + box.height - top - _SCALE_BAR
    for rows in (1, 2, 3):
        height = max(min(paint.BAR_HEIGHT, room / rows - _BAR_HEAD), _LOWEST)
        pictures = [paint.bar(bar, ratio, dark, height=height) for bar in bars]
        placed, right, row = [], box.x + box.width - MARGIN, 0
        for picture in pictures:
            width = picture.shape[1] / ratio
            if right - width < box.x - _OVERHANG and right < box.x + box.width - MARGIN:
                right, row = box.x + box.width - MARGIN, row + 1
            placed.append((right, row))
            right -= width + 2 * MARGIN
        if row < rows:
            break
    for i, (picture, (right, row)) in enumerate(zip(pictures, placed, strict=True)):
        y = top + row * max((one.shape[0] / ratio for one in pictures), default=0)
        if row < rows:
            yield f"bar {i + 1}", picture, right, y, (1, 0)


def _shared(
    state: GridLegend, shown: dict[str, bool], width: float, height: float, ratio: float, dark: bool
) -> Iterator[tuple[str, Any, float, float, tuple[float, float]]]:
    """Plane, key and bars: in the free cell, else at the lower edge of the canvas."""
    from napari_sti.viz import paint

    box = state.free or Box(0, height - _LEAST, width, _LEAST)
    x, y = box.x + MARGIN, box.y + MARGIN
    texts = (*state.lines, *([state.warning.upper()] if state.warning else [])) if shown["caption"] else ()
    for i, text in enumerate(texts):
        picture = paint.line(text, box.width - 2 * MARGIN, ratio, dark, bold=text.isupper())
        yield f"shared line {i + 1}", picture, x, y, (0, 0)
        y += picture.shape[0] / ratio
    y += MARGIN
    yield from _bars(state.bars if shown["bar"] else (), box, y, ratio, dark)
    if state.key is not None and shown["key"]:
        key, words = replace(state.key, brightness=""), state.key.brightness
        y += 28 if state.bars else 0  # below the title of the bar
        picture = paint.key(key, ratio, dark)
        yield "key", picture, x, y, (0, 0)
        y += picture.shape[0] / ratio
        for i, text in enumerate(("brightness", *words.replace(" to ", "\nto ").split("\n")) if words else ()):
            line = paint.line(text, box.width - 2 * MARGIN - _BAR_ROOM, ratio, dark)
            yield f"brightness {i + 1}", line, x, y, (0, 0)
            y += line.shape[0] / ratio
