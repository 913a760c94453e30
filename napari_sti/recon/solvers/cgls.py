"""Conjugate gradients for least squares (CGLS), for any linear operator."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.recon.threads import share, share_rows
from napari_sti.recon.timing import TimedProgress

ROUNDING = 10
"""A gradient of so many machine epsilons, relative to the first, is rounding."""


class LinearOperator(Protocol):
    """What the solver has to know of an operator A; unknowns and data are real tensors of any shape."""

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """A x, written to `out` if given."""

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """A^T y, for the inner product of the unknowns, written to `out` if given."""

    def squared_norm(self, x: torch.Tensor) -> float:
        """<x, x> in the inner product of the unknowns."""


@dataclass
class Solution:
    """What the solver found.

    Parameters
    ----------
    x : tensor
        The unknown.
    iterations : list of dict
        For each its ``iteration``, ``residual``, ``objective``, ``gradient`` (relative to that at zero) and ``seconds``
        (so far, callbacks not counted).
    stopped : {"tolerance", "rounding", "iterations"}
        Why it ended.
    """

    x: torch.Tensor
    iterations: list[dict[str, Any]] = field(default_factory=list)
    stopped: str = "iterations"


def cgls(
    operator: LinearOperator,
    data: torch.Tensor,
    *,
    ridge: float = 0.0,
    start: torch.Tensor | None = None,
    tol: float = 0.0,
    max_iterations: int = 100,
    progress: Progress = silent,
    preview: Callable[[torch.Tensor], NDArray[np.float32]] | None = None,
    overwrite_data: bool = False,
) -> Solution:
    """Minimise ½ ‖A x − y‖² + ½ ridge ‖x‖² (Hestenes and Stiefel 1952; Björck 1996, algorithm 7.4.1).

    In exact arithmetic the iterates are those of LSQR. From a start of zero they stay in the range of A^T, so that
    of all minimisers the one of smallest norm is approached.

    Parameters
    ----------
    operator : LinearOperator
        A.
    data : tensor
        y.
    ridge : float
        Weight of the squared norm of the unknown, in the unit of A^T A.
    start : tensor, optional
        First estimate; zero by default. It is changed in place.
    tol : float
        Stop when the gradient has fallen to this fraction of the gradient at zero, ‖A^T y‖. It always stops where
        rounding takes over: from there on, errors along the null space of A grow from step to step without bound.
    max_iterations : int
        Stop after so many.
    progress : callable
        Called after every iteration; may raise `Cancelled`.
    preview : callable, optional
        Makes a picture of an unknown, for `Step.preview`. It sees the unknown of the moment at which it is called.
    overwrite_data : bool
        Whether `data` may become the residual, which spares a copy.

    Raises
    ------
    InputError
        If a number is no longer finite.
    """
    clock = TimedProgress.of(progress)
    s = operator.adjoint(data)
    at_zero, norm_y = operator.squared_norm(s), math.sqrt(squared_norm(data))
    x = torch.zeros_like(s) if start is None else start
    r = data if overwrite_data else data.clone()
    if start is not None:
        r -= operator.forward(x)
        _gradient(operator, r, x, ridge, s)
    p = s.clone()
    gamma = at_zero if start is None else operator.squared_norm(s)
    _check_finite(gamma, 0)
    floor = ROUNDING * torch.finfo(data.dtype).eps
    enough = max(tol, floor) ** 2 * at_zero
    found = Solution(x)
    q: torch.Tensor | None = None
    for iteration in range(1, max_iterations + 1):
        if gamma <= enough:
            break
        q = operator.forward(p, out=q)
        curvature = squared_norm(q) + (ridge * operator.squared_norm(p) if ridge else 0.0)
        _check_finite(curvature, iteration)
        if curvature == 0:
            break
        alpha = gamma / curvature
        _add(x, p, alpha)
        _add(r, q, -alpha)
        _gradient(operator, r, x, ridge, s)
        before, gamma = gamma, operator.squared_norm(s)
        _check_finite(gamma, iteration)
        _scale_and_add(p, gamma / before, s)

        misfit = squared_norm(r)
        record = dict(
            iteration=iteration,
            residual=math.sqrt(misfit) / norm_y,
            objective=(misfit + (ridge * operator.squared_norm(x) if ridge else 0.0)) / 2,
            gradient=math.sqrt(gamma / at_zero),
            seconds=round(clock.seconds, 4),
        )
        found.iterations.append(record)
        look = None if preview is None else (lambda: preview(x))
        clock(Step(iteration, max_iterations, record["residual"], record["objective"], "Iterating", look))
    if gamma <= enough or len(found.iterations) < max_iterations:
        found.stopped = "tolerance" if tol >= floor else "rounding"
    return found


def _gradient(operator: LinearOperator, r: torch.Tensor, x: torch.Tensor, ridge: float, out: torch.Tensor) -> None:
    operator.adjoint(r, out=out)
    if ridge:
        _add(out, x, -ridge)


def squared_norm(x: torch.Tensor) -> float:
    """Sum of squares of a real tensor; in float64 over the first axis, so that float32 loses no digits."""
    rows = x.reshape(len(x), -1)
    sums = [0.0] * len(rows)

    def one(index: int) -> None:
        sums[index] = float(torch.dot(rows[index], rows[index]))

    share(one, range(len(rows)))
    return math.fsum(sums)


def _add(x: torch.Tensor, p: torch.Tensor, alpha: float) -> None:
    """Add alpha p to x."""
    share_rows(lambda a, b: a.add_(b, alpha=alpha), x, p)


def _scale_and_add(p: torch.Tensor, beta: float, s: torch.Tensor) -> None:
    """Set p to s + beta p."""
    share_rows(lambda a, b: torch.add(b, a, alpha=beta, out=a), p, s)


def _check_finite(value: float, iteration: int) -> None:
    if not math.isfinite(value):
        raise InputError(
            f"the numbers stopped being finite in iteration {iteration}",
            mend="look for extreme values in the field maps, and for a mask that covers them",
        )
