"""The anatomy of a simulated brain: MNI152 T1, grey and white matter on any grid, straight or oblique."""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

MARGIN_MM = 12.0
"""Empty rim around the brain; the circular convolution then keeps it 24 mm away from its own copies."""

_FLOAT = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie: number along i, j, k and the affine from voxel indices to RAS mm."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @property
    def voxel_size(self) -> NDArray[np.float64]:
        """Edge lengths in mm along i, j, k."""
        return cast(NDArray[np.float64], np.linalg.norm(self.affine[:3, :3], axis=0))


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Tissue of a brain on a grid.

    Parameters
    ----------
    grid : Grid
        Where the voxels lie; the world is MNI space, RAS mm.
    t1 : (X, Y, Z) float32 array
        T1-weighted brightness, 0 to 1, 0 outside the brain.
    gm, wm, csf : (X, Y, Z) float32 arrays
        Fractions of grey matter, white matter and fluid, each 0 to 1; their sum is 1 inside the brain, 0 outside.
    mask : (X, Y, Z) bool array
        The brain with its ventricles and sulci.
    """

    grid: Grid
    t1: _FLOAT
    gm: _FLOAT
    wm: _FLOAT
    csf: _FLOAT
    mask: NDArray[np.bool_]


@lru_cache(maxsize=1)
def _template() -> tuple[Grid, dict[str, _FLOAT]]:
    """MNI152 maps at 1 mm as nilearn ships them (no network), cropped to the brain."""
    read = {name: read_template(name) for name in ("t1", "gm", "wm")}
    maps = {name: values for name, (values, _) in read.items()}
    world = read["t1"][1]
    # The template is skull-stripped: what is not zero is the brain, in one piece, with ventricles and sulci.
    brain = maps["t1"] > 0.05
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    affine = world.copy()
    affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
    maps["mask"] = brain.astype(np.float32)
    _whiten_brain_stem(maps["gm"], maps["wm"], world)
    maps = {name: np.ascontiguousarray(values[box]) for name, values in maps.items()}
    return Grid(cast(tuple[int, int, int], maps["t1"].shape), affine), maps


def read_template(name: str) -> tuple[_FLOAT, NDArray[np.float64]]:
    """Read one MNI152 map, "t1", "gm" or "wm", as values from 0 to 1 and its affine.

    The file is looked up in the nilearn package without importing nilearn, whose loaders bring scikit-learn and
    three seconds along; where it is not found, the loaders are asked.
    """
    import nibabel

    file = resources.files("nilearn") / "datasets" / "data" / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    if file.is_file():
        with resources.as_file(file) as path:
            image = nibabel.load(path)
            values = np.asarray(image.dataobj, np.float32)
        return values / values.max(), np.array(image.affine, np.float64)
    return read_template_by_loader(name)


def read_template_by_loader(name: str) -> tuple[_FLOAT, NDArray[np.float64]]:
    """Read one MNI152 map as `read_template` does, through nilearn's public loaders."""
    from nilearn import datasets

    load = {
        "t1": datasets.load_mni152_template,
        "gm": datasets.load_mni152_gm_template,
        "wm": datasets.load_mni152_wm_template,
    }[name]
    image = load(resolution=1)
    return np.array(image.dataobj, np.float32), np.array(image.affine, np.float64)


def _whiten_brain_stem(gm: _FLOAT, wm: _FLOAT, affine: NDArray[np.float64]) -> None:
    """Make the brain stem as white as its bundles are: the template takes half of it for grey matter."""
    low, high = np.array((-17, -46, -72)), np.array((17, -10, -8))
    start, stop = (np.round(corner - affine[:3, 3]).astype(int) for corner in (low, high))
    box = tuple(slice(max(a, 0), b) for a, b in zip(start, stop, strict=True))
    # Fades in over the upper 12 mm, and leaves alone what is clearly grey.
    z = np.arange(box[2].start, box[2].stop) + affine[2, 3]
    share = np.clip((high[2] - z) / 12, 0, 1) * np.clip((wm[box] - 0.25) / 0.15, 0, 1)
    moved = (0.8 * gm[box] * share).astype(np.float32)
    wm[box] += moved
    gm[box] -= moved


def brain_grid(voxel_size: tuple[float, float, float], *, oblique: float = 0.0, margin: float = MARGIN_MM) -> Grid:
    """Lay a grid around the brain, in RAS order.

    Parameters
    ----------
    voxel_size : (float, float, float)
        Edge lengths in mm along i (right), j (front) and k (top).
    oblique : float
        Turn of the grid against the world in degrees, about an axis that is none of the world's.
    margin : float
        Empty rim in mm on every side, at least; the numbers of voxels are then rounded up to ones that are quick
        to Fourier transform, odd ones among them.
    """
    template, maps = _template()
    axes = Rotation.from_rotvec(np.radians(oblique) * _OBLIQUE_AXIS).as_matrix()
    world = np.argwhere(maps["mask"]) @ template.affine[:3, :3].T + template.affine[:3, 3]
    along = world @ axes  # coordinates along the axes of the grid
    low, high = along.min(0), along.max(0)
    needed = np.ceil((high - low + 2 * margin) / voxel_size).astype(int)
    shape = tuple(int(fft.next_fast_len(int(n), real=True)) for n in needed)
    affine = np.eye(4)
    affine[:3, :3] = axes * voxel_size
    affine[:3, 3] = axes @ (low + high) / 2 - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(cast(tuple[int, int, int], shape), affine)


_OBLIQUE_AXIS = np.array([0.8, 0.5, 0.33]) / np.linalg.norm([0.8, 0.5, 0.33])
"""Mostly a nod, as scans are planned, with some turn and roll."""


def anatomy_on(grid: Grid) -> Anatomy:
    """Resample the MNI152 anatomy onto a grid, averaging over each voxel."""
    template, maps = _template()
    sampled = {name: resample(values, template, grid) for name, values in maps.items()}
    mask = sampled["mask"] > 0.5
    gm, wm = (np.clip(sampled[name], 0, 1) * mask for name in ("gm", "wm"))
    total = np.maximum(gm + wm, 1)
    gm, wm = gm / total, wm / total
    csf = np.where(mask, 1 - gm - wm, 0).astype(np.float32)
    return Anatomy(grid, np.where(mask, sampled["t1"], 0), gm, wm, csf, mask)


def resample(values: _FLOAT, source: Grid, target: Grid) -> _FLOAT:
    """Sample a volume at the voxels of another grid, linearly, zero outside.

    Larger target voxels see an average: the volume is first blurred by a Gaussian whose half width is that of the
    target voxel (its extent along the source's axes where the two are turned against each other).
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    linear, offset = to_source[:3, :3], to_source[:3, 3]
    extent = np.sqrt((linear**2).sum(1))  # of a target voxel, in source voxels
    sigma = np.where(extent > 1, np.sqrt(np.maximum(extent**2 - 1, 0)) / 2.355, 0)
    box, start = _needed(values.shape, linear, offset, target.shape, 2.5 * sigma + 2)
    values = values[box]
    if sigma.any() and values.size:
        values = ndimage.gaussian_filter(values, sigma, mode="constant", truncate=2.5)
    out = ndimage.affine_transform(values, linear, offset - start, output_shape=target.shape, order=1, mode="constant")
    return cast(_FLOAT, out)


def _needed(
    shape: tuple[int, ...],
    linear: NDArray[np.float64],
    offset: NDArray[np.float64],
    target: tuple[int, int, int],
    rim: NDArray[np.float64],
) -> tuple[tuple[slice, ...], NDArray[np.int_]]:
    """Box of source voxels that the target touches, with a rim; and its first voxel."""
    corners = np.array(list(itertools.product(*((0, n - 1) for n in target)))) @ linear.T + offset
    start = np.clip(np.floor(corners.min(0) - rim), 0, np.array(shape) - 1).astype(int)
    stop = np.clip(np.ceil(corners.max(0) + rim) + 1, start + 1, shape).astype(int)
    return tuple(slice(a, b) for a, b in zip(start, stop, strict=True)), start


def world_coordinates(grid: Grid) -> tuple[_FLOAT, _FLOAT, _FLOAT]:
    """RAS mm of every voxel as three (X, Y, Z) arrays."""
    i, j, k = np.ogrid[tuple(slice(n) for n in grid.shape)]
    a = grid.affine.astype(np.float32)
    x, y, z = (a[r, 0] * i + a[r, 1] * j + a[r, 2] * k + a[r, 3] for r in range(3))
    return cast(tuple[_FLOAT, _FLOAT, _FLOAT], (x, y, z))
