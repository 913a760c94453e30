"""The operator of an isotropic susceptibility: that of the tensor, and exact adjoints."""

import numpy as np
import pytest
import torch

from napari_sti.recon import scalar
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.scalar import ScalarOperator
from tests.recon.dense import dipole, directions

SIZE = (0.9, 1.1, 2.5)
GRIDS = [(7, 9, 5), (8, 6, 4), (8, 7, 6), (1, 8, 6), (8, 6, 1), (1, 1, 1), (2, 3, 2)]


def ragged(shape: tuple[int, int, int]) -> np.ndarray:
    mask = np.random.default_rng(1).random(shape) < 0.7
    mask.flat[0] = True
    return mask


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("count", [1, 4])
def test_is_the_tensor_operator_on_isotropic_tensors(shape: tuple[int, int, int], count: int) -> None:
    h, mask = directions(count), ragged(shape)
    chi = torch.from_numpy(np.random.default_rng(2).normal(size=(1, *shape)))
    tensor = torch.zeros(6, *shape, dtype=torch.float64)
    tensor[[0, 3, 5]] = chi
    full = StiOperator(shape, SIZE, h, mask, dtype=torch.float64)
    op = ScalarOperator(shape, SIZE, h, mask, dtype=torch.float64)
    torch.testing.assert_close(op.forward(chi), full.forward(tensor), rtol=1e-12, atol=1e-13)
    y = torch.from_numpy(np.random.default_rng(3).normal(size=(count, *shape)))
    expected = full.adjoint(y)[[0, 3, 5]].sum(0, keepdim=True)
    torch.testing.assert_close(op.adjoint(y), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", GRIDS)
def test_is_the_formula(shape: tuple[int, int, int]) -> None:
    h, chi = directions(2), np.random.default_rng(4).normal(size=shape)
    found = ScalarOperator(shape, SIZE, h, dtype=torch.float64).forward(torch.from_numpy(chi)[None])
    for direction, field in zip(h, found, strict=True):
        expected = np.fft.ifftn(dipole(shape, SIZE, direction) * np.fft.fftn(chi)).real
        np.testing.assert_allclose(field.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("confined", [False, True])
def test_adjoint_is_exact(confined: bool) -> None:
    shape = (8, 7, 6)
    mask = ragged(shape)
    op = ScalarOperator(shape, SIZE, directions(3), mask, confined=confined, dtype=torch.float64)
    rng = np.random.default_rng(3)
    x, y = torch.from_numpy(rng.normal(size=(1, *shape))), torch.from_numpy(rng.normal(size=(3, *shape)))
    ax, aty = op.forward(x), op.adjoint(y)
    assert abs(float((ax * y).sum() - (x * aty).sum())) < 1e-12 * float(torch.linalg.norm(ax) * torch.linalg.norm(y))
    assert not ax[:, ~mask].any()
    assert bool(aty[:, ~mask].any()) != confined
    if confined:
        torch.testing.assert_close(ax, op.forward(x * torch.from_numpy(mask)))


def test_closed_form_is_the_unmasked_minimum() -> None:
    shape, ridge = (6, 7, 5), 0.02
    h, y = directions(3), np.random.default_rng(5).normal(size=(3, 6, 7, 5))
    kernels = np.array([dipole(shape, SIZE, direction) for direction in h])
    expected = np.fft.ifftn((kernels * np.fft.fftn(y, axes=(1, 2, 3))).sum(0) / ((kernels**2).sum(0) + ridge)).real
    op = ScalarOperator(shape, SIZE, h, dtype=torch.float64)
    np.testing.assert_allclose(op.closed_form(torch.from_numpy(y), ridge)[0].numpy(), expected, atol=1e-12)
    assert torch.isfinite(op.closed_form(torch.from_numpy(y), 0.0)).all()


def test_slabs_and_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (9, 6, 8)
    op = ScalarOperator(shape, SIZE, directions(3), ragged(shape), dtype=torch.float64)
    x = torch.randn(1, *shape, dtype=torch.float64)
    whole = op.adjoint(op.forward(x))
    monkeypatch.setattr(scalar, "SLAB_VALUES", 100)
    torch.set_num_threads(2)
    torch.testing.assert_close(op.adjoint(op.forward(x)), whole)


def test_results_are_written_where_they_are_wanted() -> None:
    shape = (6, 5, 4)
    op = ScalarOperator(shape, SIZE, directions(2))
    x = torch.randn(1, *shape)
    y, back = op.empty_volumes(2), op.empty_volumes(1)
    assert op.forward(x, out=y) is y
    assert op.adjoint(y, out=back) is back
    torch.testing.assert_close(back, op.adjoint(op.forward(x)))
