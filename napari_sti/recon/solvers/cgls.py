"""Conjugate gradients for least squares (CGLS), for any linear operator."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.recon.threads import share, share_rows
from napari_sti.recon.timing import TimedProgress

ROUNDING = 10
"""A gradient of so many machine epsilons, relative to the first, is rounding."""

_PENALTY_ROUNDING = 0.3
"""Of the same for what a penalty computes: gradients were seen to stop falling at 0.1 to 0.3 of that."""

_NEARLY_FLAT = 0.01
"""Relative gradient from which on it is worth finding out what is rounding."""


class LinearOperator(Protocol):
    """What the solver has to know of an operator A; unknowns and data are real tensors of any shape."""

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """A x, written to `out` if given."""

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """A^T y, for the inner product of the unknowns, written to `out` if given."""

    def squared_norm(self, x: torch.Tensor) -> float:
        """<x, x> in the inner product of the unknowns."""


class Penalty(Protocol):
    """A quadratic form ½ <x, K x> that is added to the misfit; K is symmetric and has no negative eigenvalue.

    Attributes
    ----------
    largest : float
        No eigenvalue of K is above it.
    """

    largest: float

    def value(self, x: torch.Tensor) -> float:
        """<x, K x>."""

    def subtract_gradient(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Take K x from `out`, and return <x, K x>."""


@runtime_checkable
class FollowedPenalty(Penalty, Protocol):
    """A penalty that keeps K x and lets it follow x, so that K is applied once in an iteration."""

    def move(self, alpha: float) -> None:
        """Note that x has become x + alpha p, where p is what `value` was asked for last."""


class Preconditioner(Protocol):
    """A symmetric positive definite P that resembles the inverse of A^T A + K."""

    def apply(self, s: torch.Tensor, out: torch.Tensor) -> float:
        """Write P s to `out`, and return <s, P s>."""


Rule = Literal["gradient", "lsqr"]
"""What `tol` is compared with: see `cgls`."""


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
    penalty: Penalty | None = None,
    preconditioner: Preconditioner | None = None,
    start: torch.Tensor | None = None,
    tol: float = 0.0,
    rule: Rule = "gradient",
    max_iterations: int = 100,
    progress: Progress = silent,
    preview: Callable[[torch.Tensor], NDArray[np.float32]] | None = None,
    overwrite_data: bool = False,
) -> Solution:
    """Minimise ½ ‖A x − y‖² + ½ ridge ‖x‖² + ½ <x, K x> (Hestenes and Stiefel 1952; Björck 1996, algorithm 7.4.1).

    In exact arithmetic the iterates are those of LSQR on the system with the penalties as further rows. From a start
    of zero they stay in the range of A^T (without penalties and preconditioner), so that of all minimisers the one of
    smallest norm is approached.

    Parameters
    ----------
    operator : LinearOperator
        A.
    data : tensor
        y.
    ridge : float
        Weight of the squared norm of the unknown, in the unit of A^T A.
    penalty : Penalty, optional
        K.
    preconditioner : Preconditioner, optional
        Changes the path to the minimum, not the minimum; where there are several, it changes which one is found.
    start : tensor, optional
        First estimate; zero by default. It is changed in place.
    tol : float
        When to stop, by the `rule`. It always stops where rounding takes over: from there on, errors along the null
        space of A grow from step to step without bound.
    rule : {"gradient", "lsqr"}
        ``gradient``: the norm of the gradient has fallen to `tol` times that at zero, ‖A^T y‖. ``lsqr``: it is at most
        `tol` ‖B‖ ‖r‖, where r is the residual of all rows and ‖B‖ the Frobenius norm of the bidiagonal matrix so far,
        or ‖r‖ is at most `tol` ‖y‖: the criteria of LSQR (Paige and Saunders 1982), which published codes use. Not to
        be used with a preconditioner, which changes B.
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
    state = _State(operator, data, ridge, penalty, preconditioner, start, overwrite_data)
    end = _End(tol, rule, torch.finfo(data.dtype).eps, state)
    found = Solution(state.x)
    while not end.reached(state) and len(found.iterations) < max_iterations and state.advance():
        record = state.record(len(found.iterations) + 1, clock.seconds)
        found.iterations.append(record)
        look = None if preview is None else (lambda: preview(state.x))
        step = Step(
            record["iteration"],
            max_iterations,
            residual=record["residual"],
            objective=record["objective"],
            convergence=end.convergence(state),
            message="Iterating",
            preview=look,
        )
        clock(step)
    if end.reached(state) or len(found.iterations) < max_iterations:
        found.stopped = end.word(state)
    return found


class _State:
    """The vectors and numbers of conjugate gradients between two iterations."""

    def __init__(
        self,
        operator: LinearOperator,
        data: torch.Tensor,
        ridge: float,
        penalty: Penalty | None,
        preconditioner: Preconditioner | None,
        start: torch.Tensor | None,
        overwrite_data: bool,
    ) -> None:
        self.operator, self.ridge, self.penalty, self.preconditioner = operator, ridge, penalty, preconditioner
        self.norm_data = math.sqrt(squared_norm(data))
        self.r = data if overwrite_data else data.clone()
        self.s = operator.adjoint(data)
        self.at_zero = operator.squared_norm(self.s)
        self.x = torch.zeros_like(self.s) if start is None else start
        self.penalised = 0.0  # ridge ‖x‖² + <x, K x>
        if start is not None:
            self.r -= operator.forward(self.x)
            self._find_gradient()
        self.misfit = squared_norm(self.r)
        self.steepness = self.at_zero if start is None else operator.squared_norm(self.s)
        self.z = self.s if preconditioner is None else torch.empty_like(self.s)
        self.gamma = self._precondition()
        self.p = self.z.clone()
        self.q: torch.Tensor | None = None
        self.frobenius = 0.0  # ‖B‖² of the bidiagonal matrix of LSQR
        self._last = 0.0
        self._iteration = 0
        check_finite(self.gamma, 0)

    def advance(self) -> bool:
        """Take one step; False where the direction has no curvature, so that there is nothing left to gain."""
        self._iteration += 1
        self.q = q = self.operator.forward(self.p, out=self.q)
        curvature = squared_norm(q)
        if self.ridge:
            curvature += self.ridge * self.operator.squared_norm(self.p)
        if self.penalty is not None:
            curvature += self.penalty.value(self.p)
        check_finite(curvature, self._iteration)
        if curvature == 0:
            return False
        alpha = self.gamma / curvature
        _add(self.x, self.p, alpha)
        if isinstance(self.penalty, FollowedPenalty):
            self.penalty.move(alpha)
        _add(self.r, q, -alpha)
        self._find_gradient()
        self.misfit = squared_norm(self.r)
        before, self.steepness = self.gamma, self.operator.squared_norm(self.s)
        self.gamma = self._precondition()
        check_finite(self.gamma, self._iteration)
        beta = self.gamma / before
        _scale_and_add(self.p, beta, self.z)
        self.frobenius += 1 / alpha + self._last
        self._last = beta / alpha
        return True

    def record(self, iteration: int, seconds: float) -> dict[str, Any]:
        """What is written down about an iteration."""
        return dict(
            iteration=iteration,
            residual=math.sqrt(self.misfit) / self.norm_data,
            objective=(self.misfit + self.penalised) / 2,
            gradient=math.sqrt(self.steepness / self.at_zero),
            seconds=round(seconds, 4),
        )

    def _find_gradient(self) -> None:
        """Set s to the negative gradient, and note what the penalties cost."""
        self.operator.adjoint(self.r, out=self.s)
        self.penalised = 0.0
        if self.ridge:
            _add(self.s, self.x, -self.ridge)
            self.penalised += self.ridge * self.operator.squared_norm(self.x)
        if self.penalty is not None:
            self.penalised += max(0.0, self.penalty.subtract_gradient(self.x, self.s))  # rounding can be negative

    def _precondition(self) -> float:
        return self.steepness if self.preconditioner is None else self.preconditioner.apply(self.s, self.z)


class _End:
    """Knows when it is enough."""

    def __init__(self, tol: float, rule: Rule, eps: float, state: _State) -> None:
        self._tol, self._rule, self._rounding = tol, rule, ROUNDING * eps

    def word(self, state: _State) -> str:
        """Why it ended, if not by the number of iterations."""
        return "tolerance" if self._tol >= self._floor(state) else "rounding"

    def convergence(self, state: _State) -> float:
        """What is compared with the tolerance, divided by it; at most 1 when it is enough."""
        if state.at_zero == 0:
            return 0.0
        gradient = math.sqrt(state.steepness / state.at_zero)
        floor = self._floor(state) if gradient < _NEARLY_FLAT else self._rounding
        if self._rule == "gradient":
            return gradient / max(self._tol, floor)
        ratios = [gradient / floor]
        if self._tol > 0:
            residual = math.sqrt(state.misfit + state.penalised)
            if state.frobenius and residual:
                ratios.append(math.sqrt(state.steepness / state.frobenius) / residual / self._tol)
            ratios.append(residual / state.norm_data / self._tol)
        return min(ratios)

    def reached(self, state: _State) -> bool:
        """Whether to stop."""
        return self.convergence(state) <= 1

    def _floor(self, state: _State) -> float:
        """Relative gradient that is nothing but rounding: strong penalties are differences of large numbers."""
        if state.penalty is None or state.at_zero == 0:
            return self._rounding
        large = state.penalty.largest * math.sqrt(state.operator.squared_norm(state.x) / state.at_zero)
        return self._rounding * (1 + _PENALTY_ROUNDING * large)


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


def check_finite(value: float, iteration: int) -> None:
    """Refuse to go on with a number that is not finite.

    Raises
    ------
    InputError
        That says in which iteration it was.
    """
    if not math.isfinite(value):
        raise InputError(
            f"the numbers stopped being finite in iteration {iteration}",
            mend="look for extreme values in the field maps, and for a mask that covers them",
        )
