"""The usual colours of directions: red left-right, green front-back, blue up-down, brightness from anisotropy."""

import math
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.even_colour import dimmed, even_colour

RGB = NDArray[np.uint8]
_Floats = NDArray[np.float32]

FLOOR_SHARE = 0.1
"""Automatic floor as a share of the ceiling: noise makes every anisotropy positive, so black starts above 0."""


Axes = tuple[bool, bool, bool]
"""One flag for each of the world's axes: left-right, front-back, up-down."""
NO_AXIS: Axes = (False, False, False)


def pev_colour(
    pev_ras: NDArray[np.floating],
    msa: NDArray[np.floating],
    floor: float | None = None,
    ceiling: float | None = None,
    *,
    even: bool = False,
    suppress: Axes = NO_AXIS,
) -> RGB:
    """Colour directions by their world axes.

    Parameters
    ----------
    pev_ras : (..., 3) array
        Unit vectors in RAS axes; their signs do not matter. Zero vectors are black.
    msa : (...) array
        Anisotropy in ppm: black up to `floor`, full brightness from `ceiling` on, linear between. NaN is black.
    floor, ceiling : float, optional
        In ppm; by default those of `msa_limits`. If the ceiling is not above the floor, brightness is a step there.
    even : bool
        Every direction equally light (`even_colour`); otherwise up-down looks darker than front-back.
    suppress : three bool
        World axes (left-right, front-back, up-down) whose part of the colour is left out.

    Returns
    -------
    (..., 3) uint8 array
        abs(x) as red, abs(y) as green, abs(z) as blue.
    """
    pev, anisotropy = np.asarray(pev_ras, np.float32), np.asarray(msa, np.float32)
    if floor is None or ceiling is None:
        suited = msa_limits(anisotropy)
        floor, ceiling = suited[0] if floor is None else floor, suited[1] if ceiling is None else ceiling
    if pev.ndim == 1:
        one = pev_colour(pev[None], anisotropy[None], floor, ceiling, even=even, suppress=suppress)
        return cast(RGB, one[0])
    out = np.empty_like(pev, dtype=np.uint8)
    # Slice by slice stays in the cache, if the slices lie together in memory.
    slowest = int(np.argmax(np.abs(pev.strides[:-1])))
    slices = (np.moveaxis(array, slowest, 0) for array in (out, pev, anisotropy))
    for painted, directions, values in zip(*slices, strict=True) if pev.ndim > 2 else [(out, pev, anisotropy)]:
        if any(suppress):
            directions = directions * ~np.array(suppress)
        brightness = window_share(values, floor, ceiling)
        painted[...] = even_colour(directions, brightness) if even else _colour(directions, brightness)
    return out


def dimmed_colour(full: NDArray[np.float32], msa: NDArray[np.float32], floor: float, ceiling: float) -> RGB:
    """Evenly light colours of directions whose own colours are known: what is left to do when the window changes.

    Parameters
    ----------
    full : (k, n, 3) array
        Of `full_even_colour`, in blocks that stay in the cache.
    msa : (k, n) array
        What brightness stands for.
    floor, ceiling : float
        As in `pev_colour`.

    Returns
    -------
    (k, n, 3) uint8 array
    """
    out = np.empty(full.shape, np.uint8)
    for painted, colours, values in zip(out, full, msa, strict=True):
        painted[...] = dimmed(colours, window_share(values, floor, ceiling))
    return out


def window_share(values: NDArray[np.floating], floor: float, ceiling: float) -> NDArray[np.float32]:
    """Where values lie between floor and ceiling, from 0 to 1; a step at the floor where the ceiling is not above it.

    NaN is 0.
    """
    given = np.asarray(values, np.float32)
    if not ceiling > floor:
        return np.where(given > floor, np.float32(1), np.float32(0))
    share = (given - np.float32(floor)) * np.float32(1 / (ceiling - floor))
    # fmax and fmin prefer numbers to NaN.
    return cast(_Floats, np.fmin(np.fmax(share, 0), 1))


def _colour(pev: NDArray[np.float32], brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled = np.abs(pev) * (np.float32(255) * brightness)[..., None]
    scaled += np.float32(0.5)
    return cast(_Floats, np.fmin(np.fmax(scaled, 0), 255))


def tensor_colour(tensor: TensorField, floor: float | None = None, ceiling: float | None = None) -> RGB:
    """Colour the principal directions of a tensor field, whatever its frame and storage order; black outside the mask.

    Parameters
    ----------
    tensor : TensorField
        The result is stored in its order, (X, Y, Z, 3).
    floor, ceiling : float, optional
        In ppm; by default those of `msa_limits`.
    """
    limits = msa_limits(tensor.msa, tensor.mask)
    return pev_colour(
        frames.rotate_vectors(tensor.pev, frames.to_ras(tensor.frame, tensor.affine)),
        tensor.msa,
        limits[0] if floor is None else floor,
        limits[1] if ceiling is None else ceiling,
    )


def msa_limits(
    msa: NDArray[np.floating], mask: NDArray[np.bool_] | None = None, *, percentile: float = 99.0
) -> tuple[float, float]:
    """Floor and ceiling in ppm that suit the data: rounded to two digits, so that a legend can name them.

    Parameters
    ----------
    msa : (...) array
        Anisotropy in ppm.
    mask : (...) array of bool, optional
        Where it is meant; everywhere that it is not 0 by default.
    percentile : float
        Of the values, at which the ceiling lies; few bright outliers then do not darken the rest.
    """
    values = np.asarray(msa)[np.asarray(msa) != 0 if mask is None else np.asarray(mask, bool)]
    values = values[np.isfinite(values)]
    top = float(np.percentile(values, percentile)) if values.size else 0.0
    if top <= 0:
        return 0.0, 1e-3
    ceiling = _two_digits(top)
    return _two_digits(ceiling * FLOOR_SHARE), ceiling


def _two_digits(value: float) -> float:
    return round(value, 1 - math.floor(math.log10(value)))


def colour_key(view_axes: ArrayLike, *, size: int = 128, even: bool = False, suppress: Axes = NO_AXIS) -> RGB:
    """Paint the key to the direction colours: the near half of a ball of directions as this view sees it.

    Parameters
    ----------
    view_axes : (3, 3) array
        Rows: the unit vectors in RAS axes that point to the right of the screen, to its top, and at the viewer.
    size : int
        Edge of the picture in pixels.
    even, suppress
        As in `pev_colour`.

    Returns
    -------
    (size, size, 4) uint8 array
        RGBA, first row at the top; transparent outside the ball, with a smooth edge.
    """
    axes = np.asarray(view_axes, np.float64)
    centre = (size - 1) / 2
    radius = size / 2 - 0.5  # half a pixel is left for the smooth edge
    x = (np.arange(size) - centre) / radius
    right, up = np.meshgrid(x, -x)
    distance = np.hypot(right, up)
    # Just outside the rim the colour of the rim goes on, or the smooth edge would have a dark seam.
    outside = np.maximum(distance, 1)
    right, up = right / outside, up / outside
    near = np.sqrt(np.clip(1 - right**2 - up**2, 0, 1))
    directions = np.stack([right, up, near], axis=-1) @ axes
    key = np.empty((size, size, 4), np.uint8)
    key[..., :3] = pev_colour(directions, np.ones((size, size), np.float32), 0.0, 1.0, even=even, suppress=suppress)
    key[..., 3] = np.rint(np.clip((1 - distance) * radius + 0.5, 0, 1) * 255)
    return key
