"""From a study and trained weights to a tensor: where and how the network is evaluated, and what is said of it."""

import contextlib
import copy
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon import devices
from napari_sti.recon.canonical import CanonicalGrid
from napari_sti.recon.checkpoint import load_model
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.timing import TimedProgress
from napari_sti.recon.unrolled.chunked import Chunked, OnPart
from napari_sti.recon.unrolled.layers import Untraceable
from napari_sti.recon.unrolled.model import Evaluation, Iterate, UnrolledModel
from napari_sti.recon.weights import Weights, domain_remarks

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

WHOLE_VOLUMES = 8
"""Volumes of the widest features that torch holds at a time when it evaluates a whole network, as measured."""

HEARTBEAT = 0.5
"""Seconds between two reports within an iteration."""

SMALL = 50_000
"""Voxels of a grid up to which an iteration is over before anybody asks how far it is."""


def infer(
    acquisition: Acquisition,
    weights: Weights,
    *,
    iterations: int = 0,
    precision: str = "float32",
    chunk: str = "auto",
    progress: Progress,
    device: str = "cpu",
    home: str = "",
) -> TensorField:
    """Reconstruct with a trained model.

    Parameters
    ----------
    acquisition : Acquisition
        In any storage order; the network sees it in the one that it was trained in.
    weights : Weights
        As found by `napari_sti.recon.weights.find_weights`.
    iterations : int
        0 for as many as trained.
    precision : {"float32", "bfloat16", "float16"}
        Of the features of the network.
    chunk : str
        ``"auto"``, ``"whole"``, or the number of voxels that the network is evaluated at, at a time.
    progress, device, home
        See `Method.run`.

    Raises
    ------
    InputError
        If the weights cannot be read or `chunk` is nothing of the kind.
    """
    assert acquisition.field is not None
    size = parse_chunk(chunk)
    model, _ = load_model(weights.file, device)
    grid = CanonicalGrid(acquisition, axes=model.axes)
    run = _Run(grid, iterations or model.iterations, TimedProgress.of(progress), model.evaluations)
    evaluation, said = choose_evaluation(model, grid, size, PRECISIONS[precision], home, run.on_part)
    model.evaluation, model.on_fit = evaluation, run.on_fit
    operator = StiOperator(grid.shape, grid.voxel_size, grid.b0_dirs, grid.mask, device=device)
    field = torch.from_numpy(grid.place_volumes(acquisition.field)).to(operator.device)
    with torch.inference_mode(), true_float32():
        chi = model.estimate(operator, field, run.on_iterate, run.total)
    made = {
        "iterations": run.records,
        "weights": about_weights(weights, model),
        "precision": precision,
        "chunks": said,
        "remarks": remarks(weights, acquisition, precision, _unlike_trained(model, run.total)),
    }
    return TensorField(run.taken(chi), acquisition.affine, acquisition.mask, provenance=made, name=acquisition.name)


def about_weights(weights: Weights, model: UnrolledModel) -> dict[str, Any]:
    """What a result says of the weights that it was made with, plain values."""
    return {
        "name": weights.name,
        "title": weights.title,
        "path": str(weights.file.absolute()),
        "sha256": file_hash(weights.file),
        "family": model.family,
        "parameters": sum(p.numel() for p in model.parameters()),
        "disclaimer": weights.card.get("disclaimer"),
    }


def iteration_record(iterate: Iterate, seconds: float) -> dict[str, Any]:
    """What is recorded of an iteration, plain values."""
    return {
        "iteration": iterate.number,
        "residual": iterate.residual,
        "step": iterate.step,
        "seconds": round(seconds, 4),
    }


def parse_chunk(text: str) -> int | None:
    """Voxels at a time; None for automatic, 0 for the whole volume.

    Raises
    ------
    InputError
        If it is something else.
    """
    word = str(text).strip().lower()
    if word in ("auto", "whole"):
        return None if word == "auto" else 0
    if not word.isdigit() or int(word) < 1:
        raise InputError(f"chunk = {text!r} is not known", mend="use auto, whole, or a number of voxels such as 500000")
    return int(word)


class _Run:
    """What is reported and recorded on the way."""

    def __init__(self, grid: CanonicalGrid, total: int, clock: TimedProgress, evaluations: int = 1) -> None:
        self.grid, self.total, self._clock = grid, total, clock
        self.records: list[dict[str, Any]] = []
        self._evaluations, self._evaluated = evaluations, 0
        self._told = time.monotonic()

    def on_iterate(self, iterate: Iterate) -> None:
        """Report an iteration."""
        self._evaluated = 0
        self.records.append(iteration_record(iterate, self._clock.seconds))
        chi = iterate.chi
        self._clock(
            Step(
                iterate.number,
                iterate.total,
                iterate.residual,
                message="network",
                preview=lambda: self.taken(chi),
                change=iterate.step,
            )
        )
        self._told = time.monotonic()

    def on_part(self, share: float) -> None:
        """Say how far the network is."""
        done = min(1.0, (self._evaluated + share) / self._evaluations)
        self._evaluated += share >= 1
        self._tell(f"network, {done:.0%} of iteration {len(self.records) + 1}")

    def on_fit(self) -> None:
        """Say that least squares are on."""
        self._tell("least squares")

    def _tell(self, message: str) -> None:
        """For those who wait, from time to time, and so that they can cancel."""
        now = time.monotonic()
        if now - self._told < HEARTBEAT or math.prod(self.grid.shape) <= SMALL:
            return
        self._told = now
        self._clock(Step(len(self.records), self.total, message=message))

    def taken(self, chi: torch.Tensor) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) in the study's order of axes."""
        return self.grid.take_tensor(volume.float().cpu().numpy() for volume in chi)


class Whole:
    """Evaluates networks on whole volumes in some precision, with channels last in memory."""

    def __init__(self, precision: torch.dtype) -> None:
        self.precision = precision
        self._made: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()

    def __call__(self, network: nn.Module, volumes: torch.Tensor) -> torch.Tensor:
        """Evaluate; the result has the type of what comes in."""
        made = self._made.get(network)
        if made is None:
            made = self._made[network] = copy.deepcopy(network).to(self.precision)
            if volumes.device.type != "mps":
                for parameter in made.parameters():
                    if parameter.dim() == 5:
                        parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
        out: torch.Tensor = made(volumes.to(self.precision))
        return out.to(volumes.dtype)


def choose_evaluation(
    model: UnrolledModel, grid: CanonicalGrid, size: int | None, precision: torch.dtype, home: str, on_part: OnPart
) -> tuple[Evaluation, str]:
    """Choose how networks are evaluated, and say it in words; `size` as `parse_chunk` returns it."""
    device = next(model.parameters()).device
    if size == 0:
        return _traced(Whole(precision), Whole(precision)), "whole volume"
    chunked = Chunked(size, precision, home, on_part)
    if size is not None:
        return chunked, f"{size} voxels at a time, global statistics"
    if device.type == "cpu":
        return _traced(chunked, Whole(precision)), "layer by layer in slabs that suit the cache, global statistics"
    needed = WHOLE_VOLUMES * _width(model) * int(np.prod(grid.shape)) * precision.itemsize
    if not home and needed < 0.8 * devices.free_bytes(str(device)):
        return Whole(precision), "whole volume"
    where = "main memory" if home else "the device"
    return _traced(chunked, Whole(precision)), f"layer by layer, features in {where}, global statistics"


def _traced(first: Evaluation, otherwise: Evaluation) -> Evaluation:
    """Evaluate otherwise where a network has something that cannot be computed in slabs."""

    def evaluate(network: nn.Module, volumes: torch.Tensor) -> torch.Tensor:
        try:
            return first(network, volumes)
        except Untraceable:
            return otherwise(network, volumes)

    return evaluate


def _width(model: UnrolledModel) -> int:
    """Channels of the first convolution, which are those of the finest grid."""
    return next((m.out_channels for m in model.modules() if isinstance(m, nn.Conv3d)), 32)


@contextlib.contextmanager
def true_float32() -> Iterator[None]:
    """Keep CUDA from computing convolutions of float32 with fewer digits, which is its default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _unlike_trained(model: UnrolledModel, iterations: int) -> list[str]:
    if iterations == model.iterations:
        return []
    return [f"The network was trained for {model.iterations} iterations and {iterations} were done."]


def remarks(weights: Weights, acquisition: Acquisition, precision: str, more: Iterable[str] = ()) -> list[str]:
    """What a person should know of a result that a network has made, the disclaimer of its weights last."""
    said = [*domain_remarks(weights, acquisition), *more]
    if precision != "float32":
        said.append(f"The features of the network were kept in {precision} instead of float32.")
    disclaimer = weights.card.get("disclaimer")
    return [*said, str(disclaimer)] if disclaimer else said
