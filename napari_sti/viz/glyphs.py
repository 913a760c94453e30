"""Tensors as ellipsoids: one mesh for all of them, each axis as long as its eigenvalue asks for.

Susceptibility tensors are not positive: eigenvalues lie on both sides of zero, and an ellipsoid has no negative axes.
So what an axis means is stated, and there are two ways:

``"anisotropic"``
    Semi-axis i is ``1 + GAIN (l_i - MMS) / ceiling`` of the radius of an isotropic tensor, so only the anisotropic part
    is shown: a ball has none, a tensor at the ceiling is four times as long as wide, whatever its mean. What lies above
    the ceiling is drawn as if it were there. The sign of the susceptibility is not seen.
``"signed"``
    Semi-axis i is ``|l_i|`` in units of the limit of the run. Where the susceptibility along the direction of a point
    on the surface is negative (diamagnetic), that part is painted light grey; where it is positive, in the colour of
    the principal eigenvector. An eigenvalue of zero is a thin disc, not nothing.

In slices only the half that faces the viewer is drawn, up to its very outline, and flattened onto the slice: napari
shows a triangle of a surface in the slice in which its corners lie.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz.style import GlyphShape

Float = NDArray[np.float32]

GAIN = 1.5
THINNEST = {"anisotropic": 0.12, "signed": 0.06}
"""Shortest semi-axis, of the longest possible one: thinner ones are not seen."""
NEGATIVE = (0.80, 0.80, 0.80)
"""Colour of what is diamagnetic in signed ellipsoids."""
AMBIENT = 0.45
"""Share of light that falls on what is turned away."""
OUTLINE = 0.25
"""Light on the outline in slices."""
FILL = 0.95
"""Length of the longest possible axis, in distances of two neighbours."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """What a Surface layer is made from.

    Parameters
    ----------
    vertices : (n, 3) float32 array
        In mm.
    faces : (m, 3) int32 array
        Indices of their corners.
    colors : (n, 4) float32 array
        RGBA with light and shade.
    """

    vertices: Float
    faces: NDArray[np.int32]
    colors: Float


def semi_axes(values: NDArray[np.floating], shape: GlyphShape, limit: float) -> Float:
    """Lengths (n, 3) of the semi-axes, 1 for the longest possible.

    Parameters
    ----------
    values : (n, 3) array
        Eigenvalues in ppm, the largest first.
    shape : {"anisotropic", "signed"}
        What is shown.
    limit : float
        In ppm: the MSA of the longest ellipsoid, or the susceptibility of the longest axis.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    limit = max(limit, 1e-9)
    if shape == "signed":
        lengths = np.minimum(np.abs(values) / limit, 1)
    else:
        mean = values.mean(axis=1, keepdims=True)
        away = values - mean
        # The largest deviation of an axially symmetric tensor at the limit is two thirds of it.
        too_far = np.maximum(1, np.abs(away).max(axis=1, keepdims=True) / (limit * 2 / 3))
        lengths = (1 + GAIN * away / (limit * too_far)) / (1 + GAIN * 2 / 3)
    return cast(Float, np.clip(lengths, THINNEST[shape], 1).astype(np.float32))


def ellipsoids(
    values: NDArray[np.floating],
    vectors: NDArray[np.floating],
    centres: NDArray[np.floating],
    colors: NDArray[np.floating],
    *,
    radius: float,
    limit: float,
    towards: NDArray[np.floating],
    flat: bool,
    shape: GlyphShape = "anisotropic",
    rings: int = 3,
) -> Mesh:
    """Make the mesh of many tensors.

    Parameters
    ----------
    values : (n, 3) array
        Eigenvalues in ppm, the largest first.
    vectors : (n, 3, 3) array
        Eigenvectors in the axes of the screen's volume; ``vectors[:, :, i]`` belongs to ``values[:, i]``.
    centres : (n, 3) array
        In mm.
    colors : (n, 3) array
        RGB from 0 to 1.
    radius : float
        Longest possible semi-axis, mm.
    limit : float
        See `semi_axes`.
    towards : (3,) array
        Direction to the viewer; the light comes from beside it.
    flat : bool
        Draw only the half that faces the viewer, for slices.
    shape : {"anisotropic", "signed"}
        What is shown.
    rings : int
        Fineness: 2 for ellipsoids of a few pixels, 5 for large ones.
    """
    n = len(values)
    axes = semi_axes(values, shape, limit)
    vectors = np.asarray(vectors, np.float32)
    towards = np.asarray(towards, np.float32)
    template, faces = _half_ball(rings) if flat else _ball(rings)
    # Each ellipsoid is the unit ball under M = vectors diag(axes); the half of it that faces the viewer comes from the
    # half of the ball around M^-1 towards.
    unit = np.broadcast_to(template, (n, *template.shape))
    if flat:
        pole = np.einsum("nij,i->nj", vectors, towards) / axes
        pole /= np.linalg.norm(pole, axis=1, keepdims=True)
        unit = template @ _turns_z_to(pole).transpose(0, 2, 1)
    local = unit * axes[:, None]  # in the axes of the tensor
    points = local @ vectors.transpose(0, 2, 1)
    normals = (unit / axes[:, None]) @ vectors.transpose(0, 2, 1)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    shade = AMBIENT + (1 - AMBIENT) * np.clip(normals @ _light(towards), 0, 1)
    if flat:  # a dark outline parts an ellipsoid from the colours behind it
        shade[:, -(4 + 2 * rings) :] *= OUTLINE
    painted = np.repeat(np.asarray(colors, np.float32)[:, None], template.shape[0], axis=1)
    if shape == "signed":
        negative = np.einsum("nvi,ni->nv", local**2, np.nan_to_num(values)) < 0
        painted[negative] = NEGATIVE
    rgba = np.ones((n, template.shape[0], 4), np.float32)
    rgba[..., :3] = painted * shade[..., None]
    vertices = np.float32(radius) * points + np.asarray(centres, np.float32)[:, None]
    numbered = faces[None] + (np.arange(n, dtype=np.int32) * template.shape[0])[:, None, None]
    return Mesh(vertices.reshape(-1, 3), numbered.reshape(-1, 3), rgba.reshape(-1, 4))


def _light(towards: Float) -> Float:
    """From the viewer and a little from above and beside."""
    aside = np.roll(towards, 1) - towards * (np.roll(towards, 1) @ towards)
    light = towards + 0.5 * aside / max(float(np.linalg.norm(aside)), 1e-6)
    return cast(Float, (light / np.linalg.norm(light)).astype(np.float32))


def _turns_z_to(pole: NDArray[np.floating]) -> Float:
    """Rotations (n, 3, 3) that bring z to unit vectors (n, 3)."""
    sign = np.where(pole[:, 2] < 0, -1.0, 1.0)
    a = -1 / (sign + pole[:, 2])
    b = pole[:, 0] * pole[:, 1] * a
    # J. Revelles et al., "Building an orthonormal basis, revisited" (2017).
    x = np.stack([1 + sign * pole[:, 0] ** 2 * a, sign * b, -sign * pole[:, 0]], axis=1)
    y = np.stack([b, sign + pole[:, 1] ** 2 * a, -pole[:, 1]], axis=1)
    return np.stack([x, y, pole], axis=2).astype(np.float32)


@lru_cache(maxsize=8)
def _half_ball(rings: int) -> tuple[Float, NDArray[np.int32]]:
    """Half of the unit ball around z: corners (v, 3) and triangles (f, 3), the rim the last ring."""
    around = 4 + 2 * rings
    points, faces = [(0.0, 0.0, 1.0)], []
    for ring in range(1, rings + 1):
        height = math.pi / 2 * ring / rings
        for k in range(around):
            angle = 2 * math.pi * (k + 0.5 * (ring % 2)) / around
            points.append((math.sin(height) * math.cos(angle), math.sin(height) * math.sin(angle), math.cos(height)))
    for k in range(around):
        following = (k + 1) % around
        faces.append((0, 1 + k, 1 + following))
        for ring in range(1, rings):
            low, high = 1 + (ring - 1) * around, 1 + ring * around
            shift = 0 if ring % 2 == 0 else 1
            ahead = (k + shift) % around
            faces.append((low + k, high + ahead, low + following))
            faces.append((low + following, high + ahead, high + (ahead + 1) % around))
    return np.array(points, np.float32), np.array(faces, np.int32)


@lru_cache(maxsize=8)
def _ball(rings: int) -> tuple[Float, NDArray[np.int32]]:
    """The unit ball: both halves."""
    half, faces = _half_ball(rings)
    lower = half * np.array([1, 1, -1], np.float32)
    return np.concatenate([half, lower]), np.concatenate([faces, faces[:, ::-1] + len(half)])
