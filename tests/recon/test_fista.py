"""Accelerated proximal gradient against an independent slow solver and the optimality conditions."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.recon.solvers.cgls import Solution, squared_norm
from napari_sti.recon.solvers.fista import fista


class Dense:
    """A matrix as an operator on unknowns of several rows; counts how often it is used."""

    def __init__(self, matrix: np.ndarray, rows: int) -> None:
        self.matrix, self.rows, self.used = torch.from_numpy(matrix), rows, 0

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        self.used += 1
        y = (self.matrix @ x.reshape(-1))[:, None]
        return y if out is None else out.copy_(y)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        self.used += 1
        x = (self.matrix.T @ y.reshape(-1)).reshape(self.rows, -1)
        return x if out is None else out.copy_(x)

    def squared_norm(self, x: torch.Tensor) -> float:
        return squared_norm(x)


class Lasso:
    """g(x) = λ ‖x‖₁."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, row: torch.Tensor, curvature: float) -> float:
        row.copy_(torch.sign(row) * (row.abs() - self.weight / curvature).clamp(min=0))
        return self.weight * float(row.abs().sum())


ROWS, COLUMNS = 3, 5


def problem(measurements: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Matrix and data whose rows of unknowns differ a lot in scale, and a valid bound for each."""
    rng = np.random.default_rng(seed)
    scale = np.repeat([1.0, 0.3, 0.05], COLUMNS)
    a = rng.normal(size=(measurements, ROWS * COLUMNS)) * scale
    y = rng.normal(size=measurements)
    balanced = a / scale
    bound = np.linalg.norm(balanced, 2) ** 2 * scale[::COLUMNS] ** 2
    return a, y, bound.tolist()


def slow(a: np.ndarray, y: np.ndarray, weight: float, steps: int = 30000) -> np.ndarray:
    """Plain proximal gradient with one short step for all, in float64."""
    x, step = np.zeros(a.shape[1]), 1 / np.linalg.norm(a, 2) ** 2
    for _ in range(steps):
        x = x - step * (a.T @ (a @ x - y))
        x = np.sign(x) * np.maximum(np.abs(x) - step * weight, 0)
    return x


def objective(a: np.ndarray, y: np.ndarray, x: np.ndarray, weight: float) -> float:
    return 0.5 * float(np.sum((a @ x - y) ** 2)) + weight * float(np.abs(x).sum())


def solve(a: np.ndarray, y: np.ndarray, bound: list[float], weight: float, **more: object) -> Solution:
    operator = Dense(a, ROWS)
    more = dict(tol=1e-13, max_iterations=5000) | more
    return fista(operator, torch.from_numpy(y)[:, None], Lasso(weight), bound, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("measurements", [12, 40])
@pytest.mark.parametrize("weight", [0.02, 0.3])
def test_finds_the_lasso(measurements: int, weight: float) -> None:
    a, y, bound = problem(measurements)
    found = solve(a, y, bound, weight)
    x = found.x.reshape(-1).numpy()
    assert found.stopped == "tolerance"
    # The gradient is minus the weight times the sign where x is not zero, and no larger where it is.
    gradient = a.T @ (a @ x - y)
    assert (np.abs(gradient) <= weight * (1 + 1e-8)).all()
    np.testing.assert_allclose(gradient[x != 0], -weight * np.sign(x[x != 0]), rtol=1e-6)
    expected = slow(a, y, weight)
    assert objective(a, y, x, weight) <= objective(a, y, expected, weight) * (1 + 1e-9)
    if measurements > ROWS * COLUMNS:
        np.testing.assert_allclose(x, expected, atol=1e-4)


def test_residual_and_objective_are_those_of_the_estimate() -> None:
    a, y, bound = problem()
    for count in (1, 2, 3, 7):
        found = solve(a, y, bound, 0.1, max_iterations=count)
        x, last = found.x.reshape(-1).numpy(), found.iterations[-1]
        assert last["residual"] == pytest.approx(np.linalg.norm(a @ x - y) / np.linalg.norm(y))
        assert last["objective"] == pytest.approx(objective(a, y, x, 0.1))
        assert found.stopped == "iterations"


def test_takes_one_forward_and_one_adjoint_for_an_iteration() -> None:
    a, y, bound = problem()
    operator = Dense(a, ROWS)
    fista(operator, torch.from_numpy(y)[:, None], Lasso(0.1), bound, max_iterations=10)
    assert operator.used == 1 + 2 * 10


def test_first_steps_are_plain_proximal_gradient_and_momentum_follows() -> None:
    a, y, bound = problem()
    weights = np.repeat(bound, COLUMNS)

    def step(z: np.ndarray) -> np.ndarray:
        v = z - a.T @ (a @ z - y) / weights
        return np.sign(v) * np.maximum(np.abs(v) - 0.1 / weights, 0)

    one = step(np.zeros(ROWS * COLUMNS))
    two = step(one)
    t1, t2 = (1 + math.sqrt(5)) / 2, 0.0
    t2 = (1 + math.sqrt(1 + 4 * t1**2)) / 2
    z = two + (t1 - 1) / t2 * (two - one)
    three = step(z)
    for count, expected in ((1, one), (2, two), (3, three)):
        found = solve(a, y, bound, 0.1, max_iterations=count)
        np.testing.assert_allclose(found.x.reshape(-1).numpy(), expected, atol=1e-12)
    moved = np.sqrt((weights * (three - z) ** 2).sum() / (weights * three**2).sum())
    assert found.iterations[-1]["change"] == pytest.approx(moved)


def test_own_steps_for_each_row_need_fewer_iterations() -> None:
    a, y, bound = problem(40)
    one_for_all = [np.linalg.norm(a, 2) ** 2] * ROWS
    counts = [len(solve(a, y, bound, 0.01, tol=1e-5).iterations) for bound in (bound, one_for_all)]
    assert 3 * counts[0] < counts[1]


def test_restarts_when_the_momentum_overshoots() -> None:
    a, y, bound = problem(40)
    found = solve(a, y, bound, 0.02)
    assert any(record["restart"] for record in found.iterations)


def test_warm_start_goes_on_where_it_is() -> None:
    a, y, bound = problem(40)
    exact = solve(a, y, bound, 0.05).x
    again = solve(a, y, bound, 0.05, start=exact.clone(), tol=1e-9)
    assert len(again.iterations) <= 2
    torch.testing.assert_close(again.x, exact, atol=1e-8, rtol=0)


def test_zero_data_give_zero_at_once() -> None:
    a, _, bound = problem()
    found = solve(a, np.zeros(len(a)), bound, 0.1)
    assert not found.x.any()
    assert len(found.iterations) == 1
    assert found.stopped == "tolerance"


def test_a_heavy_penalty_gives_zero_and_plain_numbers() -> None:
    a, y, bound = problem()
    found = solve(a, y, bound, 1e6, start=torch.ones(ROWS, COLUMNS, dtype=torch.float64))
    assert not found.x.any()
    assert all(math.isfinite(value) for record in found.iterations for value in record.values())


def test_tells_every_iteration_and_is_cancelled_by_its_listener() -> None:
    a, y, bound = problem()
    steps: list[Step] = []

    def listen(step: Step) -> None:
        steps.append(step)
        assert step.preview is not None
        assert step.preview().shape == (ROWS, COLUMNS)
        if step.iteration == 3:
            raise Cancelled

    preview: Callable[[torch.Tensor], np.ndarray] = lambda x: x.numpy()  # noqa: E731
    with pytest.raises(Cancelled):
        solve(a, y, bound, 0.1, tol=1e-6, max_iterations=50, progress=listen, preview=preview)
    assert [(s.iteration, s.total) for s in steps] == [(1, 50), (2, 50), (3, 50)]
    assert all(s.convergence is not None and s.convergence > 1 for s in steps)


def test_numbers_that_overflow_are_said() -> None:
    a, y, bound = problem()
    with pytest.raises(InputError, match="stopped being finite in iteration 0; look for extreme values"):
        solve(a, np.full_like(y, np.nan), bound, 0.1)
    with pytest.raises(InputError, match="stopped being finite in iteration"):
        solve(a, y, [b * 1e-9 for b in bound], 0.0, tol=0.0)
