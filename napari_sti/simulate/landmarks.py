"""Marked places of the simulated brain whose fibre direction is known, for checks and for the eye."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Landmark:
    """A place in MNI space (RAS mm) and the unit fibre direction there (RAS, sign free)."""

    position: tuple[float, float, float]
    direction: tuple[float, float, float]


LEFT_RIGHT, FRONT_BACK, UP_DOWN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

LANDMARKS = {
    "corpus callosum, body": Landmark((0, -12, 25), LEFT_RIGHT),
    "corpus callosum, genu": Landmark((0, 26, 8), LEFT_RIGHT),
    "corpus callosum, splenium": Landmark((0, -37, 13), LEFT_RIGHT),
    "internal capsule, right": Landmark((24, -17, 20), UP_DOWN),
    "internal capsule, left": Landmark((-24, -17, 20), UP_DOWN),
    "superior longitudinal fasciculus, right": Landmark((35, -14, 33), FRONT_BACK),
    "superior longitudinal fasciculus, left": Landmark((-35, -14, 33), FRONT_BACK),
    "optic radiation, right": Landmark((34, -58, 4), FRONT_BACK),
    "optic radiation, left": Landmark((-34, -58, 4), FRONT_BACK),
}
"""The fibres at each place run within 25 degrees of the stated axis."""
