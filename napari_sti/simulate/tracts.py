"""Where the large fibre bundles of the human brain run, as coarse courses in MNI space.

Every course was laid by hand through the white matter of the MNI152 template after textbook anatomy; none was
measured and no atlas was used. They make a simulated fibre field look and branch like that of a brain, no more.
Only right halves are stated; the left ones are their mirror images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Station = tuple[float, float, float, float, float, float]
"""Centre x, y, z and half widths along x, y, z of a bundle's cross-section, RAS mm."""


@dataclass(frozen=True)
class Tract:
    """A bundle of fibres: stations from one end to the other, and how much it counts where bundles cross."""

    name: str
    stations: tuple[Station, ...]
    weight: float = 1.0

    @property
    def centres(self) -> NDArray[np.float64]:
        """(K, 3) centres in RAS mm."""
        return np.array(self.stations)[:, :3]

    @property
    def widths(self) -> NDArray[np.float64]:
        """(K, 3) half widths in mm along the world axes."""
        return np.array(self.stations)[:, 3:]


def commissure(name: str, weight: float, midline: Station, *rest: Station) -> Tract:
    """A bundle across the midline: begins a little on the other side, so that it passes the middle straight."""
    x, *others = midline
    return Tract(name, ((-8.0, *others), (x, *others), *rest), weight)  # type: ignore[arg-type]


CALLOSAL = (
    commissure("genu", 1.3, (0, 27, 8, 1, 5, 7), (8, 29, 9, 1, 5, 7), (16, 39, 10, 3, 5, 8), (19, 52, 11, 7, 5, 11)),
    commissure(
        "rostral body", 1.2, (0, 15, 18, 1, 7, 4), (9, 16, 20, 1, 7, 4), (18, 21, 28, 3, 8, 6), (22, 26, 42, 8, 9, 6)
    ),
    commissure(
        "anterior body", 1.2, (0, 1, 24, 1, 9, 4), (10, 1, 26, 1, 9, 4), (19, 2, 36, 3, 9, 6), (24, 4, 54, 9, 10, 6)
    ),
    commissure(
        "middle body",
        1.2,
        (0, -14, 25, 1, 9, 4),
        (10, -14, 27, 1, 9, 4),
        (19, -16, 38, 3, 9, 6),
        (24, -20, 58, 9, 10, 6),
    ),
    commissure(
        "isthmus", 1.2, (0, -28, 22, 1, 7, 4), (11, -30, 26, 1, 7, 4), (20, -36, 37, 3, 8, 6), (23, -44, 56, 8, 9, 6)
    ),
    commissure(
        "upper splenium",
        1.3,
        (0, -36, 15, 1, 5, 7),
        (10, -39, 18, 2, 5, 6),
        (20, -50, 20, 4, 5, 7),
        (22, -66, 24, 5, 6, 9),
        (16, -82, 22, 5, 5, 9),
    ),
    commissure(
        "lower splenium",
        1.3,
        (0, -37, 12, 1, 4, 5),
        (13, -42, 11, 2, 4, 5),
        (24, -57, 8, 3, 5, 6),
        (21, -74, 4, 4, 6, 6),
        (14, -88, 3, 4, 5, 7),
    ),
    commissure(
        "tapetum",
        1.0,
        (0, -33, 19, 1, 5, 4),
        (14, -37, 22, 2, 6, 3),
        (27, -42, 17, 2, 7, 3),
        (33, -44, 6, 1.5, 9, 3),
        (35, -42, -6, 1.5, 9, 3),
    ),
    commissure(
        "anterior commissure",
        0.8,
        (0, 2, -4, 1, 1.5, 1.5),
        (12, 4, -5, 1, 1.5, 1.5),
        (22, 2, -8, 1, 2, 2),
        (34, -6, -16, 3, 4, 4),
    ),
)

PROJECTION = (
    Tract(
        "corticospinal",
        (
            (30, -22, 64, 18, 10, 8),
            (25, -20, 40, 5, 11, 5),
            (24, -18, 23, 2.5, 8, 4),
            (23, -14, 8, 2.5, 6, 4),
            (17, -17, -6, 3.5, 4, 3),
            (12, -19, -14, 4, 3.5, 3),
            (7, -22, -25, 3, 3.5, 3),
            (5, -26, -36, 3, 4, 3),
            (3.5, -34, -48, 2.5, 3.5, 3),
            (2.5, -42, -60, 2.5, 3, 3),
        ),
        1.6,
    ),
    Tract(
        "anterior corona radiata",
        (
            (25, 26, 50, 10, 14, 8),
            (24, 14, 32, 4, 12, 5),
            (22, 4, 20, 2.5, 8, 4),
            (19, -4, 8, 2.5, 5, 4),
            (15, -14, -4, 3, 4, 3),
        ),
        1.1,
    ),
    Tract(
        "posterior corona radiata",
        (
            (25, -48, 54, 9, 10, 8),
            (25, -38, 34, 3.5, 8, 5),
            (25, -29, 20, 2.5, 6, 4),
            (22, -22, 6, 2.5, 4, 4),
            (15, -20, -4, 3, 3, 3),
        ),
        1.2,
    ),
    Tract(
        "anterior thalamic radiation",
        (
            (9, -10, 6, 4, 5, 4),
            (15, 2, 6, 2, 4, 5),
            (19, 14, 6, 2.5, 4, 7),
            (22, 29, 8, 4, 5, 9),
            (25, 46, 10, 8, 6, 13),
        ),
        1.2,
    ),
    Tract(
        "posterior thalamic radiation",
        (
            (19, -25, 0, 3, 3, 3),
            (29, -34, 2, 3, 4, 4),
            (36, -45, 3, 2.5, 4, 9),
            (34, -60, 5, 3, 5, 10),
            (27, -76, 5, 5, 5, 10),
            (17, -92, 3, 5, 4, 8),
        ),
        1.4,
    ),
    Tract(
        "superior thalamic radiation",
        ((26, -26, 58, 10, 9, 8), (23, -22, 36, 3, 8, 4), (20, -20, 20, 3, 6, 3), (14, -18, 9, 4, 6, 4)),
        0.7,
    ),
    Tract(
        "medial lemniscus",
        (
            (3, -40, -56, 1.5, 2, 2),
            (4, -35, -42, 2, 2, 2),
            (5, -30, -28, 3, 2, 2),
            (9, -25, -14, 2.5, 2, 2),
            (13, -20, 2, 3, 3, 3),
        ),
        0.8,
    ),
)

ASSOCIATION = (
    Tract(
        "cingulum",
        (
            (7, 34, -4, 2, 3, 3),
            (8, 40, 10, 2.5, 3, 3),
            (9, 31, 25, 2.5, 3, 3),
            (9, 14, 34, 2.5, 4, 3),
            (9, -8, 38, 2.5, 4, 3),
            (9, -28, 38, 2.5, 4, 3),
            (10, -43, 32, 2.5, 3, 3),
            (12, -50, 21, 2.5, 3, 3),
            (15, -47, 8, 2.5, 3, 3),
            (20, -41, -2, 2.5, 3, 2.5),
            (23, -32, -11, 2.5, 3, 2.5),
            (24, -20, -19, 2.5, 3, 2.5),
        ),
        1.4,
    ),
    Tract(
        "superior longitudinal II",
        (
            (33, 36, 22, 6, 5, 7),
            (33, 14, 31, 4, 6, 5),
            (34, -10, 34, 3.5, 6, 5),
            (35, -34, 36, 4, 6, 6),
            (37, -56, 38, 7, 6, 9),
        ),
        1.2,
    ),
    Tract(
        "superior longitudinal III",
        ((45, 20, 14, 5, 5, 6), (43, 0, 24, 4, 5, 5), (43, -20, 28, 4, 5, 5), (47, -42, 30, 6, 6, 7)),
        0.9,
    ),
    Tract(
        "arcuate",
        (
            (42, 14, 24, 4, 5, 5),
            (37, -6, 29, 3, 5, 4),
            (36, -26, 29, 3, 5, 5),
            (38, -41, 23, 3, 5, 5),
            (42, -47, 10, 3, 4, 5),
            (45, -38, -4, 3, 5, 5),
            (50, -22, -14, 5, 6, 5),
        ),
        1.2,
    ),
    Tract(
        "inferior longitudinal",
        (
            (37, -2, -32, 6, 5, 5),
            (41, -18, -20, 4, 5, 5),
            (41, -34, -11, 3.5, 6, 4),
            (39, -53, -6, 3.5, 6, 5),
            (32, -72, -4, 6, 5, 8),
            (22, -90, -1, 7, 4, 9),
        ),
        1.3,
    ),
    Tract(
        "inferior fronto-occipital",
        (
            (22, 50, -2, 9, 6, 10),
            (25, 33, -4, 5, 5, 6),
            (29, 16, -6, 2.5, 5, 4),
            (33, 0, -6, 2, 6, 4),
            (36, -18, -5, 2, 6, 4),
            (36, -38, 1, 2.5, 6, 6),
            (33, -60, 5, 3, 6, 8),
            (24, -86, 4, 7, 5, 9),
        ),
        1.2,
    ),
    Tract(
        "external capsule",
        ((26, 28, 4, 4, 5, 6), (31, 13, 5, 1.5, 5, 7), (33, -2, 7, 1.5, 6, 8), (34, -16, 12, 2, 5, 8)),
        1.0,
    ),
    Tract(
        "uncinate",
        (
            (20, 46, -12, 7, 6, 4),
            (24, 31, -12, 4, 5, 3),
            (30, 16, -13, 3, 4, 3),
            (35, 6, -20, 3, 4, 4),
            (36, 1, -32, 5, 4, 5),
        ),
        1.1,
    ),
    Tract(
        "fornix",
        (
            (2.5, 0, -9, 1, 1, 1),
            (2.5, 4, 2, 1, 1, 1),
            (2.5, 0, 11, 1, 1.5, 1),
            (3, -14, 16, 1.2, 3, 1),
            (6, -29, 16, 2, 2, 1),
            (15, -36, 10, 2, 2, 2),
            (24, -33, 0, 2, 3, 2),
            (27, -21, -12, 2, 3, 2),
        ),
        0.8,
    ),
)

CEREBELLAR = (
    commissure(
        "middle cerebellar peduncle",
        1.2,
        (0, -21, -32, 1, 4.5, 7),
        (10, -25, -33, 3, 4, 6),
        (18, -36, -35, 3, 4, 5),
        (23, -49, -37, 4, 4, 5),
        (31, -64, -38, 9, 7, 6),
    ),
    Tract(
        "superior cerebellar peduncle",
        ((3, -30, -14, 1.5, 2, 2), (5, -42, -24, 1.5, 2, 2), (9, -52, -31, 2, 3, 2), (15, -58, -35, 4, 4, 3)),
        0.8,
    ),
    Tract(
        "inferior cerebellar peduncle", ((6, -42, -56, 1.5, 2, 2), (9, -43, -44, 2, 2, 3), (13, -49, -37, 3, 3, 3)), 0.8
    ),
)

TRACTS: tuple[Tract, ...] = CALLOSAL + PROJECTION + ASSOCIATION + CEREBELLAR
"""All bundles of the right half."""
