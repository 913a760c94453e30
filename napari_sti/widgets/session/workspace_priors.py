"""What the answer of a prior is about, as plain values of a workspace, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.frames import check_affine
from napari_sti.io.nifti import read_volume
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.prior_layers import Bound

_NUMBERS = ("scale", "translate", "rotate", "shear")
_IMAGE = "image.nii"
"""File in the folder of a question that holds the image, where that came out of a layer."""


def plain_bound(bound: Bound) -> dict[str, Any]:
    """A `Bound` as plain values; the image itself is in the folder of the run."""
    place: dict[str, Any] = {name: np.asarray(bound.keywords[name], float).tolist() for name in _NUMBERS
                             if name in bound.keywords}  # fmt: skip
    if "affine" in bound.keywords:
        affine = bound.keywords["affine"]
        place["affine"] = np.asarray(getattr(affine, "affine_matrix", affine), float).tolist()
    place |= {name: [str(x) for x in bound.keywords[name]] for name in ("units", "axis_labels")
              if name in bound.keywords}  # fmt: skip
    return {
        "title": bound.title,
        "unit": bound.unit,
        "shape": [int(n) for n in bound.shape],
        "grid": None if bound.grid is None else bound.grid.affine.tolist(),
        "place": place,
        "flat": bound.flat,
        "axis": bound.axis,
        "slice": bound.slice,
        "limits": [float(x) for x in bound.limits],
        "simulated": bound.simulated,
        "with_image": bound.values is not None,
    }


def read_bound(entry: Mapping[str, Any], folder: Path) -> Bound:
    """Read back what an answer in a folder is about.

    Raises
    ------
    InputError
        If the entry is not what `plain_bound` makes, or the image is not there any more.
    """
    try:
        about = entry["bound"]
        shape = tuple(int(n) for n in about["shape"])
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(shape)
        grid = None
        if about["grid"] is not None:
            grid = DisplayGrid(check_affine(np.array(about["grid"], float)), (shape[0], shape[1], shape[2]))
        axis, index = about["axis"], about["slice"]
        if axis is not None and index is not None and not 0 <= int(index) < shape[int(axis)]:
            raise ValueError(index)
        low, high = (float(x) for x in about["limits"])
        place = {str(name): value for name, value in dict(about["place"]).items() if name in _PLACE}
        title, unit, flat = str(about["title"]), str(about["unit"]), bool(about["flat"])
        simulated, with_image = bool(about["simulated"]), bool(about["with_image"])
    except (KeyError, TypeError, ValueError, IndexError, InputError):
        raise InputError("what this answer is about is not told rightly", file=folder, mend="ask again") from None
    values = None
    if with_image:
        values = read_volume(folder / _IMAGE, what="image that was asked about").data
        if values.shape != shape:
            raise InputError("the image is another one now", file=folder / _IMAGE, mend="ask again")
    return Bound(title, unit, str(entry["name"]), shape, grid, place, flat, axis, index, values, (low, high), simulated)


_PLACE = (*_NUMBERS, "affine", "units", "axis_labels")
