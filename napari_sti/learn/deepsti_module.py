"""Training of DeepSTI's compact model: its network alone, on crops of data-consistent estimates, then unrolled."""

import math
from typing import TYPE_CHECKING, Any

import lightning.pytorch as lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from napari_sti.learn.deepsti_data import Crop, Examples, Whole, together
from napari_sti.learn.deepsti_loss import deepsti_loss
from napari_sti.learn.deepsti_validation import Validation
from napari_sti.learn.stream import numbered_loader
from napari_sti.recon.unrolled.compact import COMPONENTS, CompactModel, Problem
from napari_sti.recon.unrolled.compact_network import channels_last

if TYPE_CHECKING:
    from napari_sti.learn.tasks.deepsti import DeepStiTraining

RIM = 4
"""Voxels at the faces of a crop that do not count: their surroundings are cut off."""
PREPARED_STEPS = 24
"""Batches that wait in memory on a CPU, 12 MB for every crop of 48³."""
FINAL_RATE = 0.02
"""Learning rate at the end, of the largest."""


class DeepStiModule(lightning.LightningModule):
    """Trains a `CompactModel`.

    Parameters
    ----------
    params : DeepStiTraining
        See `napari_sti.learn.tasks.deepsti`.
    """

    def __init__(self, params: Any) -> None:
        super().__init__()
        self.params = params
        self.model, self._validation = self._made()

    def _made(self) -> tuple[Any, Any]:
        """The model to train, and its validation."""
        return channels_last(_first_model(self.params)), Validation(self.params)

    def training_step(self, batch: list[Crop | Whole], index: int) -> torch.Tensor:
        """Loss of the crops or whole scans of a step."""
        losses = [self._crops(list(crops)) for crops in _alike([e for e in batch if isinstance(e, Crop)])]
        losses += [self._whole(example) for example in batch if isinstance(example, Whole)]
        loss = torch.stack(losses).mean()
        self.log("train/loss", loss)
        return loss

    def _crops(self, crops: list[Crop]) -> torch.Tensor:
        inputs, conditions, truth, inside = (torch.stack(parts) for parts in zip(*crops, strict=True))
        inputs = inputs.to(memory_format=torch.channels_last_3d)
        said = self.model.network.correct(inputs, conditions)
        corrected = torch.cat([inputs[:, :COMPONENTS] + said[:, :COMPONENTS], said[:, COMPONENTS:]], 1)
        return deepsti_loss(corrected, truth, without_rim(inside))

    def _whole(self, example: Whole) -> torch.Tensor:
        """Every correction and every fit counts; the last one as much as all others."""
        problem = Problem.of(example.scan.operator, example.scan.field)
        inside = (example.scan.operator.mask > 0.5)[None]
        losses = [deepsti_loss(w[None], example.truth[None], inside) for w in self.model.unrolled(problem)]
        return 0.5 * losses[-1] + 0.5 * torch.stack(losses[:-1]).mean()

    def validation_step(self, batch: Any, index: int) -> None:
        """Reconstruct one scan of the validation, and score it beside least squares alone."""
        for name, value in self._validation.score(self.model, index).items():
            self.log(name, value, batch_size=1)

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Direction maps of truth, least squares and network."""
        drawn: dict[str, NDArray[np.uint8]] = self._validation.pictures()
        return drawn

    def configure_optimizers(self) -> Any:
        """Adam; the rate rises over the warm-up and falls as a cosine to the last step."""
        optimizer = torch.optim.Adam(self.model.parameters(), self.params.learning_rate)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate(self, step: int) -> float:
        p = self.params
        if step < p.warmup:
            return float((step + 1) / p.warmup)
        part = min(1.0, (step - p.warmup) / max(p.steps - p.warmup, 1))
        return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * part))


class DeepStiData(lightning.LightningDataModule):
    """Endless simulated examples; validation on brains that training never sees."""

    def __init__(self, params: Any) -> None:
        super().__init__()
        self.params = params

    def train_dataloader(self) -> DataLoader[Any]:
        """Examples from the step on that the trainer is at; made on the GPU if it trains there."""
        device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        examples = self._examples(device)
        workers = 1 if device.type == "cpu" and self.params.loaders else 0
        # A round of scans takes as long as a dozen steps: they have to be waiting when the round before is used up.
        ahead = {"prefetch_factor": PREPARED_STEPS} if workers else {}
        return numbered_loader(examples, self.params.batch, self.trainer, workers=workers, collate_fn=together, **ahead)

    def _examples(self, device: torch.device) -> Examples:
        return Examples(self.params, device)

    def val_dataloader(self) -> DataLoader[Any]:
        """Numbers of the validation's scans; the module makes them."""
        scans: Any = range(self.params.validation_brains * len(Validation.ORIENTATIONS))
        return DataLoader(scans, batch_size=None)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Crops go to the device; whole scans are made there."""
        if isinstance(batch, list):
            return [Crop(*(t.to(device) for t in e)) if isinstance(e, Crop) else e for e in batch]
        return batch


def _first_model(params: "DeepStiTraining") -> CompactModel:
    if not params.weights:
        widths = (params.width, 2 * params.width, params.width * 8 // 3)
        return CompactModel(iterations=params.unroll, widths=widths, gains=True)
    from napari_sti.recon.checkpoint import load_model

    model, _ = load_model(params.weights)
    assert isinstance(model, CompactModel)
    return model.with_gains().train().requires_grad_(True)


def _alike(crops: list[Crop]) -> list[list[Crop]]:
    """Crops in groups of one size."""
    groups: dict[torch.Size, list[Crop]] = {}
    for crop in crops:
        groups.setdefault(crop.inside.shape, []).append(crop)
    return list(groups.values())


def without_rim(inside: torch.Tensor) -> torch.Tensor:
    """Leave out the voxels of crops (B, X, Y, Z) that see the faces."""
    kept = torch.zeros_like(inside)
    middle = (slice(None), *(slice(RIM, n - RIM) if n > 4 * RIM else slice(None) for n in inside.shape[1:]))
    kept[middle] = inside[middle]
    return kept
