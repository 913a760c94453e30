"""What has to be written on the canvas now: plain values, worked out from the viewer, painted elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.viz import _compat, numbers, views
from napari_sti.viz.display import DisplayGrid, grid_of, layer_info
from napari_sti.viz.front import LINES, OVER
from napari_sti.viz.masks import mask_key
from napari_sti.viz.numbers import Unit
from napari_sti.viz.style import Style, style_of
from napari_sti.viz.views import ScreenAxes, Vector

Axes = tuple[Vector, Vector, Vector]
Shown = tuple[Any, dict[str, Any]]
"""A visible layer and what this package knows about it."""


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
    opacity : bool
        Whether that is said of opacity instead.
    even, suppress
        How the colours are, as in `napari_sti.maps.colour.pev_colour`.
    note : str
        What else has to be known to read the picture, such as how the ellipsoids are meant.
    """

    view_axes: Axes
    brightness: str = ""
    opacity: bool = False
    even: bool = False
    suppress: tuple[bool, bool, bool] = (False, False, False)
    note: str = ""


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
    plane : str
        The line of the caption that says plane, place and convention.
    """

    letters: tuple[str, str, str, str] | None = None
    caption: tuple[str, ...] = ()
    warning: str = ""
    key: Key | None = None
    bar: Bar | None = None
    plane: str = ""


def legend(viewer: Any, unit: Unit = "ppm") -> Legend:
    """Work out what is to be written for the layers that are visible now; nothing for layers of other origin.

    Caption, key and bar are those of the topmost image of ours; lines above it are named and share its key.
    """
    viewer = _compat.unwrap(viewer)
    shown = [
        (layer, info)
        for layer in reversed(viewer.layers)
        if layer.visible and layer.opacity > 0 and (info := layer_info(layer.metadata)) is not None
    ]
    axes = views.screen_axes(viewer) if shown else None
    if axes is None:
        return Legend()
    over, front = _seen(shown)
    grid = grid_of(front[1])
    return Legend(
        letters=axes.letters(),
        caption=_caption(viewer, over, front, shown, axes, grid),
        warning="mirrored view" if axes.ndisplay == 3 and axes.mirrored else "",
        key=key_of([*over, front], axes, grid, unit),
        bar=bar_of(*front, unit),
        plane=view_line(viewer, axes, grid, 0.0 if grid is None else grid.oblique_degrees),
    )


def _seen(shown: list[Shown]) -> tuple[list[Shown], Shown]:
    """Lines above the topmost image, and that image; without images the topmost lines take its place, or a mask."""
    first = next((i for i, (_, info) in enumerate(shown) if info.get("kind") not in OVER), None)
    lines = [one for one in shown[:first] if one[1].get("kind") in LINES]
    if first is not None:
        return lines, shown[first]
    return [], (lines or shown)[0]


def _caption(
    viewer: Any, over: list[Shown], front: Shown, shown: list[Shown], axes: ScreenAxes, grid: DisplayGrid | None
) -> tuple[str, ...]:
    layer, info = front
    run, what = str(info.get("run", "")), str(info.get("map", ""))
    if over:
        what += "".join(f", {other.get('map', '')}" for _, other in reversed(over))
    lines = [f"{run} - {what}" if run and what else run or what or layer.name]
    oblique = 0.0 if grid is None else grid.oblique_degrees
    others = [other for _, other in shown if other is not info]
    lines.append(", ".join(filter(None, (mask_key(others), *_named_regions(others)))))
    lines.append(view_line(viewer, axes, grid, oblique))
    if oblique:
        lines.append(f"along the scan's axes, {numbers.degrees(oblique)} oblique")
    # Where the topmost image is not, something around, above or below it may be.
    lines.append(simulated_words([info] if info.get("simulated") else [other for _, other in shown]))
    return tuple(line for line in lines if line)


def _named_regions(infos: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the regions that lie over the image, and of what was brushed."""
    named = (one for one in infos if one.get("kind") == "regions" or one.get("brush"))
    return list(dict.fromkeys(f"over it: {one.get('map', '')}" for one in named))


def simulated_words(infos: Sequence[Mapping[str, Any]]) -> str:
    """Say what is known to be simulated, and no more: nobody knows where labels or a bare file come from.

    ``"partly simulated data"`` only where something is known to be measured; empty where nothing is simulated.
    """
    told = [info.get("simulated") for info in infos]
    if not any(told):
        return ""
    if all(told):
        return "simulated data"
    if any(one is not None and not one for one in told):
        return "partly simulated data"
    names = (str(info.get("run") or info.get("map") or "") for info in infos if info.get("simulated"))
    runs = dict.fromkeys(name.removesuffix(" (simulated)") for name in names if name)
    return f"simulated: {', '.join(runs)}"


def view_line(viewer: Any, axes: ScreenAxes, grid: DisplayGrid | None, oblique: float) -> str:
    """Say plane, place and convention, such as ``"axial S 12.0 mm, neurological"``."""
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


def key_of(seen: Iterable[Shown], axes: ScreenAxes, grid: DisplayGrid | None, unit: Unit) -> Key | None:
    """Return the key to the colours of these layers, None where none is coloured by direction."""
    # A preview of the colours has a kind of its own, but a ceiling like all that is coloured by direction.
    coloured = [info for _, info in seen if "ceiling" in info]
    if not coloured:
        return None
    # Colours are those of the world's axes, the screen shows the scan's.
    turn = np.eye(3) if grid is None else frames.voxel_axes(grid.true_affine)
    painted = next((info for info in coloured if info.get("kind") not in LINES), None)
    style = style_of(coloured[0] if painted is None else painted)
    glyphs = next((info for info in coloured if info.get("kind") == "pev_glyphs"), None)
    return Key(
        (_turned(turn, axes.right), _turned(turn, axes.up), _turned(turn, axes.towards)),
        "" if painted is None else _brightness(painted, style, unit),
        opacity=style.opacity,
        even=style.even,
        suppress=style.suppress,
        note="" if glyphs is None else _GLYPH_NOTES[style_of(glyphs).shape],
    )


_GLYPH_NOTES = {"anisotropic": "ellipsoid: ball + anisotropy", "signed": "ellipsoid: |l|, grey = negative"}


def _brightness(info: Mapping[str, Any], style: Style, unit: Unit) -> str:
    """Say which values of which map the brightness or opacity of a layer stands for."""
    low, high = float(info["floor"]), float(info["ceiling"])
    if style.by_unit == "ppm":
        text = f"{numbers.susceptibility(low, unit, with_unit=False)} to {numbers.susceptibility(high, unit)}"
    else:
        text = f"{low:.3g} to {high:.3g} {style.by_unit}".rstrip()
    return f"{style.by_title} {text}"


def _turned(turn: NDArray[np.float64], direction: Vector) -> Vector:
    x, y, z = (np.round(turn @ np.array(direction), 4) + 0.0).tolist()
    return x, y, z


def bar_of(layer: Any, info: Mapping[str, Any], unit: Unit) -> Bar | None:
    """Return the colour bar of a layer, None where it has no limits."""
    if not _is_scalar(layer):
        return None
    low, high = (float(limit) for limit in layer.contrast_limits)
    shown_unit = str(info.get("unit", ""))
    if shown_unit == "ppm" and unit == "ppb":
        low, high, shown_unit = 1000 * low, 1000 * high, "ppb"
    name = "field" if info.get("kind") == "field" else str(info.get("map", ""))
    title = f"{name} [{shown_unit}]" if shown_unit else name
    return Bar(title, low, high, _colors(layer))


def _is_scalar(layer: Any) -> bool:
    return hasattr(layer, "contrast_limits") and hasattr(layer, "colormap") and not getattr(layer, "rgb", False)


def _colors(layer: Any, steps: int = 64) -> tuple[tuple[int, int, int], ...]:
    ramp = np.linspace(0, 1, steps) ** float(getattr(layer, "gamma", 1.0))
    rgba = np.asarray(layer.colormap.map(ramp))
    # What lets the image through is as dark as a bar can show it: the image itself is seen there.
    rgb = np.rint(rgba[:, :3] * rgba[:, 3:] * 255).astype(int)
    return tuple((int(r), int(g), int(b)) for r, g, b in rgb)


def is_dark(viewer: Any) -> bool:
    """Whether the empty canvas is dark, so that writing on it is light."""
    red, green, blue = _compat.background_color(viewer)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
