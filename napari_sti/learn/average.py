"""Averaged weights, which do better than the last ones: kept beside those that are trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class Average(Callback):
    """Running mean of the weights with exponential decay, which is what is validated and exported.

    The first steps count less: the decay of update n is min(decay, (1 + n) / (10 + n)).

    Parameters
    ----------
    decay : float
        0: no mean, the weights themselves are used.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._mean: dict[str, torch.Tensor] = {}
        self._updates = 0
        self._kept: dict[str, torch.Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """What the saved state holds of it."""
        return {"mean": self._mean, "updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        self._mean, self._updates = dict(state_dict["mean"]), int(state_dict["updates"])

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Begin with the weights as they are, or bring the mean to the device."""
        if not self._decay:
            self._mean = {}
            return
        for name, value in module.named_parameters():
            mean = self._mean.get(name, value)
            self._mean[name] = mean.detach().to(value.device, copy=True)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        """After each step."""
        if not self._mean:
            return
        weight = 1 - min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        current = dict(module.named_parameters())
        with torch.no_grad():
            torch._foreach_lerp_(list(self._mean.values()), [current[name].detach() for name in self._mean], weight)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the mean in place."""
        self._put_in(module)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the weights back."""
        self._put_back(module)

    def on_exception(self, trainer: Trainer, module: LightningModule, error: BaseException) -> None:
        """Put the weights back where a validation was left."""
        self._put_back(module)

    @contextmanager
    def in_place(self, module: LightningModule) -> Iterator[None]:
        """Put the mean in place for a while."""
        self._put_in(module)
        try:
            yield
        finally:
            self._put_back(module)

    def _put_in(self, module: LightningModule) -> None:
        if self._kept is not None or not self._mean:
            return
        parameters = dict(module.named_parameters())
        self._kept = {name: parameters[name].detach().clone() for name in self._mean}
        _copy(parameters, self._mean)

    def _put_back(self, module: LightningModule) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            _copy(dict(module.named_parameters()), kept)


def _copy(parameters: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)
