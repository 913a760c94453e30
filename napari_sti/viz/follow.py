"""Lines and ellipsoids of the slice or slab that a viewer shows, drawn anew as it is scrolled.

Only what is seen is drawn, thinned until two neighbours are some pixels apart: at a glance over the whole brain every
few voxels have an ellipsoid, and every voxel has one when the camera is near. So the time that a step takes is bounded
by the size of the window, not by that of the volume.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.eigen import eigen_system
from napari_sti.maps.colour import pev_colour, window_share
from napari_sti.viz import _compat, glyphs, lines
from napari_sti.viz.display import METADATA_KEY, layer_info
from napari_sti.viz.layers import LayerData, line_opacity
from napari_sti.viz.shown_maps import ShownMaps
from napari_sti.viz.slab import Seen, choose, seen
from napari_sti.viz.style import Style, style_of

LINES_APART, GLYPHS_APART = 8.0, 16.0
"""Pixels between two neighbours at least."""
MOST_LINES, MOST_GLYPHS = 12_000, 2_500
"""In a slice; reached only on very large windows."""
MOST_LINES_SOLID, MOST_GLYPHS_SOLID = 60_000, 2_500
"""In three dimensions."""
LARGE = 26.0
"""Pixels from which on ellipsoids are drawn finely."""

Kind = Literal["pev_lines", "pev_glyphs"]
FOLLOWED: tuple[Kind, ...] = ("pev_lines", "pev_glyphs")


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn: the maps of a run, how, and in which window."""

    maps: ShownMaps
    style: Style
    floor: float
    ceiling: float


def drawn_of(layer: Any) -> Drawn | None:
    """What a layer of lines or ellipsoids is to show; None for other layers."""
    info = layer_info(layer.metadata) or {}
    maps = info.get("maps")
    if info.get("kind") not in FOLLOWED or not isinstance(maps, ShownMaps):
        return None
    return Drawn(maps, style_of(info), float(info["floor"]), float(info["ceiling"]))


def glyph_layer(what: Drawn, run: str, common: dict[str, Any]) -> LayerData:
    """Make the layer of ellipsoids of a run, empty at first; `common` goes into its metadata."""
    info = {
        **common,
        "kind": "pev_glyphs",
        "map": "tensors",
        "unit": "",
        "frame": "ras",
        "style": what.style,
        "floor": what.floor,
        "ceiling": what.ceiling,
        "description": "Tensors as ellipsoids: the anisotropic part on a ball, or the whole tensor with its negative "
        "side in grey.",
    }
    mesh = _with_corners(glyphs.Mesh(*_nothing()), what.maps)
    keywords = {
        "name": f"{run} - tensors",
        "vertex_colors": mesh.colors,
        "shading": "none",
        "blending": "translucent_no_depth",
        "metadata": {METADATA_KEY: {**what.maps.grid.metadata(), **info}},
        **what.maps.grid.layer_keywords(),
    }
    return (mesh.vertices, mesh.faces, np.ones(len(mesh.vertices), np.float32)), keywords, "surface"


def draw(layer: Any, viewer: Any) -> int:
    """Give a layer of lines or ellipsoids what a viewer shows now; returns how many there are.

    Parameters
    ----------
    layer : Vectors or Surface
        Of ours.
    viewer : napari.Viewer or ViewerModel
        Whose slice and camera count.
    """
    what = drawn_of(layer)
    part = None if what is None else seen(viewer, what.maps.grid, what.style.slab)
    if what is None or part is None:
        return 0
    if layer_info(layer.metadata)["kind"] == "pev_lines":  # type: ignore[index]
        return _draw_lines(layer, what, part)
    return _draw_glyphs(layer, what, part)


def _draw_lines(layer: Any, what: Drawn, part: Seen) -> int:
    maps, style = what.maps, what.style
    flat = part.normal is not None
    index, spacing = choose(
        maps, style, what.floor, part, apart=LINES_APART, most=MOST_LINES if flat else MOST_LINES_SOLID
    )
    index = index[maps.pev[tuple(index.T)].any(axis=-1)]
    at = tuple(index.T)
    share = window_share(style.values(maps)[at], what.floor, what.ceiling)
    made = lines.lines_at(
        maps.pev[at],
        index,
        frames.voxel_axes(maps.grid.true_affine),
        maps.grid.scale,
        length=lines.LENGTH * spacing,
        opacity=line_opacity(share),
        even=style.even,
        suppress=style.suppress,
    )
    if part.normal is not None:
        made.vectors[:, 0, part.normal] = part.place  # napari shows a line in the slice in which it starts
    _compat.set_vectors(layer, made.vectors, made.colors)
    return len(index)


def _draw_glyphs(layer: Any, what: Drawn, part: Seen) -> int:
    maps, style = what.maps, what.style
    if maps.chi is None or maps.chi_to_ras is None:
        return 0
    flat = part.normal is not None
    most = MOST_GLYPHS if flat else MOST_GLYPHS_SOLID
    index, spacing = choose(maps, style, what.floor, part, apart=GLYPHS_APART, most=most)
    index = _far_to_near(index, maps, part)
    mesh = glyphs.Mesh(*_nothing())
    if len(index):
        mesh = _mesh(index, spacing, what, part)
    mesh = _with_corners(mesh, maps)
    if part.normal is not None:
        mesh.vertices[8:, part.normal] = part.place
    _compat.set_mesh(layer, mesh.vertices, mesh.faces, mesh.colors)
    wanted = "translucent_no_depth" if flat else "translucent"
    if str(layer.blending) != wanted:
        layer.blending = wanted
    return len(index)


def _mesh(index: NDArray[np.intp], spacing: float, what: Drawn, part: Seen) -> glyphs.Mesh:
    """Ellipsoids of some voxels, corners in shown indices."""
    maps, style = what.maps, what.style
    assert maps.chi is not None and maps.chi_to_ras is not None
    at = tuple(index.T)
    values, vectors = eigen_system(np.asarray(maps.chi[at]))
    turn = frames.voxel_axes(maps.grid.true_affine).T @ maps.chi_to_ras  # to the shown axes
    scale = maps.grid.scale
    full = pev_colour(maps.pev[at], np.ones(len(index)), 0.0, 1.0, even=style.even, suppress=style.suppress)
    mesh = glyphs.ellipsoids(
        values,
        turn @ vectors,
        index * scale,
        full / np.float32(255),
        radius=glyphs.FILL * spacing / 2,
        limit=_limit(what),
        towards=np.array(part.towards),
        flat=part.normal is not None,
        shape=style.shape,
        rings=4 if spacing * part.pixels > LARGE else 2,
    )
    mesh.vertices[...] = np.clip(mesh.vertices / scale, -0.5, np.array(maps.mask.shape) - 0.5)
    return mesh


def _limit(what: Drawn) -> float:
    """What the longest axis stands for, ppm."""
    ceiling = what.ceiling if what.style.by_msa else what.maps.window()[1]
    if what.style.shape == "anisotropic":
        return ceiling
    return what.maps.mms_limit() + 2 / 3 * ceiling


def _far_to_near(index: NDArray[np.intp], maps: ShownMaps, part: Seen) -> NDArray[np.intp]:
    """In a slab the nearer one is drawn over the farther one."""
    if part.normal is None or part.high[part.normal] - part.low[part.normal] <= 1:
        return index
    depth = index[:, part.normal] * np.sign(part.towards[part.normal])
    return index[np.argsort(depth, kind="stable")]


def _nothing() -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 4), np.float32)


def _with_corners(mesh: glyphs.Mesh, maps: ShownMaps) -> glyphs.Mesh:
    """Put the eight corners of the volume before a mesh, unseen.

    With them the layer reaches over the whole volume whatever slice is drawn, so that the viewer's sliders keep their
    range; and it is never empty, which napari cannot show.
    """
    top = np.array(maps.mask.shape) - 1
    corners = np.array([[x, y, z] for x in (0, top[0]) for y in (0, top[1]) for z in (0, top[2])], np.float32)
    return glyphs.Mesh(
        np.concatenate([corners, mesh.vertices]),
        np.concatenate([np.zeros((1, 3), np.int32), mesh.faces + 8]),
        np.concatenate([np.zeros((8, 4), np.float32), mesh.colors]),
    )
