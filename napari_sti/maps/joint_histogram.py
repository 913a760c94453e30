"""How often each pair of chi+ and |chi-| occurs, and the voxels of a rectangle in that picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.separated import SeparatedField

Span = tuple[float, float]
BINS = 72
REACH = 99.5
"""Percentile at which the axes end; what lies beyond is counted in the last bin."""


@dataclass(frozen=True, eq=False)
class JointHistogram:
    """Counts of pairs of values inside the mask.

    Parameters
    ----------
    counts : (B, B) array of int
        Of chi+ (first axis) and |chi-| (second axis).
    pos_edges, neg_edges : (B + 1,) arrays
        In ppm, from 0.
    voxels : int
        Of the mask.
    """

    counts: NDArray[np.int64]
    pos_edges: NDArray[np.float64]
    neg_edges: NDArray[np.float64]
    voxels: int


def joint_histogram(found: SeparatedField, *, bins: int = BINS, limits: Span | None = None) -> JointHistogram:
    """Count pairs of chi+ and |chi-|.

    Parameters
    ----------
    found : SeparatedField
        Both sources.
    bins : int
        Along each axis.
    limits : (float, float), optional
        Ends of the axes of chi+ and |chi-| in ppm; the 99.5th percentiles by default. What lies beyond is counted in
        the last bin, and what is below zero in the first.
    """
    pos, neg = (part[np.asarray(found.mask)] for part in (found.chi_pos, found.chi_neg_magnitude))
    ends = limits if limits is not None else (_end(pos), _end(neg))
    edges = [np.linspace(0, end, bins + 1) for end in ends]
    places = [
        np.clip((values * (bins / end)).astype(np.int64), 0, bins - 1)
        for values, end in zip((pos, neg), ends, strict=True)
    ]
    counts = np.bincount(places[0] * bins + places[1], minlength=bins * bins).reshape(bins, bins)
    return JointHistogram(counts, edges[0], edges[1], len(pos))


def brushed(found: SeparatedField, pos: Span, neg: Span, *, shown: JointHistogram | None = None) -> NDArray[np.bool_]:
    """Voxels of the mask whose chi+ and |chi-| lie in a rectangle, (X, Y, Z).

    Parameters
    ----------
    found : SeparatedField
        Both sources.
    pos, neg : (float, float)
        From and to, in ppm.
    shown : JointHistogram, optional
        Its last bins hold what lies beyond its axes: a rectangle that reaches their end takes these voxels in.
    """
    inside: NDArray[np.bool_] = np.array(found.mask)
    pos_values, neg_values = found.chi_pos[inside], found.chi_neg_magnitude[inside]
    inside[inside] = in_rectangle(pos_values, neg_values, pos, neg, shown=shown)
    return inside


def in_rectangle(
    pos_values: NDArray[np.floating],
    neg_values: NDArray[np.floating],
    pos: Span,
    neg: Span,
    *,
    shown: JointHistogram | None = None,
) -> NDArray[np.bool_]:
    """Whether pairs of chi+ and |chi-| (N,), ppm, lie in a rectangle, (N,); see `brushed`."""
    inside = np.ones(len(pos_values), bool)
    edges = (None, None) if shown is None else (shown.pos_edges, shown.neg_edges)
    for values, (low, high), axis in zip((pos_values, neg_values), (pos, neg), edges, strict=True):
        if not (axis is not None and low <= 0):
            inside &= values >= low
        if not (axis is not None and high >= axis[-1] - 1e-12):
            inside &= values <= high
    return inside


def _end(values: NDArray[np.float32]) -> float:
    end = float(np.percentile(values, REACH)) if values.size else 0.0
    return end if end > 0 else 1e-3
