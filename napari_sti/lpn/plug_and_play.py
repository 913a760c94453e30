"""Reconstruct with a prior that is known by its prox: proximal gradient, accelerated, and ADMM.

Since a learned proximal network is exactly the prox of its prior R, these are not heuristics with a denoiser in them
but descent methods for D + weight R, and since the images that they visit are values f(y) with y at hand, the objective
is known at every iteration without inverting anything: R(f(y)) = <y, f(y)> - |f(y)|^2 / 2 - psi(y).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn.data_terms import DataTerm
from napari_sti.lpn.networks.base import Lpn

Algorithm = Literal["gradient", "accelerated", "admm"]
ALGORITHMS: tuple[Algorithm, ...] = ("gradient", "accelerated", "admm")


class Prior(ABC):
    """A prior as a reconstruction needs it; subclass it for one of your own."""

    is_prox: bool = True
    """Whether `prox` is exactly the prox of one function R."""
    alpha: float | None = None
    """Strong convexity of the potential of which `prox` is the gradient, if known: ADMM's theorem asks for 0 to 1."""

    @abstractmethod
    def prox(self, v: torch.Tensor) -> tuple[torch.Tensor, float | None]:
        """Return argmin of R(x) + |x - v|^2 / 2, and R there up to one constant, or None where it is not known."""


class LpnPrior(Prior):
    """The prior of a learned proximal network.

    Parameters
    ----------
    network : Lpn
        On the device of the images.
    """

    def __init__(self, network: Lpn) -> None:
        self.network, self.alpha = network, network.alpha

    def prox(self, v: torch.Tensor) -> tuple[torch.Tensor, float | None]:
        """f(v) and R(f(v))."""
        psi, x = self.network.psi_and_prox(v)
        points, images = v.double(), x.double()
        return x, float((images * (points - images / 2)).sum() - psi.sum())


@dataclass(frozen=True)
class Condition:
    """Whether theory promises that a run converges, and what it asks for, in a sentence."""

    holds: bool
    says: str


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Result of a run.

    Attributes
    ----------
    x : tensor
        The image.
    objective : tuple of float
        D + weight R at each iteration, up to one constant; NaN where the prior does not tell its value.
    change : tuple of float
        |x_k - x_{k-1}| / |x_k|.
    condition : Condition
        What was checked before.
    """

    x: torch.Tensor
    objective: tuple[float, ...]
    change: tuple[float, ...]
    condition: Condition

    @property
    def iterations(self) -> int:
        """How many were done."""
        return len(self.objective)


def largest_step(data: DataTerm) -> float:
    """Step of proximal gradient below which the objective never rises: 1 / Lipschitz constant of the data term."""
    return 1 / data.lipschitz


def check_convergence(algorithm: Algorithm, data: DataTerm, prior: Prior, weight: float) -> Condition:
    """Check what theory asks for, before anything is run; see `reconstruct_image`."""
    limit = data.lipschitz
    if not prior.is_prox:
        return Condition(False, "The prior is not stated to be a prox, so nothing is known of convergence.")
    if algorithm == "admm":
        if prior.alpha is not None and not 0 < prior.alpha < 1:
            return Condition(False, f"ADMM's theorem asks for 0 < alpha < 1, and the network has {prior.alpha:g}.")
        if prior.alpha is None:
            return Condition(False, "ADMM's theorem asks for a strongly convex potential, of which nothing is known.")
    name = "ρ" if algorithm == "admm" else "1 / step"
    if weight > limit:
        return Condition(True, f"Converges: {name} = {weight:.4g} is above {limit:.4g}, the bend of the data term.")
    return Condition(
        False,
        f"Convergence is not promised: {name} = {weight:.4g} is not above {limit:.4g}, the bend of the data term.",
    )


@torch.no_grad()
def reconstruct_image(
    data: DataTerm,
    prior: Prior,
    *,
    algorithm: Algorithm = "accelerated",
    weight: float | None = None,
    iterations: int = 100,
    tolerance: float = 1e-5,
    start: torch.Tensor | None = None,
    strict: bool = False,
    progress: Progress = silent,
    follow: Callable[[torch.Tensor], None] | None = None,
) -> Reconstruction:
    """Find an image near a minimum of D(x) + weight R(x).

    Parameters
    ----------
    data : DataTerm
        Of the measurement.
    prior : Prior
        With the prox of R for unit weight, as a learned proximal network has it.
    algorithm : {"gradient", "accelerated", "admm"}
        Proximal gradient, x <- f(x - gradient / weight); the same with momentum, which is taken back wherever the
        objective would rise; ADMM with rho = weight, which takes any weight.
    weight : float, optional
        Of the prior. With a step of 1 / weight the first two are known to converge if it is above the Lipschitz
        constant of the data term's gradient, which also is the default (and a hundredth more).
    iterations, tolerance : int, float
        Ends after so many, or when an iteration changes the image by less than this share of its norm.
    start : tensor, optional
        First estimate; the data term's own if not given.
    strict : bool
        Whether to refuse a run of which theory does not promise that it converges.
    progress : callable
        Called once per iteration with the objective.
    follow : callable, optional
        Called with the image of each iteration, before `progress`.

    Raises
    ------
    InputError
        If the algorithm is not known, or `strict` is asked for and convergence is not promised.
    """
    if algorithm not in ALGORITHMS:
        raise InputError(f"the algorithm {algorithm!r} is not known", mend=f"use one of {', '.join(ALGORITHMS)}")
    if weight is None:
        weight = 1.01 * data.lipschitz
    if not weight > 0 or not math.isfinite(weight):
        raise InputError(f"weight = {weight:g} is not above 0")
    condition = check_convergence(algorithm, data, prior, weight)
    if strict and not condition.holds:
        raise InputError(condition.says.rstrip("."), mend=f"take a weight above {data.lipschitz:.4g}")
    run = _Run(data, prior, weight, data.start() if start is None else start)
    step = {"gradient": run.gradient, "accelerated": run.accelerated, "admm": run.admm}[algorithm]
    objectives, changes = [], []
    for number in range(1, iterations + 1):
        before = run.x
        step()
        objectives.append(run.objective)
        changes.append(float((run.x - before).norm() / run.x.norm().clamp_min(1e-30)))
        if follow is not None:
            follow(run.x)
        told = None if math.isnan(run.objective) else run.objective
        progress(Step(number, iterations, objective=told, convergence=changes[-1] / tolerance, change=changes[-1]))
        if changes[-1] < tolerance:
            break
    return Reconstruction(run.x, tuple(objectives), tuple(changes), condition)


class _Run:
    """The state of a run; each algorithm is one method that does one iteration."""

    def __init__(self, data: DataTerm, prior: Prior, weight: float, start: torch.Tensor) -> None:
        self.data, self.prior, self.weight = data, prior, weight
        self.x = self.ahead = self.z = start.clone()
        self.u = torch.zeros_like(start)
        self.momentum = 1.0
        self.objective = math.nan

    def gradient(self) -> None:
        """Proximal gradient."""
        self.x, self.objective = self._forward_backward(self.x)

    def accelerated(self) -> None:
        """Proximal gradient with Nesterov's momentum; where the objective would rise, a plain step instead."""
        x, objective = self._forward_backward(self.ahead)
        if not objective <= self.objective and not math.isnan(self.objective):
            x, objective = self._forward_backward(self.x)
            self.momentum = 1.0
        momentum = (1 + math.sqrt(1 + 4 * self.momentum**2)) / 2
        self.ahead = x + (self.momentum - 1) / momentum * (x - self.x)
        self.x, self.objective, self.momentum = x, objective, momentum

    def admm(self) -> None:
        """x, u, z in the published order: x = argmin D + rho / 2 |z - u - x|^2, u += x - z, z = f(x + u)."""
        image = self.data.prox(self.z - self.u, self.weight, self.x)
        self.u = self.u + image - self.z
        self.z, value = self.prior.prox(image + self.u)
        self.x = self.z
        self.objective = self._objective(self.z, value)

    def _forward_backward(self, point: torch.Tensor) -> tuple[torch.Tensor, float]:
        x, value = self.prior.prox(point - self.data.gradient(point) / self.weight)
        return x, self._objective(x, value)

    def _objective(self, x: torch.Tensor, value: float | None) -> float:
        return math.nan if value is None else self.data.value(x) + self.weight * value
