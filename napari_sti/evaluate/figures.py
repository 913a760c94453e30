"""The figure of an evaluation, for papers and pages: the same slice, the same windows, sides marked.

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
    note : str
        What else stands at the foot, such as the noise.

    Returns
    -------
    matplotlib.figure.Figure
        On an Agg canvas. It says whether the data are simulated, where they say so.

    Raises
    ------
    InputError
        If there is nothing to draw, the grids differ, or the slice lies outside.
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


def save_figure(figure: "Figure", path: str | Path, *, overwrite: bool = False, dpi: int = DPI) -> Path:
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
        figure.savefig(temporary, dpi=dpi, facecolor="white", format=path.suffix.lower().lstrip("."))
    return path


def _degrees(angle: float) -> str:
    return "" if np.isnan(angle) else f"{angle:.0f}°"


def _reference_name(reference: TensorField) -> str:
    return "ground truth (simulated)" if reference.provenance.get("method") == "simulation" else REFERENCE


def _simulated_text(tensors: Iterable[TensorField]) -> str:
    return "Simulated data." if any(tensor.provenance.get("simulated") for tensor in tensors) else ""
