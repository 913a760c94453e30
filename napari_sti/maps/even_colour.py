"""Colours of directions that are all equally light: what is bright is anisotropic, not front-back.

Red, green and blue of a screen differ in lightness by a factor of two, so that in the usual colours a bundle that runs
front-back looks stronger than one that runs up-down. Here the three axes get a red, a green and a blue of one lightness
and one chroma in Oklab (B. Ottosson 2020, https://bottosson.github.io/posts/oklab), and a direction v gets their mean
with the weights v_x^2, v_y^2, v_z^2, which add up to one: so every direction has that lightness. Brightness scales
the Oklab vector, which keeps the hue.
"""

from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

LIGHTNESS, CHROMA = 0.70, 0.15
"""Of all directions at full brightness: the most colourful that a screen can show for all three hues."""

HUES = (28.0, 145.0, 264.0)
"""Degrees in Oklab of left-right, front-back and up-down."""

STEPS = 63
"""Of a table of colours; finer than 8 bits can show for so little chroma."""

_TO_CONE = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def even_colour(directions: NDArray[np.floating], brightness: NDArray[np.floating]) -> NDArray[np.float32]:
    """Colour directions so that lightness says nothing but brightness.

    Parameters
    ----------
    directions : (..., 3) array
        Unit vectors in RAS; components that are 0 because they are suppressed make a colour darker.
    brightness : (...) array
        From 0 to 1.

    Returns
    -------
    (..., 3) float32 array
        Red, green and blue from 0 to 255, rounded.
    """
    return dimmed(full_even_colour(directions), brightness)


def full_even_colour(directions: NDArray[np.floating]) -> NDArray[np.float32]:
    """Colours (..., 3) of `even_colour` at full brightness, not rounded; for `dimmed`."""
    x, y, z = (_square(directions[..., axis]) for axis in range(3))
    total = x + y + z
    steps = np.float32(STEPS) / np.maximum(total, np.float32(1e-6))
    index = np.rint(x * steps).astype(np.int32) * (STEPS + 1) + np.rint(y * steps).astype(np.int32)
    full = _table().reshape(-1, 3).take(index, axis=0)
    full *= _written(np.fmin(total, 1))[..., None]
    return cast(NDArray[np.float32], full)


def dimmed(full: NDArray[np.float32], brightness: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give colours (..., 3) of `full_even_colour` a brightness (...) from 0 to 1; rounded."""
    colours = full * _written(np.asarray(brightness, np.float32))[..., None]
    return cast(NDArray[np.float32], np.rint(colours, out=colours))


def _written(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaling Oklab by b scales light by b^3, and what is written into a picture by its 2.2nd root."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a power, but several times faster
        return np.where(light > 0, np.exp(np.float32(3 / 2.2) * np.log(light)), np.float32(0))


def _square(component: NDArray[np.floating]) -> NDArray[np.float32]:
    """At most 1; NaN is 0."""
    values = np.asarray(component, np.float32)
    return cast(NDArray[np.float32], np.fmin(np.fmax(values * values, 0), 1))  # fmax prefers numbers to NaN


@lru_cache(maxsize=1)
def _table() -> NDArray[np.float32]:
    """Colours (STEPS + 1, STEPS + 1, 3) by the shares of left-right and of front-back."""
    axis = np.arange(STEPS + 1) / STEPS
    x, y = np.meshgrid(axis, axis, indexing="ij")
    shares = np.stack([x, y, np.maximum(1 - x - y, 0)], axis=-1)
    angles = np.radians(HUES)
    chroma = CHROMA * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    lab = np.concatenate([np.full((*x.shape, 1), LIGHTNESS), shares @ chroma], axis=-1)
    linear = np.clip((lab @ _TO_CONE.T) ** 3 @ _TO_LINEAR.T, 0, 1)
    written = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = (255 * written).astype(np.float32)
    table.setflags(write=False)
    return cast(NDArray[np.float32], table)
