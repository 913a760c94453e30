"""Activations of convex networks: convex, increasing, with a continuous slope, each returned with its slope.

Value and slope are computed together, since the gradient of a potential needs both, and without keeping anything else.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F

from napari_sti.core.errors import InputError


class Activation(ABC):
    """A convex increasing function s of one number with 0 <= s' <= 1.

    Parameters
    ----------
    beta : float
        How sharp the bend is; the higher, the nearer to max(u, 0).
    """

    def __init__(self, beta: float) -> None:
        if not beta > 0:
            raise InputError(f"beta = {beta} of the activation is not above 0")
        self.beta = float(beta)

    @property
    @abstractmethod
    def bend(self) -> float:
        """Largest second derivative of s."""

    @abstractmethod
    def __call__(self, u: torch.Tensor, *, slope: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return s(u) and, if `slope`, s'(u) (else an empty tensor); `u` may be overwritten without autograd."""


class Softplus(Activation):
    """log(1 + exp(beta u)) / beta, as in the published networks."""

    @property
    def bend(self) -> float:
        """Largest second derivative of s."""
        return self.beta / 4

    def __call__(self, u: torch.Tensor, *, slope: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Activation`."""
        value = F.softplus(u, self.beta)
        if not slope:
            return value, u.new_empty(0)
        # Without autograd nobody needs u any more.
        return value, torch.sigmoid(self.beta * u) if torch.is_grad_enabled() else u.mul_(self.beta).sigmoid_()


class Hinge(Activation):
    """0 up to -d, u from d on, and in between the integral of t^2 (3 - 2 t), t = (u + d) / 2 d, where d = 2 / beta.

    Twice continuously differentiable, and several times cheaper than softplus, which it resembles at the same `beta`:
    no exponential, no logarithm.
    """

    @property
    def bend(self) -> float:
        """Largest second derivative of s."""
        return 0.375 * self.beta

    def __call__(self, u: torch.Tensor, *, slope: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Activation`."""
        d = 2 / self.beta
        if torch.is_grad_enabled():
            t = (u * (0.5 / d) + 0.5).clamp(0, 1)
            square = t * t
            return torch.relu(u - d) + d * square * t * (2 - t), square * (3 - 2 * t)
        t = torch.mul(u, 0.5 / d).add_(0.5).clamp_(0, 1)
        square = t * t
        value = torch.sub(u, d, out=u).clamp_(min=0)
        value.addcmul_(square, t * (2 - t), value=d) if not slope else value.addcmul_(square * t, 2 - t, value=d)
        return value, square.mul_(t.mul_(-2).add_(3)) if slope else u.new_empty(0)


ACTIVATIONS: dict[str, type[Activation]] = {"softplus": Softplus, "hinge": Hinge}


def get_activation(name: str, beta: float) -> Activation:
    """Make an activation by its name in a network's config."""
    if name not in ACTIVATIONS:
        raise InputError(f"the activation {name!r} is not known", mend=f"known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name](beta)
