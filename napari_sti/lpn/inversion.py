"""Find the y with f(y) = x: the minimum of the convex function psi(y) - <x, y>, for many images at once.

L-BFGS with one history for each image, so that every image takes the steps that it would take alone while the network
is evaluated for all of them together; an image that has arrived leaves the batch. Steps are judged by the slope along
them and not by the value: psi of a large image is a sum in the tens of thousands, whose last changes single precision
does not show, and along a line the slope of a convex function tells on which side of the minimum one stands.
"""

from dataclasses import dataclass

import torch

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn.networks.base import Lpn

TOLERANCE = 1e-4
"""Default for |f(y) - x| / |x|."""

_OVERSHOOT = 0.5  # of the slope at the start may be found, with the other sign, at the end of a step
_TRIALS = 12
NOTHING = 1e-4
"""Values below it are 0 for a network that was trained on values of order 1: no relative error is asked of them."""

_PATIENCE = 12  # iterations without a better residual before an image goes on with steps that cannot overshoot
_FAR = 1e5  # an inverse that is so much larger than x is none
_COMPACT = 0.75  # share of a batch still under way below which the others are dropped from it


@dataclass(frozen=True, eq=False)
class Inversion:
    """Inverses of a batch of images.

    Attributes
    ----------
    y : tensor like x
        What f maps nearest to x, of all that were tried.
    residual : (B,) tensor
        |f(y) - x| / |x|; an image of smaller values than `NOTHING` counts as one of these.
    in_range : (B,) bool tensor
        Whether the residual is within the tolerance: only there has the prior a value.
    slack : (B,) tensor
        About how much higher the prior is than <y, x> - |x|^2 / 2 - psi(y), because of the residual.
    iterations, evaluations : int
        Iterations of the slowest image, and evaluations of f with a whole or partial batch.
    """

    y: torch.Tensor
    residual: torch.Tensor
    in_range: torch.Tensor
    slack: torch.Tensor
    iterations: int
    evaluations: int


@torch.no_grad()
def invert(
    network: Lpn,
    x: torch.Tensor,
    *,
    tolerance: float = TOLERANCE,
    iterations: int = 300,
    memory: int = 8,
    start: torch.Tensor | None = None,
    progress: Progress = silent,
) -> Inversion:
    """Find y with f(y) = x for every image of a batch.

    Parameters
    ----------
    network : Lpn
        On the device of `x`.
    x : (B, ...) tensor
        Images; not touched.
    tolerance : float
        Relative residual at which an image is done.
    iterations : int
        At most so many for an image.
    memory : int
        Pairs of steps and changes of the gradient that are kept.
    start : tensor like x, optional
        First guess; x itself if not given.
    progress : callable
        Called once per iteration with the largest residual of the batch.

    Returns
    -------
    Inversion
        Images whose residual stays above the tolerance are not in the range of f, as far as can be found out.

    Raises
    ------
    InputError
        If an image holds NaN or infinity, or does not fit the network.
    """
    x = network.checked(x)
    if not torch.isfinite(x).all():
        raise InputError("the image holds NaN or infinity, of which the prior has no value", mend="mask or mend it")
    run = _Run(network, x, tolerance, memory, x if start is None else start)
    for number in range(1, iterations + 1):
        if not run.rows.numel():
            break
        run.step()
        worst = float(run.best_residual.max())
        progress(Step(number, iterations, residual=worst, convergence=worst / tolerance, message="inverting"))
    return run.result()


class _Run:
    """Everything that an inversion keeps; `rows` says which images of the batch the active ones are."""

    def __init__(self, network: Lpn, x: torch.Tensor, tolerance: float, memory: int, start: torch.Tensor) -> None:
        self.network, self.tolerance, self.memory = network, tolerance, memory
        self.shape, count = x.shape, len(x)
        self.rows = torch.arange(count, device=x.device)
        self.x = x.flatten(1)
        self.norms = self.x.norm(dim=1).clamp_min(NOTHING * self.x.shape[1] ** 0.5)
        self.y = start.to(x).flatten(1).clone()
        self.best = self.y.clone()
        self.best_residual = torch.full((count,), torch.inf, device=x.device, dtype=x.dtype)
        self.slack = torch.full_like(self.best_residual, torch.inf)
        self.since = torch.zeros(count, dtype=torch.long, device=x.device)
        self.careful = torch.zeros(count, dtype=torch.bool, device=x.device)
        self.steps: list[torch.Tensor] = []
        self.changes: list[torch.Tensor] = []
        self.weights: list[torch.Tensor] = []
        self.iterations = self.evaluations = 0
        self.gradient = self._gradient(self.y)
        self._book()

    def _gradient(self, y: torch.Tensor) -> torch.Tensor:
        self.evaluations += 1
        return self.network.prox(y.reshape(len(y), *self.shape[1:])).flatten(1) - self.x

    def step(self) -> None:
        """Do one iteration for all active images."""
        self.iterations += 1
        direction = self._direction(self.gradient).neg_()
        slope = _dot(self.gradient, direction)
        uphill = slope >= 0  # rounding alone can do this
        direction[uphill] = -self.gradient[uphill]
        slope[uphill] = -_dot(self.gradient[uphill], self.gradient[uphill])
        length, gradient = self._search(direction, slope)
        step = direction.mul_(length[:, None])
        change = gradient - self.gradient
        self.y = self.y + step
        self.gradient = gradient
        self._remember(step, change)
        self._book()

    def _search(self, direction: torch.Tensor, slope: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Shorten the steps that have gone too far beyond the minimum along them; return lengths and new gradients."""
        length = torch.ones_like(slope)
        gradient = self._gradient(self.y + direction)
        allowed = torch.where(self.careful, 0.0, _OVERSHOOT) * slope.abs()
        for _ in range(_TRIALS):
            end = _dot(gradient, direction)
            bad = ~(end <= allowed)  # NaN counts as too far
            if not bad.any():
                break
            secant = slope / (slope - end)
            shorter = torch.where(torch.isfinite(secant), secant.clamp(0.02, 0.95), 0.1)
            length = torch.where(bad, length * shorter, length)
            gradient = self._gradient(self.y + length[:, None] * direction)
        failed = ~torch.isfinite(gradient).all(1)
        if failed.any():
            length = torch.where(failed, 0.0, length)
            gradient = torch.where(failed[:, None], self.gradient, gradient)
        return length, gradient

    def _direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """Apply the inverse Hessian as the history knows it; where there is none, the identity."""
        q, factors = gradient.clone(), []
        for step, change, weight in reversed(list(zip(self.steps, self.changes, self.weights, strict=True))):
            factor = weight * _dot(step, q)
            q.addcmul_(change, factor[:, None], value=-1)
            factors.append(factor)
        if self.steps:
            q.mul_(self._scale()[:, None])
        for step, change, weight, factor in zip(self.steps, self.changes, self.weights, reversed(factors), strict=True):
            q.addcmul_(step, (factor - weight * _dot(change, q))[:, None])
        return q

    def _scale(self) -> torch.Tensor:
        size = _dot(self.changes[-1], self.changes[-1])
        last = 1 / (self.weights[-1] * size)
        usable = (self.weights[-1] > 0) & (size > 0) & torch.isfinite(last)
        return torch.where(usable, last, torch.ones_like(last))

    def _remember(self, step: torch.Tensor, change: torch.Tensor) -> None:
        curvature = _dot(step, change)
        usable = curvature > 1e-10 * step.norm(dim=1) * change.norm(dim=1)
        weight = torch.where(usable, 1 / curvature, torch.zeros_like(curvature))
        if len(self.steps) == self.memory:
            for kept in (self.steps, self.changes, self.weights):
                del kept[0]
        self.steps.append(step)
        self.changes.append(change)
        self.weights.append(weight)

    def _book(self) -> None:
        """Keep the best of each image, and go on with those that are not done."""
        rows, size = self.rows, self.gradient.norm(dim=1)
        residual = size / self.norms
        better = residual < self.best_residual[rows]
        found = rows[better]
        self.best[found], self.best_residual[found] = self.y[better], residual[better]
        self.slack[found] = _dot(self.gradient, self._direction(self.gradient))[better].abs() / 2
        self.since = torch.where(better, 0, self.since + 1)
        stuck = self.since >= _PATIENCE
        if stuck.any():
            self.careful |= stuck
            self.since[stuck] = 0
            for weight in self.weights:
                weight[stuck] = 0
        far = self.y.norm(dim=1) > _FAR * self.norms.clamp_min(1)
        going = (residual > self.tolerance) & ~far & torch.isfinite(residual)
        if going.float().mean() < _COMPACT:
            self._keep(going)

    def _keep(self, going: torch.Tensor) -> None:
        for name in ("rows", "x", "norms", "y", "gradient", "since", "careful"):
            setattr(self, name, getattr(self, name)[going])
        for kept in (self.steps, self.changes, self.weights):
            kept[:] = [entry[going] for entry in kept]

    def result(self) -> Inversion:
        """What was found."""
        return Inversion(
            self.best.reshape(self.shape),
            self.best_residual,
            self.best_residual <= self.tolerance,
            self.slack,
            self.iterations,
            self.evaluations,
        )


def _dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.linalg.vecdot(a, b)
    return product
