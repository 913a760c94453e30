"""Figures that put results side by side, for papers and pages: the same slice, the same windows, sides marked.

Drawn by matplotlib's objects on the Agg canvas, without pyplot and so without any state that is shared with whoever
else draws in the process.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.page import Page
from napari_sti.evaluate.slices import Windows, check_one_grid, choose_plane, mean_angle, suited_windows
from napari_sti.io.atomic import replacing
from napari_sti.maps import metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200
"""Pixels per inch of saved figures."""

REFERENCE = "reference"

ANGLE_WORDS = f"Angles where the reference has an MSA above {metrics.ECSE_THRESHOLD:g} ppm; other brain is grey."


def comparison_figure(
    results: Mapping[str, TensorField],
    reference: TensorField | None,
    *,
    slice_mm: float | None = None,
    axis: str = "axial",
    limits: Windows | None = None,
    convention: str = "neurological",
    title: str = "",
) -> "Figure":
    """Draw results below each other: MMS, MSA, direction colours and, with a reference, the angle to it.

    Parameters
    ----------
    results : mapping of str to TensorField
        One row each, under this name; all on one grid, in any storage order and frame.
    reference : TensorField or None
        The first row, such as the ground truth of a simulation; None for none, and then no angles.
    slice_mm : float, optional
        World coordinate (RAS mm) of the slice; by default the slice with most anisotropy.
    axis : {"axial", "coronal", "sagittal"}
        Kind of slice.
    limits : Windows, optional
        What black and white stand for; by default what suits the reference.
    convention : {"neurological", "radiological"}
        Whether the person's left is on the left or on the right; the figure says which.
    title : str
        Written above.

    Returns
    -------
    matplotlib.figure.Figure
        On an Agg canvas. It says whether the data are simulated, where they say so.

    Raises
    ------
    InputError
        If there is nothing to draw, the grids differ, or the slice lies outside.
    """
    if not results:
        raise InputError("there is no result to draw", mend="choose at least one")
    rows = dict(results)
    if reference is not None:
        rows = {_free_name(reference, rows): reference, **rows}
    check_one_grid(rows)
    plane = choose_plane(reference or next(iter(results.values())), axis=axis, slice_mm=slice_mm, convention=convention)
    windows = limits or suited_windows(reference, results.values())
    columns = ["MMS", "MSA", "PEV colour"] + (["PEV angle error"] if reference is not None else [])
    page = Page(plane, windows, len(rows), len(columns), label_width=1.35, title=title)
    truth = None if reference is None else plane.cut(reference)
    for column, name in enumerate(columns):
        page.heading(column, name)
    for row, (name, tensor) in enumerate(rows.items()):
        shown = plane.cut(tensor)
        is_reference = tensor is reference
        page.label(row, name, "" if reference is None or is_reference else _angle_text(tensor, reference))
        page.grey(row, 0, shown)
        page.anisotropy(row, 1, shown)
        page.directions(row, 2, shown)
        if truth is not None and not is_reference:
            page.angle(row, 3, shown, truth)
    page.mms_bar(0)
    page.msa_bar(1)
    page.key(2)
    if reference is not None:
        page.angle_bar(3)
    said = ANGLE_WORDS if reference is not None else ""
    page.note(" ".join(text for text in (said, _simulated_text(rows.values())) if text))
    return page.figure


def direction_figure(
    results: Mapping[str, Mapping[int, TensorField | str]],
    reference: TensorField,
    *,
    slice_mm: float | None = None,
    axis: str = "axial",
    limits: Windows | None = None,
    convention: str = "neurological",
    title: str = "",
    note: str = "",
) -> "Figure":
    """Draw direction colours and angle errors of every method (rows) for every number of orientations (columns).

    This is how the papers of the field lay out their figure; the true directions stand at the top left.

    Parameters
    ----------
    results : mapping of method to mapping of number of orientations to TensorField or str
        A sentence in place of a tensor says why there is none, such as that the method needs more orientations.
    reference : TensorField
        The true tensor.
    slice_mm, axis, limits, convention, title
        As `comparison_figure` takes them.
    note : str
        What else stands at the foot, such as the noise.
    """
    tensors = {
        f"{method}, {n} orientations": tensor
        for method, row in results.items()
        for n, tensor in row.items()
        if isinstance(tensor, TensorField)
    }
    if not tensors:
        raise InputError("there is no result to draw", mend="run at least one method")
    check_one_grid({REFERENCE: reference, **tensors})
    plane = choose_plane(reference, axis=axis, slice_mm=slice_mm, convention=convention)
    windows = limits or suited_windows(reference, ())
    counts = sorted({n for row in results.values() for n in row})
    block = max(3, len(counts))  # three for the key, its words and the bar in the first row
    page = Page(
        plane,
        windows,
        len(results) + 1,
        2 * block,
        label_width=1.2,
        panel_width=0.95,
        title=title,
        foot=0.68,
        below_row={0: 0.24},
        right_of_column={block - 1: 0.2},
    )
    truth = plane.cut(reference)
    page.heading(0, "PEV colour", columns=len(counts))
    page.heading(block, "PEV angle error", columns=len(counts))
    page.label(0, _reference_name(reference))
    page.directions(0, 0, truth)
    page.key_in(0, 1)
    page.angle_bar_in(0, block, min(3, block))
    for column, n in enumerate(counts):
        for first in (0, block):
            page.heading(first + column, f"n = {n}", row=1, small=True)
    for row, (method, of_method) in enumerate(results.items(), 1):
        page.label(row, method)
        for column, n in enumerate(counts):
            found = of_method.get(n)
            if isinstance(found, TensorField):
                shown = plane.cut(found)
                page.directions(row, column, shown)
                page.angle(row, block + column, shown, truth)
                page.corner(row, block + column, _degrees(mean_angle(found, reference)))
            else:
                page.empty(row, column, found or "not run")
                page.empty(row, block + column, "")
    said = f"{ANGLE_WORDS} The number in each panel is their mean over the whole brain."
    page.note(" ".join(text for text in (said, note, _simulated_text([reference])) if text))
    return page.figure


def save_figure(figure: "Figure", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a figure; the suffix says as what (png, pdf, svg, tif).

    Raises
    ------
    InputError
        If the suffix is not known, the file exists and must not be overwritten, or it cannot be written.
    """
    path = Path(path)
    known = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix.lower().lstrip(".") not in known:
        raise InputError(
            f"a figure cannot be written as {path.suffix or 'a file without a suffix'}",
            file=path,
            mend="use .png, .pdf, .svg or .tif",
        )
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=DPI, facecolor="white", format=path.suffix.lower().lstrip("."))
    return path


def _degrees(angle: float) -> str:
    return "" if np.isnan(angle) else f"{angle:.0f}°"


def _angle_text(tensor: TensorField, reference: TensorField) -> str:
    angle = mean_angle(tensor, reference)
    return "isotropic" if np.isnan(angle) else f"mean PEV angle\n{angle:.1f}°"


def _reference_name(reference: TensorField) -> str:
    return "ground truth (simulated)" if reference.provenance.get("method") == "simulation" else REFERENCE


def _free_name(reference: TensorField, taken: Mapping[str, TensorField]) -> str:
    """A name for the row of the reference that no result has."""
    name = _reference_name(reference)
    while name in taken:
        name += " "
    return name


def _simulated_text(tensors: Iterable[TensorField]) -> str:
    return "Simulated data." if any(tensor.provenance.get("simulated") for tensor in tensors) else ""
