"""Units of the field: everything is ppm inside; Hz and radians are converted once, at the door."""

from typing import Literal, cast, get_args

import numpy as np

from napari_sti.core.errors import InputError

GYROMAGNETIC_RATIO = 42.57747892
"""Of the proton, MHz/T (CODATA 2018), so that ppm = Hz / (B0[T] * GYROMAGNETIC_RATIO)."""

FieldUnit = Literal["ppm", "Hz", "rad"]
FIELD_UNITS: tuple[str, ...] = get_args(FieldUnit)


def parse_field_unit(text: str) -> FieldUnit:
    """Read a unit as people write it (``hz``, ``PPM``, ``radians``).

    Raises
    ------
    InputError
        If the unit is none of ppm, Hz or rad.
    """
    known = {"ppm": "ppm", "hz": "Hz", "rad": "rad", "radian": "rad", "radians": "rad"}
    try:
        return cast(FieldUnit, known[str(text).strip().lower()])
    except KeyError:
        raise InputError(
            f"the unit {text!r} of the field is not known",
            mend="use one of ppm, Hz or rad (with te in seconds)",
        ) from None


def ppm_per_unit(unit: FieldUnit, *, b0: float | None = None, te: float | None = None) -> float:
    """Return the factor that brings a field from `unit` to ppm.

    Parameters
    ----------
    unit : {"ppm", "Hz", "rad"}
        Unit of the field. A positive phase is taken to mean a positive shift.
    b0 : float, optional
        Field strength in T; needed for Hz and rad.
    te : float, optional
        Echo time in s; needed for rad.

    Raises
    ------
    InputError
        If B0 or TE is missing, not positive, or implausible (an echo time in ms given as s).
    """
    if unit == "ppm":
        return 1.0
    if b0 is None:
        raise InputError(f"a field in {unit} needs the field strength", mend="state B0 in tesla (tesla: 3)")
    check_b0(b0)
    if unit == "Hz":
        return 1.0 / (b0 * GYROMAGNETIC_RATIO)
    if te is None:
        raise InputError("a field in radians needs the echo time", mend="state te in seconds (te: 0.02)")
    check_te(te)
    return 1.0 / (2 * np.pi * te * b0 * GYROMAGNETIC_RATIO)


def check_b0(b0: float) -> None:
    """Refuse a field strength that no scanner has (0.01 T to 25 T is accepted)."""
    if not (np.isfinite(b0) and 0.01 <= b0 <= 25):
        raise InputError(f"B0 of {b0:g} T is implausible", mend="give the field strength in tesla, for example 3")


def check_te(te: float) -> None:
    """Refuse an echo time that cannot be in seconds (0 to 0.5 s is accepted)."""
    if not (np.isfinite(te) and te > 0):
        raise InputError(f"the echo time {te:g} is not positive", mend="give te in seconds, for example 0.02")
    if te > 0.5:
        raise InputError(
            f"an echo time of {te:g} s is implausible and looks like milliseconds",
            mend=f"give te in seconds, for example {te / 1000:g}",
        )
