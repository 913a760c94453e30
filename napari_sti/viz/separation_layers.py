"""A separated susceptibility as layers: chi+ warm, |chi-| cold, the total grey, and the maps of a diamagnetic tensor.

Every name, legend and description says the Dr that was used, since it decides more than anything else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.relaxometry import Relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.viz._quick import not_to_the_list
from napari_sti.viz.compare_grid import Layout
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.viz.layers import MMS_COLORMAP, MSA_COLORMAP, LayerData, colour_layer, only_inside, scalar_layer
from napari_sti.viz.numbers import Unit, susceptibility
from napari_sti.viz.shown_maps import shown_maps, symmetric_limit

# fmt: off
WARM = (
    "#000000", "#220604", "#460a05", "#6d0f04", "#941c03", "#b83105", "#d54c0c", "#e96b1c", "#f58b33", "#fbab55",
    "#fdc97f", "#fee5ae", "#fffbe6",
)
COLD = (
    "#000000", "#04091f", "#061440", "#072164", "#083189", "#0d45a9", "#1b5dc1", "#3277d2", "#5092dd", "#74ade6",
    "#9bc7ee", "#c4e0f5", "#eef8fd",
)
# fmt: on
"""Nearly even in lightness from black at 0; told apart in every colour vision, since one is yellow and one is blue."""

BRUSH_COLOUR = "#3dff8f"
"""Neither warm, cold nor grey."""

KINDS = ("separation_total", "separation_neg", "separation_pos", "separation_msa", "separation_pev")
CELL = "separated_"
"""Kinds of the layers of a view side by side begin with it."""


@dataclass(frozen=True, eq=False)
class ShownSources:
    """Both sources as they are shown; answers for the status line.

    Parameters
    ----------
    pos, neg : (X, Y, Z) arrays
        chi+ and |chi-| in ppm, in the shown order of axes.
    mask : (X, Y, Z) array of bool
        Where they mean something.
    dr : str
        Dr in words.
    """

    pos: NDArray[np.float32]
    neg: NDArray[np.float32]
    mask: NDArray[np.bool_]
    dr: str

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownSources":
        return self  # immutable and large

    def words(self, voxel: tuple[int, int, int], unit: Unit) -> str:
        """Say what lies in a voxel."""
        if not self.mask[voxel]:
            return "outside the mask"
        pos, neg = float(self.pos[voxel]), float(self.neg[voxel])
        said = (("χ+", pos), ("|χ−|", neg), ("total", pos - neg))
        return "    ".join(f"{name} {susceptibility(value, unit)}" for name, value in said) + f"    {self.dr}"


def dr_text(constants: Relaxation) -> str:
    """Dr with its unit in as few letters as it takes: ``Dr 114 Hz/ppm``, ``Dr 114/89 Hz/ppm``."""
    return f"Dr {constants.pos:.4g}" + ("" if constants.equal else f"/{constants.neg:.4g}") + " Hz/ppm"


def separation_layers(found: SeparatedField, *, run: str) -> list[LayerData]:
    """Make the layers of a separation, from the bottom to the top; chi+ is seen at first.

    Parameters
    ----------
    found : SeparatedField
        In any order of storage.
    run : str
        Name of the run.

    Returns
    -------
    list of (data, keywords, type)
        Total, |chi-|, chi+, and for tensors MSA and PEV colours of the diamagnetic part.
    """
    grid, named = DisplayGrid(found.affine, found.shape), f"{run}, {dr_text(found.relaxation)}"
    inside = grid.to_shown(np.asarray(found.mask))
    common = _common(found, named, run) | {"maps": shown_sources(found)}
    layers = [_part(found, part, grid, inside, f"{named} - ", common, limits(found)) for part in PARTS]
    for data, keywords, _ in layers:
        keywords["visible"] = keywords["metadata"][METADATA_KEY]["kind"] == "separation_pos"
        assert data.shape == grid.shown_shape
    return layers + _of_the_tensor(found, named, common)


PARTS = ("total", "neg", "pos")
_TITLES = {"total": "χ total", "neg": "|χ−|", "pos": "χ+"}


def limits(*found: SeparatedField) -> dict[str, tuple[float, float]]:
    """Windows in ppm that suit several separations at once: 99.5th percentiles, rounded up; the total around 0."""
    tops = {"pos": 0.0, "neg": 0.0, "total": 0.0}
    for one in found:
        inside = np.asarray(one.mask)
        for part in PARTS:
            tops[part] = max(tops[part], symmetric_limit(_values(one, part)[inside]))
    return {part: (-top if part == "total" else 0.0, top) for part, top in tops.items()}


def _values(found: SeparatedField, part: str) -> NDArray[np.float32]:
    return {"pos": found.chi_pos, "neg": found.chi_neg_magnitude, "total": found.total}[part]


def shown_sources(found: SeparatedField) -> ShownSources:
    """Bring both sources to the order in which they are shown."""
    grid = DisplayGrid(found.affine, found.shape)
    pos, neg, mask = (grid.to_shown(np.asarray(a)) for a in (found.chi_pos, found.chi_neg_magnitude, found.mask))
    return ShownSources(pos, neg, mask, dr_text(found.relaxation))


def _common(found: SeparatedField, named: str, run: str) -> dict[str, Any]:
    return {
        "run": named,
        "separation": run,
        "simulated": bool(found.provenance.get("simulated", False)),
        "provenance": dict(found.provenance),
        "dr": {"pos": found.relaxation.pos, "neg": found.relaxation.neg, "source": found.relaxation.source},
    }


def _part(
    found: SeparatedField,
    part: str,
    grid: DisplayGrid,
    inside: NDArray[np.bool_],
    prefix: str,
    common: Mapping[str, Any],
    windows: Mapping[str, tuple[float, float]],
) -> LayerData:
    mean = "mean of the " if part == "neg" and found.chi_neg_tensor is not None else ""
    what = {
        "pos": "Paramagnetic susceptibility (iron)",
        "neg": f"Magnitude of the {mean}diamagnetic susceptibility (myelin)",
        "total": "Total susceptibility χ+ + χ−, grey = 0",
    }[part]
    info = {
        **common,
        "kind": f"separation_{part}",
        "map": _TITLES[part],
        "unit": "ppm",
        "description": f"{what}. {found.relaxation}.",
    }
    data, keywords, kind = scalar_layer(
        grid,
        only_inside(grid.to_shown(_values(found, part)), inside),
        f"{prefix}{_TITLES[part]} [ppm]",
        MMS_COLORMAP,
        windows[part],
        True,
        info,
    )
    return data, keywords | colours(part), kind


def colours(part: str) -> dict[str, Any]:
    """Keyword of a layer for the colours of a part: warm, cold, or grey."""
    if part == "total":
        return {}
    colors, name = (WARM, "chi+ warm") if part == "pos" else (COLD, "chi- cold")
    return {"colormap": {"colors": list(colors), "name": name}}


def _of_the_tensor(found: SeparatedField, named: str, common: Mapping[str, Any]) -> list[LayerData]:
    """MSA and PEV colours of the diamagnetic part, hidden at first; its MMS is -|chi-|."""
    if found.chi_neg_tensor is None:
        return []
    maps = shown_maps(found.chi_neg_tensor, named)
    floor, ceiling = maps.window()
    about = f"{found.relaxation}."
    msa = scalar_layer(
        maps.grid,
        only_inside(maps.msa, maps.mask),
        f"{named} - χ− MSA [ppm]",
        MSA_COLORMAP,
        (0.0, ceiling),
        False,
        {**common, "maps": maps, "kind": "separation_msa", "map": "χ− MSA", "unit": "ppm",
         "description": f"Anisotropy of the diamagnetic tensor. {about}"},
    )  # fmt: skip
    told = {**common, "maps": maps, "kind": "separation_pev", "map": "χ− PEV colour",
            "description": f"Least diamagnetic axis, the fibre: red left-right, green front-back, blue up-down; "
                           f"brightness is MSA. {about}"}  # fmt: skip
    data, keywords, kind = colour_layer(maps, f"{named} - χ− PEV colour", floor, ceiling, told)
    return [msa, (data, keywords | {"visible": False}, kind)]


# ---- side by side -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ShownSeparations:
    """Separations beside each other.

    Parameters
    ----------
    found : mapping of SeparatedField
        By the names of their runs, all on one grid.
    floor : SeparatedField or None
        The closed form that belongs to the first of them.
    """

    found: Mapping[str, SeparatedField]
    floor: SeparatedField | None

    @property
    def box(self) -> NDArray[np.float64]:
        """Lower and upper corner of the mask, (2, 3) in mm of the screen."""
        first = next(iter(self.found.values()))
        grid = DisplayGrid(first.affine, first.shape)
        inside = grid.to_shown(np.asarray(first.mask))
        sides = [np.flatnonzero(inside.any(tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        corners = np.array([[side[0] - 0.5 for side in sides], [side[-1] + 0.5 for side in sides]])
        return corners * grid.scale + grid.translate


def side_by_side(shown: ShownSeparations) -> tuple[list[LayerData], Layout]:
    """Make the layers of chi+, |chi-| and total of every separation, a row for each, in reading order.

    The closed form comes last without its total, which is nearly that of the others, so that the last cell is free
    for the legend.
    """
    rows: list[tuple[str, SeparatedField, Sequence[str]]] = [
        (name, found, ("pos", "neg", "total")) for name, found in shown.found.items()
    ]
    if shown.floor is not None:
        rows.append(("closed form", shown.floor, ("pos", "neg")))
    windows = limits(*(found for _, found, _ in rows))
    layers = []
    for name, found, parts in rows:
        grid = DisplayGrid(found.affine, found.shape)
        inside, sources = grid.to_shown(np.asarray(found.mask)), shown_sources(found)
        for part in parts:
            span = f"±{windows[part][1]:g} ppm" if part == "total" else ""  # what the legend has no room for
            dr = "" if part == "total" else f", {dr_text(found.relaxation)}"  # there is no room for both
            cell = (name, f"{_TITLES[part]}{dr}", span)
            common = _common(found, name, name) | {"cell": cell, "maps": sources}
            if shown.floor is found:
                common["simulated"] = bool(next(iter(shown.found.values())).provenance.get("simulated", False))
            data, keywords, kind = _part(found, part, grid, inside, f"{name}, compared - ", common, windows)
            keywords["metadata"][METADATA_KEY]["kind"] = f"{CELL}{part}"
            layers.append((data, keywords, kind))
    columns = 3 if shown.floor is not None else 4 if len(rows) == 1 else 3
    count = len(rows) if columns == 4 or shown.floor is not None else len(rows) + 1
    return layers, Layout(count, columns, tuple(range(len(layers))))


def brush_layer(
    found: SeparatedField, chosen: NDArray[np.uint8] | NDArray[np.bool_], *, run: str, said: str
) -> LayerData:
    """Make the layer of voxels that were chosen in the joint histogram, (X, Y, Z) in the order that is shown."""
    grid = DisplayGrid(found.affine, found.shape)
    info = {
        **grid.metadata(),
        "run": f"{run}, {dr_text(found.relaxation)}",
        "kind": "mask",
        "brush": True,
        "map": "brushed voxels",
        "unit": "",
        "simulated": bool(found.provenance.get("simulated", False)),
        "description": f"Voxels with {said}.",
    }
    keywords = {
        "name": f"{run} - brushed voxels",
        "blending": "translucent_no_depth",
        "colormap": {None: "transparent", 0: "transparent", 1: BRUSH_COLOUR},
        "opacity": 0.7,
        "metadata": {METADATA_KEY: info},
        **grid.layer_keywords(),
    }
    return chosen.astype(np.uint8, copy=False), keywords, "labels"


def over_image(brush: LayerData, image: LayerData) -> LayerData:
    """Return brushed voxels that answer the status line with the values of the image that they lie over."""
    data, keywords, kind = brush
    told, seen = keywords["metadata"][METADATA_KEY], image[1]["metadata"][METADATA_KEY]
    return data, {**keywords, "metadata": {METADATA_KEY: {**told, "run": seen["run"], "maps": seen["maps"]}}}, kind


def other_voxels(layers: Iterable[Any], data: NDArray[np.uint8] | None, metadata: Mapping[str, Any]) -> None:
    """Let layers of brushed voxels show others, or none, in the arrays that they have.

    Another array would have the viewer work out all extents, sliders and thumbnails anew, which takes ten times longer.
    """
    layers = list(layers)
    for array in {id(layer.data): layer.data for layer in layers}.values():
        array[...] = 0 if data is None else data
    for layer in layers:
        info = layer.metadata[METADATA_KEY]
        kept = {key: info[key] for key in ("run", "maps") if "maps" in info}  # of the image below
        info.update({**metadata.get(METADATA_KEY, {}), **kept})
        with not_to_the_list(layer):
            layer.refresh(extent=False, thumbnail=False, highlight=False)
