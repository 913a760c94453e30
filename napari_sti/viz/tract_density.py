"""A map of where streamlines pass, as a layer on the grid on which they are shown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.tracts import Tracts
from napari_sti.maps.tract_scores import density
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.layers import LayerData, scalar_layer
from napari_sti.viz.numbers import Unit

KIND = "tract_density"
_TOP = 99.5
"""Percentile of the voxels that are passed at which the colours end: a few voxels hold nearly everybody."""


@dataclass(frozen=True, eq=False)
class ShownDensity:
    """Share of the streamlines in each voxel as it is shown; answers for the status line."""

    share: NDArray[np.float32]
    tracts: str
    count: int

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownDensity":
        return self  # immutable and large

    def words(self, voxel: tuple[int, int, int], unit: Unit) -> str:
        """Say how many pass a voxel."""
        share = float(np.nan_to_num(self.share[voxel]))
        passed = round(share * self.count)
        return f"{passed} of {self.count} streamlines of {self.tracts} pass ({100 * share:.3g} %)"


def density_layer(tracts: Tracts, grid: DisplayGrid, run: str) -> LayerData:
    """Make the layer of the share of the streamlines in each voxel, 0 to 1; NaN where none passes. For a thread."""
    stored = density(tracts, grid.affine, grid.shape)
    shown = grid.to_shown(np.where(stored > 0, stored, np.float32(np.nan)))
    passed = shown[np.isfinite(shown)]
    top = float(np.percentile(passed, _TOP)) if passed.size else 1.0
    replicates = tracts.provenance.get("replicates")
    among = f" over {replicates} replicates" if replicates else ""
    info = {
        "run": run,
        "kind": KIND,
        "map": "share of streamlines",
        "unit": "",
        "simulated": tracts.provenance.get("simulated"),
        "maps": ShownDensity(shown, tracts.name, len(tracts)),
        "description": f"Share of the {len(tracts)} streamlines of {tracts.name}{among} that pass each voxel.",
    }
    return scalar_layer(grid, shown, f"{tracts.name} - density", "magma", (0.0, top), True, info)
