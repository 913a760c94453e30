"""The prior along ways away from an image: perturbations of growing strength, and a cut through psi, f and R."""

from typing import Any

import numpy as np
import torch

from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn import paths
from napari_sti.lpn.inspect_input import Prepared
from napari_sti.lpn.inspection import Answer, Inverter, finite_or_none
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.question import Question

LEVELS = {
    "noise": paths.NOISE,
    "blur": paths.BLUR,
    "contrast": (-0.8, -0.4, 0.0, 0.4, 0.8),
    "blend": paths.BLEND,
    "lesion": (0.0, 0.25, 0.5, 0.75, 1.0),
}
"""How far each way leads; those of noise, blur and blend are the published ones."""

UNITS = {
    "noise": "standard deviation",
    "blur": "voxels",
    "contrast": "relative change",
    "blend": "share of the other image",
    "lesion": "share of the lesion",
}

_BLOCKS = 120  # parts of an image whose values a violin is drawn of, about
_CUT_REACH = 0.5
_FINE, _COARSE = 41, 13  # places of a cut: of small images, and of large ones
_LARGE = 100_000


@torch.no_grad()
def ask_perturb(network: Lpn, asked: Prepared, question: Question, progress: Progress = silent) -> Answer:
    """R at growing strength of each way; a region confines the ways to it."""
    ways = question.chosen_ways
    inverter = Inverter(network, question, progress, batches=sum(len(LEVELS[way]) for way in ways))
    answer = Answer({"curves": []})
    blocks = _Blocks(asked.images, asked.region) if network.has_terms and len(asked.images) == 1 else None
    for way in ways:
        curve, pictures = _along(inverter, asked, question, way, blocks)
        answer.record["curves"].append(curve)
        answer.volumes[f"perturbed_{way}"], answer.affines[f"perturbed_{way}"] = pictures, _place(asked)
        answer.tables[f"curve_{way}"] = _table(curve)
    return answer


def _along(
    inverter: Inverter, asked: Prepared, question: Question, way: str, blocks: "_Blocks | None"
) -> tuple[dict[str, Any], Any]:
    path, levels = _path(asked, question, way), LEVELS[way]
    values: list[float | None] = []
    residuals: list[float | None] = []
    samples: list[list[float | None]] = []
    pictures = []
    for level in levels:
        images = path(level)
        found = inverter(images, f"{way} {level:g}")
        values.append(finite_or_none(found.value.sum()))
        residuals.append(finite_or_none(found.inversion.residual.max()))
        if len(images) > 1:
            samples.append([finite_or_none(value) for value in found.value])
        elif blocks is not None and values[-1] is not None:
            samples.append(blocks.sums(inverter.terms(images, found.inversion.y)))
        elif blocks is not None:
            samples.append([])
        pictures.append(_picture(asked, images))
    curve = {
        "name": way,
        "unit": UNITS[way],
        "levels": list(levels),
        "values": values,
        "residuals": residuals,
        "samples": samples,
        "sample": f"block of {blocks.said}" if blocks is not None else "slice" if samples else "",
        "note": "in the scale of the network" if way == "noise" else "",
    }
    return curve, np.stack(pictures, axis=-1)


def _path(asked: Prepared, question: Question, way: str) -> paths.Path:
    x = asked.images
    if way == "lesion":
        assert question.lesion is not None
        target = asked.channels_of(question.lesion)
        return _within(asked, lambda level: x + level * (_column(target, x) - x))
    if way == "blend":
        assert asked.other is not None
        return _within(asked, paths.blend(x, asked.other))
    made = {"noise": lambda: paths.noise(x, seed=question.seed), "blur": lambda: paths.blur(x)}
    return _within(asked, made.get(way, lambda: paths.contrast(x))())


def _column(values: list[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values).to(like).reshape(1, -1, *(1,) * (like.ndim - 2))


def _within(asked: Prepared, path: paths.Path) -> paths.Path:
    """The same way inside of the region alone."""
    if asked.region is None:
        return path
    inside, x = (asked.region != 0)[:, None], asked.images
    return lambda level: torch.where(inside, path(level), x)


def _picture(asked: Prepared, images: torch.Tensor) -> Any:
    """The middle slice of the perturbed images, in the unit of the file, with one voxel across."""
    volume = asked.in_file(images)
    if volume.ndim == 4:  # of a tensor its mean
        volume = volume[..., [0, 3, 5]].mean(-1) if volume.shape[3] == 6 else volume.mean(-1)
    axis, middle = _middle(asked)
    return np.take(volume, [middle], axis=axis)


def _middle(asked: Prepared) -> tuple[int, int]:
    axis = 2 if asked.grid.axis is None else asked.grid.axis
    return axis, asked.grid.shape[axis] // 2


def _place(asked: Prepared) -> Any:
    """Where that slice lies."""
    (axis, middle), affine = _middle(asked), asked.grid.affine.copy()
    affine[:3, 3] += middle * affine[:3, axis]
    return affine


class _Blocks:
    """Parts of an image of equal size: those in which something is to be seen, of the region if there is one."""

    def __init__(self, images: torch.Tensor, region: torch.Tensor | None = None) -> None:
        shape = images.shape[2:]
        voxels = int(np.prod(shape))
        edge = max(4, round((voxels / _BLOCKS) ** (1 / len(shape))))
        self._edge = min(edge, *shape)
        spread = self._cut(images[:, 0].double().square()) - self._cut(images[:, 0].double()).square()
        kept = spread > 1e-9 * float(images.double().square().mean())
        if region is not None:
            kept = self._cut((region != 0).double()) > 0
        self._kept = kept if bool(kept.any()) else torch.ones_like(kept)
        self.said = " x ".join([str(self._edge)] * len(shape)) + " voxels"

    def sums(self, terms: torch.Tensor) -> list[float | None]:
        """Sum of the terms (1, *spatial) in each block."""
        whole = self._cut(terms) * self._edge ** (terms.ndim - 1)
        return [finite_or_none(value) for value in whole[self._kept]]

    def _cut(self, volume: torch.Tensor) -> torch.Tensor:
        """Means of the blocks that lie within the image entirely."""
        pool = torch.nn.functional.avg_pool2d if volume.ndim == 3 else torch.nn.functional.avg_pool3d
        return pool(volume[:, None], self._edge).flatten()


def _table(curve: dict[str, Any]) -> list[list[Any]]:
    count = max((len(row) for row in curve["samples"]), default=0)
    heading = [f"{curve['name']} ({curve['unit']})", "R", "residual", *(f"{curve['sample']} {k}" for k in range(count))]
    rows = zip(curve["levels"], curve["values"], curve["residuals"], strict=True)
    padded = [[*row, *[None] * (count - len(row))] for row in curve["samples"]] or [[]] * len(curve["levels"])
    return [heading, *([*row, *more] for row, more in zip(rows, padded, strict=True))]


@torch.no_grad()
def ask_cut(
    network: Lpn, asked: Prepared | None, question: Question, domain: dict[str, Any], progress: Progress = silent
) -> Answer:
    """psi, f and R along a line: through the points of a network for points, else through the image.

    Of psi the tangent at the image is taken away, which says how it bends; f and R are told along the line.
    """
    if asked is None:
        return _cut_of_points(network, question, domain, progress)
    x = asked.images
    if asked.other is not None:
        step, reach, said = asked.other - x, (-0.5, 1.5), "towards the other image (0: the image, 1: the other)"
    elif asked.region is not None:
        step = (asked.region != 0)[:, None].to(x).expand_as(x)
        reach, said = (-_CUT_REACH, _CUT_REACH), "brightness of the region, in the scale of the network"
    else:
        step = paths.noise(torch.zeros_like(x), seed=question.seed)(1.0)
        reach, said = (-_CUT_REACH, _CUT_REACH), "one sample of noise, by its standard deviation"
    count = _FINE if x.numel() <= _LARGE else _COARSE
    places = np.linspace(*reach, count)
    length = step.double().square().sum()
    points = torch.cat([x + float(t) * step for t in places])
    values = Inverter(network, question, progress)(points, "Along the line").value.reshape(count, -1).sum(1)
    psi0, f0 = network.psi_and_prox(x)
    slope = float((f0.double() * step.double()).sum())
    rows = []
    for t, point, value in zip(places.tolist(), points.split(len(x)), values, strict=True):  # type: ignore[no-untyped-call]
        psi, f = network.psi_and_prox(point)
        along = float(((f - x).double() * step.double()).sum() / length)
        rows.append((t, float((psi - psi0).sum()) - t * slope, along, finite_or_none(value)))
    return _cut_answer(rows, said)


def _cut_of_points(network: Lpn, question: Question, domain: dict[str, Any], progress: Progress) -> Answer:
    low, high = (float(end) for end in domain.get("values", (-3.0, 3.0)))
    progress(Step(0, 1, message="Inverting"))
    width = network.image_shape[-1] if network.image_shape else 1
    line = torch.linspace(low, high, 121)[:, None].expand(-1, width).contiguous()
    psi, f = network.psi_and_prox(line)
    r = Inverter(network, question, progress)(line).value
    low_psi = float(psi.min())
    rows = [
        (float(t), float(p) - low_psi, float(v), finite_or_none(w))
        for t, p, v, w in zip(line[:, 0], psi, f[:, 0], r, strict=True)
    ]
    return _cut_answer(rows, "the variable")


def _cut_answer(rows: list[tuple[float, float, float, float | None]], said: str) -> Answer:
    t, psi, f, r = (list(column) for column in zip(*rows, strict=True))
    known = [value for value in r if value is not None]
    r = [None if value is None else value - min(known) for value in r]
    table = [["place", "psi", "f", "R"], *(list(row) for row in zip(t, psi, f, r, strict=True))]
    return Answer({"cut": {"along": said, "t": t, "psi": psi, "f": f, "r": r}}, tables={"cut": table})
