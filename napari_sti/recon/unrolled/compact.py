"""The compact model: our own small network between data-consistent estimates."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.compact_network import WIDTHS, CompactNetwork
from napari_sti.recon.unrolled.model import (
    Iterate,
    OnIterate,
    UnrolledModel,
    misfit,
    relative_residual,
    relative_step,
)
from napari_sti.recon.unrolled.whitened import WhitenedFit, to_tensor

INPUTS = 22
"""Estimate 6, residual gradient 6, first estimate 6, mask 1, place in the head 3."""
CONDITIONS = 14

COMPONENTS = 6
_COMPONENT_SIGNS = (1, 1, 1, -1, -1, 1)
"""What exchanging left and right does to the whitened components: xy and xz change their signs."""
_OUTPUT_SIGNS = (*_COMPONENT_SIGNS, 1)
_INPUT_SIGNS = (*3 * _COMPONENT_SIGNS, 1, -1, 1, 1)
_CONDITION_SIGNS = (1, 1, 1, 1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1)

FIRST_ITERATIONS, LATER_ITERATIONS = 3, 2
"""Of the least squares before the network and after it."""

LARGEST_GAIN = 4.0
"""By how much the anisotropy may be raised or lowered in the end."""

PLACE_MM = 60.0
"""Unit of the coordinates that tell the network where in the head it is."""
GRADIENT_UNIT = 4e-4
"""About what the field maps of one orientation project back to, in the mean part of the whitened components."""
ANISO_GAIN = 6.0
"""The anisotropic parts project back to so much less, since they are counted in smaller units."""


class CompactModel(UnrolledModel):
    """x ← fit(x + f(x, Aᵀ(y − A x), x₀)): a network corrects the estimate, least squares bring it back to the data.

    x₀ is the ridge-regularised fit of the data alone; components are those of
    `napari_sti.recon.unrolled.whitened`, in which the mean susceptibility and the anisotropic part are both of order
    1. After every correction, the fit minimises ‖A x − y‖² / σ² + ‖x − z‖² / τ² around the corrected z, so that what
    the data know cannot be lost, and the network decides on the rest. It is told where in the head it is, how many
    orientations there are, how they are spread, the voxel size and the noise.

    Where directions are in doubt, the mean over them is less anisotropic than each of them. So the network also says by
    how much: at the end the anisotropic part is multiplied by this gain. That changes no principal direction, and x by
    nothing that the next correction would see.

    Parameters
    ----------
    iterations : int
        Corrections, all by the same network.
    widths : three ints
        Of `CompactNetwork`.
    spread : float
        τ: how far the fit may go from the correction, in whitened units.
    both_sides : bool
        Use the mean of the correction and of that of the scan's mirror image, left for right: a network that was
        trained on brains of both kinds has no reason to answer differently, but by its errors, which are averaged. So
        the mirror image of a scan gives the mirror image of the result. Training takes one of them.
    gains : bool
        Whether the network has the gain as its seventh output; without it, the mean is given as it is.
    """

    family: ClassVar[str] = "compact"
    multiple: ClassVar[int] = CompactNetwork.multiple
    axes: ClassVar[str] = "RAS"

    def __init__(
        self,
        iterations: int = 2,
        widths: Sequence[int] = WIDTHS,
        spread: float = 1.0,
        both_sides: bool = True,
        gains: bool = False,
    ) -> None:
        super().__init__()
        self.config = {"iterations": int(iterations), "widths": [int(w) for w in widths], "spread": float(spread)}
        self.config |= {"both_sides": bool(both_sides), "gains": bool(gains)}
        self.iterations, self.spread, self.both_sides = int(iterations), float(spread), bool(both_sides)
        self.evaluations = 2 if both_sides else 1
        self.gains = bool(gains)
        self.network = CompactNetwork(INPUTS, COMPONENTS + self.gains, CONDITIONS, widths)

    def with_gains(self) -> "CompactModel":
        """The same model, whose network says a gain of 1 everywhere until it is trained to say something else."""
        if self.gains:
            return self
        model, state = CompactModel(**(self.config | {"gains": True})), self.state_dict()
        for name, behind in (("network.leave.weight", 3), ("network.leave.bias", 0)):
            state[name] = functional.pad(state[name], [*behind * (0, 0), 0, 1])
        model.load_state_dict(state)
        return model

    def estimate(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        on_iterate: OnIterate | None = None,
        iterations: int | None = None,
    ) -> torch.Tensor:
        """Estimate the tensor; see `UnrolledModel.estimate`."""
        problem = Problem.of(operator, field, self.on_fit)
        total = self.iterations if iterations is None else iterations
        w, chi = problem.first, None
        for number in range(total):
            said = self._said(problem.inputs(w, number), problem.conditions(number))
            w = problem.fit.fit(w.add(said[:COMPONENTS]).mul_(operator.mask), self.spread, LATER_ITERATIONS)
            chi, before = to_tensor(self.restored(w, said)), chi
            if on_iterate is not None:
                left = misfit(operator, chi, field)
                residual = relative_residual(left, field, operator.mask)
                on_iterate(Iterate(number + 1, total, chi, residual, relative_step(chi, before)))
        return to_tensor(w) if chi is None else chi

    def restored(self, w: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Whitened components with the anisotropic ones times the gain, if the network has said one."""
        return torch.cat([w[:1], w[1:] * gain(said[COMPONENTS])]) if self.gains else w

    def _said(self, inputs: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """What the network adds to the estimate (6, X, Y, Z), and after it its gain, given what it sees and is told."""
        said = self._evaluated(inputs, conditions)
        if self.both_sides:
            other = self._evaluated(mirrored(inputs, _INPUT_SIGNS), conditions * _signs(_CONDITION_SIGNS, conditions))
            said = said.add_(mirrored(other, _OUTPUT_SIGNS[: len(other)])).mul_(0.5)
        return said

    def _evaluated(self, inputs: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        volumes = padded(inputs, CompactNetwork.multiple)
        out = self.evaluation(self.network.for_scan(conditions), volumes[None])[0]
        return cropped(out, inputs.shape[1:])

    def unrolled(self, problem: "Problem") -> list[torch.Tensor]:
        """Corrections and fits (whitened) of every iteration, with gradients: for training; behind each what is said of
        the gain, if anything is.
        """
        w, passed = problem.first, []
        for number in range(self.iterations):
            volumes = padded(problem.inputs(w, number), CompactNetwork.multiple)[None]
            said = self.network.correct(volumes, problem.conditions(number)[None])[0]
            z = (w + cropped(said[:COMPONENTS], problem.operator.shape)) * problem.operator.mask
            w = problem.fit.fit(z, self.spread, LATER_ITERATIONS)
            of_gain = cropped(said[COMPONENTS:], problem.operator.shape)
            passed += [torch.cat([z, of_gain]), torch.cat([w, of_gain])]
        return passed


@dataclass(frozen=True, eq=False)
class Problem:
    """A scan, its first estimate, and what the network is told about it.

    Parameters
    ----------
    operator : StiOperator
        The model of the scan.
    fit : WhitenedFit
        Its least squares.
    first : (6, X, Y, Z) tensor
        First estimate, whitened.
    backprojection : (6, X, Y, Z) tensor
        Of the field maps, whitened.
    strength : float
        Root mean square of the field maps inside the mask, ppm.
    """

    operator: StiOperator
    fit: WhitenedFit
    first: torch.Tensor
    backprojection: torch.Tensor
    strength: float

    @classmethod
    def of(cls, operator: StiOperator, field: torch.Tensor, on_fit: Callable[[], None] | None = None) -> "Problem":
        """Make the problem of field maps (N, X, Y, Z) in ppm; see `UnrolledModel` for `on_fit`."""
        fit = WhitenedFit(operator, field, on_fit)
        inside = operator.mask > 0.5
        strength = float(field[:, inside].square().mean().sqrt()) if bool(inside.any()) else 0.0
        return cls(operator, fit, fit.fit(None, 1.0, FIRST_ITERATIONS), fit.backprojection(), strength)

    def inputs(self, w: torch.Tensor, number: int) -> torch.Tensor:
        """What the network sees (22, X, Y, Z) in iteration `number` from 0."""
        gradient = self.backprojection if number == 0 else self.fit.gradient(w)
        scale = torch.tensor([1.0] + 5 * [ANISO_GAIN]) / (GRADIENT_UNIT * math.sqrt(self.operator.orientations))
        return torch.cat([w, gradient * scale.to(w)[:, None, None, None], self.first, self.surroundings()])

    def surroundings(self) -> torch.Tensor:
        """Mask and place in the head (4, X, Y, Z): mm from the middle of the mask over `PLACE_MM`, 0 outside."""
        mask = self.operator.mask
        index = torch.nonzero(mask > 0.5).to(mask.dtype)
        middle = index.mean(0) if len(index) else torch.zeros(3)
        lines = [
            (torch.arange(n, device=mask.device, dtype=mask.dtype) - middle[a])
            * (self.operator.voxel_size[a] / PLACE_MM)
            for a, n in enumerate(mask.shape)
        ]
        return torch.stack([mask, *(line * mask for line in torch.meshgrid(*lines, indexing="ij"))])

    def conditions(self, number: int) -> torch.Tensor:
        """What describes the scan (14,), each of order 1."""
        h = np.asarray(self.operator.b0_dirs, float)
        second = (h.T @ h / len(h))[np.triu_indices(3)]
        spread = np.linalg.eigvalsh(h.T @ h / len(h))[1]
        noise = math.log10(self.fit.noise / max(self.strength, 1e-6)) + 1
        sizes = [math.log2(edge / 2) for edge in self.operator.voxel_size]
        values = [len(h) / 6, 1 / len(h), 5 * spread, *second * (1, 3, 3, 1, 3, 1), noise, *sizes, float(number)]
        return torch.tensor(values, dtype=self.first.dtype, device=self.first.device)


def gain(said: torch.Tensor) -> torch.Tensor:
    """What the network says of the gain, as a factor between 1 / `LARGEST_GAIN` and `LARGEST_GAIN`; 1 for 0."""
    most = math.log(LARGEST_GAIN)
    return torch.exp(most * torch.tanh(said / most))


def mirrored(volumes: torch.Tensor, signs: Sequence[int]) -> torch.Tensor:
    """Volumes (C, X, Y, Z) with the ends of the first axis exchanged, each times its sign."""
    return volumes.flip(1).mul_(_signs(signs, volumes)[:, None, None, None])


def _signs(signs: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(signs, dtype=like.dtype, device=like.device)


def padded(volumes: torch.Tensor, multiple: int) -> torch.Tensor:
    """Volumes (C, X, Y, Z) with zeros added at the far ends up to multiples."""
    extra = [-n % multiple for n in volumes.shape[1:]]
    return functional.pad(volumes, [0, extra[2], 0, extra[1], 0, extra[0]]) if any(extra) else volumes


def cropped(volumes: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """The first voxels of volumes (C, ...) up to a shape (X, Y, Z)."""
    return volumes[:, : shape[0], : shape[1], : shape[2]]


def parameter_count(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())
