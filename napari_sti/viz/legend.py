"""What has to be written on the canvas now: plain values, worked out from the viewer, painted elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.viz import _compat, numbers, views
from napari_sti.viz.display import DisplayGrid, grid_of, layer_info
from napari_sti.viz.numbers import Unit
from napari_sti.viz.views import ScreenAxes, Vector

Axes = tuple[Vector, Vector, Vector]


@dataclass(frozen=True)
class Bar:
    """A colour bar.

    Parameters
    ----------
    title : str
        Map and unit, such as ``"MSA [ppm]"``.
    low, high : float
        Ends of the bar in the unit that is shown.
    colors : tuple of RGB tuples
        From the low to the high end, 0 to 255.
    """

    title: str
    low: float
    high: float
    colors: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Key:
    """The key to the colours of directions.

    Parameters
    ----------
    view_axes : three vectors
        To the right of the screen, to its top and out of it, in RAS.
    brightness : str
        What brightness means, such as ``"MSA 0.003 to 0.030 ppm"``; empty where it means nothing.
    """

    view_axes: Axes
    brightness: str = ""


@dataclass(frozen=True)
class Legend:
    """Everything that is written on the canvas.

    Parameters
    ----------
    letters : four str or None
        At the right, left, top and bottom edge.
    caption : tuple of str
        Lines: what is shown, plane and convention, that it is simulated.
    warning : str
        What must not be overlooked, such as a mirrored view.
    key, bar : Key, Bar or None
        None where nothing visible needs them.
    """

    letters: tuple[str, str, str, str] | None = None
    caption: tuple[str, ...] = ()
    warning: str = ""
    key: Key | None = None
    bar: Bar | None = None


def legend(viewer: Any, unit: Unit = "ppm") -> Legend:
    """Work out what is to be written for the layers that are visible now; nothing for layers of other origin."""
    viewer = _compat.unwrap(viewer)
    shown = [
        (layer, info)
        for layer in reversed(viewer.layers)
        if layer.visible and layer.opacity > 0 and (info := layer_info(layer.metadata)) is not None
    ]
    axes = views.screen_axes(viewer) if shown else None
    if axes is None:
        return Legend()
    grid = next((found for _, info in shown if (found := grid_of(info)) is not None), None)
    return Legend(
        letters=axes.letters(),
        caption=_caption(viewer, shown, axes, grid),
        warning="mirrored view" if axes.ndisplay == 3 and axes.mirrored else "",
        key=_key(shown, axes, grid, unit),
        bar=_bar(viewer, shown, unit),
    )


def _caption(
    viewer: Any, shown: list[tuple[Any, dict[str, Any]]], axes: ScreenAxes, grid: DisplayGrid | None
) -> tuple[str, ...]:
    drawn = [info for _, info in shown if info.get("kind") not in ("mask", "pev_lines")]
    over = [info for _, info in shown if info.get("kind") == "pev_lines"]
    front = (drawn or over or [shown[0][1]])[0]
    run, what = str(front.get("run", "")), str(front.get("map", ""))
    if over and over[0] is not front:
        what += f", {over[0].get('map', '')}"
    lines = [f"{run} - {what}" if run and what else run or what or shown[0][0].name]
    oblique = 0.0 if grid is None else grid.oblique_degrees
    lines.append(_view_line(viewer, axes, grid, oblique))
    if oblique:
        lines.append(f"along the scan's axes, {numbers.degrees(oblique)} oblique")
    if any(info.get("simulated") for _, info in shown):
        lines.append("simulated data")
    return tuple(line for line in lines if line)


def _view_line(viewer: Any, axes: ScreenAxes, grid: DisplayGrid | None, oblique: float) -> str:
    if axes.ndisplay == 3:
        return "3-D"
    # The slice of an oblique scan has no single world coordinate.
    place = "" if oblique else f" {_slice_place(viewer, axes, grid)}"
    plane = f"{axes.plane or 'slice'}{place}"
    return f"{plane}, {axes.convention}" if axes.convention else plane


def _slice_place(viewer: Any, axes: ScreenAxes, grid: DisplayGrid | None) -> str:
    axis = int(np.argmax(np.abs(axes.towards)))
    position = float(viewer.dims.point[viewer.dims.ndim - 3 + axis])
    if grid is not None:  # napari may stand between two voxels; said is the centre of the one that it shows
        start, step = float(grid.translate[axis]), float(grid.scale[axis])
        position = start + step * float(np.rint((position - start) / step))
    low, high = views.LETTERS[axis]
    return f"{high if position >= 0 else low} {abs(position):.1f} mm"


def _key(
    shown: Iterable[tuple[Any, dict[str, Any]]], axes: ScreenAxes, grid: DisplayGrid | None, unit: Unit
) -> Key | None:
    coloured = [info for _, info in shown if info.get("kind") in ("pev_colour", "pev_lines")]
    if not coloured:
        return None
    # Colours are those of the world's axes, the screen shows the scan's.
    turn = np.eye(3) if grid is None else frames.voxel_axes(grid.true_affine)
    painted = next((info for info in coloured if info.get("kind") == "pev_colour"), None)
    brightness = ""
    if painted is not None:
        floor = numbers.susceptibility(float(painted["floor"]), unit, with_unit=False)
        brightness = f"MSA {floor} to {numbers.susceptibility(float(painted['ceiling']), unit)}"
    return Key((_turned(turn, axes.right), _turned(turn, axes.up), _turned(turn, axes.towards)), brightness)


def _turned(turn: NDArray[np.float64], direction: Vector) -> Vector:
    x, y, z = (np.round(turn @ np.array(direction), 4) + 0.0).tolist()
    return x, y, z


def _bar(viewer: Any, shown: list[tuple[Any, dict[str, Any]]], unit: Unit) -> Bar | None:
    layer, info = _scalar_layer(viewer, shown)
    if layer is None or info is None:
        return None
    low, high = (float(limit) for limit in layer.contrast_limits)
    shown_unit = str(info.get("unit", ""))
    if shown_unit == "ppm" and unit == "ppb":
        low, high, shown_unit = 1000 * low, 1000 * high, "ppb"
    name = "field" if info.get("kind") == "field" else str(info.get("map", ""))
    title = f"{name} [{shown_unit}]" if shown_unit else name
    return Bar(title, low, high, _colors(layer))


def _scalar_layer(
    viewer: Any, shown: list[tuple[Any, dict[str, Any]]]
) -> tuple[Any, dict[str, Any]] | tuple[None, None]:
    scalar = [(layer, info) for layer, info in shown if _is_scalar(layer)]
    active = viewer.layers.selection.active
    for layer, info in scalar:
        if layer is active:
            return layer, info
    for layer, info in shown:
        if info.get("kind") == "pev_colour" and layer.opacity == 1:
            break  # it covers what lies below
        if _is_scalar(layer):
            return layer, info
    return None, None


def _is_scalar(layer: Any) -> bool:
    return hasattr(layer, "contrast_limits") and hasattr(layer, "colormap") and not getattr(layer, "rgb", False)


def _colors(layer: Any, steps: int = 64) -> tuple[tuple[int, int, int], ...]:
    ramp = np.linspace(0, 1, steps) ** float(getattr(layer, "gamma", 1.0))
    rgb = np.rint(np.asarray(layer.colormap.map(ramp))[:, :3] * 255).astype(int)
    return tuple((int(r), int(g), int(b)) for r, g, b in rgb)


def is_dark(viewer: Any) -> bool:
    """Whether the empty canvas is dark, so that writing on it is light."""
    red, green, blue = _compat.background_color(viewer)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
