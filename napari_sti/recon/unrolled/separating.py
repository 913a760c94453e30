"""The separating model: iron and myelin from field maps and R2' at once, by a small network between least squares."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.compact import (
    ANISO_GAIN,
    CONDITIONS,
    FIRST_ITERATIONS,
    GRADIENT_UNIT,
    LATER_ITERATIONS,
    CompactModel,
    Problem,
    cropped,
    padded,
)
from napari_sti.recon.unrolled.compact_network import WIDTHS, CompactNetwork
from napari_sti.recon.unrolled.model import Iterate, OnIterate, UnrolledModel, misfit, relative_residual, relative_step
from napari_sti.recon.unrolled.separating_fit import (
    COMPONENTS,
    STRENGTH_PPM,
    JointFit,
    mixed,
    rate_rows,
    to_sources,
    with_signs,
)
from napari_sti.recon.unrolled.separating_level import levelled, trust_in_signs
from napari_sti.recon.unrolled.separating_start import with_sparse_strength
from napari_sti.recon.unrolled.whitened import to_tensor

SEEN_BY_BOTH = 16
"""Inputs that the compact model has, too: estimate 6, gradient of the fields 6, mask 1, place in the head 3."""
INPUTS = SEEN_BY_BOTH + 7
"""And estimate of the strength 1, mean rate 1, how the rates vary with the direction 5."""
RATE_CONDITIONS = 3
SPREAD = (0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.1)
"""τ of the fit after a correction: a network takes more noise out of R2' than out of what the fields say."""
VARIATION_PPM = 0.006
"""Unit of how the rates vary with the direction."""


OnSources = Callable[[Iterate, torch.Tensor, torch.Tensor], None]


class SeparatingModel(UnrolledModel):
    """w ← fit(w + f(w, Aᵀ(y − A w), r)), then level and signs; w and fit as in `recon.unrolled.separating_fit`.

    The first estimate is the ridge-regularised least squares of field maps and R2' together, with the noise of the
    strength taken out by wavelets (`napari_sti.recon.unrolled.separating_start`). A network corrects it,
    least squares around the correction bring it back to both measurements, the level of both sources is set by what is
    known of it (`napari_sti.recon.unrolled.separating_level`), and at the end the nearest sources with chi+ >= 0 and
    X- negative semi-definite are taken. The network is that of `CompactModel`, told in addition about
    the rates.

    Parameters
    ----------
    iterations : int
        Corrections, all by the same network.
    widths : three ints
        Of `CompactNetwork`.
    spread : seven floats
        τ: how far the fit may go from a correction.
    """

    family: ClassVar[str] = "separating"
    multiple: ClassVar[int] = CompactNetwork.multiple
    axes: ClassVar[str] = "RAS"

    def __init__(self, iterations: int = 1, widths: Sequence[int] = WIDTHS, spread: Sequence[float] = SPREAD) -> None:
        super().__init__()
        spread = [float(s) for s in spread]
        if len(spread) != COMPONENTS:
            raise ValueError("one spread for each of seven components")
        self.config = {"iterations": int(iterations), "widths": [int(w) for w in widths], "spread": spread}
        self.iterations, self.spread = int(iterations), spread
        self.network = CompactNetwork(INPUTS, COMPONENTS, CONDITIONS + RATE_CONDITIONS, widths)

    @classmethod
    def beginning_from(cls, tensors: CompactModel) -> "SeparatingModel":
        """A model whose network begins with what one for tensors has learned; what concerns R2' is 0."""
        if tensors.iterations != 1:
            raise InputError(
                "only weights with one iteration can be begun from",
                mend="give weights that were trained with unroll = 1",
            )
        model = cls(widths=tensors.config["widths"])
        ours, theirs = model.network, tensors.network
        state = {k: v for k, v in theirs.state_dict().items() if not k.startswith(("enter.", "leave.", "told."))}
        ours.load_state_dict(state, strict=False)
        with torch.no_grad():
            seen = theirs.enter.weight
            # In the first iteration estimate and first estimate are the same volumes: their weights add up.
            ours.enter.weight[:, :6] = seen[:, :6] + seen[:, 12:18]
            ours.enter.weight[:, 6:12] = seen[:, 6:12]
            ours.enter.weight[:, 12:SEEN_BY_BOTH] = seen[:, 18:22]
            ours.enter.weight[:, SEEN_BY_BOTH:] = 0
            _copy(theirs.enter.bias, ours.enter.bias)
            ours.leave.weight[:, :6] = theirs.leave.weight[:, :6]
            _copy(theirs.leave.bias, ours.leave.bias, first=6)
            ours.leave.weight[:, 6:] = 0
            told = ours.state_dict()  # shares memory with the network
            told["told.0.weight"][:, :CONDITIONS] = theirs.state_dict()["told.0.weight"]
            told["told.0.weight"][:, CONDITIONS:] = 0
            told["told.0.bias"].copy_(theirs.state_dict()["told.0.bias"])
        return model

    def estimate(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        on_iterate: OnIterate | None = None,
        iterations: int | None = None,
    ) -> torch.Tensor:
        """Refuse: field maps alone do not separate."""
        raise InputError(
            "these weights separate sources and need R2' beside the field maps",
            mend="use them with napari-sti separate -m deepsepsti",
        )

    def separate(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        rates: torch.Tensor,
        rate_dirs: NDArray[np.float64],
        on_iterate: OnSources | None = None,
        level: str = "one",
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Find both sources; the caller has turned gradients off (``torch.inference_mode``).

        Parameters
        ----------
        operator : StiOperator
            Grid, voxel size, directions of the field maps in voxel axes, and mask, on the device of the model.
        field : (N, X, Y, Z) tensor
            Field maps in ppm.
        rates : (K, X, Y, Z) tensor
            R2' / Dr in ppm, 0 outside the mask.
        rate_dirs : (K, 3) array
            Directions of the main field in voxel axes for the rates.
        on_iterate : callable, optional
            Called after every iteration with the total susceptibility, chi+ and X-; may raise to leave.
        level : {"one", "always", "never"}
            When the constant of the total is set by the signs; see `napari_sti.recon.unrolled.separating_level`.

        Returns
        -------
        pos : (X, Y, Z) tensor
            chi+ >= 0 in ppm.
        neg : (6, X, Y, Z) tensor
            X-, negative semi-definite, in ppm; both 0 outside the mask.
        """
        problem = SourceProblem.pose(operator, field, rates, rate_dirs)
        back = problem.joint.respread(self.spread)
        trust = trust_in_signs(level, operator.orientations)
        w, chi = problem.first, None
        for number in range(self.iterations):
            volumes = padded(problem.inputs(w, number), CompactNetwork.multiple)
            network = self.network.for_scan(problem.conditions(number))
            correction = cropped(self.evaluation(network, volumes[None])[0], operator.shape)
            w = back.fitted((w + correction) * operator.mask, LATER_ITERATIONS) * operator.mask
            w = levelled(w, rates, rate_dirs, operator.mask, operator.voxel_size, trust)
            w = with_signs(w) * operator.mask
            chi, before = to_tensor(w[:6]), chi
            if on_iterate is not None:
                residual = relative_residual(misfit(operator, chi, field), field, operator.mask)
                done = Iterate(number + 1, self.iterations, chi, residual, relative_step(chi, before))
                on_iterate(done, *to_sources(w))
        return to_sources(w)

    def unrolled(self, problem: "SourceProblem") -> list[torch.Tensor]:
        """Corrections and fits (components) of every iteration, with gradients: for training."""
        back = problem.joint.respread(self.spread)
        w, passed = problem.first, []
        for number in range(self.iterations):
            volumes = padded(problem.inputs(w, number), CompactNetwork.multiple)[None]
            correction = self.network.correct(volumes, problem.conditions(number)[None])[0]
            z = (w + cropped(correction, problem.operator.shape)) * problem.operator.mask
            w = back.fitted(z, LATER_ITERATIONS)
            passed += [z, w]
        return passed


@dataclass(frozen=True, eq=False)
class SourceProblem(Problem):
    """Field maps and R2' of a scan, their first estimate, and what the network is told about them.

    Parameters
    ----------
    joint : JointFit
        Least squares of both, with τ = 1.
    rate_inputs : (6, X, Y, Z) tensor
        Mean rate, and how the rates vary with the direction, in units of order 1.
    rate_dirs : (K, 3) array
        Directions of the rates.
    """

    joint: JointFit
    rate_inputs: torch.Tensor
    rate_dirs: NDArray[np.float64]

    @classmethod
    def pose(
        cls, operator: StiOperator, field: torch.Tensor, rates: torch.Tensor, rate_dirs: NDArray[np.float64]
    ) -> "SourceProblem":
        """Make the problem of field maps (N, X, Y, Z) and rates (K, X, Y, Z) in ppm."""
        fit = JointFit(operator, field, rates, rate_dirs)
        inside = operator.mask > 0.5
        strength = float(field[:, inside].square().mean().sqrt()) if bool(inside.any()) else 0.0
        first = with_sparse_strength(fit.fitted(None, FIRST_ITERATIONS), operator.mask)
        dirs = np.asarray(rate_dirs, float)
        return cls(operator, fit, first, fit.field_gradient(None), strength, fit, _rate_inputs(rates, dirs), dirs)

    def inputs(self, w: torch.Tensor, number: int) -> torch.Tensor:
        """What the network sees (23, X, Y, Z) in iteration `number` from 0."""
        gradient = self.backprojection if number == 0 else self.joint.field_gradient(w)
        scale = torch.tensor([1.0] + 5 * [ANISO_GAIN]) / (GRADIENT_UNIT * math.sqrt(self.operator.orientations))
        fields = gradient * scale.to(w)[:, None, None, None]
        return torch.cat([w[:6], fields, self.surroundings(), w[6:], self.rate_inputs])

    def conditions(self, number: int) -> torch.Tensor:
        """What describes the scan (17,), each of order 1."""
        h = self.rate_dirs
        spread = np.linalg.eigvalsh(h.T @ h / len(h))[1]
        noise = math.log10(self.joint.rate_noise / STRENGTH_PPM) + 0.5
        rates = torch.tensor([1 / len(h), 5 * spread, noise]).to(self.first)
        return torch.cat([super().conditions(number), rates])


def _rate_inputs(rates: torch.Tensor, dirs: NDArray[np.float64]) -> torch.Tensor:
    """Mean rate over its unit, and the rates' differences from it projected on what directions can explain."""
    mean = rates.mean(0)
    rows = rate_rows(dirs).to(rates)[:, 1:6]
    rows = (rows - rows.mean(0)) / VARIATION_PPM
    varying = mixed(rows.T, rates - mean) * (3 / (len(rates) * VARIATION_PPM))
    return torch.cat([mean[None] / STRENGTH_PPM, varying])


def _copy(source: torch.Tensor | None, target: torch.Tensor | None, first: int | None = None) -> None:
    """Copy a bias, or its first values; what the target has beyond them is 0."""
    assert source is not None and target is not None
    target.zero_()[: len(source[:first])] = source[:first]
