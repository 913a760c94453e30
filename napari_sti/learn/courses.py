"""The bundles of the brains to train on: those of the sample brain, corrected, and fans into the gyri.

The courses of `napari_sti.simulate.tracts` were laid after textbook anatomy alone. Those here were corrected by hand
after a comparison with the principal diffusion directions of one person in MNI space (the example scan that comes with
TractSeg, not the brain of the evaluation): where laid and measured directions differed, stations were moved, and fans
were added that fill the gyri of the convexity. No number of that scan is in here, and nothing is trained on it. The
sample brain keeps its first courses, so that it is not made of the very bundles that a network was trained on.
"""

from dataclasses import replace

from napari_sti.simulate.tracts import TRACTS, Tract, commissure

REVISED = (
    Tract(
        "cingulum",
        (
            (7, 34, -4, 2, 3, 3),
            (7, 40, 8, 2, 3, 3),
            (8, 33, 20, 2, 3, 3),
            (8, 16, 30, 2.5, 4, 3),
            (8, -8, 33, 2.5, 4, 3),
            (8.5, -28, 32, 2.5, 4, 3),
            (9, -42, 28, 2.5, 3, 3),
            (11, -49, 19, 2, 3, 3),
            (13, -47, 9, 1.5, 2, 2),
            (19, -41, -2, 2, 3, 2),
            (23, -32, -11, 2.5, 3, 2.5),
            (24, -20, -19, 2.5, 3, 2.5),
        ),
        2.4,
    ),
    Tract(
        "superior longitudinal II",
        (
            (32, 30, 24, 5, 5, 6),
            (31, 14, 31, 3, 5, 4),
            (33, -10, 33, 3, 6, 4),
            (34, -34, 34, 3, 6, 4),
            (36, -52, 36, 5, 6, 7),
        ),
        0.7,
    ),
    Tract(
        "superior longitudinal III",
        ((42, 16, 14, 3, 4, 4), (38, 2, 23, 2.5, 5, 4), (37, -18, 27, 2.5, 5, 4), (41, -38, 29, 4, 5, 5)),
        0.6,
    ),
    Tract(
        "arcuate",
        (
            (41, 14, 22, 4, 5, 5),
            (36, -6, 28, 2.5, 5, 4),
            (35, -26, 28, 2.5, 5, 4),
            (36, -40, 24, 3, 5, 5),
            (40, -48, 10, 3, 4, 5),
            (44, -40, -4, 3, 5, 5),
            (49, -24, -12, 4, 5, 4),
        ),
        1.1,
    ),
    Tract(
        "external capsule",
        (
            (27, 24, -4, 2, 4, 4),
            (29, 14, -2, 1.5, 6, 4),
            (29, 8, 8, 1.5, 8, 5),
            (27, 4, 20, 2, 9, 5),
            (26, 4, 30, 3, 9, 5),
        ),
        0.7,
    ),
    Tract(
        "inferior fronto-occipital",
        (
            (22, 50, -2, 9, 6, 10),
            (22, 35, -4, 5, 5, 6),
            (22, 22, -6, 3, 5, 4),
            (28, 11, -6, 2.5, 5, 4),
            (33, 0, -6, 2, 6, 4),
            (36, -18, -5, 2, 6, 4),
            (36, -38, 1, 2.5, 6, 6),
            (33, -60, 5, 3, 6, 8),
            (24, -86, 4, 7, 5, 9),
        ),
        1.2,
    ),
    commissure(
        "middle cerebellar peduncle",
        1.2,
        (0, -21, -32, 1, 4.5, 7),
        (10, -25, -33, 3, 4, 6),
        (18, -35, -35, 3, 4, 5),
        (27, -45, -37, 4, 4, 5),
        (37, -53, -38, 6, 7, 6),
    ),
)
"""Bundles in the place of those of the same name."""

REWEIGHED = {"corticospinal": 2.2, "fornix": 1.4}
"""Bundles that keep their courses and count differently where they cross others."""

FANS = (
    Tract(
        "medial orbital fan",
        ((7, 26, 6, 2, 3, 4), (11, 29, -1, 3, 3, 4), (13, 37, -7, 3, 4, 4), (13, 50, -10, 4, 6, 5)),
    ),
    Tract(
        "superior frontal fan",
        (
            (13, 57, 4, 3, 3, 5),
            (13, 51, 16, 3, 4, 5),
            (13, 44, 27, 3, 5, 5),
            (12, 36, 37, 3, 6, 5),
            (11, 28, 50, 4, 7, 5),
        ),
    ),
    Tract(
        "medial frontal fan",
        ((20, 2, 28, 2.5, 16, 3), (18, 4, 38, 3, 18, 4), (13, 6, 50, 4, 20, 5), (10, 6, 62, 4, 20, 5)),
        0.9,
    ),
    Tract(
        "middle frontal fan",
        ((20, 20, 26, 3, 7, 4), (26, 20, 32, 3, 8, 4), (33, 19, 40, 4, 9, 5), (38, 18, 48, 4, 9, 5)),
        0.9,
    ),
    Tract(
        "inferior frontal fan",
        ((22, 30, 10, 3, 6, 5), (28, 32, 5, 3, 6, 5), (36, 34, 0, 3, 6, 5), (42, 34, -2, 3, 6, 5)),
        0.9,
    ),
    Tract("temporal stem", ((39, 0, -32, 4, 5, 4), (35, -3, -18, 3, 5, 4), (31, -7, -9, 3, 5, 3)), 0.8),
    Tract(
        "posterior arcuate",
        ((42, -50, 30, 3, 4, 5), (40, -52, 16, 2, 4, 5), (40, -52, 4, 2, 4, 5), (42, -50, -10, 3, 4, 4)),
        0.6,
    ),
    Tract("vertical occipital", ((30, -80, 22, 4, 4, 4), (34, -78, 6, 3, 5, 4), (32, -74, -10, 4, 5, 4)), 0.8),
    Tract("lateral occipital fan", ((29, -66, 8, 3, 4, 8), (35, -76, 6, 3, 4, 9), (42, -84, 3, 4, 4, 9)), 0.9),
    Tract("precuneus fan", ((25, -45, 26, 3, 5, 4), (16, -53, 29, 3, 6, 5), (9, -59, 34, 3, 6, 7)), 0.9),
    Tract(
        "cuneus fan",
        ((22, -60, 13, 3, 4, 4), (20, -69, 18, 3, 5, 4), (15, -75, 26, 3, 5, 5), (11, -80, 36, 4, 5, 5)),
        1.3,
    ),
)
"""Short courses from the depth of the white matter into gyri, which the large bundles pass by."""


def training_tracts() -> tuple[Tract, ...]:
    """All bundles of the right half of a brain to train on."""
    revised = {tract.name: tract for tract in REVISED}
    kept = (revised.get(tract.name, tract) for tract in TRACTS)
    return (*(replace(t, weight=REWEIGHED.get(t.name, t.weight)) for t in kept), *FANS)
