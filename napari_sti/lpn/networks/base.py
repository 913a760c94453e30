"""What every learned proximal network is: a convex potential psi and its gradient f, computed in one sweep.

A function f is the prox of some function R (convex or not) if and only if it is the gradient of a convex potential
(Gribonval and Nikolova 2020). So a network that computes psi out of non-negative weights and convex increasing
activations, and f = grad psi, is a prox by construction, whatever its weights are.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch

from napari_sti.core.errors import InputError, shape_text


class Lpn(torch.nn.Module, ABC):
    """A convex potential psi: R^n -> R and the prox f = grad psi of the learned prior.

    A subclass implements `sweep`: forward through psi, then back with the transposed operators and the slopes kept on
    the way. Being written out, the way back is an ordinary network: inference builds no graph at all, and training
    differentiates it once, where the gradient of a gradient by autograd would need a graph of second order.

    Attributes
    ----------
    config : dict
        Plain JSON from which ``get_network(family, config)`` builds the same network.
    channels : int
        Channels of an image; 0 where points have no channel axis.
    spatial : int
        How many axes of an image come behind the channels.
    """

    family: ClassVar[str]
    config: dict[str, Any]
    channels: int
    spatial: int
    alpha: float

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The only spatial shape that fits, or None for networks that take any."""
        return None

    @property
    def has_terms(self) -> bool:
        """Whether psi is a sum of local terms, one a voxel; see `LocalLpn`."""
        return False

    @abstractmethod
    def sweep(self, y: torch.Tensor, *, psi: bool, prox: bool) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Compute psi(y), (B,) float64, and f(y), like `y`, as asked for; obeys whether gradients are enabled."""

    @abstractmethod
    def constrained(self) -> list[torch.nn.Parameter]:
        """Weights that have to be non-negative for psi to be convex."""

    @abstractmethod
    def curvature_bound(self) -> float:
        """A number that the Lipschitz constant of f provably does not exceed; usually far above it."""

    def psi(self, y: torch.Tensor) -> torch.Tensor:
        """The convex potential, (B,) float64, of points (B, ...)."""
        value, _ = self.sweep(self.checked(y), psi=True, prox=False)
        assert value is not None
        return value

    def prox(self, y: torch.Tensor) -> torch.Tensor:
        """f(y) = grad psi(y) = prox_R(y), of the shape of `y`, which is not touched."""
        _, f = self.sweep(self.checked(y), psi=False, prox=True)
        assert f is not None
        return f

    def psi_and_prox(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both of them at the price of f."""
        value, f = self.sweep(self.checked(y), psi=True, prox=True)
        assert value is not None and f is not None
        return value, f

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """Return f(y)."""
        return self.prox(y)

    @torch.no_grad()
    def project(self) -> None:
        """Set what must not be negative to zero where it is; called after every step of a training."""
        for weight in self.constrained():
            weight.clamp_(min=0)

    def is_convex(self) -> bool:
        """Whether no weight that must not be negative is."""
        return self.alpha >= 0 and all(bool((weight >= 0).all()) for weight in self.constrained())

    def parameter_count(self) -> int:
        """How many numbers were learned."""
        return sum(p.numel() for p in self.parameters())

    def checked(self, y: torch.Tensor) -> torch.Tensor:
        """Refuse points of a wrong shape or type.

        Raises
        ------
        InputError
            That states the shape given and the one that fits.
        """
        fits = "x".join((["batch"] + [str(self.channels)] * bool(self.channels)) + self._axes())
        shape = tuple(y.shape)
        right = len(shape) == 1 + bool(self.channels) + self.spatial
        right = right and (not self.channels or shape[1] == self.channels)
        right = right and (self.image_shape is None or shape[-self.spatial :] == self.image_shape)
        if not right or min(shape, default=0) < 1:
            raise InputError(f"the image is {shape_text(shape)} where this network takes {fits}")
        if not y.is_floating_point():
            raise InputError("the image holds whole numbers where the network takes floating-point numbers")
        return y

    def _axes(self) -> list[str]:
        return [str(n) for n in self.image_shape] if self.image_shape else ["any"] * self.spatial


def squares(y: torch.Tensor) -> torch.Tensor:
    """|y|^2 of each point, (B,), in float64."""
    return y.double().flatten(1).square().sum(1)


def need(config: dict[str, Any], family: str, **kinds: type) -> None:
    """Refuse a config that lacks numbers, has unknown ones, or ones that cannot be."""
    unknown = set(config) - set(kinds)
    if unknown:
        raise InputError(f"the config of {family} has the unknown entry {sorted(unknown)[0]!r}")
    for name, kind in kinds.items():
        value = config.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (kind is int and value != int(value)) or not 0 <= float(value) < 1e6:  # type: ignore[arg-type]
            raise InputError(f"the config of {family} states {name} = {value!r} where a number is needed")
