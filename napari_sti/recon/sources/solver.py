"""Proximal iterations for the sources of all voxels: a step, sparse wavelets, and what the sources have to be.

An iteration goes through memory twice: once for the wavelets of every unknown, and once for all else, in pieces that
stay in the cache. The step z − α (H z − b) is the product with one small matrix, (I − α H) z + α b.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from napari_sti.core.progress import Progress, Step, silent
from napari_sti.recon import fourier
from napari_sti.recon.solvers.cgls import Solution, check_finite
from napari_sti.recon.sources.definite import project_negative
from napari_sti.recon.sources.pair import next_of_pair
from napari_sti.recon.threads import share
from napari_sti.recon.timing import TimedProgress
from napari_sti.recon.wavelets import SparseWavelets

CHUNK = 1 << 16
"""Voxels of a piece on the CPU: all that is computed of them stays in the cache."""
PART = 1 << 18
"""Voxels that a thread takes at a time where it needs Python only between them."""


@dataclass(frozen=True, eq=False)
class Problem:
    """minimise Σ_voxels ½ <z, H z> − <b, z> + constant + Σ_c λ_c m_c ‖W z_c‖₁ over z in the constraints, 0 elsewhere.

    Parameters
    ----------
    hessian : (C, C) tensor
        H.
    b : (C, X, Y, Z) tensor
        What was measured, in the unknowns.
    metric : sequence of float
        m_c: 2 for the off-diagonals of a tensor, else 1.
    curvature : float
        Largest eigenvalue of H.
    mask : (X, Y, Z) tensor
        1 where there are sources.
    tensor : bool
        Whether the unknowns 1 to 6 are a tensor, which has to be negative semi-definite; otherwise the unknown 1 has
        to be <= 0. All others have to be >= 0.
    weights : sequence of float
        λ_c.
    wavelets : SparseWavelets
        W, with weight 1.
    constant : float
        Of the functional.
    """

    hessian: torch.Tensor
    b: torch.Tensor
    metric: Sequence[float]
    curvature: float
    mask: torch.Tensor
    tensor: bool
    weights: Sequence[float]
    wavelets: SparseWavelets
    constant: float = 0.0

    def project(self, z: torch.Tensor) -> None:
        """Bring unknowns (C, n) to the nearest that the constraints allow."""
        last = 7 if self.tensor else 2
        if self.tensor:
            project_negative(z[1:7])
        else:
            z[1].clamp_(max=0)
        z[0].clamp_(min=0)
        z[last:].clamp_(min=0)


def threshold_and_project(problem: Problem, step: float, **more: Any) -> Solution:
    """The published iteration: step, threshold, mask, project.

    Where it comes to rest is near the minimum and not at it, since thresholding and projecting one after the other is
    not the proximal map of their sum; `split` finds the minimum.
    """
    return _iterate(_Published(problem, step), **more)


def fit(problem: Problem, **more: Any) -> Solution:
    """Minimise without wavelets: projected gradient, accelerated as befits the smallest curvature (Nesterov 2004)."""
    root = torch.tensor(problem.metric, dtype=torch.float64).sqrt()
    hessian = problem.hessian.cpu().double() * root[:, None] / root
    smallest = max(float(torch.linalg.eigvalsh(hessian)[0]), 1e-6 * problem.curvature)
    ratio = math.sqrt(smallest / problem.curvature)
    return _iterate(_Fit(problem, 1 / problem.curvature, (1 - ratio) / (1 + ratio)), **more)


def split(problem: Problem, step: float, **more: Any) -> Solution:
    """Minimise exactly, by three-operator splitting (Davis and Yin, Set-Valued Var Anal 25:829, 2017).

    Converges for steps below 2 / curvature. An iteration costs as much as a published one.
    """
    return _iterate(_Split(problem, step), **more)


class _Iteration:
    """What both have in common: the affine step, the wavelets, and memory."""

    def __init__(self, problem: Problem, step: float) -> None:
        self.problem, self.step = problem, step
        eye = torch.eye(len(problem.hessian), device=problem.b.device, dtype=problem.b.dtype)
        self.matrix = eye - step * problem.hessian
        self.matrix_rows, self.hessian_rows = self.matrix.tolist(), problem.hessian.tolist()
        self.z = self.room().zero_()
        torch.mul(problem.b, step, out=self.z)  # one step from zero
        self.x = self.room().zero_()

    def room(self) -> torch.Tensor:
        b = self.problem.b
        return fourier.empty(*b.shape, device=b.device, dtype=b.dtype)

    def shrink(self, z: torch.Tensor) -> float:
        """Threshold the wavelet coefficients of all unknowns; the weighted sum of the magnitudes that are left."""
        rows = [c for c, weight in enumerate(self.problem.weights) if weight > 0]
        sums = [0.0] * len(z)

        def one(c: int) -> None:
            weight = self.problem.weights[c]
            sums[c] = self.problem.metric[c] * weight * self.problem.wavelets(z[c], 1 / (self.step * weight))

        if z.device.type == "cpu":
            share(one, rows)
        else:
            for c in rows:
                one(c)
        return math.fsum(sums)

    def pieces(
        self, work: Callable[..., tuple[float, ...]], *rows: torch.Tensor, size: int | None = None
    ) -> list[float]:
        """See `_pieces`."""
        return _pieces(self.problem, work, *rows, size=size or CHUNK)

    def misfit(self, x: torch.Tensor, stepped: torch.Tensor, b: torch.Tensor) -> float:
        """See `_misfit`."""
        return _misfit(self.problem.metric, self.step, x, stepped, b)

    def advance(self) -> dict[str, Any]:
        raise NotImplementedError


class _Published(_Iteration):
    def advance(self) -> dict[str, Any]:
        """`z` holds a step from `x`."""
        sparse = self.shrink(self.z)
        value, moved, size = self._next()
        self.z, self.x = self.x, self.z
        change = math.sqrt(moved / size) if size else float(moved > 0)
        return dict(objective=value + sparse + self.problem.constant, change=change)

    def _next(self) -> list[float]:
        """Make an estimate of `z`, and the next step in the place of the estimate before."""
        if len(self.z) > 2 or self.z.device.type != "cpu":
            return self.pieces(self._piece, self.z, self.x)
        own, mixed, other, linear, moved = self.pieces(self._pair, self.z, self.x, size=PART)
        (h00, h01), (_, h11) = self.hessian_rows
        return [0.5 * (h00 * own + 2 * h01 * mixed + h11 * other) - linear, moved, own + other]

    def _piece(
        self, z: torch.Tensor, x: torch.Tensor, mask: torch.Tensor, b: torch.Tensor
    ) -> tuple[float, float, float]:
        z.mul_(mask)
        self.problem.project(z)
        moved = _square(x.sub_(z))
        torch.addmm(b, self.matrix, z, beta=self.step, out=x)
        return self.misfit(z, x, b), moved, _square(z)

    def _pair(self, z: torch.Tensor, x: torch.Tensor, mask: torch.Tensor, b: torch.Tensor) -> tuple[float, ...]:
        return next_of_pair(z, x, mask, b, self.step, self.matrix_rows, CHUNK)


class _Fit(_Iteration):
    """Without wavelets and with momentum; the functional is not known on the way."""

    def __init__(self, problem: Problem, step: float, momentum: float) -> None:
        super().__init__(problem, step)
        self.momentum = momentum

    def advance(self) -> dict[str, Any]:
        """`z` holds a step from the point that was extrapolated from `x`."""
        moved, size = self.pieces(self._piece, self.z, self.x)
        self.z, self.x = self.x, self.z
        return dict(change=math.sqrt(moved / size) if size else float(moved > 0))

    def _piece(self, z: torch.Tensor, x: torch.Tensor, mask: torch.Tensor, b: torch.Tensor) -> tuple[float, float]:
        z.mul_(mask)
        self.problem.project(z)
        moved, size = _square(x.sub_(z)), _square(z)
        ahead = torch.sub(z, x, alpha=self.momentum)
        torch.addmm(b, self.matrix, ahead, beta=self.step, out=x)
        return moved, size


class _Split(_Iteration):
    """`x` is always allowed; `z` is where the thresholding goes on from."""

    def __init__(self, problem: Problem, step: float) -> None:
        super().__init__(problem, step)
        self.base = self.room().zero_()

    def advance(self) -> dict[str, Any]:
        """`z` holds the point to be thresholded, `base` the state of the splitting, `x` its projection."""
        sparse = self.shrink(self.z)
        value, apart, size = self.pieces(self._piece, self.z, self.base, self.x)
        change = math.sqrt(apart / size) if size else float(apart > 0)
        return dict(objective=value + sparse + self.problem.constant, change=change)

    def _piece(
        self, z: torch.Tensor, base: torch.Tensor, x: torch.Tensor, mask: torch.Tensor, b: torch.Tensor
    ) -> tuple[float, float, float]:
        z.sub_(x)
        apart = _square(z)
        base.add_(z)
        torch.mul(base, mask, out=x)
        self.problem.project(x)
        torch.addmm(b, self.matrix, x, beta=self.step, out=z)
        value = self.misfit(x, z, b)
        z.add_(x).sub_(base)
        return value, apart, _square(x)


def functional(problem: Problem, x: torch.Tensor) -> float:
    """Value of the functional at allowed unknowns (C, X, Y, Z); the sparse term costs a transform for each."""
    step = 1.0 / problem.curvature
    matrix = torch.eye(len(x), device=x.device, dtype=x.dtype) - step * problem.hessian

    def piece(x: torch.Tensor, mask: torch.Tensor, b: torch.Tensor) -> tuple[float]:
        return (_misfit(problem.metric, step, x, torch.addmm(b, matrix, x, beta=step), b),)

    sparse = 0.0
    for metric, weight, row in zip(problem.metric, problem.weights, x, strict=True):
        if weight:
            coefficients = problem.wavelets.transform.forward(row)
            sparse += metric * weight * float(torch.linalg.vector_norm(coefficients, 1))
    return _pieces(problem, piece, x)[0] + sparse + problem.constant


def _pieces(
    problem: Problem, work: Callable[..., tuple[float, ...]], *rows: torch.Tensor, size: int = CHUNK
) -> list[float]:
    """Call ``work`` with pieces (C, n) of all rows, the mask's (n,) and b's; the sums of what it returns."""
    mask, b = problem.mask.reshape(-1), problem.b.flatten(1)
    flat = [row.flatten(1) for row in rows]
    size = size if mask.device.type == "cpu" else len(mask)
    found: list[tuple[float, ...]] = []

    def one(start: int) -> None:
        where = slice(start, start + size)
        found.append(work(*(row[:, where] for row in flat), mask[where], b[:, where]))

    if mask.device.type == "cpu":
        share(one, range(0, len(mask), size))
    else:
        one(0)
    return [math.fsum(values) for values in zip(*found, strict=True)]


def _misfit(metric: Sequence[float], step: float, x: torch.Tensor, stepped: torch.Tensor, b: torch.Tensor) -> float:
    """½ <x, H x> − <b, x> of a piece, given x − step (H x − b)."""
    total = 0.0
    for weight, own, other, right in zip(metric, x, stepped, b, strict=True):
        total += weight * ((_dot(own, own) - _dot(own, other)) / step - _dot(own, right))
    return total / 2


def _iterate(
    state: _Iteration,
    *,
    tol: float,
    max_iterations: int,
    progress: Progress = silent,
    preview: Callable[[torch.Tensor], Any] | None = None,
) -> Solution:
    """Repeat until the relative change is below `tol`."""
    clock = TimedProgress.of(progress)
    found = Solution(state.x)
    for iteration in range(1, max_iterations + 1):
        record = dict(iteration=iteration, **state.advance(), seconds=round(clock.seconds, 4))
        check_finite(record["change"], iteration)
        found.x = state.x
        found.iterations.append(record)
        clock(
            Step(
                iteration,
                max_iterations,
                objective=record.get("objective"),
                convergence=record["change"] / tol if tol > 0 else None,
                message="Iterating",
                preview=None if preview is None else (lambda: preview(state.x)),
                change=record["change"],
            )
        )
        if record["change"] < tol:
            found.stopped = "tolerance"
            break
    return found


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a, b))


def _square(x: torch.Tensor) -> float:
    return math.fsum(_dot(row, row) for row in x)
