"""Relaxation rates in Hz, and the constants Dr that tie R2' to susceptibility.

R2' = Dr+ chi+ + Dr- |chi-|, with Dr in Hz per ppm. No number decides more over a separation than Dr, and none is known
less well: it is always stated, never guessed from the data, and every result shows it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.units import check_b0

SPHERES = 107.84
"""Hz per ppm and tesla: static dephasing by spheres at random, 2 pi / (9 sqrt 3) gamma."""
CYLINDERS = 133.77
"""Hz per ppm and tesla, times sin^2 of the angle to B0: static dephasing by cylinders side by side, gamma / 2."""


@dataclass(frozen=True)
class Preset:
    """A published pair of constants.

    Parameters
    ----------
    pos, neg : float
        Dr+ and Dr- in Hz per ppm; with `per_tesla`, in Hz per ppm and tesla.
    source : str
        Where it comes from, in one line.
    per_tesla : bool
        Whether it grows with the field strength. The others were found at 3 T.
    """

    pos: float
    neg: float
    source: str
    per_tesla: bool = False


PRESETS = {
    "114": Preset(114.0, 114.0, "default of WaveSep (Fang 2023), and of chi-sepnet with COSMOS references, at 3 T"),
    "137": Preset(137.0, 137.0, "chi-separation toolbox (Shin 2021), at 3 T"),
    "theory": Preset(SPHERES, SPHERES, "static dephasing by spheres, 107.84 Hz/ppm per tesla, for both", True),
    "theory-fibres": Preset(
        SPHERES,
        CYLINDERS * 2 / 3,
        "static dephasing, 107.84 Hz/ppm per tesla for spheres (+) and 133.77 sin^2 averaged over all directions for "
        "fibres (-)",
        True,
    ),
}
DEFAULT_DR = "114"
MEASURED_AT = 3.0
"""Field strength in T at which the constants of the presets without a theory were found."""


@dataclass(frozen=True)
class Relaxation:
    """The constants of one separation.

    Parameters
    ----------
    pos, neg : float
        Dr+ and Dr- in Hz per ppm.
    source : str
        Where they come from.
    """

    pos: float
    neg: float
    source: str

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        return bool(abs(self.pos - self.neg) <= 1e-6 * self.pos)

    def __str__(self) -> str:
        numbers = f"{self.pos:g}" if self.equal else f"{self.pos:g} (+) and {self.neg:g} (-)"
        return f"Dr = {numbers} Hz/ppm ({self.source})"


def relaxation(
    dr: float | str = DEFAULT_DR, dr_neg: float | str | None = None, *, tesla: float | None = None
) -> Relaxation:
    """Choose the constants.

    Parameters
    ----------
    dr : float or str
        Dr+ in Hz/ppm, and Dr- as well unless `dr_neg` states another; or the name of one of `PRESETS`.
    dr_neg : float, optional
        Dr- in Hz/ppm.
    tesla : float, optional
        Field strength, which the presets of the theory need.

    Raises
    ------
    InputError
        If a constant is not positive, far from any tissue, or not known, or the field strength is missing.
    """
    chosen = _preset(str(dr), tesla) if str(dr).strip() in PRESETS else None
    if chosen is None:
        pos = _constant(dr, "Dr+")
        chosen = Relaxation(pos, pos, "as stated")
    if dr_neg is None or not str(dr_neg).strip():
        return chosen
    return Relaxation(chosen.pos, _constant(dr_neg, "Dr-"), "as stated")


def _preset(name: str, tesla: float | None) -> Relaxation:
    preset = PRESETS[name.strip()]
    if not preset.per_tesla:
        return Relaxation(preset.pos, preset.neg, preset.source)
    if tesla is None:
        raise InputError(
            f"Dr from the {name} needs the field strength and the study states none",
            mend="state it in the study (tesla: 3), or give Dr in Hz/ppm",
        )
    check_b0(tesla)
    return Relaxation(preset.pos * tesla, preset.neg * tesla, f"{preset.source}, at {tesla:g} T")


def _constant(value: float | str, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        known = ", ".join(PRESETS)
        raise InputError(
            f"{name} = {str(value)[:40]!r} is neither a number nor a preset", mend=f"give Hz/ppm, or one of {known}"
        ) from None
    if not np.isfinite(number) or number <= 0:
        raise InputError(f"{name} = {number:g} Hz/ppm is not positive", mend="give a constant such as 114")
    if not 1 <= number <= 1e4:
        raise InputError(
            f"{name} = {number:g} Hz/ppm is far from that of any tissue", mend="give it in Hz per ppm, such as 114"
        )
    return number


def strength_remark(constants: Relaxation, tesla: float | None) -> tuple[str, ...]:
    """Say it where a constant that was found at 3 T is used at another field strength."""
    sources = {preset.source for preset in PRESETS.values() if not preset.per_tesla}
    if tesla is None or constants.source not in sources or abs(tesla - MEASURED_AT) < 0.25:
        return ()
    return (
        f"Dr = {constants.pos:g} Hz/ppm was found at {MEASURED_AT:g} T and the study is at {tesla:g} T: Dr grows with "
        f"the field strength, to about {constants.pos * tesla / MEASURED_AT:.0f} Hz/ppm here.",
    )


# ---- rates ------------------------------------------------------------------------------------------------------

SLOW = 0.5
"""Hz: rates of a brain reach far beyond; below, they are in 1/ms."""
FAST = 2000.0
"""Hz: rates of a brain stay far below."""


def check_rates(inside: NDArray[np.floating], what: str, *, file: Path | None = None) -> None:
    """Refuse relaxation rates that cannot be in Hz.

    Parameters
    ----------
    inside : array
        Values inside the mask, finite.
    what : str
        What they are ("R2'").

    Raises
    ------
    InputError
        That names the likely unit.
    """
    spread = float(np.percentile(np.abs(inside), 99)) if inside.size else 0.0
    if 0 < spread < SLOW:
        raise InputError(
            f"{what} reaches only {spread:.2g} and is expected in Hz (1/s); this looks like 1/ms",
            file=file,
            mend="multiply it by 1000",
        )
    if spread > FAST:
        raise InputError(
            f"{what} reaches {spread:.3g} Hz, far more than any brain", file=file, mend="give a rate in Hz (1/s)"
        )


def r2prime_from(
    r2star: NDArray[np.floating], r2: NDArray[np.floating] | float, mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """R2' = R2* - R2 of every orientation, with its negative values.

    Parameters
    ----------
    r2star : (N, X, Y, Z) array
        In Hz.
    r2 : (X, Y, Z) array or float
        In Hz; it does not depend on the orientation.
    mask : (X, Y, Z) array of bool
        Elsewhere the result is 0.

    Raises
    ------
    InputError
        If R2* is below R2 nearly everywhere: then the two were swapped, or one is in another unit.
    """
    out = np.where(mask, r2star - r2, 0).astype(np.float32)
    share = float(np.mean(out[:, mask] < 0)) if mask.any() else 0.0
    if share > 0.5:
        raise InputError(
            f"R2* is below R2 in {100 * share:.0f} % of the mask, and it cannot be",
            mend="check that the two are not swapped, and that both are rates in Hz (1/s)",
        )
    return out


def without_negatives(rates: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], int]:
    """Set negative rates inside the mask to 0, and everything outside; the second value counts them."""
    count = int((rates[:, mask] < 0).sum())
    return np.where(mask, np.maximum(rates, 0), np.float32(0)), count


def negatives_remark(count: int, rates: NDArray[Any], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """Say how many negative values of R2' were set to 0."""
    if not count:
        return ()
    part = 100 * count / (len(rates) * max(1, int(mask.sum())))
    return (f"{count} negative values of R2' ({part:.1f} % of the mask) were set to 0.",)
