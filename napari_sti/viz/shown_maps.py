"""The maps of one run in the order in which they are shown: shared by its layers, the status line and the colours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.colour import msa_limits
from napari_sti.maps.even_colour import full_even_colour
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.numbers import nice_limit

BLOCK = 8192
"""Voxels that are painted at once."""


@dataclass(frozen=True, eq=False)
class ShownMaps:
    """MMS, MSA and PEV of a tensor as they are shown.

    Parameters
    ----------
    run : str
        Name of the run.
    grid : DisplayGrid
        Where they lie.
    mms, msa : (X, Y, Z) float32 arrays
        In ppm, in the shown order of axes.
    pev : (X, Y, Z, 3) float32 array
        Unit vectors in RAS (not in the shown axes), in the shown order of axes.
    mask : (X, Y, Z) bool array
        Where they mean something.
    spreads : mapping of (X, Y, Z) float32 arrays
        How far they move without any one orientation, where that is known: ``pev_spread`` in degrees, ``msa_spread``
        and ``mms_spread`` in ppm.
    chi : (X, Y, Z, 6) array, optional
        The tensor itself in the shown order, components in `chi_to_ras`'s axes; a view of what was read.
    chi_to_ras : (3, 3) array, optional
        From the axes of the components to RAS.
    """

    run: str
    grid: DisplayGrid
    mms: NDArray[np.float32]
    msa: NDArray[np.float32]
    pev: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spreads: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    chi: NDArray[np.floating] | None = None
    chi_to_ras: NDArray[np.float64] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownMaps":
        # Immutable and large: a duplicated layer shares it.
        return self

    @cached_property
    def inside(self) -> NDArray[np.intp]:
        """Flat indices of the voxels inside the mask."""
        return np.flatnonzero(self.mask)

    @cached_property
    def painted(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """PEV in RAS (k, BLOCK, 3) and MSA (k, BLOCK) of the voxels inside the mask, the last block filled with 0.

        Only these are painted when floor or ceiling change, block by block, which stays in the cache.
        """
        n = len(self.inside)
        blocks = -(-n // BLOCK)
        pev = np.zeros((blocks * BLOCK, 3), np.float32)
        msa = np.zeros(blocks * BLOCK, np.float32)
        pev[:n] = self.pev.reshape(-1, 3)[self.inside]
        msa[:n] = self.msa.reshape(-1)[self.inside]
        return pev.reshape(blocks, BLOCK, 3), msa.reshape(blocks, BLOCK)

    @cached_property
    def even(self) -> NDArray[np.float32]:
        """Evenly light colours (k, BLOCK, 3) of the directions of `painted` at full brightness."""
        return np.stack([full_even_colour(block) for block in self.painted[0]])

    def window(self) -> tuple[float, float]:
        """MSA floor and ceiling in ppm that suit these data: dark below, full brightness above."""
        return msa_limits(self.msa, self.mask)

    def mms_limit(self) -> float:
        """Limit in ppm of a map of MMS that is symmetric around 0."""
        return symmetric_limit(self.mms.reshape(-1)[self.inside])


def shown_maps(tensor: TensorField, run: str) -> ShownMaps:
    """Bring the maps of a tensor to the screen's order; the tensor's own maps are used, not computed again."""
    grid = DisplayGrid(tensor.affine, tensor.shape)
    to_ras = frames.between(tensor.frame, "ras", tensor.affine)
    mask = grid.to_shown(cast(NDArray[np.bool_], tensor.mask))
    chi = frames.reorder_volume(tensor.chi, grid.orientation)  # without a copy: it is large and seldom looked at
    return ShownMaps(
        run=run,
        grid=grid,
        mms=grid.to_shown(tensor.mms),
        msa=grid.to_shown(tensor.msa),
        pev=grid.to_shown(frames.rotate_vectors(tensor.pev, to_ras)),
        mask=mask & np.isfinite(chi).all(axis=-1),
        chi=chi,
        chi_to_ras=to_ras,
    )


def symmetric_limit(values: NDArray[np.floating]) -> float:
    """Limit of a colour map that is symmetric around 0: a robust maximum of the absolute value, rounded up."""
    good = values[np.isfinite(values)]
    return nice_limit(float(np.percentile(np.abs(good), 99.5))) if good.size else 1.0
