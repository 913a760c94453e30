"""Results and acquisitions as napari layers: plain layer data tuples, made without importing napari.

Every layer holds a volume in the nearest RAS order with scale, translation and units in mm, is called
``run - map [unit]``, and carries in its metadata what it is, how it was made and the true affine.
"""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.colour import dimmed_colour, pev_colour
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info
from napari_sti.viz.lines import make_lines
from napari_sti.viz.masks import mask_layer, run_of_study
from napari_sti.viz.numbers import degrees, nice_limit
from napari_sti.viz.shown_maps import ShownMaps, shown_maps, symmetric_limit
from napari_sti.viz.style import PLAIN, Style, style_of

LayerData = tuple[Any, dict[str, Any], str]
"""Data, keywords and layer type, as napari's readers and widgets hand them over."""

MMS_COLORMAP = "gray"
MSA_COLORMAP = "magma"
"""Perceptually even, legible with every kind of colour vision, black at 0."""


FAINTEST_LINE = 0.15
"""Opacity of a line at the floor of the window: noise of grey matter must not look like fibres."""


def tensor_layers(
    tensor: TensorField, *, run: str, floor: float | None = None, ceiling: float | None = None
) -> list[LayerData]:
    """Make the layers of a tensor: MMS and MSA (hidden at first), PEV colour, PEV lines (hidden).

    Parameters
    ----------
    tensor : TensorField
        In any order of storage and any frame.
    run : str
        Name of the run, such as ``"stiimag 1"``; begins the names of the layers.
    floor, ceiling : float, optional
        MSA in ppm at which colours are black and at full brightness; chosen from the data by default.

    Returns
    -------
    list of (data, keywords, type)
        From the bottom to the top.
    """
    maps = shown_maps(tensor, run)
    auto_floor, auto_ceiling = maps.window()
    ceiling = auto_ceiling if ceiling is None else ceiling
    floor = min(auto_floor, ceiling) if floor is None else floor
    common = {
        "run": run,
        "simulated": tensor.provenance.get("simulated"),  # None where nothing states it
        "provenance": dict(tensor.provenance),
        "maps": maps,
    }
    return [
        scalar_layer(
            maps.grid,
            only_inside(maps.mms, maps.mask),
            f"{run} - MMS [ppm]",
            colormap=MMS_COLORMAP,
            limits=(-maps.mms_limit(), maps.mms_limit()),
            visible=False,
            info=common
            | {"kind": "mms", "map": "MMS", "unit": "ppm", "description": "Mean magnetic susceptibility, grey = 0."},
        ),
        scalar_layer(
            maps.grid,
            only_inside(maps.msa, maps.mask),
            f"{run} - MSA [ppm]",
            colormap=MSA_COLORMAP,
            limits=(0.0, ceiling),
            visible=False,
            info=common
            | {
                "kind": "msa",
                "map": "MSA",
                "unit": "ppm",
                "description": "Anisotropy of the susceptibility, l1 - (l2 + l3)/2.",
            },
        ),
        colour_layer(maps, f"{run} - PEV colour", floor, ceiling, common),
        _pev_lines(maps, f"{run} - PEV lines", floor, ceiling, common),
    ]


def set_window(layer: Any, floor: float, ceiling: float) -> None:
    """Show a layer of a tensor with another MSA floor and ceiling (ppm); does nothing for other layers.

    RGB layers ignore contrast limits, so colours are computed again and written into the layer's own array.
    """
    info = layer_info(layer.metadata)
    maps = None if info is None else info.get("maps")
    if info is None or not isinstance(maps, ShownMaps):
        return
    style = style_of(info)
    if info["kind"] in ("pev_colour", "compared_colour"):
        paint_colours(layer.data, maps, floor, ceiling, style)
        info.update(floor=floor, ceiling=ceiling)
        layer.refresh(extent=False)
        # Legends follow the metadata, which has no event of its own for changes inside.
        layer.metadata = dict(layer.metadata)
    elif info["kind"] == "pev_lines":
        info.update(floor=floor, ceiling=ceiling)
        if info.get("followed"):
            layer.metadata = dict(layer.metadata)  # who draws it slice by slice listens to that
        elif layer.visible:
            _draw_lines(layer)
        else:
            # napari does not slice what is hidden, and takes no colours for a slice that is out of date.
            info["stale"] = True  # connecting twice is once; a duplicated layer has the mark without the connection
            layer.events.visible.connect(_catch_up)
    elif info["kind"] == "pev_glyphs":
        info.update(floor=floor, ceiling=ceiling)
        layer.metadata = dict(layer.metadata)
    elif not style.by_msa:
        return  # floor and ceiling are those of another map
    elif info["kind"] in ("msa", "compared_msa") and ceiling > 0:
        layer.contrast_limits = (0.0, ceiling)
    elif info["kind"] == "pev_spread":
        layer.data = shown_spread(maps, "pev_spread", floor)


def set_style(layer: Any, style: Style, floor: float, ceiling: float) -> None:
    """Show a layer of a tensor in another style; does nothing for other layers."""
    info = layer_info(layer.metadata)
    if info is None or not isinstance(info.get("maps"), ShownMaps):
        return
    was_msa = style_of(info).by_msa
    info["style"] = style
    if info["kind"] == "msa" and not (was_msa and style.by_msa):
        return  # its limits stay what they were
    set_window(layer, floor, ceiling)


def _draw_lines(layer: Any) -> None:
    """Give a visible layer of lines the window that its metadata states."""
    info = layer_info(layer.metadata)
    assert info is not None
    lines = _lines(info["maps"], info["floor"], info["ceiling"], style_of(info))
    layer.data = lines.vectors
    if len(lines.vectors):
        layer.edge_color = lines.colors


def _catch_up(event: Any) -> None:
    """Draw lines anew that were hidden while their window changed, as soon as they are seen."""
    layer = event.source
    info = layer_info(layer.metadata)
    if layer.visible and info is not None and info.pop("stale", False):
        layer.events.visible.disconnect(_catch_up)
        _draw_lines(layer)


def acquisition_layers(acquisition: Acquisition) -> list[LayerData]:
    """Make the layers of an acquisition: magnitudes, field maps, further maps, masks; only one of them is visible.

    Names say where something is simulated, and which orientation and tilt a field map belongs to.
    """
    acq = acquisition
    grid = DisplayGrid(acq.affine, acq.shape)
    run = run_of_study(acq.name, acq.simulated)
    common: dict[str, Any] = {"run": run, "simulated": acq.simulated}
    layers = _magnitudes(acq, grid, common)
    layers += _further_maps(acq, grid, common)
    layers += _fields(acq, grid, common)
    for name, mask in (("mask", acq.mask), ("wm_mask", acq.wm_mask), ("csf_mask", acq.csf_mask)):
        if mask is not None:
            layers.append(mask_layer(grid, mask, name, common))
    images = [keywords for _, keywords, kind in layers if kind == "image"]
    if images:
        first = next((k for k in images if k["metadata"][METADATA_KEY]["kind"] == "field"), images[0])
        first["visible"] = True
    return layers


def _fields(acq: Acquisition, grid: DisplayGrid, common: Mapping[str, Any]) -> list[LayerData]:
    if acq.field is None:
        return []
    limit = symmetric_limit(acq.field[:, acq.mask])
    b0_ras = frames.rotate_vectors(acq.b0_dirs, frames.between("voxel", "ras", acq.affine))
    inside = grid.to_shown(acq.mask)
    layers = []
    for i, field in enumerate(acq.field):
        tilt = degrees(float(acq.tilts[i]))
        info = {
            "kind": "field",
            "map": f"field {i + 1}",
            "unit": "ppm",
            "orientation": i,
            "tilt": float(acq.tilts[i]),
            "b0_ras": b0_ras[i].tolist(),
            "b0": acq.b0,
            "description": f"Local field shift, {acq.labels[i]}, tilted by {tilt}.",
        }
        name = f"{common['run']} - field {i + 1} [ppm]"
        shown = only_inside(grid.to_shown(field), inside)
        layers.append(
            scalar_layer(
                grid, shown, name, MMS_COLORMAP, limits=(-limit, limit), visible=False, info={**common, **info}
            )
        )
    return layers


def _magnitudes(acq: Acquisition, grid: DisplayGrid, common: Mapping[str, Any]) -> list[LayerData]:
    layers = []
    for i, magnitude in enumerate(() if acq.magnitude is None else acq.magnitude):
        good = magnitude[np.isfinite(magnitude)]
        top = nice_limit(float(np.percentile(good, 99.5))) if good.size else 1.0
        name = "magnitude" if acq.magnitude is not None and len(acq.magnitude) == 1 else f"magnitude {i + 1}"
        info = {**common, "kind": "magnitude", "map": name, "unit": "a.u."}
        layers.append(
            scalar_layer(
                grid,
                grid.to_shown(magnitude),
                f"{common['run']} - {name} [a.u.]",
                MMS_COLORMAP,
                limits=(0.0, top),
                visible=False,
                info=info,
            )
        )
    return layers


def _further_maps(acq: Acquisition, grid: DisplayGrid, common: Mapping[str, Any]) -> list[LayerData]:
    layers = []
    inside = grid.to_shown(acq.mask)
    # Of several the first is enough to look at: one for each orientation would crowd the list of layers.
    for i, r2prime in enumerate(() if acq.r2prime is None else acq.r2prime[:1]):
        name = "R2'" if acq.r2prime is not None and len(acq.r2prime) == 1 else f"R2' {i + 1}"
        shown = only_inside(grid.to_shown(r2prime), inside)
        limits = (0.0, symmetric_limit(r2prime[acq.mask]))
        info = {**common, "kind": "r2prime", "map": name, "unit": "Hz"}
        layers.append(scalar_layer(grid, shown, f"{common['run']} - {name} [Hz]", MSA_COLORMAP, limits, False, info))
    if acq.qsm is not None:
        limit = symmetric_limit(acq.qsm[acq.mask])
        shown = only_inside(grid.to_shown(acq.qsm), inside)
        info = {**common, "kind": "qsm", "map": "QSM", "unit": "ppm"}
        layers.append(
            scalar_layer(grid, shown, f"{common['run']} - QSM [ppm]", MMS_COLORMAP, (-limit, limit), False, info)
        )
    return layers


def scalar_layer(
    grid: DisplayGrid,
    shown: NDArray[Any],
    name: str,
    colormap: str,
    limits: tuple[float, float],
    visible: bool,
    info: Mapping[str, Any],
) -> LayerData:
    """Make the layer of a map of numbers in the shown order, NaN transparent; `info` goes into its metadata."""
    keywords = {
        "name": name,
        "colormap": colormap,
        "contrast_limits": limits,
        "blending": "translucent_no_depth",
        "projection_mode": "none",  # a slab of streamlines must not blur images
        "visible": visible,
        "metadata": _metadata(grid, info),
        **grid.layer_keywords(),
    }
    return shown, keywords, "image"


def colour_layer(maps: ShownMaps, name: str, floor: float, ceiling: float, common: Mapping[str, Any]) -> LayerData:
    """Make the layer of the direction colours of a run; `common` goes into its metadata."""
    rgba = np.zeros((*maps.mask.shape, 4), np.uint8)
    # Transparent outside the mask, so that nothing black lies over an anatomical image.
    rgba[..., 3] = np.where(maps.mask, 255, 0)
    paint_colours(rgba, maps, floor, ceiling)
    info = {
        "kind": "pev_colour",
        "map": "PEV colour",
        "unit": "",
        "frame": "ras",
        "floor": floor,
        "ceiling": ceiling,
        "description": "Principal eigenvector: red left-right, green front-back, blue up-down; brightness is MSA.",
        **common,
    }
    keywords = {
        "name": name,
        "rgb": True,
        "blending": "translucent_no_depth",
        "projection_mode": "none",
        "metadata": _metadata(maps.grid, info),
        **maps.grid.layer_keywords(),
    }
    return rgba, keywords, "image"


def paint_colours(rgba: NDArray[np.uint8], maps: ShownMaps, floor: float, ceiling: float, style: Style = PLAIN) -> None:
    """Write the direction colours of a run into an RGBA volume; what lies outside the mask is left alone."""
    pev, values = maps.painted[0], style.blocks(maps)
    if style.opacity:
        values, window = np.ones_like(values), (0.0, 1.0)
    else:
        window = (floor, ceiling)
    if style.even and not any(style.suppress):
        colours = dimmed_colour(maps.even, values, *window).reshape(-1, 3)
    else:
        colours = pev_colour(pev, values, *window, even=style.even, suppress=style.suppress).reshape(-1, 3)
    count = len(maps.inside)
    painted = np.empty((count, 4), np.uint8)
    painted[:, :3] = colours[:count]
    painted[:, 3] = style.alpha(maps, floor, ceiling)
    # As whole numbers, so that every voxel is written once.
    rgba.reshape(-1, 4).view(np.uint32)[maps.inside, 0] = painted.view(np.uint32)[:, 0]


def _lines(maps: ShownMaps, floor: float, ceiling: float, style: Style = PLAIN) -> Any:
    values = style.values(maps)
    share = (values - floor) / max(ceiling - floor, 1e-9)
    return make_lines(
        maps.pev,
        maps.mask & (values >= floor) & (True if style.clip is None else style.clip),
        frames.voxel_axes(maps.grid.true_affine),
        maps.grid.scale,
        opacity=line_opacity(share),
    )


def line_opacity(share: NDArray[np.floating]) -> NDArray[np.floating]:
    """Opacity of a line whose map lies at a share of the way from floor to ceiling."""
    return cast(NDArray[np.floating], FAINTEST_LINE + (1 - FAINTEST_LINE) * np.clip(np.nan_to_num(share), 0, 1))


def _pev_lines(maps: ShownMaps, name: str, floor: float, ceiling: float, common: Mapping[str, Any]) -> LayerData:
    lines = _lines(maps, floor, ceiling)
    thinned = "" if lines.kept == 1 else f" One voxel in {round(1 / lines.kept)} has a line."
    info = {
        **common,
        "kind": "pev_lines",
        "map": "PEV lines",
        "unit": "",
        "frame": "ras",
        "floor": floor,
        "ceiling": ceiling,
        "description": f"Principal eigenvector as lines where MSA is at least {floor:g} ppm.{thinned}",
    }
    keywords: dict[str, Any] = {
        "name": name,
        "vector_style": "line",
        "edge_width": 0.3,
        "opacity": 1.0,
        "length": 1,
        "visible": False,
        "blending": "translucent_no_depth",
        "metadata": _metadata(maps.grid, info),
        **maps.grid.layer_keywords(),
    }
    keywords |= {"edge_color": lines.colors} if len(lines.vectors) else {"ndim": 3}
    return lines.vectors, keywords, "vectors"


def shown_spread(maps: ShownMaps, name: str, floor: float) -> NDArray[np.float32]:
    """Return one of the spreads of a run as it is shown; that of the direction only where MSA is at least `floor`.

    What is hardly anisotropic has no direction whose spread would mean anything.
    """
    return only_inside(maps.spreads[name], maps.mask & (maps.msa >= floor) if name == "pev_spread" else maps.mask)


def only_inside(shown: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Set what lies outside a mask to NaN: transparent, no grey block around the brain and no value where none is."""
    return np.where(mask, shown, np.float32(np.nan)).astype(np.float32)


def _metadata(grid: DisplayGrid, info: Mapping[str, Any]) -> dict[str, Any]:
    return {METADATA_KEY: {**grid.metadata(), **info}}
