"""A fibre field for the simulated brain: bundles along known courses, gyral fans from the anatomy between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from napari_sti.core import eigen
from napari_sti.simulate.anatomy import Anatomy, Grid, anatomy_on, resample
from napari_sti.simulate.tracts import TRACTS, Tract

STREAMLINES = 400
"""Fibres drawn for each bundle."""
STEP_MM = 1.0
BLUR_MM = 2.0
"""How far the direction of one fibre spreads to its surroundings (Gaussian sigma)."""
GYRAL_WEIGHT = 0.25
"""Weight of the gyral fans beside a bundle of weight 1."""

SATURATION = 0.1
"""Density of fibres, relative to the stem of their bundle, that counts half."""
GYRAL_BLURS_MM = (6.0,)
"""Over what distances (Gaussian sigma) the white matter is blurred to find where it points outward."""

DISPERSION = 0.25
"""How much of the fibres in a voxel runs in all directions, beside a bundle of weight 1."""

_FLOAT = NDArray[np.float32]

REFERENCE = Grid((79, 97, 81), np.array([[2.0, 0, 0, -78], [0, 2, 0, -112], [0, 0, 2, -76], [0, 0, 0, 1]]))
"""The grid in which bundles are drawn: 2 mm, RAS, mirror-symmetric about x = 0."""


@dataclass(frozen=True, eq=False)
class FibreField:
    """Fibre direction and coherence of every voxel.

    Parameters
    ----------
    direction : (X, Y, Z, 3) float32 array
        Unit vectors in RAS, sign free; 0 where there is no white matter.
    coherence : (X, Y, Z) float32 array
        (l1 - l2) / (l1 + `DISPERSION`) of the summed dyadics of all bundles through the voxel, below 1: high in one
        straight bundle, lower in the gyri, 0 where two equal bundles cross.
    """

    direction: _FLOAT
    coherence: _FLOAT


def fibre_field(anatomy: Anatomy) -> FibreField:
    """Sample the fibre field on the grid of an anatomy, where that has white matter."""
    dyadic = sample_dyadic()
    inside = anatomy.wm > 0.02
    packed = np.zeros((int(inside.sum()), 6))
    for c in range(6):
        packed[:, c] = resample(dyadic[c], REFERENCE, anatomy.grid)[inside]
    values, vectors = eigen.eigen_system(packed)
    direction = np.zeros((*inside.shape, 3), np.float32)
    coherence = np.zeros(inside.shape, np.float32)
    direction[inside] = vectors[:, :, 0]
    coherence[inside] = (values[:, 0] - values[:, 1]) / (values[:, 0] + DISPERSION)
    return FibreField(direction, coherence)


@lru_cache(maxsize=1)
def sample_dyadic() -> _FLOAT:
    """Summed dyadics (6, X, Y, Z), in RAS, of all fibres of the sample brain on the `REFERENCE` grid."""
    return both_halves(TRACTS) + np.float32(GYRAL_WEIGHT) * gyral_dyadic()


def both_halves(tracts: Iterable[Tract], *, saturation: float = SATURATION) -> _FLOAT:
    """Lay bundles of the right half and their mirror images: summed dyadics (6, X, Y, Z), in RAS, on `REFERENCE`."""
    total = np.zeros((6, *REFERENCE.shape), np.float32)
    for number, tract in enumerate(tracts):
        add_tract(total, tract, np.random.default_rng(number), saturation=saturation)
    # The left half is the mirror image: x -> -x turns the sign of xy and xz.
    sign = np.array([1, -1, -1, 1, 1, 1], np.float32)[:, None, None, None]
    return cast(_FLOAT, total + sign * total[:, ::-1])


def add_tract(total: _FLOAT, tract: Tract, rng: np.random.Generator, *, saturation: float = SATURATION) -> None:
    """Add the dyadics of a bundle, times its weight, to those (6, X, Y, Z) on the `REFERENCE` grid.

    A fan counts as much as its stem where its fibres are denser than `saturation` times those of the stem, and fades
    where they are sparser.
    """
    points, tangents = streamlines(tract, STREAMLINES, rng)
    step = REFERENCE.affine[0, 0]
    index = (points.reshape(-1, 3) - REFERENCE.affine[:3, 3]) / step
    pad = int(np.ceil(3 * BLUR_MM / step)) + 1
    low = np.clip(np.floor(index.min(0)).astype(int) - pad, 0, None)
    high = np.minimum(np.ceil(index.max(0)).astype(int) + pad + 1, REFERENCE.shape)
    shape = tuple(high - low)
    nearest = np.round(index).astype(int) - low
    ok = ((nearest >= 0) & (nearest < shape)).all(1)
    flat = np.ravel_multi_index(nearest[ok].T, shape)
    t = tangents.reshape(-1, 3)[ok]
    sums = np.empty((6, *shape), np.float32)
    for c, (a, b) in enumerate(zip(*np.triu_indices(3), strict=True)):
        drawn = np.bincount(flat, t[:, a] * t[:, b], int(np.prod(shape))).reshape(shape)
        sums[c] = ndimage.gaussian_filter(drawn, BLUR_MM / step, mode="constant", truncate=3)
    density = sums[0] + sums[3] + sums[5]
    # Density saturates instead of adding up.
    enough = saturation * np.percentile(density[density > 1e-3 * density.max()], 90)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    total[(slice(None), *box)] += tract.weight * sums / (density + enough)


def streamlines(tract: Tract, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw fibres through the stations of a tract.

    Each fibre keeps its place in the cross-section from station to station, so that fibres neither cross within
    their bundle nor lose their neighbours; between stations it is a cubic spline.

    Returns
    -------
    points, tangents : (count, S, 3) arrays
        Positions in RAS mm and unit vectors.
    """
    place = rng.normal(size=(count, 3))
    place *= (rng.random((count, 1)) ** (1 / 3)) / np.linalg.norm(place, axis=1, keepdims=True)
    knots = tract.centres[:, None] + tract.widths[:, None] * place  # (K, count, 3)
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(tract.centres, axis=0), axis=1))]
    curve = CubicSpline(along, knots, axis=0, bc_type="natural")
    s = np.linspace(0, along[-1], int(np.ceil(along[-1] / STEP_MM)) + 1)
    points, tangents = curve(s), curve(s, 1)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=-1, keepdims=True), 1e-9)
    return points.transpose(1, 0, 2), tangents.transpose(1, 0, 2)


def gyral_dyadic(blurs_mm: Sequence[float] = GYRAL_BLURS_MM) -> _FLOAT:
    """Fibres of the gyri (6, X, Y, Z): outward from the depth of the white matter, within its sheets.

    The structure tensor of the white matter gives the normal of a gyral blade; the gradient of the heavily blurred
    white matter points from its stem to its crown. Fibres follow the second, made orthogonal to the first. With several
    blurs, the mean of their dyadics.
    """
    wm = anatomy_on(REFERENCE).wm
    fine = np.stack(np.gradient(ndimage.gaussian_filter(wm, 0.7)))
    six = np.stack([ndimage.gaussian_filter(fine[a] * fine[b], 1.5) for a, b in zip(*np.triu_indices(3), strict=True)])
    where = ndimage.binary_dilation(wm > 0.02, iterations=2)
    values, vectors = eigen.eigen_system(six[:, where].T)
    normal = vectors[:, :, 0]
    sheet = (values[:, 0] - values[:, 1]) / np.maximum(values[:, 0], 1e-12)
    out = np.zeros((6, *wm.shape), np.float32)
    for blur in blurs_mm:
        outward = -np.stack(np.gradient(ndimage.gaussian_filter(wm, blur / REFERENCE.affine[0, 0])))
        v = outward[:, where].T
        v = v - (sheet * (v * normal).sum(1))[:, None] * normal
        v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
        for c, (a, b) in enumerate(zip(*np.triu_indices(3), strict=True)):
            out[c][where] += v[:, a] * v[:, b] / len(blurs_mm)
    return np.stack([ndimage.gaussian_filter(volume, 0.8) for volume in out])
