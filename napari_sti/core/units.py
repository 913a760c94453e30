"""Units of the field: everything is ppm inside; Hz and radians are converted once, at the door."""

from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

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


def check_plausible(field_ppm: NDArray[np.floating], unit: FieldUnit, *, what: str = "the field") -> None:
    """Refuse values that cannot be a local field in the stated unit.

    Local fields of a brain lie within a few tenths of a ppm; a robust spread (99th percentile of the absolute
    value) above 10 ppm means a wrong unit or scanner units (0..4095), below 1e-6 ppm that it was divided twice.

    Parameters
    ----------
    field_ppm : ndarray
        Values inside the mask, after conversion to ppm.
    unit : {"ppm", "Hz", "rad"}
        The unit that the file was said to have.
    """
    if field_ppm.size == 0:
        return
    spread = float(np.percentile(np.abs(field_ppm), 99))
    if spread > 10:
        raise InputError(
            f"{what} reaches {spread:.3g} ppm when read as {unit}, far more than any brain",
            mend="state the true unit; phase in arbitrary scanner units (such as 0..4095) must first be "
            "brought to radians and unwrapped",
        )
    if 0 < spread < 1e-6:
        raise InputError(
            f"{what} reaches only {spread:.3g} ppm when read as {unit}, far less than any brain",
            mend="state the true unit",
        )


SCANNER_RANGE = 1000
"""Whole numbers over a wider range than this are phase in scanner units, whatever unit was stated."""


def check_scanner_units(values: NDArray[Any], unit: FieldUnit, *, what: str = "the field") -> None:
    """Refuse phase in arbitrary scanner units: whole numbers over a wide range (0..4095, -4096..4095).

    At high field strength 4095 Hz is less than 14 ppm, so that a limit on the converted values does not suffice.

    Parameters
    ----------
    values : ndarray
        Values inside the mask as they were given, before any conversion; finite.
    unit : {"ppm", "Hz", "rad"}
        The unit that they were said to have.
    """
    if values.size == 0:
        return
    low, high = float(values.min()), float(values.max())
    if high - low < SCANNER_RANGE or not np.array_equal(values, np.rint(values)):
        return
    raise InputError(
        f"{what} holds whole numbers from {low:.0f} to {high:.0f}: phase in arbitrary scanner units, not {unit}",
        mend="bring the phase to radians (Siemens 0..4095 is one turn) and unwrap it first",
    )
