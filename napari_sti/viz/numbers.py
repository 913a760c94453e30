"""How numbers are written wherever they are shown: ppm with three decimals or ppb, degrees with one, chosen once."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_sti.core.errors import InputError

Unit = Literal["ppm", "ppb"]
UNITS: tuple[Unit, ...] = ("ppm", "ppb")

MINUS = "\N{MINUS SIGN}"
_AXIS_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))


def check_unit(unit: str) -> Unit:
    """Return the unit if susceptibilities can be written in it.

    Raises
    ------
    InputError
        If it is neither ppm nor ppb.
    """
    for known in UNITS:
        if unit == known:
            return known
    raise InputError(f"values cannot be written in {unit!r}", mend="use ppm or ppb")


def susceptibility(value: float, unit: Unit = "ppm", *, with_unit: bool = True) -> str:
    """Write a susceptibility or a field shift given in ppm, such as ``"0.021 ppm"`` or ``"21.0 ppb"``.

    A value too small for the chosen decimals keeps two digits instead of becoming 0.
    """
    if not math.isfinite(value):
        return "no value"
    factor, decimals = (1000.0, 1) if unit == "ppb" else (1.0, 3)
    shown = value * factor
    if shown != 0 and abs(shown) < 0.5 * 10**-decimals:
        places = 1 - math.floor(math.log10(abs(shown)))
        text = f"{shown:.{places}f}" if places <= 6 else f"{shown:.1e}"
    else:
        text = f"{shown:.{decimals}f}"
        text = text.lstrip("-") if float(text) == 0 else text
    return text.replace("-", MINUS) + (f" {unit}" if with_unit else "")


def degrees(angle: float) -> str:
    """Write an angle in degrees with one decimal."""
    return f"{angle:.1f}°"


def world(position: ArrayLike) -> str:
    """Write a place in RAS mm with the letters of the directions, such as ``"R 12.0  P 34.5  S 8.0 mm"``."""
    parts = [
        f"{letters[0] if value >= 0 else letters[1]} {abs(value):.1f}"
        for value, letters in zip(np.asarray(position, float)[:3], _AXIS_LETTERS, strict=True)
    ]
    return "  ".join(parts) + " mm"


def direction(vector: ArrayLike) -> str:
    """Write a unit vector without sign in RAS, such as ``"R 0.71  A 0.70  S 0.05"``.

    An eigenvector has no sign, so the one is taken whose largest component points to R, A or S.
    """
    v = np.asarray(vector, float)
    if not np.isfinite(v).all() or not v.any():
        return "none"
    v = v * np.sign(v[np.argmax(np.abs(v))])
    parts = [
        f"{letters[0] if value >= 0 or abs(value) < 0.005 else letters[1]} {abs(value):.2f}"
        for value, letters in zip(v, _AXIS_LETTERS, strict=True)
    ]
    return "  ".join(parts)


def nice_limit(value: float) -> float:
    """Round a positive limit of a colour map up to 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten."""
    if not (math.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for step in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        if step * power >= value * (1 - 1e-9):
            return float(f"{step * power:.3g}")
    return float(f"{10 * power:.3g}")


def ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return at most about `count` round values from `low` to `high`, both ends included where they are round."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def tick_labels(values: list[float]) -> list[str]:
    """Write the ticks of one axis with just as many decimals as they need, the same for all."""
    for decimals in range(9):
        if all(abs(round(v, decimals) - v) <= 1e-9 * max(1.0, abs(v)) for v in values):
            break
    return [f"{v:.{decimals}f}".replace("-", MINUS) if v else "0" for v in values]
