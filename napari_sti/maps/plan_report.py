"""A plan as words, table and JSON: what people read off the numbers, the same in the window and on the command line."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from napari_sti.core.frames import COMPONENTS
from napari_sti.maps.head_tilt import in_words, nod_and_lean, tilt
from napari_sti.maps.next_tilt import NextTilt, Plan
from napari_sti.maps.orientation_worth import (
    PRIOR_ANISOTROPY,
    PRIOR_MMS,
    KGrid,
    OrientationWorth,
)

Verdict = Literal["good", "fair", "poor", "open"]

BEST_CONDITION = 5.1
"""Condition number of directions evenly over the whole sphere, the least that there is."""

GOOD_CONDITION, FAIR_CONDITION = 10.0, 30.0
"""Up to which a median condition number is called good and fair.

The noise of MSA is about (condition number) · √(6/N) times that of the field, for N orientations tilted evenly all
around (within 15 % from 15 to 50 degrees). With six of them and field noise of 0.001 ppm the noise
in a voxel reaches two thirds of the anisotropy of white matter, 0.015 ppm, at 10, and twice that anisotropy at 30.
"""

PLAIN_ANGLE = 25.0
"""Degrees up to which the first-order angle of the PEV means something: there the simulated one is 30 degrees."""

_TITLES = {
    "xx": "right-left",
    "xy": "right-left × front-back",
    "xz": "right-left × up-down",
    "yy": "front-back",
    "yz": "front-back × up-down",
    "zz": "up-down",
    "mms": "mean susceptibility",
    "msa": "anisotropy of a fibre",
}


@dataclass(frozen=True)
class Row:
    """What is predicted for one quantity.

    Parameters
    ----------
    key, title : str
        ``"xx"``, ``"mms"``, ...; what it is.
    amplification : float
        Noise for field noise 1, by least squares; NaN where it is not determined.
    error : float
        The same in ppm, for the noise of the plan.
    known : float
        Share, 0 to 1, of its usual variance that the measurement removes.
    """

    key: str
    title: str
    amplification: float
    error: float
    known: float

    @property
    def name(self) -> str:
        """How it is written: χ with its indices, or the abbreviation."""
        return f"χ {self.key}" if self.key in COMPONENTS else self.key.upper()


def table(worth: OrientationWorth) -> tuple[Row, ...]:
    """The six components in RAS axes, MMS and MSA."""
    amplification = [*worth.amplification, worth.mms_amplification, worth.msa_amplification]
    return tuple(
        Row(key, _TITLES[key], float(a), float(a * worth.noise), float(known))
        for key, a, known in zip((*COMPONENTS, "mms", "msa"), amplification, worth.known_share, strict=True)
    )


def verdict(worth: OrientationWorth) -> Verdict:
    """One word for the condition number; ``open`` where the tensor is not determined."""
    if not worth.determined:
        return "open"
    if worth.condition.median <= GOOD_CONDITION:
        return "good"
    return "fair" if worth.condition.median <= FAIR_CONDITION else "poor"


def condition_sentence(worth: OrientationWorth) -> str:
    """What the condition number is, or why there is none."""
    c = worth.condition
    if worth.determined:
        return (
            f"Condition number {_three(c.median)}: {verdict(worth)}. In 90 % of k-space it is below {_three(c.most)}, "
            f"at worst {_three(c.worst)}; {BEST_CONDITION} is the best possible."
        )
    if worth.orientations < 6:
        n = worth.orientations
        said = f"{n} orientation{'' if n == 1 else 's'} determine{'s' if n == 1 else ''}"
        why = "" if worth.rank == n else " (some are alike)"
    else:
        said, why = f"These {worth.orientations} orientations determine only", ""
    sentence = f"{said} {worth.rank} of the six combinations of the tensor at every k{why}."
    if worth.orientations >= 6:
        sentence += " Some are alike, or all lie on one cone: add one of another tilt."
    return sentence


def known_sentence(worth: OrientationWorth) -> str:
    """How much becomes known in all."""
    return f"Known: {worth.known:.1f} of 6 at a field noise of {worth.noise:g} ppm."


def angle_sentence(worth: OrientationWorth) -> str:
    """How far noise turns the principal eigenvector of a single voxel; empty where nothing can be said."""
    if not worth.determined:
        return ""
    fibre = f"a fibre of {worth.msa:g} ppm MSA"
    if worth.pev_spread <= PLAIN_ANGLE:
        return f"Noise turns the PEV of {fibre} by about {worth.pev_spread:.0f}° in a single voxel."
    voxels = int(np.ceil((worth.pev_spread / PLAIN_ANGLE) ** 2))
    return (
        f"Noise hides the PEV of {fibre} in a single voxel; averaged over {voxels} voxels along a bundle, or by the "
        f"regularisation of a method, it is turned by about {PLAIN_ANGLE:.0f}°."
    )


def next_sentence(advised: NextTilt, before: OrientationWorth) -> str:
    """What the next tilt brings."""
    after = advised.worth
    parts = [f"known {before.known:.2f} \N{RIGHTWARDS ARROW} {after.known:.2f} of 6"]
    if before.determined:
        parts.append(
            f"noise of MSA × {_three(before.msa_amplification)} \N{RIGHTWARDS ARROW} "
            f"× {_three(after.msa_amplification)}"
        )
    elif after.rank > before.rank:
        parts.append(f"combinations determined {before.rank} \N{RIGHTWARDS ARROW} {after.rank}")
    return ", ".join(parts)


def _three(value: float) -> str:
    """Three digits, never in powers of ten below a million."""
    if not np.isfinite(value):
        return "\N{EN DASH}"
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(value), 1e-9)))))
    return f"{value:.{min(digits, 2)}f}" if value < 1e6 else f"{value:.1e}"


amplification_text = _three


# ---- files ------------------------------------------------------------------------------------------------------


def as_mapping(plan: Plan, *, name: str, grid: KGrid, grid_known: bool) -> dict[str, Any]:
    """Everything, for JSON; what is undefined is None."""
    return {
        "format": "napari-sti plan",
        "version": 1,
        "name": name,
        "axes": "RAS of the head: +x right, +y front, +z top",
        "grid": {"shape": list(grid.shape), "voxel_size_mm": list(grid.voxel_size), "assumed": not grid_known},
        "field_noise_ppm": plan.worth.noise,
        "fibre_msa_ppm": plan.worth.msa,
        "prior_ppm": {"mms": PRIOR_MMS, "anisotropy": PRIOR_ANISOTROPY},
        "max_tilt_degrees": plan.gains.max_tilt,
        "orientations": [_direction(d) for d in plan.worth.b0_dirs],
        "now": _worth(plan.worth),
        "next": [
            {**_direction(t.b0_dir), "gain_of_six": round(t.gain, 4), "then": _worth(t.worth)} for t in plan.next_tilts
        ],
        "gain_map": {
            "degrees": np.round(plan.gains.offsets, 6).tolist(),
            "gain_of_six": np.round(plan.gains.gain, 4).tolist(),
            "first_index": "towards the head's right",
            "second_index": "towards the head's front",
        },
    }


def _direction(b0_dir: Any) -> dict[str, Any]:
    nod, lean = nod_and_lean(b0_dir)
    return {
        "b0_dir": [round(float(v), 6) for v in b0_dir],
        "tilt_degrees": round(float(tilt(b0_dir)), 2),
        "nod_forward_degrees": round(float(nod), 2),
        "lean_left_degrees": round(float(lean), 2),
        "words": in_words(b0_dir),
    }


def _worth(worth: OrientationWorth) -> dict[str, Any]:
    return {
        "orientations": worth.orientations,
        "distinct": worth.distinct,
        "determined_combinations": worth.rank,
        "verdict": verdict(worth),
        "condition": {key: _number(value) for key, value in worth.condition._asdict().items()},
        "known_of_six": round(worth.known, 4),
        "pev_spread_degrees": _number(worth.pev_spread),
        "components": {
            row.key: {
                "noise_amplification": _number(row.amplification),
                "error_ppm": _number(row.error),
                "known": _number(row.known),
            }
            for row in table(worth)
        },
    }


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def as_csv(plan: Plan) -> str:
    """The table, for the orientations that are there and with each further tilt."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["orientations", "component", "noise_amplification", "error_ppm", "known"])
    for worth in _stages(plan):
        for row in table(worth):
            numbers = [_number(value) for value in (row.amplification, row.error, row.known)]
            writer.writerow([worth.orientations, row.key, *("" if n is None else n for n in numbers)])
    return text.getvalue()


def _stages(plan: Plan) -> Iterator[OrientationWorth]:
    yield plan.worth
    for advised in plan.next_tilts:
        yield advised.worth
