"""What both sources are in the regions of a label image, for one or several separations: numbers for box plots."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.separated import SeparatedField

SOURCES = ("chi+", "|chi-|")
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Box:
    """The values of one source in one region.

    Parameters
    ----------
    region : str
        Name of the region.
    method : str
        What was run.
    source : {"chi+", "|chi-|"}
        Which part.
    voxels : int
        How many there are inside the mask.
    percentiles : tuple of five floats
        5th, 25th, 50th, 75th and 95th, in ppm.
    mean, sd : float
        In ppm.
    """

    region: str
    method: str
    source: str
    voxels: int
    percentiles: tuple[float, float, float, float, float]
    mean: float
    sd: float


def region_boxes(
    results: Mapping[str, SeparatedField], labels: NDArray[np.integer], names: Mapping[int, str] | None = None
) -> tuple[Box, ...]:
    """Sum up both sources in every region.

    Parameters
    ----------
    results : mapping of SeparatedField
        By the name of the method, all on one grid.
    labels : (X, Y, Z) array of int
        In the same storage order; 0 is no region.
    names : mapping, optional
        Names of the labels; ``label 3`` by default.

    Returns
    -------
    tuple of Box
        Region by region, then source by source, then in the order of `results`. Regions without a voxel in the mask
        are left out.

    Raises
    ------
    InputError
        If the labels lie on another grid, or mark nothing inside the masks.
    """
    boxes: list[Box] = []
    for name, found in results.items():
        if labels.shape != found.shape:
            raise InputError(
                f"the labels are {shape_text(labels.shape)} voxels and {name} is {shape_text(found.shape)}",
                mend="draw the labels on the images of the separation",
            )
    for label in (int(n) for n in np.unique(labels) if n != 0):
        region = (names or {}).get(label, f"label {label}")
        inside = {name: (labels == label) & np.asarray(found.mask) for name, found in results.items()}
        for source in SOURCES:
            for name, found in results.items():
                values = found.chi_pos if source == SOURCES[0] else found.chi_neg_magnitude
                if inside[name].any():
                    boxes.append(_box(region, name, source, values[inside[name]].astype(np.float64)))
    if not boxes:
        raise InputError("the labels mark no voxel inside the mask", mend="draw on the images of the separation")
    return tuple(boxes)


def boxes_csv(boxes: tuple[Box, ...]) -> str:
    """All numbers as comma-separated values, one line for each box."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["region", "method", "source", "voxels", *(f"p{n} [ppm]" for n in PERCENTILES), "mean [ppm]",
                     "sd [ppm]"])  # fmt: skip
    for box in boxes:
        numbers = [f"{value:.6g}" for value in (*box.percentiles, box.mean, box.sd)]
        writer.writerow([box.region, box.method, box.source, box.voxels, *numbers])
    return text.getvalue()


def _box(region: str, method: str, source: str, values: NDArray[np.float64]) -> Box:
    low, first, middle, third, high = (float(value) for value in np.percentile(values, PERCENTILES))
    return Box(
        region,
        method,
        source,
        len(values),
        (low, first, middle, third, high),
        float(values.mean()),
        float(values.std()),
    )
