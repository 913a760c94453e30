"""The figure of a comparison: what the Compare panel shows side by side, on paper, with the same angles as its table.

Unlike `comparison_figure` it draws the angle maps of the comparison itself, with its mask and white matter, and it
knows a DTI as a reference.
"""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.page import Page
from napari_sti.evaluate.slices import Plane, Slice, Windows, choose_plane, suited_windows
from napari_sti.maps.colour import pev_colour
from napari_sti.maps.comparison import Comparison
from napari_sti.maps.dti import DtiReference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FA_WINDOW = (0.0, 0.8)
"""FA at which the colours of a DTI are black and at full brightness."""

_LINE = 130
"""Letters in a line at the foot of the page, which is made as high as its words need."""

_NORMAL = {"sagittal": 0, "coronal": 1, "axial": 2}
_COLUMNS = ("MMS", "MSA", "PEV colour", "PEV angle error")


@dataclass(frozen=True, eq=False)
class _Compared(Slice):
    """A slice of a result that knows its angles to the reference."""

    degrees: NDArray[np.float32]

    def angle(self, reference: Slice) -> NDArray[np.float32]:
        return self.degrees


@dataclass(frozen=True, eq=False)
class _Fibres(Slice):
    """A slice of a DTI: the FA stands in the place of the anisotropy."""

    def colour(self, windows: Windows) -> NDArray[np.uint8]:
        return pev_colour(self.pev, self.msa, *FA_WINDOW)


def figure_of(
    comparison: Comparison,
    *,
    slice_mm: float | None = None,
    axis: str = "axial",
    limits: Windows | None = None,
    convention: str = "neurological",
) -> "Figure":
    """Draw the reference and below it each result: MMS, MSA, direction colours, angle to the reference.

    Parameters
    ----------
    comparison : Comparison
        What is drawn.
    slice_mm : float, optional
        World coordinate (RAS mm) of the slice; by default the slice with most anisotropy.
    axis : {"axial", "coronal", "sagittal"}
        Kind of slice.
    limits : Windows, optional
        What black and white stand for; by default what suits the reference.
    convention : {"neurological", "radiological"}
        Whether the person's left is on the left or on the right; the figure says which.

    Raises
    ------
    InputError
        If the slice lies outside.
    """
    reference, results = comparison.reference, comparison.results
    tensor = reference if isinstance(reference, TensorField) else None
    first = tensor or next(iter(results.values()))
    plane = choose_plane(first, axis=axis, slice_mm=slice_mm, convention=convention)
    windows = limits or suited_windows(tensor, results.values())
    words = _words(comparison)
    lines = len(textwrap.wrap(words, _LINE))
    page = Page(plane, windows, len(results) + 1, len(_COLUMNS), label_width=1.35, foot=0.9 + 0.15 * max(lines, 1))
    for column, name in enumerate(_COLUMNS):
        page.heading(column, name)
    truth = _reference_row(page, comparison, plane)
    for row, (name, result) in enumerate(results.items(), 1):
        shown = plane.cut(result)
        degrees = _cut(comparison.angle_maps[name], plane)
        cut = _Compared(shown.mms, shown.msa, shown.pev, shown.mask, degrees)
        page.label(row, name, _angle_words(comparison, name))
        page.grey(row, 0, cut)
        page.anisotropy(row, 1, cut)
        page.directions(row, 2, cut)
        page.angle(row, 3, cut, truth)
    page.mms_bar(0)
    page.msa_bar(1)
    page.key(2)
    page.angle_bar(3)
    page.note(words)
    return page.figure


def _reference_row(page: Page, comparison: Comparison, plane: Plane) -> Slice:
    reference = comparison.reference
    page.label(0, comparison.reference_name, "reference")
    if isinstance(reference, DtiReference):
        directions = frames.rotate_vectors(reference.directions, frames.between("voxel", "ras", reference.affine))
        fa, mask = _cut(reference.fa, plane), _cut(reference.mask, plane)
        fibres = _Fibres(np.zeros_like(fa), fa, _cut(directions, plane), mask)
        page.empty(0, 0, "not measured by diffusion")
        page.empty(0, 1, "not measured by diffusion")
        page.directions(0, 2, fibres)
        return fibres
    truth = plane.cut(reference)
    page.grey(0, 0, truth)
    page.anisotropy(0, 1, truth)
    page.directions(0, 2, truth)
    return truth


def _cut(volume: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Cut a volume in the nearest RAS order: rows from the top of the page, columns from its left."""
    where: list[Any] = [*plane.box]
    where.insert(_NORMAL[plane.axis], plane.index)
    page = np.swapaxes(volume[tuple(where)], 0, 1)[::-1]
    return np.asarray(page[:, ::-1] if plane.convention == "radiological" else page)


def _angle_words(comparison: Comparison, name: str) -> str:
    scores = comparison.scores[name]
    if not np.isfinite(scores.angle_mean):
        return "no directions"
    return f"mean angle {scores.angle_mean:.1f}°"


def _words(comparison: Comparison) -> str:
    words = [f"Angles where {comparison.where}; other brain is grey."]
    if isinstance(comparison.reference, DtiReference):
        low, high = FA_WINDOW
        words.append(f"Colours of {comparison.reference_name}: brightness is FA, {low:g} to {high:g}.")
        words += [comparison.reference.warning] if comparison.reference.warning else []
    words += ["Simulated data."] if comparison.simulated else []
    return " ".join(words)
