"""Whether values can be those of a brain: finite, not all zero, and of a size that the stated unit allows."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.units import FieldUnit


def check_values(inside: NDArray[Any], what: str, *, file: Path | None = None) -> None:
    """Refuse NaN, infinity, and zero everywhere, among the values inside the mask.

    Parameters
    ----------
    inside : ndarray
        Values inside the mask, in any unit and shape.
    what : str
        What they are ("the field").
    file : path, optional
        Where they come from.
    """
    bad = int(inside.size - np.isfinite(inside).sum())
    if bad:
        raise InputError(
            f"{what} has {bad} NaN or infinite value{'' if bad == 1 else 's'} inside the mask",
            file=file,
            mend="shrink the mask or fill these voxels",
        )
    if not inside.any():
        raise InputError(
            f"{what} is zero everywhere inside the mask", file=file, mend="check that it is the right file"
        )


def check_plausible(
    field_ppm: NDArray[np.floating], unit: FieldUnit, *, what: str = "the field", file: Path | None = None
) -> None:
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
            file=file,
            mend="state the true unit; phase in arbitrary scanner units (such as 0..4095) must first be "
            "brought to radians and unwrapped",
        )
    if 0 < spread < 1e-6:
        raise InputError(
            f"{what} reaches only {spread:.3g} ppm when read as {unit}, far less than any brain",
            file=file,
            mend="state the true unit",
        )


SCANNER_RANGE = 1000
"""Whole numbers over a wider range than this are phase in scanner units, whatever unit was stated."""


def check_scanner_units(
    values: NDArray[Any], unit: FieldUnit, *, what: str = "the field", file: Path | None = None
) -> None:
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
        file=file,
        mend="bring the phase to radians (Siemens 0..4095 is one turn) and unwrap it first",
    )
