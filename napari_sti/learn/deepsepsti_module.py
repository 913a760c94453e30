"""Training of DeepSepSTI's separating model: its network alone, on crops of joint estimates, then unrolled."""

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from napari_sti.learn.deepsepsti_data import SourceExamples, SourceScan
from napari_sti.learn.deepsepsti_loss import sources_loss
from napari_sti.learn.deepsepsti_validation import SourceValidation
from napari_sti.learn.deepsti_data import Crop, Whole
from napari_sti.learn.deepsti_module import DeepStiData, DeepStiModule, without_rim
from napari_sti.recon.unrolled.compact import CompactModel
from napari_sti.recon.unrolled.compact_network import channels_last
from napari_sti.recon.unrolled.separating import SeparatingModel
from napari_sti.recon.unrolled.separating_fit import COMPONENTS

if TYPE_CHECKING:
    from napari_sti.learn.tasks.deepsepsti import DeepSepStiTraining

ESTIMATE = (0, 1, 2, 3, 4, 5, 16)
"""Where the seven components of the estimate stand among the inputs of the network."""


class DeepSepStiModule(DeepStiModule):
    """Trains a `SeparatingModel`.

    Parameters
    ----------
    params : DeepSepStiTraining
        See `napari_sti.learn.tasks.deepsepsti`.
    """

    def _crops(self, crops: list[Crop]) -> torch.Tensor:
        inputs, conditions, truth, inside = (torch.stack(parts) for parts in zip(*crops, strict=True))
        inputs = inputs.to(memory_format=torch.channels_last_3d)
        corrected = inputs[:, list(ESTIMATE)] + self.model.network.correct(inputs, conditions)
        assert corrected.shape[1] == COMPONENTS
        return sources_loss(corrected, truth, without_rim(inside))

    def _whole(self, example: Whole) -> torch.Tensor:
        """Every correction and every fit counts; the last one as much as all others."""
        assert isinstance(example.scan, SourceScan)
        problem = example.scan.posed()
        inside = (example.scan.operator.mask > 0.5)[None]
        losses = [sources_loss(w[None], example.truth[None], inside) for w in self.model.unrolled(problem)]
        return 0.5 * losses[-1] + 0.5 * torch.stack(losses[:-1]).mean()

    def _made(self) -> tuple[Any, Any]:
        return channels_last(_first_model(self.params)), SourceValidation(self.params)


class DeepSepStiData(DeepStiData):
    """Endless simulated examples; validation on brains that training never sees."""

    def _examples(self, device: torch.device) -> SourceExamples:
        return SourceExamples(self.params, device)

    def val_dataloader(self) -> DataLoader[Any]:
        """Numbers of the validation's scans; the module makes them."""
        scans: Any = range(self.params.validation_brains * len(SourceValidation.ORIENTATIONS))
        return DataLoader(scans, batch_size=None)


def _first_model(params: "DeepSepStiTraining") -> SeparatingModel:
    if not params.weights:
        widths = (params.width, 2 * params.width, params.width * 8 // 3)
        return SeparatingModel(iterations=params.unroll, widths=widths)
    from napari_sti.recon.checkpoint import load_model

    model, _ = load_model(params.weights)
    if isinstance(model, CompactModel):
        model = SeparatingModel.beginning_from(model)
    assert isinstance(model, SeparatingModel)
    return model.train().requires_grad_(True)
