"""Module and data of the toy, apart from it since they load torch."""

import time

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from napari_sti.learn.stream import numbered_loader


class Noise(Dataset):
    """Examples that depend on their number alone."""

    def __init__(self, seed: int, width: int) -> None:
        self._seed, self._width = seed, width

    def __getitem__(self, number: int):
        x = torch.from_numpy(np.random.default_rng((self._seed, number)).standard_normal(self._width)).float()
        return x, x.sum(), number

    def __len__(self) -> int:
        return 6


class ToyModule(pl.LightningModule):
    """Adam, dropout and a falling learning rate: everything that a saved state has to bring back."""

    def __init__(self, params) -> None:
        super().__init__()
        self.params = params
        self.model = torch.nn.Sequential(
            torch.nn.Linear(params.width, 8), torch.nn.Dropout(0.3), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        )
        self.seen: list[int] = []

    def training_step(self, batch, number):
        """One step."""
        x, y, numbers = batch
        self.seen += numbers.tolist()
        if self.params.pause:
            time.sleep(self.params.pause)
        loss = (self.model(x + 0.1 * torch.randn_like(x))[:, 0] - y).abs().mean()
        if self.params.spoil == self.global_step + 1:
            loss = loss * float("nan")
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, number):
        """One batch."""
        x, y, _ = batch
        self.log("val/error", (self.model(x)[:, 0] - y).abs().mean(), batch_size=len(x))

    def configure_optimizers(self):
        """Adam with a falling learning rate."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.params.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.97**step)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def pictures(self):
        """A grey square."""
        return {"a square/of grey": np.full((5, 7, 3), 128, np.uint8)}


class ToyData(pl.LightningDataModule):
    """Noise for training, other noise for validation."""

    def __init__(self, params) -> None:
        super().__init__()
        self.params = params

    def train_dataloader(self):
        """Endless."""
        return numbered_loader(Noise(self.params.seed, self.params.width), self.params.batch, self.trainer)

    def val_dataloader(self):
        """Always the same."""
        return DataLoader(Noise(999, self.params.width), batch_size=2)
