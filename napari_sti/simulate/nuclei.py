"""Iron-rich nuclei and veins, which the template does not separate: simple bodies in MNI space."""

import itertools
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.simulate.anatomy import Anatomy, world_coordinates

_FLOAT = NDArray[np.float32]


@dataclass(frozen=True)
class Nucleus:
    """An ellipsoid on either side of the midline.

    Parameters
    ----------
    name : str
        As anatomists call it.
    chi : float
        Mean susceptibility in ppm.
    centre, radii : (float, float, float)
        Of the right one, RAS mm.
    yaw : float
        Turn about the vertical axis in degrees; positive moves the front of the right one outwards.
    in_grey : bool
        Whether the grey matter of the template bounds it (it shows the striatum well, the pallidum not).
    """

    name: str
    chi: float
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    yaw: float = 0.0
    in_grey: bool = False


NUCLEI = (
    Nucleus("caudate, head", 0.044, (13, 14, 5), (6, 9, 9), -10, in_grey=True),
    Nucleus("caudate, body", 0.044, (15, -2, 19), (4.5, 13, 5), -20, in_grey=True),
    Nucleus("putamen", 0.038, (26.5, 3, 1), (6.5, 16, 9.5), -14, in_grey=True),
    Nucleus("globus pallidus", 0.131, (19.5, -4.5, -1), (4.5, 8.5, 5.5), -25),
    Nucleus("thalamus", 0.020, (12, -18, 8), (9, 13, 8), -25, in_grey=True),
    Nucleus("red nucleus", 0.100, (5, -20, -9), (3, 3.2, 4)),
    Nucleus("substantia nigra", 0.111, (10, -17, -13), (5, 4, 2.6), 30),
    Nucleus("dentate nucleus", 0.120, (14, -57, -34), (5.5, 6.5, 3.5), 30),
)
"""Susceptibilities lie where published human maps at 3 T and 7 T lie (0.02 to 0.05 ppm in thalamus and striatum, 0.1
to 0.2 ppm in pallidum, nigra, red and dentate nucleus; the pallidum of the Fc-aSTI demonstration has 0.15 ppm, its
other nuclei 0.03 to 0.05); positions were read off the MNI152 template."""

Course = tuple[tuple[float, float, float], ...]

VEINS: tuple[tuple[float, float, Course], ...] = (
    (0.30, 1.3, ((3, 2, 14), (2.5, -14, 13), (2, -30, 9), (0, -42, 8))),
    (0.30, 2.2, ((0, -42, 8), (0, -58, 2), (0, -74, -8), (0, -84, -14))),
    (0.30, 1.2, ((22, -8, 22), (18, 4, 17), (9, 6, 13), (3, 2, 14))),
)
"""Susceptibility in ppm, radius in mm and course of the right one of each vein: internal cerebral veins, vein of
Galen with the straight sinus, thalamostriate veins. 0.3 ppm is that of venous blood of usual oxygenation."""

EDGE_MM = 0.8
"""Softness of the edges, for partial volume."""


def nuclei_weights(anatomy: Anatomy) -> list[tuple[float, _FLOAT]]:
    """Susceptibility in ppm and fraction (X, Y, Z) of each kind of nucleus and of the veins."""
    x, y, z = world_coordinates(anatomy.grid)
    edge = float(np.hypot(EDGE_MM, 0.3 * float(anatomy.grid.voxel_size.max())))
    tissue = anatomy.mask * (1 - anatomy.csf)
    found = []
    for nucleus in NUCLEI:
        inside = _ellipsoids(nucleus, np.abs(x), y, z, edge)
        bound = np.clip(1.5 * anatomy.gm, 0, 1) if nucleus.in_grey else tissue
        found.append((nucleus.chi, (inside * bound).astype(np.float32)))
    for chi, radius, course in VEINS:
        found.append((chi, (_tube(course, radius, np.abs(x), y, z, edge) * anatomy.mask).astype(np.float32)))
    return found


def _ellipsoids(nucleus: Nucleus, x: _FLOAT, y: _FLOAT, z: _FLOAT, edge: float) -> _FLOAT:
    """Both ellipsoids of a pair; `x` is the distance from the midline."""
    turn = np.radians(nucleus.yaw)
    cx, cy, cz = nucleus.centre
    u = (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
    v = (x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
    a, b, c = nucleus.radii
    rho = np.sqrt((u / a) ** 2 + (v / b) ** 2 + ((z - cz) / c) ** 2)
    return _soft(cast(_FLOAT, (rho - 1) * min(nucleus.radii)), edge)


def _tube(course: Course, radius: float, x: _FLOAT, y: _FLOAT, z: _FLOAT, edge: float) -> _FLOAT:
    """A tube along a polyline on either side; its weight is lowered where the soft edge makes it wider."""
    nearest = np.full(np.broadcast(x, y, z).shape, np.inf, np.float32)
    for start, end in itertools.pairwise(course):
        s, d = np.array(start), np.subtract(end, start)
        along = np.clip(((x - s[0]) * d[0] + (y - s[1]) * d[1] + (z - s[2]) * d[2]) / (d @ d), 0, 1)
        gap = (x - s[0] - along * d[0]) ** 2 + (y - s[1] - along * d[1]) ** 2 + (z - s[2] - along * d[2]) ** 2
        nearest = np.minimum(nearest, gap)
    return cast(_FLOAT, _soft(cast(_FLOAT, np.sqrt(nearest) - radius), edge) * min(1.0, radius / edge))


def _soft(distance: _FLOAT, edge: float) -> _FLOAT:
    """1 inside, 0 outside, falling linearly within `edge` mm to either side of the surface."""
    return cast(_FLOAT, np.clip(0.5 - distance / (2 * edge), 0, 1))
