"""Where streamlines start: in the voxels of a region, around a place, or wherever there is enough anisotropy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.errors import InputError
from napari_sti.maps.fibre_field import FibreField

World = NDArray[np.float64]


def seeds_in(region: NDArray[np.bool_], affine: ArrayLike, *, per_voxel: int = 1, seed: int = 0) -> World:
    """Place seeds in the voxels of a region: in the centre of each, or several at random places within it.

    Parameters
    ----------
    region : (X, Y, Z) bool array
        On any grid.
    affine : (4, 4) array
        Of that grid, voxel indices to RAS mm.

    Returns
    -------
    (n, 3) array
        RAS mm.
    """
    index = np.argwhere(region).astype(np.float64)
    if per_voxel > 1:
        rng = np.random.default_rng(seed)
        index = np.repeat(index, per_voxel, axis=0)
        index += rng.uniform(-0.5, 0.5, index.shape)
    matrix = np.asarray(affine, np.float64)
    return np.asarray(index @ matrix[:3, :3].T + matrix[:3, 3])


def seeds_around(place: ArrayLike, radius: float, spacing: float) -> World:
    """Place seeds in a ball around a place (3,) in RAS mm, on a lattice that has a seed at the place itself.

    Raises
    ------
    InputError
        If radius or spacing are not positive, or the ball would hold more than a million seeds.
    """
    if not (np.isfinite(radius) and np.isfinite(spacing) and radius > 0 and spacing > 0):
        raise InputError("the ball of seeds has no size", mend="give a radius and a spacing above 0 mm")
    reach = int(radius / spacing)
    if reach > 60:
        raise InputError(
            f"a ball of {radius:g} mm with seeds every {spacing:g} mm holds too many", mend="take a smaller ball"
        )
    steps = np.arange(-reach, reach + 1) * spacing
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    within = np.linalg.norm(lattice, axis=1) <= radius + 1e-9
    around: World = np.asarray(place, np.float64) + lattice[within]
    return around


def seeds_everywhere(field: FibreField, floor: float) -> World:
    """Place a seed in every voxel whose anisotropy is at least `floor`."""
    return seeds_in(field.mask & (field.anisotropy >= floor), field.affine)


def at_most(seeds: World, most: int, *, seed: int = 0) -> World:
    """Choose at most so many seeds by chance, in their order; all of them if there are no more."""
    if len(seeds) <= most:
        return seeds
    chosen = np.random.default_rng(seed).choice(len(seeds), most, replace=False)
    return seeds[np.sort(chosen)]
