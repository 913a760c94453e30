"""What every unrolled model has in common, and which families of them there are."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from napari_sti.core.errors import InputError
from napari_sti.recon.operator import StiOperator

Evaluation = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
"""Evaluates a network at (1, C, X, Y, Z)."""


def evaluate_whole(network: torch.nn.Module, volumes: torch.Tensor) -> torch.Tensor:
    """Evaluate a network on the whole volume at once, in its own precision."""
    out: torch.Tensor = network(volumes)
    return out


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where an unrolled reconstruction is after one of its iterations.

    Parameters
    ----------
    number, total : int
        Iterations done, from 1, and to do.
    chi : (6, X, Y, Z) tensor
        Estimate in ppm, 0 outside the mask; on the device, and not to be changed.
    residual : float
        ‖M A x − y‖ / ‖y‖.
    step : float
        ‖x_k − x_{k−1}‖ / ‖x_k‖.
    """

    number: int
    total: int
    chi: torch.Tensor
    residual: float
    step: float


OnIterate = Callable[[Iterate], None]


class UnrolledModel(torch.nn.Module, ABC):
    """A trained iteration from field maps to a tensor; a subclass is a family, and `config` rebuilds a member.

    Attributes
    ----------
    config : dict
        Plain JSON; ``type(model)(**model.config)`` is a model of the same shape.
    iterations : int
        As trained.
    evaluations : int
        Of networks in each iteration.
    evaluation : callable
        How networks are evaluated without gradients: whole by default, or in chunks (see
        `napari_sti.recon.unrolled.chunked`). Models call it for every network that takes whole volumes.
    on_fit : callable or None
        Called on the way through least squares beside the network, for those who wait; may raise to leave.
    """

    family: ClassVar[str]
    axes: ClassVar[str] = "RAS"
    """Order of storage in which the volumes have to be given, for networks that were trained in one."""

    config: dict[str, Any]
    iterations: int
    evaluations: int = 1

    def __init__(self) -> None:
        super().__init__()
        self.evaluation: Evaluation = evaluate_whole
        self.on_fit: Callable[[], None] | None = None

    @abstractmethod
    def estimate(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        on_iterate: OnIterate | None = None,
        iterations: int | None = None,
    ) -> torch.Tensor:
        """Estimate the tensor; the caller has turned gradients off (``torch.inference_mode``).

        Parameters
        ----------
        operator : StiOperator
            Grid, voxel size, directions of the field in voxel axes, and mask, on the device of the model.
        field : (N, X, Y, Z) tensor
            Field maps in ppm on the same device.
        on_iterate : callable, optional
            Called after every iteration; may raise to leave.
        iterations : int, optional
            As trained if not given.

        Returns
        -------
        (6, X, Y, Z) tensor
            Tensor in ppm in voxel axes, 0 outside the mask.
        """


def misfit(operator: StiOperator, chi: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """M (A x − y) of a tensor (6, X, Y, Z) and field maps (N, X, Y, Z); keep it where the next step needs it, too."""
    return operator.forward(chi).sub_(field).mul_(operator.mask)


def relative_residual(left: torch.Tensor, field: torch.Tensor, mask: torch.Tensor) -> float:
    """‖M A x − M y‖ / ‖M y‖ of what is left, as `misfit` returns it; 0 where all fields are 0."""
    measured = float(torch.linalg.vector_norm(field * mask))
    return float(torch.linalg.vector_norm(left)) / measured if measured else 0.0


def relative_step(chi: torch.Tensor, before: torch.Tensor | None) -> float:
    """‖x_k − x_{k−1}‖ / ‖x_k‖; 1 for the first, which comes from zero."""
    if before is None:
        return 1.0
    length = float(torch.linalg.vector_norm(chi))
    return float(torch.linalg.vector_norm(chi - before)) / length if length else 0.0


_FAMILIES = {
    "compact": ("napari_sti.recon.unrolled.compact", "CompactModel"),
    "resunet": ("napari_sti.recon.unrolled.published", "PublishedModel"),
    "separating": ("napari_sti.recon.unrolled.separating", "SeparatingModel"),
}


def families() -> dict[str, type[UnrolledModel]]:
    """All families by name, imported on demand."""
    return {name: get_family(name) for name in _FAMILIES}


def get_family(name: str, file: Path | None = None) -> type[UnrolledModel]:
    """Return the family of this name, which was found in a file.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in _FAMILIES:
        raise InputError(
            f"networks of the family {name!r} are not known to this version",
            file=file,
            mend=f"known are {', '.join(_FAMILIES)}; update napari-sti",
        )
    module, kind = _FAMILIES[name]
    found: type[UnrolledModel] = getattr(importlib.import_module(module), kind)
    return found
