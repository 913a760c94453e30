"""Layers that put tensors beside their reference: the same map in the same window, and the angle to the reference.

Everything is in the shown order of one grid. What is here is made without napari, so that it can be made in a thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.beside import FA_WINDOW
from napari_sti.evaluate.slices import Windows, suited_windows
from napari_sti.maps.comparison import Comparison
from napari_sti.maps.dti import DtiReference
from napari_sti.viz import numbers
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.layers import (
    MMS_COLORMAP,
    MSA_COLORMAP,
    LayerData,
    colour_layer,
    only_inside,
    scalar_layer,
)
from napari_sti.viz.numbers import Unit
from napari_sti.viz.shown_maps import ShownMaps, shown_maps

MapKind = Literal["pev_colour", "msa", "mms"]
MAP_KINDS: tuple[MapKind, ...] = ("pev_colour", "msa", "mms")

# fmt: off
ANGLE_COLORS = (
    "#472e7c", "#414287", "#39568c", "#31688e", "#29798e", "#23898e", "#1f9a8a",
    "#24aa83", "#3aba76", "#5ac864", "#84d44b", "#b0dd2f", "#dfe318",
)
# fmt: on
"""Viridis without its ends: even in lightness, legible with every colour vision, and seen on black and on white."""
ANGLE_LIMITS = (0.0, 90.0)

Voxel = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ShownAngles:
    """An angle map as it is shown; answers for the status line."""

    degrees: NDArray[np.float32]
    run: str
    reference: str
    where: str

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownAngles":
        return self  # immutable and large

    def words(self, voxel: Voxel, unit: Unit) -> str:
        """Say what lies in a voxel."""
        angle = float(self.degrees[voxel])
        if not np.isfinite(angle):
            return f"no angle here (only where {self.where})"
        return f"PEV angle {self.run} to {self.reference} {numbers.degrees(angle)}"


@dataclass(frozen=True, eq=False)
class ShownFibres:
    """Directions and FA of a DTI as they are shown; answers for the status line.

    Parameters
    ----------
    maps : ShownMaps
        With FA in the place of the anisotropy, so that it is painted as a run is; there is no susceptibility in it.
    """

    maps: ShownMaps

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownFibres":
        return self

    def words(self, voxel: Voxel, unit: Unit) -> str:
        """Say what lies in a voxel."""
        if not self.maps.mask[voxel]:
            return "no direction"
        return f"FA {self.maps.msa[voxel]:.2f}    direction {numbers.direction(self.maps.pev[voxel])}"


@dataclass(frozen=True, eq=False)
class ShownComparison:
    """A comparison in the order in which it is shown, with the windows that all of its layers share.

    Parameters
    ----------
    comparison : Comparison
        Of which it is made.
    maps : mapping of str to ShownMaps
        Of each result.
    reference : ShownMaps or ShownFibres
        Of the reference.
    angles : mapping of str to (X, Y, Z) arrays
        Degrees, NaN where they do not count.
    windows : Windows
        The same for all, chosen for the reference.
    """

    comparison: Comparison
    maps: Mapping[str, ShownMaps]
    reference: ShownMaps | ShownFibres
    angles: Mapping[str, NDArray[np.float32]]
    windows: Windows

    @property
    def grid(self) -> DisplayGrid:
        """Where all of it lies."""
        return next(iter(self.maps.values())).grid

    @property
    def box(self) -> NDArray[np.float64]:
        """Lower and upper corner of the voxels that were compared, (2, 3) in mm of the screen."""
        inside = self.grid.to_shown(self.comparison.mask)
        sides = [np.flatnonzero(inside.any(tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        corners = np.array([[side[0] - 0.5 for side in sides], [side[-1] + 0.5 for side in sides]])
        return corners * self.grid.scale + self.grid.translate


def shown_comparison(comparison: Comparison) -> ShownComparison:
    """Bring a comparison to the screen's order, once for all of its maps."""
    reference = comparison.reference
    tensor = reference if isinstance(reference, TensorField) else None
    grid = DisplayGrid(comparison.affine, comparison.mask.shape)
    return ShownComparison(
        comparison=comparison,
        maps={name: shown_maps(result, name) for name, result in comparison.results.items()},
        reference=_shown_fibres(reference, comparison.reference_name)
        if isinstance(reference, DtiReference)
        else shown_maps(reference, comparison.reference_name),
        angles={name: grid.to_shown(angles) for name, angles in comparison.angle_maps.items()},
        windows=suited_windows(tensor, comparison.results.values()),
    )


def _shown_fibres(reference: DtiReference, name: str) -> ShownFibres:
    grid = DisplayGrid(reference.affine, reference.shape)
    directions = frames.rotate_vectors(reference.directions, frames.between("voxel", "ras", reference.affine))
    fa = grid.to_shown(reference.fa)
    return ShownFibres(ShownMaps(name, grid, fa, fa, grid.to_shown(directions), grid.to_shown(reference.mask)))


def comparison_layers(shown: ShownComparison, kind: MapKind) -> list[LayerData]:
    """Make the layers of a comparison in reading order: every result, the reference, every angle map.

    Parameters
    ----------
    shown : ShownComparison
        What is shown.
    kind : {"pev_colour", "msa", "mms"}
        Which map of the tensors; a DTI shows its FA for MSA, else its direction colours.
    """
    maps = [_map_layer(shown, maps, kind) for maps in shown.maps.values()]
    reference = shown.reference
    of_reference = (
        _fibre_layer(shown, reference, kind)
        if isinstance(reference, ShownFibres)
        else _map_layer(shown, reference, kind)
    )
    return [*maps, of_reference, *(_angle_layer(shown, name) for name in shown.angles)]


def _info(shown: ShownComparison, run: str, kind: str, *cell: str) -> dict[str, Any]:
    tensors = {**shown.comparison.results, shown.comparison.reference_name: shown.comparison.reference}
    tensor = tensors[run]
    simulated = isinstance(tensor, TensorField) and bool(tensor.provenance.get("simulated", False))
    return {"run": run, "kind": kind, "simulated": simulated, "cell": cell}


def _role(shown: ShownComparison, run: str) -> str:
    """Mark the reference, so that nobody takes it for one of the results."""
    return "reference, " if run == shown.comparison.reference_name else ""


def _map_layer(shown: ShownComparison, maps: ShownMaps, kind: MapKind) -> LayerData:
    run, role = maps.run, _role(shown, maps.run)
    floor, ceiling = shown.windows.msa
    if kind == "pev_colour":
        info = _info(shown, run, "compared_colour", run, f"{role}PEV colour") | {"maps": maps}
        return colour_layer(maps, f"{run} - PEV colour (compared)", floor, ceiling, info)
    title = kind.upper()
    limits = (0.0, ceiling) if kind == "msa" else (-shown.windows.mms, shown.windows.mms)
    info = _info(shown, run, f"compared_{kind}", run, f"{role}{title}") | {"maps": maps, "map": title, "unit": "ppm"}
    return scalar_layer(
        maps.grid,
        only_inside(getattr(maps, kind), maps.mask),
        f"{run} - {title} (compared) [ppm]",
        MSA_COLORMAP if kind == "msa" else MMS_COLORMAP,
        limits,
        True,
        info,
    )


def _fibre_layer(shown: ShownComparison, fibres: ShownFibres, kind: MapKind) -> LayerData:
    maps = fibres.maps
    run, role = maps.run, _role(shown, maps.run)
    if kind == "msa":
        info = _info(shown, run, "compared_fa", run, f"{role}FA") | {"maps": fibres, "map": "FA", "unit": ""}
        fa = only_inside(maps.msa, maps.mask)
        return scalar_layer(maps.grid, fa, f"{run} - FA (compared)", MSA_COLORMAP, (0.0, 1.0), True, info)
    brightness = f"brightness FA {FA_WINDOW[0]:g} to {FA_WINDOW[1]:g}"
    info = _info(shown, run, "compared_fibres", run, f"{role}directions", brightness) | {
        "maps": fibres,
        "map": "DTI directions",
    }
    data, keywords, layer_type = colour_layer(maps, f"{run} - DTI directions (compared)", *FA_WINDOW, info)
    for key in ("floor", "ceiling"):  # they would be read as MSA in ppm
        del keywords["metadata"]["napari_sti"][key]
    return data, keywords, layer_type


def _angle_layer(shown: ShownComparison, run: str) -> LayerData:
    comparison = shown.comparison
    scores, degrees = comparison.scores[run], shown.angles[run]
    mean = scores.angle_mean
    # A result without directions is said to have none, instead of showing an empty cell.
    below = "isotropic: no directions" if not np.isfinite(degrees).any() else f"mean {numbers.degrees(mean)}"
    angles = ShownAngles(degrees, run, comparison.reference_name, comparison.where)
    info = _info(shown, run, "compared_angle", run, f"angle to {comparison.reference_name}", below) | {
        "maps": angles,
        "map": "angle",
        "unit": "°",
        "description": f"Angle between the principal eigenvectors, only where {comparison.where}.",
    }
    name = f"{run} - PEV angle to {comparison.reference_name} [deg]"
    data, keywords, kind = scalar_layer(shown.grid, degrees, name, "viridis", ANGLE_LIMITS, True, info)
    return data, keywords | {"colormap": {"colors": list(ANGLE_COLORS), "name": "PEV angle"}}, kind
