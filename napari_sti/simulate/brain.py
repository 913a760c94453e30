"""The simulated brain on a grid, kept from one study to the next: only tilts and noise differ between most of them."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_sti.simulate.anatomy import Anatomy, anatomy_on, brain_grid
from napari_sti.simulate.fibres import fibre_field
from napari_sti.simulate.susceptibility import susceptibility_tensor

VoxelSize = tuple[float, float, float]


@lru_cache(maxsize=1)
def brain_anatomy(voxel_size: VoxelSize, oblique: float) -> Anatomy:
    """Anatomy on the grid that `brain_grid` lays around the brain; its arrays cannot be written to."""
    anatomy = anatomy_on(brain_grid(voxel_size, oblique=oblique))
    for volume in (anatomy.t1, anatomy.gm, anatomy.wm, anatomy.csf, anatomy.mask):
        volume.setflags(write=False)
    return anatomy


@lru_cache(maxsize=1)
def brain_tensor(voxel_size: VoxelSize, oblique: float) -> NDArray[np.float32]:
    """Simulated tensor (X, Y, Z, 6) in ppm, RAS frame, on the grid of `brain_anatomy`; it cannot be written to."""
    anatomy = brain_anatomy(voxel_size, oblique)
    chi = susceptibility_tensor(anatomy, fibre_field(anatomy))
    chi.setflags(write=False)
    return chi
