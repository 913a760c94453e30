"""What the numbers of a quality page say, line by line: value, rule of thumb, and where that rule comes from.

A rule of thumb is no verdict: a line says what was found and what is usual, and whether the one lies outside the other.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from napari_sti.maps.dti_mends import dti_mend_words
from napari_sti.maps.plan_report import GOOD_CONDITION, condition_sentence, known_sentence
from napari_sti.maps.quality import FibreAgreement, Quality
from napari_sti.maps.quality_fit import DataFit
from napari_sti.maps.quality_streaks import Streaks
from napari_sti.maps.quality_values import MaskLeaks, Values

SECTIONS = ("directions", "data", "values", "streaks", "mask", "orientations", "dti")
TITLES = {
    "directions": "Axes of the directions",
    "data": "Fit to the data",
    "values": "Values",
    "streaks": "Streaks",
    "mask": "Mask",
    "orientations": "Head orientations",
    "dti": "Beside the DTI",
}

_COHERENCE = "Schilling et al., Magn Reson Imaging 58:82, 2019"
_MOROZOV = "Morozov, Soviet Math Dokl 7:414, 1966 (discrepancy principle)"
_DEEPSTI = "range of the published training tensors, Fang et al., Med Image Anal 87:102829, 2023"
_PEAK = "largest MSA in the published figure of merit, Fang et al., Med Image Anal 87:102829, 2023"
_FLUID = "fluid is taken as isotropic, Shi et al., IEEE JBHI 26:4508, 2022"
_EDGE = "Schweser et al., NMR Biomed 30:e3604, 2017 (background fields are hardest at the edge)"
_CONE = "cone of Shmueli et al., MRM 62:1510, 2009; compared with other axes, see docs/quality.md"
_SIX = "Liu, MRM 63:1471, 2010"
_PLAN = "docs/plan.md"
_CHANCE = "geometry: axes drawn at random"


@dataclass(frozen=True)
class Line:
    """One thing that was found.

    Parameters
    ----------
    key : str
        Stable name, for files and tests.
    section : str
        One of `SECTIONS`.
    title, value : str
        What, and how much of it.
    rule, source : str
        What is usual, and who says so; empty where nobody does.
    outside : bool
        Whether the value lies outside of what is usual. No verdict.
    """

    key: str
    section: str
    title: str
    value: str
    rule: str = ""
    source: str = ""
    outside: bool = False


def quality_lines(quality: Quality) -> tuple[Line, ...]:
    """Say everything that was found, in the order of `SECTIONS`."""
    return tuple(
        line for part in (_directions, _data, _values, _streaks, _mask, _orientations, _dti) for line in part(quality)
    )


def ppm(value: float) -> str:
    """Write ppm with three decimals, or ppb where that would be next to nothing."""
    if not math.isfinite(value):
        return "not defined"
    if value != 0 and abs(value) < 0.01:
        return f"{value * 1000:.3g} ppb".replace("-", "\N{MINUS SIGN}")
    return f"{value:.3f} ppm".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """Write a share as per cent: 0 only where it is 0."""
    if not math.isfinite(share):
        return "not defined"
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f} %"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "not defined"


def _directions(q: Quality) -> Iterator[Line]:
    if q.flips is None:
        yield Line("flips", "directions", "Directions", "isotropic: there are none")
        return
    rule = "The index is largest with the right axes."
    yield Line(
        "flips",
        "directions",
        "Fibre coherence, of the best flip or swap",
        f"{q.flips.share_of_best:.2f}",
        rule,
        _COHERENCE,
        q.flips.needed,
    )
    yield Line("flips_said", "directions", "Flips and swaps", q.flips.sentence)
    if q.fit is not None and q.mended_fit is not None:
        before, after = q.fit.relative, q.mended_fit.relative
        agree = "agree" if after < before else "do not agree"
        yield Line(
            "flips_data",
            "directions",
            "Residual of the fields after that mend",
            f"{percent(after)} instead of {percent(before)}: the data {agree}",
            "A mend of the whole tensor should not make the fields fit worse.",
        )


def _data(q: Quality) -> Iterator[Line]:
    if q.fit is None:
        yield Line("residual", "data", "Residuals", "not computed: there is no study with field maps")
        return
    fit: DataFit = q.fit
    noise = _of_squares([one.noise for one in fit.orientations])
    rms = _of_squares([one.rms for one in fit.orientations])
    yield Line("residual", "data", "Residual of all fields", f"{percent(fit.relative)} of the field, {ppm(rms)}")
    ratio = rms / noise if noise > 0 else float("nan")
    yield Line(
        "residual_noise",
        "data",
        "Residual over the noise of the fields",
        f"{_number(ratio)} (noise about {ppm(noise)})",
        "About 1: less fits noise, much more leaves signal.",
        _MOROZOV,
        bool(math.isfinite(ratio) and not 0.5 <= ratio <= 2),
    )
    worst = fit.orientations[fit.worst]
    beside = f", {fit.worst_over_others:.2f} times the others" if len(fit.orientations) > 1 else ""
    yield Line(
        "worst",
        "data",
        "Orientation that fits worst",
        f"{fit.worst + 1} ({worst.label}): {percent(worst.relative)} of its field{beside}",
    )


def _of_squares(values: list[float]) -> float:
    known = [v for v in values if math.isfinite(v)]
    return math.sqrt(sum(v * v for v in known) / len(known)) if known else float("nan")


def _values(q: Quality) -> Iterator[Line]:
    v: Values = q.values
    n = max(1, v.voxels)
    yield Line(
        "not_finite", "values", "Voxels with NaN or infinity", _count(v.not_finite, n), "None.", "", v.not_finite > 0
    )
    yield Line(
        "zero", "values", "Voxels that are exactly 0", _count(v.zero, n), "None inside the mask.", "", v.zero > 0
    )
    yield Line(
        "beyond_range",
        "values",
        "Voxels beyond \N{MINUS SIGN}0.857 to 0.631 ppm",
        _count(v.beyond_range, n),
        "None.",
        _DEEPSTI,
        v.beyond_range > 0,
    )
    yield Line(
        "beyond_msa",
        "values",
        "Voxels with MSA above 0.08 ppm",
        _count(v.beyond_msa, n),
        "None, or next to none.",
        _PEAK,
        v.beyond_msa > 0.001 * n,
    )
    yield Line("mms", "values", "MMS, 5 % / median / 95 %", " / ".join(map(ppm, v.mms)))
    yield Line(
        "negative",
        "values",
        "Voxels with negative MMS",
        percent(v.negative_mms),
        "Susceptibility is relative to the mean: a sign alone says nothing.",
    )
    yield Line("msa", "values", "MSA, 5 % / median / 95 %", " / ".join(map(ppm, v.msa)))
    if math.isfinite(v.msa_white) and math.isfinite(v.msa_fluid):
        yield Line(
            "fluid",
            "values",
            "MSA in white matter and in fluid",
            f"{ppm(v.msa_white)} and {ppm(v.msa_fluid)}",
            "Fluid has none; less than in white matter.",
            _FLUID,
            v.msa_fluid >= v.msa_white > 0,
        )


def _count(count: int, of: int) -> str:
    return "none" if count == 0 else f"{count:,} ({percent(count / of)})"


def _streaks(q: Quality) -> Iterator[Line]:
    found = [("mean", "MMS", q.mean_streaks), ("anisotropic", "anisotropic part", q.anisotropic_streaks)]
    if q.acquisition is None:
        yield Line("streaks", "streaks", "Streaks", "not estimated: the directions of B0 are in the study")
        return
    for key, what, streaks in found:
        if streaks is None:
            continue
        one: Streaks = streaks
        low, high = one.usual
        value = float(one.ratio[one.worst])
        yield Line(
            f"streaks_{key}",
            "streaks",
            f"Power on the cone of an orientation, {what}",
            f"{value:.2f} of the rest of k-space at most (orientation {one.worst + 1})",
            f"{low:.2f} to {high:.2f} along 90 % of other axes; more is streaks, less was regularised away.",
            _CONE,
            not low <= value <= high,
        )


def _mask(q: Quality) -> Iterator[Line]:
    leaks: MaskLeaks = q.leaks
    loose = "" if leaks.pieces == 1 else f", {leaks.pieces} pieces ({percent(leaks.loose)} loose)"
    yield Line(
        "volume", "mask", "Volume of the mask", f"{leaks.ml:,.0f} ml{loose}", "One piece.", "", leaks.loose > 0.001
    )
    yield Line(
        "holes", "mask", "Holes in the mask", f"{leaks.holes_ml:.1f} ml", "None.", "", leaks.holes_ml > 0.001 * leaks.ml
    )
    if leaks.faces:
        yield Line(
            "cut",
            "mask",
            "Faces of the volume that it touches",
            str(leaks.faces),
            "None: the brain is whole.",
            "",
            True,
        )
    yield Line(
        "outside",
        "mask",
        "Norm of the tensor outside the mask",
        percent(leaks.outside),
        "Some methods leave values there.",
    )
    yield Line(
        "rim_msa",
        "mask",
        "MSA of the outer 2 mm over that of the inside",
        _number(leaks.msa_ratio),
        "Not far above 1: a bright rim is background field that was left, or a mask that is too large.",
        _EDGE,
        leaks.msa_ratio > 2,
    )
    if math.isfinite(leaks.residual_ratio):
        yield Line(
            "rim_residual",
            "mask",
            "Residual of the outer 2 mm over that of the inside",
            _number(leaks.residual_ratio),
            "Not far above 1.",
            _EDGE,
            leaks.residual_ratio > 2,
        )


def _orientations(q: Quality) -> Iterator[Line]:
    if q.worth is None:
        yield Line("rank", "orientations", "Head orientations", "not known: there is no study")
        return
    w = q.worth
    yield Line(
        "rank",
        "orientations",
        "Combinations of the tensor that are determined",
        f"{w.rank} of 6, by {w.distinct} distinct orientation{'' if w.distinct == 1 else 's'}",
        "6 of 6; below that a method fills in what it assumes.",
        _SIX,
        not w.determined,
    )
    yield Line(
        "condition",
        "orientations",
        "Condition",
        condition_sentence(w),
        f"Median up to {GOOD_CONDITION:g}.",
        _PLAN,
        bool(w.determined and w.condition.median > GOOD_CONDITION),
    )
    yield Line("known", "orientations", "Known beyond the prior", known_sentence(w))


def _dti(q: Quality) -> Iterator[Line]:
    if q.fibres is None:
        yield Line("angle", "dti", "Angle to the DTI", "not computed: no V1 and FA were given")
        return
    f: FibreAgreement = q.fibres
    s = f.scores
    yield Line(
        "angle",
        "dti",
        "Mean angle of PEV and V1",
        f"{s.angle_mean:.1f}° over {s.angle_voxels:,} voxels (median {s.angle_median:.1f}°)",
        "57.3° by chance.",
        _CHANCE,
        s.angle_mean > 57.3,
    )
    yield Line("under_15", "dti", "Under 15°", percent(s.under_15), "3.4 % by chance.", _CHANCE, s.under_15 < 0.034)
    yield Line("under_30", "dti", "Under 30°", percent(s.under_30), "13.4 % by chance.", _CHANCE, s.under_30 < 0.134)
    yield Line("where", "dti", "Counted", f"where {f.where}")
    same = f.fitting_frame == f.frame
    said = (
        f"{f.frame}, as stated" if same else f"stated as {f.frame}; along its own bundles {f.fitting_frame} fits better"
    )
    rule = "The index is largest with the right axes."
    yield Line("frame", "dti", "Axes of V1", said, rule, _COHERENCE, not same)
    yield Line(
        "dti_flips",
        "dti",
        "Fibre coherence of V1, of the best flip or swap",
        f"{f.flips.share_of_best:.2f}",
        rule,
        _COHERENCE,
        f.flips.needed,
    )
    yield Line("dti_flips_said", "dti", "Flips and swaps of V1", dti_mend_words(f.flips))
    if f.mends:
        now = f"read as {f.mended}" if f.mended else "mended and undone again"
        yield Line("dti_mended", "dti", "V1 was mended", f"{now}; the file itself is as it was")
