"""Train a learned proximal network: l1, then proximal matching with a falling gamma."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from napari_sti.learn.lpn_gaps import with_gaps
from napari_sti.learn.lpn_sources import Examples, make_source
from napari_sti.learn.stream import numbered_loader
from napari_sti.lpn.matching import L1, MATCHING, Stage, loss, published_schedule, stage_at
from napari_sti.lpn.networks import get_network
from napari_sti.lpn.networks.base import Lpn


def make_network(params: Any, channels: int, dims: int) -> Lpn:
    """Build the network that a training names for images with so many channels and axes."""
    if params.network == "local":
        config = dict(dims=dims, channels=channels, widths=[int(w) for w in params.widths.split(",")])
        config |= dict(depth=params.depth, quadratic=params.quadratic, beta=params.beta, alpha=params.alpha)
        return get_network("local", config)
    return get_network(
        params.network, dict(in_dim=channels, hidden=params.hidden, beta=params.beta, alpha=params.alpha)
    )


class LpnData(pl.LightningDataModule):
    """Numbered patches, and a few for validation that no training has seen."""

    def __init__(self, params: Any) -> None:
        super().__init__()
        self.params = params
        folder = params.folder_path()
        self.source = make_source(params.source, folder, params.patch_edge(), params.seed)

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        """Patches without end, from the step on that the trainer is at."""
        return numbered_loader(Examples(self.source), self.params.batch, self.trainer)

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        """The same patches every time."""
        return DataLoader(Examples(self.source, validation=self.params.validation_images), batch_size=8)


class LpnModule(pl.LightningModule):
    """A network with its noise, its loss and its schedule.

    Parameters
    ----------
    params : LpnTraining
        See `napari_sti.learn.tasks.lpn`.
    """

    def __init__(self, params: Any) -> None:
        super().__init__()
        self.params = params
        self.network = make_network(params, *params.image_kind())
        size = params.image_size()
        first = params.steps - 4 * ((params.steps - round(params.steps * params.l1_share)) // 4)
        rest = published_schedule(2 * (params.steps - first), size, rate=params.matching_rate)[1:]
        scale = params.gamma / 0.08
        self.stages = (
            *((Stage(L1, first, params.learning_rate),) if first else ()),
            *(Stage(MATCHING, s.steps, s.learning_rate, s.gamma * scale) for s in rest if s.steps),
        )
        self._seen: list[tuple[torch.Tensor, ...]] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        """Loss of one batch of clean patches."""
        step = self.global_step
        stage = stage_at(self.stages, step)
        generator = torch.Generator(self.device).manual_seed(
            (self.params.seed * 1_000_003 + step * 8191 + self.global_rank) % (2**62)
        )
        found = loss(stage, self.network.prox(self._noisy(batch, generator)), batch)
        self.log("train/loss", found, batch_size=len(batch))
        self.log("train/gamma", stage.gamma, batch_size=len(batch))
        return found

    def _noisy(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        low, high = self.params.noise_low, self.params.noise_high
        drawn = torch.rand(1, generator=generator, device=batch.device)
        noise = torch.randn(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
        noise = (low + (high - low) * drawn) * noise
        return with_gaps(batch, self.params.gaps, noise, generator) if self.params.gaps else batch + noise

    def configure_optimizers(self) -> dict[str, Any]:  # type: ignore[override]
        """Adam, with the learning rate of the stage."""
        optimiser = torch.optim.Adam(self.parameters(), lr=1.0)
        rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: stage_at(self.stages, step).learning_rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def optimizer_step(self, *args: Any, **options: Any) -> None:
        """Step, and then set to zero what must not be negative."""
        super().optimizer_step(*args, **options)
        self.network.project()

    def on_validation_epoch_start(self) -> None:
        """Begin anew."""
        self._seen = []

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        """How much noise is taken off, at the highest level of it."""
        generator = torch.Generator(self.device).manual_seed(7 + index)
        noise = torch.randn(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
        noisy = batch + self.params.noise_high * noise
        estimate = self.network.prox(noisy)
        for name, image in (("psnr", estimate), ("psnr_noisy", noisy)):
            error = (image - batch).square().flatten(1).mean(1)
            self.log(f"val/{name}", (-10 * error.log10()).mean(), batch_size=len(batch))
        self.log("val/l1", (estimate - batch).abs().mean(), batch_size=len(batch))
        if self.params.gaps:
            gappy = with_gaps(batch, 1.0, noise, generator)
            for name, image in (("gaps", self.network.prox(gappy)), ("gaps_before", gappy)):
                error = (image - batch).flatten(1).norm(dim=1) / batch.flatten(1).norm(dim=1)
                self.log(f"val/{name}", error.mean(), batch_size=len(batch))
        least = self.stages[-1]
        if least.loss == MATCHING:
            self.log("val/matching", loss(least, estimate, batch), batch_size=len(batch))
        if not self._seen:
            self._seen = [(batch[:4].cpu(), noisy[:4].cpu(), estimate[:4].cpu())]

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Clean, noisy and denoised patches of the latest validation, one row each."""
        if not self._seen:
            return {}
        rows = []
        for images in self._seen[0]:
            slices = images[:, 0] if images.ndim == 4 else images[:, 0, ..., images.shape[-1] // 2]
            rows.append(torch.cat(list(slices.float()), 1))
        low, high = rows[0].min(), rows[0].max()
        grey = ((torch.cat(rows) - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
        picture = (255 * grey).round().to(torch.uint8).numpy()
        return {"denoised": np.repeat(picture[..., None], 3, -1)}
