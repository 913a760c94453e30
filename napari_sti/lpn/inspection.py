"""Ask a prior about images: its value, its map, its prox, and what lies between two images.

What comes out is plain: numbers for a JSON file, volumes on the grid of the image, and tables.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn import paths
from napari_sti.lpn.inspect_input import Prepared
from napari_sti.lpn.inversion import Inversion
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.prior import PriorValue, prior, prior_map
from napari_sti.lpn.question import Question

BETWEEN = tuple(k / 8 for k in range(9))
"""Shares of the other image along the line between two."""

_AT_ONCE = 400_000  # numbers in the images that are inverted together


@dataclass
class Answer:
    """What came out.

    Parameters
    ----------
    record : dict
        Plain values; NaN is None.
    volumes : dict of arrays
        (X, Y, Z) or (X, Y, Z, C) on the grid of the image, by the name of their file.
    tables : dict of lists of rows
        The first row is the heading; by the name of their file.
    affines : dict of (4, 4) arrays
        Of the volumes that are only a part of the image.
    """

    record: dict[str, Any]
    volumes: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    tables: dict[str, list[list[Any]]] = field(default_factory=dict)
    affines: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class Inverter:
    """Evaluates a prior at one batch after the other, in pieces that fit into memory, and says how far it is.

    Parameters
    ----------
    network : Lpn
    question : Question
        States tolerance and iterations.
    progress : callable
    batches : int
        How many batches are to come, for the bar.
    """

    def __init__(self, network: Lpn, question: Question, progress: Progress = silent, *, batches: int = 1) -> None:
        self.network, self._question, self._progress = network, question, progress
        self._batches, self._done = batches, 0

    def __call__(self, images: torch.Tensor, message: str = "Inverting") -> PriorValue:
        """R at every image of a batch."""
        pieces = in_pieces(images)
        total = self._batches * len(pieces)
        found = [self._piece(piece, message, self._done * len(pieces) + i, total) for i, piece in enumerate(pieces)]
        self._done += 1
        inversion = Inversion(
            torch.cat([one.inversion.y for one in found]),
            torch.cat([one.inversion.residual for one in found]),
            torch.cat([one.inversion.in_range for one in found]),
            torch.cat([one.inversion.slack for one in found]),
            max(one.inversion.iterations for one in found),
            sum(one.inversion.evaluations for one in found),
        )
        return PriorValue(torch.cat([one.value for one in found]), inversion)

    def _piece(self, images: torch.Tensor, message: str, number: int, total: int) -> PriorValue:
        def heed(step: Step) -> None:
            if total == 1:
                self._progress(step)
            else:
                self._progress(Step(number, total, message=f"{message}, iteration {step.iteration}"))

        found = prior(
            self.network,
            images,
            tolerance=self._question.tolerance,
            iterations=self._question.iterations,
            progress=heed,
        )
        if total > 1:
            self._progress(Step(number + 1, total, message=message))
        return found

    def terms(self, images: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        """Local terms of R, (B, *spatial) float64."""
        pairs = zip(in_pieces(images), in_pieces(inverse), strict=True)
        return torch.cat([prior_map(self.network, x, y) for x, y in pairs])


@torch.no_grad()
def ask_value(network: Lpn, asked: Prepared, question: Question, progress: Progress = silent) -> Answer:
    """R of the image, its local terms where the network has them, the inverse, and the prox.

    The value of several slices is the sum of theirs.
    """
    found = Inverter(network, question, progress)(asked.images)
    answer = Answer(_of_images(found))
    answer.volumes["prox"] = asked.in_file(_prox(network, asked.images))
    if answer.record["in_range"]:
        answer.volumes["inverse"] = asked.in_file(found.inversion.y)
        if network.has_terms:
            terms = Inverter(network, question).terms(asked.images, found.inversion.y)
            answer.volumes["prior_map"] = asked.grid.volume(terms)
            answer.record["regions"] = _of_regions(terms, asked.region)
    return answer


@torch.no_grad()
def ask_prox(network: Lpn, asked: Prepared, question: Question, progress: Progress = silent) -> Answer:
    """f(x): what the network takes the image to be, and how much it changes."""
    progress(Step(0, 1, message="Applying the prox"))
    f = _prox(network, asked.images)
    change = float((f - asked.images).norm() / asked.images.norm().clamp_min(1e-30))
    return Answer({"change": change}, {"prox": asked.in_file(f)})


@torch.no_grad()
def ask_compare(network: Lpn, asked: Prepared, question: Question, progress: Progress = silent) -> Answer:
    """R of both images, along the line between them, and where the difference comes from."""
    assert asked.other is not None
    line = paths.blend(asked.images, asked.other)
    inverter = Inverter(network, question, progress, batches=len(BETWEEN))
    rows, ends = [], {}
    for share in BETWEEN:
        found = inverter(line(share), f"Share {share:g} of the other image")
        rows.append(found)
        if share in (0.0, 1.0):
            ends[share] = found
    first, second = (_of_images(ends[share]) for share in (0.0, 1.0))
    values = [finite_or_none(one.value.sum()) for one in rows]
    answer = Answer(
        {
            "image": first,
            "other": second,
            "difference": _minus(second["value"], first["value"]),
            "curves": [{"name": "blend", "unit": "share", "levels": list(BETWEEN), "values": values}],
        }
    )
    answer.tables["curve"] = [["share", "R"], *([s, v] for s, v in zip(BETWEEN, values, strict=True))]
    if network.has_terms and first["in_range"] and second["in_range"]:
        maps = [inverter.terms(x, ends[share].inversion.y) for x, share in ((asked.images, 0.0), (asked.other, 1.0))]
        answer.volumes["prior_difference"] = asked.grid.volume(maps[1] - maps[0])
        answer.record["regions"] = _of_regions(maps[1] - maps[0], asked.region)
    return answer


def _prox(network: Lpn, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([network.prox(x) for x in in_pieces(images)])


def in_pieces(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Parts of a batch that are computed at once."""
    return torch.split(images, max(1, _AT_ONCE // max(1, images[0].numel())))


def _of_images(found: PriorValue) -> dict[str, Any]:
    """Numbers of a batch: one image, or slices whose values are summed."""
    inversion = found.inversion
    inside = bool(inversion.in_range.all())
    record: dict[str, Any] = {
        "value": finite_or_none(found.value.sum()) if inside else None,
        "residual": float(inversion.residual.max()),
        "in_range": inside,
        "slack": finite_or_none(inversion.slack.double().sum()),
        "iterations": inversion.iterations,
    }
    if len(found.value) > 1:
        record["values"] = [finite_or_none(value) for value in found.value]
    return record


def _of_regions(terms: torch.Tensor, region: torch.Tensor | None) -> list[dict[str, Any]]:
    """Sum, mean and number of voxels of the terms of every label."""
    if region is None:
        return []
    found = []
    for label in torch.unique(region).tolist():
        inside = terms[region == label]
        mean = float(inside.mean())
        found.append({"label": int(label), "voxels": inside.numel(), "value": float(inside.sum()), "mean": mean})
    return found


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def finite_or_none(value: Any) -> float | None:
    """A number for JSON, which knows no NaN."""
    number = float(value)
    return number if math.isfinite(number) else None


def need_images(network: Lpn) -> None:
    """Refuse a network for points.

    Raises
    ------
    InputError
        With the way out.
    """
    if not network.channels:
        raise InputError(
            "this network is for points and takes no images", mend="ask for a cut, or choose another network"
        )
