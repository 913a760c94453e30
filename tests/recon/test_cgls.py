"""The solver, and that it does the same in k-space as in image space."""

import math

import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.solvers.cgls import cgls, squared_norm
from napari_sti.recon.solvers.kspace import KSpaceOperator

SIZE = (0.9, 1.1, 2.0)


class Dense:
    """A matrix as an operator."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = torch.from_numpy(matrix)

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        return torch.mm(self.matrix, x, out=out)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        return torch.mm(self.matrix.T, y, out=out)

    def squared_norm(self, x: torch.Tensor) -> float:
        return squared_norm(x)


class ImageSpace:
    """The operator on tensors in image space, with 12 + 2 N transforms in each iteration."""

    def __init__(self, operator: StiOperator) -> None:
        self.operator = operator

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        y = self.operator.forward(x)
        return y if out is None else out.copy_(y)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        x = self.operator.adjoint(y)
        return x if out is None else out.copy_(x)

    def squared_norm(self, x: torch.Tensor) -> float:
        return squared_norm(x)


def column(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.reshape(-1, 1))


def example(shape: tuple[int, int, int], count: int, dtype: torch.dtype = torch.float64) -> StiOperator:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(count, 3))
    mask = rng.random(shape) < 0.7
    mask.flat[0] = True
    return StiOperator(shape, SIZE, h / np.linalg.norm(h, axis=1, keepdims=True), mask, dtype=dtype)


def measured(op: StiOperator, noise: float = 0.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    chi = torch.randn(6, *op.shape, dtype=torch.float64, generator=generator)
    y = op.forward(chi)
    return y + noise * op.mask * torch.randn(y.shape, dtype=torch.float64, generator=generator).to(op.dtype)


def image(operator: KSpaceOperator, x: torch.Tensor) -> torch.Tensor:
    """The tensor (6, X, Y, Z) of an unknown in k-space, everywhere."""
    half = torch.view_as_complex(x.reshape(*x.shape[:3], -1, 2))
    return torch.fft.irfftn(half, s=operator.operator.shape, dim=(1, 2, 3), norm="ortho")


@pytest.mark.parametrize("size", [(30, 12), (8, 20)])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_is_the_dense_solution_of_smallest_norm(size: tuple[int, int], ridge: float) -> None:
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=size), rng.normal(size=size[0])
    whole = np.vstack([a, math.sqrt(ridge) * np.eye(size[1])])
    expected = np.linalg.lstsq(whole, np.concatenate([y, np.zeros(size[1])]), rcond=None)[0]
    found = cgls(Dense(a), column(y), ridge=ridge, max_iterations=100)
    np.testing.assert_allclose(found.x[:, 0].numpy(), expected, atol=1e-10)
    assert found.stopped == "rounding"
    last = found.iterations[-1]
    assert last["residual"] == pytest.approx(np.linalg.norm(a @ expected - y) / np.linalg.norm(y), abs=1e-10)
    objective = (np.linalg.norm(a @ expected - y) ** 2 + ridge * np.linalg.norm(expected) ** 2) / 2
    assert last["objective"] == pytest.approx(objective, abs=1e-10)


def test_warm_start_goes_on_where_it_is() -> None:
    rng = np.random.default_rng(0)
    a, y = Dense(rng.normal(size=(30, 12))), column(rng.normal(size=30))
    exact = cgls(a, y, ridge=0.2, max_iterations=100).x
    start = exact + 1e-6 * torch.from_numpy(rng.normal(size=(12, 1)))
    found = cgls(a, y, ridge=0.2, tol=1e-9, start=start)
    assert found.iterations[0]["gradient"] < 1e-5
    torch.testing.assert_close(found.x, exact)
    assert cgls(a, y, ridge=0.2, tol=1e-9, start=exact).iterations == []


@pytest.mark.parametrize("shape", [(7, 5, 6), (6, 4, 5), (4, 1, 6), (3, 4, 1), (5, 3, 2)])
@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_k_space_takes_the_same_steps_as_image_space(shape: tuple[int, int, int], ridge: float) -> None:
    op = example(shape, 4)
    y = measured(op)
    k_space = KSpaceOperator(op)
    there = cgls(k_space, y, ridge=ridge, max_iterations=8)
    here = cgls(ImageSpace(op), y, ridge=ridge, max_iterations=8)
    torch.testing.assert_close(image(k_space, there.x), here.x, rtol=1e-8, atol=1e-9)
    for one, other in zip(there.iterations, here.iterations, strict=True):
        for key in ("residual", "objective", "gradient"):
            assert one[key] == pytest.approx(other[key], rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("shape", [(7, 5, 6), (6, 4, 5), (1, 5, 1), (2, 2, 2)])
def test_k_space_operator_is_exact(shape: tuple[int, int, int]) -> None:
    op = example(shape, 3)
    k_space = KSpaceOperator(op)
    chi = torch.randn(6, *shape, dtype=torch.float64)
    y = torch.randn(3, *shape, dtype=torch.float64)
    x = k_space.from_tensor(chi.movedim(0, -1).numpy())
    assert k_space.squared_norm(x) == pytest.approx(float(chi.square().sum()))
    torch.testing.assert_close(image(k_space, x), chi)
    torch.testing.assert_close(k_space.forward(x), op.forward(chi))
    torch.testing.assert_close(image(k_space, k_space.adjoint(y)), op.adjoint(y))
    expected = (chi * op.mask).movedim(0, -1).numpy()
    np.testing.assert_allclose(k_space.to_tensor(x), expected, atol=1e-6)


@pytest.mark.parametrize(("count", "ridge"), [(7, 0.0), (2, 0.0), (3, 0.1)])
def test_is_brute_force_least_squares_of_the_sti_problem(count: int, ridge: float) -> None:
    shape = (4, 3, 2)
    op = example(shape, count)
    size = 6 * math.prod(shape)
    columns = [op.forward(unit.reshape(6, *shape)).flatten() for unit in torch.eye(size, dtype=torch.float64)]
    matrix = torch.stack(columns, 1).numpy()
    y = measured(op)
    whole = np.vstack([matrix, math.sqrt(ridge) * np.eye(size)])
    data = np.concatenate([y.flatten().numpy(), np.zeros(size)])
    expected = np.linalg.lstsq(whole, data, rcond=1e-10)[0]
    k_space = KSpaceOperator(op)
    found = cgls(k_space, y, ridge=ridge, max_iterations=2000)
    np.testing.assert_allclose(image(k_space, found.x).flatten().numpy(), expected, atol=1e-7)


def test_iterations_after_convergence_do_no_harm() -> None:
    # Without its guard the solver leaves for infinity along the null space, after 150 iterations in float32.
    x = {}
    for dtype in (torch.float32, torch.float64):
        op = example((8, 7, 9), 7, dtype)
        op.mask[:] = 0
        op.mask[1:-1, 1:-1, 2:-2] = 1
        k_space = KSpaceOperator(op)
        found = cgls(k_space, measured(op).to(dtype), max_iterations=3000)
        assert found.stopped == "rounding"
        x[dtype] = found.x.double()
    assert torch.linalg.norm(x[torch.float32] - x[torch.float64]) < 1e-3 * torch.linalg.norm(x[torch.float64])


def test_stops_by_tolerance_or_limit() -> None:
    op = example((6, 5, 7), 7)
    k_space, y = KSpaceOperator(op), measured(op)
    by_tolerance = cgls(k_space, y, tol=1e-2, max_iterations=500)
    assert by_tolerance.stopped == "tolerance"
    gradients = [record["gradient"] for record in by_tolerance.iterations]
    assert gradients[-1] <= 1e-2 < min(gradients[:-1])
    by_limit = cgls(k_space, y, tol=1e-2, max_iterations=3)
    assert by_limit.stopped == "iterations"
    assert [record["iteration"] for record in by_limit.iterations] == [1, 2, 3]


def test_zero_data_give_zero() -> None:
    op = example((5, 4, 3), 2)
    found = cgls(KSpaceOperator(op), torch.zeros(2, 5, 4, 3, dtype=torch.float64))
    assert not found.x.any()
    assert found.iterations == []


def test_tells_every_iteration_and_is_cancelled_by_its_listener() -> None:
    op = example((6, 5, 7), 7)
    k_space, y = KSpaceOperator(op), measured(op)
    steps: list[Step] = []

    def listen(step: Step) -> None:
        steps.append(step)
        assert step.preview is not None
        assert step.preview().shape == (6, 5, 7, 6)
        if step.iteration == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        cgls(k_space, y, max_iterations=50, progress=listen, preview=k_space.to_tensor)
    assert [(s.iteration, s.total) for s in steps] == [(1, 50), (2, 50)]
    residuals = [s.residual for s in steps]
    assert all(r is not None and 0 < r < 1 for r in residuals)
    assert residuals == sorted(residuals, reverse=True)  # type: ignore[type-var]


def test_the_time_of_the_listener_is_not_counted() -> None:
    import time

    op = example((6, 5, 7), 3)
    found = cgls(KSpaceOperator(op), measured(op), max_iterations=3, progress=lambda step: time.sleep(0.4))
    assert found.iterations[-1]["seconds"] < 0.6


def test_numbers_that_overflow_are_said() -> None:
    y = torch.full((3, 1), float("nan"))
    with pytest.raises(InputError, match="stopped being finite in iteration 0; look for extreme values"):
        cgls(Dense(np.eye(3, dtype=np.float32)), y)
    y = torch.full((3, 1), 1e30)
    with pytest.raises(InputError, match="stopped being finite"):
        cgls(Dense(np.eye(3, dtype=np.float32)), y)
