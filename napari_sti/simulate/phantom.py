"""A truth on two grids: the field is simulated on the finer one and averaged over the voxels of the study.

Simulating and reconstructing on one grid with one formula is an inverse crime: the reconstruction then meets no
error of discretisation at all. A scanner averages within its voxels; so does this.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.simulate.anatomy import Grid, anatomy_on, brain_grid
from napari_sti.simulate.fibres import fibre_field
from napari_sti.simulate.study import add_noise
from napari_sti.simulate.susceptibility import susceptibility_tensor

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Phantom:
    """A simulated truth.

    Parameters
    ----------
    truth : TensorField
        On the grid of the study, voxel frame: the mean of the finer tensor within each voxel.
    source : TensorField
        What the field is simulated from, voxel frame, the same storage order; `truth` itself if there is no finer grid.
    factor : int
        Number of voxels of `source` along each edge of a voxel of the study.
    wm_mask, csf_mask : (X, Y, Z) bool arrays
        Tissue masks as a person would give them.
    magnitude : (X, Y, Z) float32 array
        An image with anatomy.
    """

    truth: TensorField
    source: TensorField
    factor: int
    wm_mask: NDArray[np.bool_]
    csf_mask: NDArray[np.bool_]
    magnitude: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The brain, (X, Y, Z)."""
        return cast(NDArray[np.bool_], self.truth.mask)


def make_phantom(source: TensorField, factor: int, wm: NDArray[Any], csf: NDArray[Any], image: NDArray[Any]) -> Phantom:
    """Build the truth of a study from a finer tensor, fractions of tissue and an image, all on the finer grid.

    A voxel belongs to the brain if at least half of it does, to white matter from half on, to fluid from 80 per cent
    on, as in `napari_sti.simulate.study`. What lies outside these voxels has no susceptibility: the removal of
    background fields is taken to be perfect.
    """
    fine_mask = cast(NDArray[np.bool_], source.mask)
    mask = block_mean(fine_mask, factor) >= 0.5
    inside = fine_mask & repeated(mask, factor)
    chi = np.where(inside[..., None], source.chi, np.float32(0))
    affine = source.affine.copy()
    affine[:3, 3] += source.affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    affine[:3, :3] *= factor
    means = np.stack([block_mean(chi[..., c], factor) for c in range(6)], -1)
    what = {**source.provenance, "finer_grid": factor}
    truth = TensorField(means, affine, mask, "voxel", what, source.name)
    return Phantom(
        truth=truth,
        source=TensorField(chi, source.affine, inside, "voxel", what, source.name) if factor > 1 else truth,
        factor=factor,
        wm_mask=mask & (block_mean(wm, factor) > 0.5),
        csf_mask=mask & (block_mean(csf, factor) > 0.8),
        magnitude=np.where(mask, block_mean(image, factor), 0).astype(np.float32),
    )


@lru_cache(maxsize=2)
def sample_phantom(voxel_size: VoxelSize, factor: int) -> Phantom:
    """Build the sample brain for studies with this voxel size in mm, simulated `factor` times finer."""
    coarse = brain_grid(voxel_size)
    affine = coarse.affine.copy()
    affine[:3, :3] /= factor
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    shape = cast(tuple[int, int, int], tuple(factor * n for n in coarse.shape))
    anatomy = anatomy_on(Grid(shape, affine))
    chi = susceptibility_tensor(anatomy, fibre_field(anatomy))
    what = {
        "method": "simulation",
        "simulated": True,
        "remarks": ["Simulated: MNI152 anatomy, hand-laid fibre bundles, susceptibilities of typical size."],
    }
    source = TensorField(chi, affine, anatomy.mask, "ras", what, "sample brain").in_frame("voxel")
    return make_phantom(source, factor, anatomy.wm, anatomy.csf, anatomy.t1)


def scan(phantom: Phantom, b0_dirs: NDArray[np.float64], *, snr: float, seed: int, b0: float = 3.0) -> Acquisition:
    """Simulate a study of a phantom.

    Parameters
    ----------
    phantom : Phantom
        Whom to scan.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in RAS axes of the head.
    snr : float
        White noise in dB, as `napari_sti.simulate.study.add_noise` defines it, added to the averaged field.
    seed : int
        Of the noise.
    b0 : float
        Field strength in T that the study states.
    """
    from napari_sti.recon.forward import simulate_field

    truth = phantom.truth
    dirs = frames.rotate_vectors(b0_dirs, frames.between("ras", "voxel", truth.affine))
    fine = simulate_field(phantom.source.chi, phantom.source.affine, dirs)
    field = np.stack([np.where(phantom.mask, block_mean(each, phantom.factor), 0) for each in fine]).astype(np.float32)
    return Acquisition(
        field=add_noise(field, phantom.mask, snr, np.random.default_rng(seed)),
        b0_dirs=dirs,
        mask=phantom.mask,
        affine=truth.affine,
        b0=b0,
        name=truth.name,
        wm_mask=phantom.wm_mask,
        csf_mask=phantom.csf_mask,
        magnitude=phantom.magnitude[None],
        reference_tensor=truth,
        simulated=True,
    )


def block_mean(volume: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Average a volume (X, Y, Z) over cubes of `factor` voxels along each edge.

    Raises
    ------
    InputError
        If an axis is not a multiple of the factor.
    """
    if any(n % factor for n in volume.shape):
        raise InputError(f"{volume.shape} voxels cannot be averaged in cubes of {factor}", mend="pad the volume first")
    x, y, z = (n // factor for n in volume.shape)
    cubes = np.asarray(volume, np.float32).reshape(x, factor, y, factor, z, factor)
    return cast(NDArray[np.float32], cubes.mean((1, 3, 5), dtype=np.float32))


def repeated(volume: NDArray[Any], factor: int) -> NDArray[Any]:
    """Fill cubes of `factor` voxels along each edge of a volume (X, Y, Z, ...) with the value of one."""
    for axis in range(3):
        volume = np.repeat(volume, factor, axis)
    return volume
