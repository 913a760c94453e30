"""Proximal matching: the loss by which f becomes the prox of -log p instead of a mean or a median of the posterior.

E m(|f(x + noise) - x|), m(t) = 1 - exp(-(t / gamma)^2), counts an error by whether it is small, not by how large it
is. As gamma goes to 0, its minimum goes to the mode of the posterior, which is the prox of -sigma^2 log p (Fang et al.,
ICLR 2024, theorem 1). A small gamma alone gives no gradient to start from, hence a stage with |.|_1, and stages after.
"""

from dataclasses import dataclass
from math import sqrt

import torch

L1, MATCHING, L2 = "l1", "matching", "l2"
_PUBLISHED_RATIO = 0.08
_STAGES = (8.0, 4.0, 2.0, 1.0)


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Parameters
    ----------
    loss : {"l1", "l2", "matching"}
        What is minimised.
    steps : int
        For how many steps.
    learning_rate : float
        Of Adam.
    gamma : float
        Width of the matching loss, in the norm of a whole image.
    """

    loss: str
    steps: int
    learning_rate: float
    gamma: float = 0.0


def published_schedule(steps: int, size: int, *, first_rate: float = 1e-3, rate: float = 1e-4) -> tuple[Stage, ...]:
    """Half of the steps with l1, and an eighth each with gamma = 8, 4, 2, 1 times 0.08 sqrt(size).

    Parameters
    ----------
    steps : int
        In all (published: 40 000).
    size : int
        Numbers of an image: pixels times channels.
    first_rate, rate : float
        Learning rates of the first half and of the second.
    """
    quarter = (steps - steps // 2) // len(_STAGES)
    least = _PUBLISHED_RATIO * sqrt(size)
    matching = [Stage(MATCHING, quarter, rate, least * factor) for factor in _STAGES]
    return (Stage(L1, steps - quarter * len(_STAGES), first_rate), *matching)


def laplacian_schedule(share: float = 1.0) -> tuple[Stage, ...]:
    """The stages of the one-dimensional experiment after l1 (20 000 steps of it), times a share."""
    stages = [(0.5, 2000, 1e-3), (0.5, 2000, 1e-4), (0.4, 4000, 1e-4), (0.3, 4000, 1e-4)]
    stages += [(0.2, 4000, 1e-5), (0.1, 4000, 1e-5), (0.1, 4000, 1e-6)]
    return tuple(Stage(MATCHING, max(1, round(share * n)), rate, gamma) for gamma, n, rate in stages)


def stage_at(stages: tuple[Stage, ...], step: int) -> Stage:
    """Return the stage of a step, the last one for all that come after."""
    for stage in stages:
        if step < stage.steps:
            return stage
        step -= stage.steps
    return stages[-1]


def loss(stage: Stage, estimate: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean loss of a batch (B, ...) of estimates."""
    error = (estimate - truth).flatten(1)
    if stage.loss == L1:
        return error.abs().mean()
    if stage.loss == L2:
        return error.square().mean()
    return matching_loss(error, stage.gamma)


def matching_loss(error: torch.Tensor, gamma: float) -> torch.Tensor:
    """1 - exp(-|error|^2 / gamma^2) with the norm over a whole image (B, n), mean over the batch."""
    return -torch.expm1(-error.square().sum(1) / gamma**2).mean()
