"""From a study with field maps and R2' and trained weights to its separated sources."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationInput
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.canonical import CanonicalGrid
from napari_sti.recon.checkpoint import load_model
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.timing import TimedProgress
from napari_sti.recon.unrolled.inference import (
    PRECISIONS,
    about_weights,
    choose_evaluation,
    iteration_record,
    parse_chunk,
    remarks,
    true_float32,
)
from napari_sti.recon.unrolled.model import Iterate
from napari_sti.recon.unrolled.separating import SeparatingModel
from napari_sti.recon.weights import Weights


def infer_sources(
    given: SeparationInput,
    weights: Weights,
    *,
    precision: str = "float32",
    chunk: str = "auto",
    level: str = "one",
    progress: Progress,
    device: str = "cpu",
    name: str = "separated",
) -> SeparatedField:
    """Separate with a trained model.

    Parameters
    ----------
    given : SeparationInput
        With field maps and R2', in any storage order.
    weights : Weights
        As found by `napari_sti.recon.weights.find_weights`.
    level : {"one", "always", "never"}
        See `napari_sti.recon.unrolled.separating_level`.
    precision, chunk, progress, device
        See `napari_sti.recon.unrolled.inference.infer`.
    name : str
        Of the result.

    Raises
    ------
    InputError
        If the weights cannot be read, or belong to a network that does not separate.
    """
    acquisition = given.acquisition
    assert acquisition.field is not None
    size = parse_chunk(chunk)
    model, _ = load_model(weights.file, device)
    if not isinstance(model, SeparatingModel):
        raise InputError(
            f"the weights belong to a network of the family {model.family!r}, which does not separate sources",
            file=weights.file,
            mend="give weights that were written by napari-sti train deepsepsti",
        )
    grid = CanonicalGrid(acquisition, axes=model.axes)
    run = _Run(grid, model.iterations, TimedProgress.of(progress))
    model.evaluation, said = choose_evaluation(model, grid, size, PRECISIONS[precision], "", run.on_part)
    operator = StiOperator(grid.shape, grid.voxel_size, grid.b0_dirs, grid.mask, device=device)
    field = torch.from_numpy(grid.place_volumes(acquisition.field)).to(operator.device)
    rates = torch.from_numpy(grid.place_volumes(given.rates)).to(operator.device) / given.relaxation.pos
    with torch.inference_mode(), true_float32():
        pos, neg = model.separate(operator, field, rates, grid.turned(given.b0_dirs), run.on_iterate, level)
    chi = grid.take_tensor(volume.float().cpu().numpy() for volume in neg)
    made = {
        "iterations": run.records,
        "stopped": "all iterations done",
        "weights": about_weights(weights, model),
        "precision": precision,
        "chunks": said,
        "remarks": remarks(weights, acquisition, precision),
    }
    return SeparatedField(
        chi_pos=grid.take(pos.float().cpu().numpy()),
        chi_neg=None,
        chi_neg_tensor=TensorField(chi, acquisition.affine, acquisition.mask, name="chi-"),
        affine=acquisition.affine,
        mask=acquisition.mask,
        relaxation=given.relaxation,
        provenance=made,
        name=name,
    )


class _Run:
    """What is reported and recorded on the way."""

    def __init__(self, grid: CanonicalGrid, total: int, clock: TimedProgress) -> None:
        self._grid, self._total, self._clock = grid, total, clock
        self.records: list[dict[str, Any]] = []

    def on_iterate(self, iterate: Iterate, pos: torch.Tensor, neg: torch.Tensor) -> None:
        """Report an iteration."""
        self.records.append(iteration_record(iterate, self._clock.seconds))
        self._clock(
            Step(
                iterate.number,
                iterate.total,
                iterate.residual,
                message="network",
                preview=lambda: self._look(pos, neg),
                change=iterate.step,
            )
        )

    def on_part(self, share: float) -> None:
        """Say how far the network is, for those who wait, and let them cancel."""
        self._clock(Step(len(self.records), self._total, message=f"network, {share:.0%}"))

    def _look(self, pos: torch.Tensor, neg: torch.Tensor) -> NDArray[np.float32]:
        """chi+ and the mean of |X-| (X, Y, Z, 2) in the study's order."""
        parts = (pos, -(neg[0] + neg[3] + neg[5]) / 3)
        return np.stack([self._grid.take(part.float().cpu().numpy()) for part in parts], axis=-1)
