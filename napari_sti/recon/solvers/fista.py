"""Accelerated proximal gradient (FISTA) for least squares with a penalty that has no gradient."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.progress import Progress, Step, silent
from napari_sti.recon import fourier
from napari_sti.recon.solvers.cgls import LinearOperator, Solution, check_finite, squared_norm
from napari_sti.recon.threads import share
from napari_sti.recon.timing import TimedProgress
from napari_sti.recon.unlocked import unlocked

CHUNK = 1 << 17
"""Values that are taken through all arithmetic before the next ones are, on the CPU: they stay in the cache."""


class Prox(Protocol):
    """A convex penalty g that is a sum over the rows (first axis) of the unknown."""

    def __call__(self, row: torch.Tensor, curvature: float) -> float:
        """Replace the row z by the u that minimises ½ curvature ‖u − z‖² + g(u), and return g(u).

        Several rows are asked for at the same time, from different threads.
        """


def fista(
    operator: LinearOperator,
    data: torch.Tensor,
    prox: Prox,
    curvature: Sequence[float],
    *,
    start: torch.Tensor | None = None,
    tol: float = 0.0,
    max_iterations: int = 100,
    progress: Progress = silent,
    preview: Callable[[torch.Tensor], NDArray[np.float32]] | None = None,
) -> Solution:
    """Minimise ½ ‖A x − y‖² + g(x) (Beck and Teboulle 2009), with restarts (O'Donoghue and Candès 2015).

    Each row of the unknown (first axis) has its own length of step. One forward and one adjoint are needed for an
    iteration; residual and objective are those of the estimate itself, not of the extrapolated point, since A is
    linear and the fields of the last two estimates are kept. The momentum starts anew where it points uphill.

    Parameters
    ----------
    operator : LinearOperator
        A; the inner product of the unknowns has to be the plain one.
    data : tensor
        y.
    prox : Prox
        g.
    curvature : sequence of float
        L_c > 0 for every row c with A^T A ⪯ diag(L_c).
    start : tensor, optional
        First estimate; zero by default. It is changed in place.
    tol : float
        Stop when ‖x − z‖ ≤ tol ‖x‖ in the norm that is weighted with the curvatures, where x is the new estimate and z
        the point from which the proximal gradient step was taken: at the minimum the two are the same.
    max_iterations : int
        Stop after so many.
    progress : callable
        Called after every iteration; may raise `Cancelled`.
    preview : callable, optional
        Makes a picture of an unknown, for `Step.preview`. It sees the unknown of the moment at which it is called.

    Returns
    -------
    Solution
        Its records hold ``iteration``, ``residual``, ``objective``, ``change`` (what is compared with `tol`),
        ``restart`` and ``seconds``.

    Raises
    ------
    InputError
        If a number is no longer finite.
    """
    clock = TimedProgress.of(progress)
    state = _State(operator, data, prox, curvature, start)
    found = Solution(state.x)
    for iteration in range(1, max_iterations + 1):
        record = dict(iteration=iteration, **state.advance(), seconds=round(clock.seconds, 4))
        check_finite(record["objective"], iteration)
        found.x = state.x
        found.iterations.append(record)
        step = Step(
            iteration,
            max_iterations,
            residual=record["residual"],
            objective=record["objective"],
            convergence=record["change"] / tol if tol > 0 else None,
            message="Iterating",
            preview=None if preview is None else (lambda: preview(state.x)),
        )
        clock(step)
        if record["change"] <= tol:
            found.stopped = "tolerance"
            break
    return found


class _State:
    """The last two estimates, what they predict, and the momentum.

    Nothing else of the size of the unknown is kept but the gradient, whose memory becomes the next estimate.
    """

    def __init__(
        self,
        operator: LinearOperator,
        data: torch.Tensor,
        prox: Prox,
        curvature: Sequence[float],
        start: torch.Tensor | None,
    ) -> None:
        self.operator, self.data, self.prox, self.curvature = operator, data, prox, curvature
        self.norm_data = math.sqrt(squared_norm(data))
        check_finite(self.norm_data, 0)
        self.r = -data  # A x − y
        self._g = operator.adjoint(data)
        self.x = _room(self._g).zero_() if start is None else start
        if start is not None:
            self._predict(self.x, self.r)
        self._before = _room(self.x).copy_(self.x)
        self._r_before = _room(self.r).copy_(self.r)
        self._t, self._momentum, self._last = 1.0, 0.0, 0.0

    def advance(self) -> dict[str, Any]:
        """Take one step, and return what is written down about it."""
        beta = self._momentum
        self._extrapolate(beta)
        gradient = self.operator.adjoint(self._r_before, out=self._g)
        rows = [_Row(0, 0, 0, 0)] * len(gradient)

        def one(c: int) -> None:
            rows[c] = self._row(c, beta)

        _for_rows(one, gradient)
        self.x, self._before, self._g = gradient, self.x, self._before
        misfit = self._predict(self.x, self._r_before)
        self.r, self._r_before = self._r_before, self.r
        change, uphill = self._judge(rows, beta)
        self._accelerate(uphill)
        return dict(
            residual=math.sqrt(misfit) / self.norm_data if self.norm_data else 0.0,
            objective=misfit / 2 + math.fsum(row.penalty for row in rows),
            change=change,
            restart=uphill,
        )

    def _extrapolate(self, beta: float) -> None:
        """Residual of the extrapolated point, in the memory of the one before."""

        def one(i: int) -> None:
            _lerp(self._r_before[i].view(-1), self.r[i].view(-1), 1 + beta, _chunk(self.r[i]))

        _for_rows(one, self.r)

    def _predict(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Set `out` to A x − y and return the sum of its squares."""
        self.operator.forward(x, out=out)
        sums = [0.0] * len(out)

        def one(i: int) -> None:
            sums[i] = _take(out[i].view(-1), self.data[i].reshape(-1), _chunk(out[i]))

        _for_rows(one, out)
        return math.fsum(sums)

    def _row(self, c: int, beta: float) -> "_Row":
        """Make one row of the gradient that row of the next estimate."""
        curvature, length = self.curvature[c], _chunk(self.x[c])
        new, now, before = (rows[c].view(-1) for rows in (self._g, self.x, self._before))
        _descend(new, now, before, 1 + beta, -1 / curvature, length)
        penalty = self.prox(self._g[c], curvature)
        size, moved, along = _products(new, now, before, length)
        return _Row(penalty, size * curvature, moved * curvature, along * curvature)

    def _judge(self, rows: list["_Row"], beta: float) -> tuple[float, bool]:
        """Relative length of the proximal gradient step, and whether the momentum pointed uphill."""
        size, moved, along = (math.fsum(values) for values in list(zip(*rows, strict=True))[1:])
        # With z = x + beta (x − x_before), u − z is the step minus beta times the last step.
        length = max(0.0, moved - 2 * beta * along + beta**2 * self._last)
        self._last = moved
        change = math.sqrt(length / size) if size else float(length > 0)
        return change, beta * along - moved > 0

    def _accelerate(self, restart: bool) -> None:
        t = 1.0 if restart else self._t
        self._t = (1 + math.sqrt(1 + 4 * t**2)) / 2
        self._momentum = (t - 1) / self._t


class _Row(NamedTuple):
    """What one row adds to the penalty and, weighted with its curvature, to the products of steps."""

    penalty: float
    size: float
    moved: float
    along: float


def _room(like: torch.Tensor) -> torch.Tensor:
    return fourier.empty(*like.shape, device=like.device, dtype=like.dtype)


def _for_rows(function: Callable[[int], object], x: torch.Tensor) -> None:
    """Call the function with the number of every row, on several threads where x is on the CPU."""
    if x.device.type == "cpu":
        share(function, range(len(x)))
        return
    for index in range(len(x)):
        function(index)


def _chunk(row: torch.Tensor) -> int:
    """How many values are taken through all arithmetic at a time; a GPU takes all in one."""
    return CHUNK if row.device.type == "cpu" else max(1, row.numel())


# ---- on flat rows, without Python's lock ------------------------------------------------------------------------


@unlocked
def _lerp(row: torch.Tensor, towards: torch.Tensor, weight: float, length: int) -> None:
    for start in range(0, len(row), length):
        row[start : start + length].lerp_(towards[start : start + length], weight)


@unlocked
def _take(row: torch.Tensor, data: torch.Tensor, length: int) -> float:
    """Take the data from a row, and return the sum of its squares."""
    total = 0.0
    for start in range(0, len(row), length):
        piece = row[start : start + length].sub_(data[start : start + length])
        total += float(torch.dot(piece, piece))
    return total


@unlocked
def _descend(
    gradient: torch.Tensor, now: torch.Tensor, before: torch.Tensor, weight: float, step: float, length: int
) -> None:
    """Make a row of the gradient the extrapolated point plus a step along the gradient."""
    room = torch.empty_like(gradient[:length])
    for start in range(0, len(gradient), length):
        z, n, b = gradient[start : start + length], now[start : start + length], before[start : start + length]
        torch.add(torch.lerp(b, n, weight, out=room[: len(z)]), z, alpha=step, out=z)


@unlocked
def _products(new: torch.Tensor, now: torch.Tensor, before: torch.Tensor, length: int) -> tuple[float, float, float]:
    """<new, new>, and of the step the products with itself and with the last one."""
    size, moved, along = 0.0, 0.0, 0.0
    rooms = torch.empty([2, min(length, len(new))], device=new.device, dtype=new.dtype)
    for start in range(0, len(new), length):
        u, n, b = new[start : start + length], now[start : start + length], before[start : start + length]
        step = torch.sub(u, n, out=rooms[0, : len(u)])
        last = torch.sub(n, b, out=rooms[1, : len(u)])
        size += float(torch.dot(u, u))
        moved += float(torch.dot(step, step))
        along += float(torch.dot(step, last))
    return size, moved, along
