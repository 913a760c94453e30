"""Check a prior, or anybody's denoiser, near an image: on patches in which there is something to see."""

from pathlib import Path
from typing import Any

import torch

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn.denoiser import Denoiser, load_denoiser
from napari_sti.lpn.inspect_input import Prepared
from napari_sti.lpn.inspection import Answer, finite_or_none
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.proofs import check_prior
from napari_sti.lpn.question import PROGRAMS, Question

EDGE = {2: 64, 3: 24}
"""Edge of a patch by spatial axes."""
_PATCHES = 4
_NOISE = 0.1


def is_program(weights: str) -> bool:
    """Whether a file is a denoiser of others, by its name."""
    return Path(weights).suffix.lower() in PROGRAMS


def read_denoiser(weights: str) -> Denoiser:
    """Read a TorchScript or ONNX file; see `napari_sti.lpn.question.RISK`."""
    return load_denoiser(weights)


def ask_check(
    denoiser: Denoiser | Lpn,
    asked: Prepared | None,
    question: Question,
    domain: dict[str, Any],
    progress: Progress = silent,
) -> Answer:
    """All checks, each with its number, and what follows from them."""
    network = denoiser if isinstance(denoiser, Lpn) else denoiser.network
    if asked is None and (network is None or network.channels):
        raise InputError("a check needs an image of the kind that the denoiser is for", mend="name an image")
    points = _points(network, domain) if asked is None else patches(asked.images, network)
    noise = question.noise if question.noise is not None else _stated_noise(domain)
    progress(Step(0, 0, message="Checking"))
    report = check_prior(denoiser, points, noise=noise, seed=question.seed, progress=progress)
    checks = [
        {
            "id": check.id,
            "title": check.title,
            "value": finite_or_none(check.value),
            "limit": finite_or_none(check.limit),
            "at_least": check.at_least,
            "passed": check.passed,
            "says": check.says,
        }
        for check in report.checks
    ]
    record = {"is_prox": report.is_prox, "conclusion": report.conclusion, "noise": noise, "checks": checks}
    record["points"] = "x".join(str(n) for n in points.shape)
    rows = [[c["id"], c["title"], c["value"], c["limit"], c["passed"], c["says"]] for c in checks]
    return Answer(record, tables={"checks": [["id", "check", "value", "limit", "passed", "says"], *rows]})


def patches(images: torch.Tensor, network: Lpn | None) -> torch.Tensor:
    """Cut (B, C, *patch) out of a batch: those with most to see, a few; whole images where the size is fixed."""
    if network is not None and network.image_shape is not None:
        found = images
    else:
        edge = min(EDGE[images.ndim - 2], *images.shape[2:])
        found = images
        for axis in range(2, images.ndim):
            count = found.shape[axis] // edge
            found = torch.cat(found.narrow(axis, 0, count * edge).chunk(count, dim=axis))
    spread = found.flatten(1).std(dim=1)
    best = spread.argsort(descending=True)[:_PATCHES]
    return found[best].contiguous()


def _points(network: Lpn | None, domain: dict[str, Any]) -> torch.Tensor:
    assert network is not None and network.image_shape is not None
    low, high = (float(end) for end in domain.get("values", (-3.0, 3.0)))
    return torch.linspace(low, high, 32)[:, None].expand(-1, network.image_shape[-1]).contiguous()


def _stated_noise(domain: dict[str, Any]) -> float:
    stated = domain.get("noise")
    values = [float(v) for v in stated] if isinstance(stated, list | tuple) else [_NOISE]
    return max(values, default=_NOISE) or _NOISE
