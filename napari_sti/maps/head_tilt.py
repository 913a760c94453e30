"""Head tilts in words, from where B0 points in the head.

B0 does not move; the head does. In the axes of the head (+x right, +y front, +z top) B0 therefore moves the other way:

- Leaning towards the right shoulder turns the head's top to the right of the scanner: its axes are then
  top = (sin a, 0, cos a) and right = (cos a, 0, −sin a), and B0 = (0, 0, 1) has the components
  B0·right = −sin a, B0·top = cos a. B0 has moved to the head's LEFT, so x > 0 is a lean to the LEFT.
- Nodding forward (chin to chest) turns the top to the front: top = (0, sin b, cos b), front = (0, cos b, −sin b), and
  B0·front = −sin b. B0 has moved to the BACK of the head, so y < 0 is a nod FORWARD and y > 0 puts the chin up.
- Turning the head left or right turns it about B0 and changes nothing.

B0 has no sign here: a direction and its opposite give the same field shift, and the one towards the top is taken.

A tilt is written as a lean and a nod: the lean is the angle between B0 and the plane between the two halves of the
head, x = sin(lean); the nod is measured within that plane, −y = cos(lean) sin(nod), z = cos(lean) cos(nod). The head
gets there by leaning first and then nodding about the line between its own ears.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def upward(direction: ArrayLike) -> Array:
    """The direction or its opposite, (..., 3) in RAS, whichever points to the top of the head."""
    d = np.asarray(direction, np.float64)
    return cast(Array, np.where(d[..., 2:] < 0, -d, d))


def tilt(direction: ArrayLike) -> Array:
    """Angle (...) in degrees, 0 to 90, between B0 (..., 3) in RAS and the long axis of the head (+z)."""
    x, y, z = np.moveaxis(upward(direction), -1, 0)
    return cast(Array, np.degrees(np.arctan2(np.hypot(x, y), z)))


def nod_and_lean(direction: ArrayLike) -> tuple[Array, Array]:
    """Angles (...) in degrees that bring B0 to (..., 3) in RAS: nod (forward positive) and lean (left positive)."""
    x, y, z = np.moveaxis(upward(direction), -1, 0)
    return np.degrees(np.arctan2(-y, z)), np.degrees(np.arctan2(x, np.hypot(y, z)))


def direction_of(nod: ArrayLike, lean: ArrayLike) -> Array:
    """Unit vector (..., 3) of B0 in RAS for a head that leans and nods by these degrees; see `nod_and_lean`."""
    b, a = np.radians(nod), np.radians(lean)
    return np.stack([np.sin(a), -np.cos(a) * np.sin(b), np.cos(a) * np.cos(b)], -1)


def in_words(direction: ArrayLike) -> str:
    """What the head does for B0 to point there, such as ``"12° nod forward, 20° lean to the left"``.

    Whole degrees: no head is placed better.
    """
    nod, lean = (round(float(angle)) for angle in nod_and_lean(direction))
    parts = []
    if nod:
        parts.append(f"{nod}° nod forward (chin to chest)" if nod > 0 else f"{-nod}° nod back (chin up)")
    if lean:
        parts.append(f"{abs(lean)}° lean to the {'left' if lean > 0 else 'right'}")
    return ", ".join(parts) or "head straight"
