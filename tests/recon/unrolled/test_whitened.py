import numpy as np
import pytest
import torch

from napari_sti.core import frames
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled import whitened
from napari_sti.recon.unrolled.whitened import (
    ANISO_PPM,
    ISO_PPM,
    NOISE_FLOOR,
    WhitenedFit,
    basis,
    estimate_noise,
    from_tensor,
    invert,
    to_tensor,
)

DIRECTIONS = np.array([(0, 0, 1), (0.6, 0, 0.8), (0, -0.6, 0.8), (0.48, 0.36, 0.8)])


def scan(n=3, shape=(7, 6, 5), snr=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(shape)
    mask[1:-1, 1:-1, 1:-1] = 1
    operator = StiOperator(shape, (1.0, 1.5, 2.0), DIRECTIONS[:n], mask)
    w = torch.randn(6, *shape, generator=generator) * mask
    field = operator.forward(to_tensor(w))
    return operator, field + snr * field.std() * torch.randn(field.shape, generator=generator) * mask


def test_components_are_the_mean_and_an_orthonormal_traceless_part():
    matrix = frames.to_matrix(basis(torch.float64).numpy().T)
    assert matrix[0] == pytest.approx(ISO_PPM * np.eye(3))
    products = np.einsum("aij,bij->ab", matrix[1:], matrix[1:]) / ANISO_PPM**2
    assert products == pytest.approx(np.eye(5), abs=1e-12)
    assert np.trace(matrix[1:], axis1=1, axis2=2) == pytest.approx(0, abs=1e-15)
    chi = torch.randn(6, 3, 4, 5)
    assert torch.allclose(to_tensor(from_tensor(chi)), chi, atol=1e-6)


@pytest.mark.parametrize("n", [1, 3, 4])
@pytest.mark.parametrize("shape", [(7, 6, 5), (6, 5, 8)])
def test_many_iterations_reach_the_dense_solution(n, shape):
    operator, field = scan(n, shape)
    fit = WhitenedFit(operator, field)
    spread, prior = 0.5, torch.randn(6, *shape) * operator.mask
    # Columns of A B for every unknown voxel and component, no mask on the unknown.
    size = 6 * operator.mask.numel()
    units = torch.eye(size).view(size, 6, *shape)
    columns = torch.stack([operator.forward(to_tensor(u)).flatten() for u in units], 1).double()
    ridge = (fit.noise / spread) ** 2
    normal = columns.T @ columns + ridge * torch.eye(size)
    right = columns.T @ field.flatten().double() + ridge * prior.flatten()
    expected = torch.linalg.solve(normal, right).view(6, *shape) * operator.mask
    found = fit.fit(prior, spread, 400)
    assert float((found - expected).norm() / expected.norm()) < 2e-3


def test_few_iterations_go_far_since_they_are_preconditioned(monkeypatch):
    operator, field = scan(4, (15, 18, 13), snr=0.001)
    exact = WhitenedFit(operator, field)
    exact.noise = 1e-3
    converged = exact.fit(None, 1.0, 500)

    def error(caution, iterations):
        monkeypatch.setattr(whitened, "CAUTION", caution)
        fit = WhitenedFit(operator, field)
        fit.noise = 1e-3
        return float((fit.fit(None, 1.0, iterations) - converged).norm())

    # A preconditioner that is all caution is none.
    assert error(4.0, 3) < 0.9 * error(1e4, 6)


def test_the_gradient_of_a_fit_is_that_of_the_converged_one():
    operator, field = scan(3)
    fit = WhitenedFit(operator, field)
    generator = torch.Generator().manual_seed(2)
    u, v = (torch.randn(6, *operator.shape, generator=generator) * operator.mask for _ in range(2))
    u.requires_grad_(True)
    (gradient,) = torch.autograd.grad(fit.fit(u, 0.5, 300), u, v)
    with torch.no_grad():
        moved = fit.fit(u + u, 0.5, 300) - fit.fit(u, 0.5, 300)
        assert float((moved * v).sum()) == pytest.approx(float((gradient * u).sum()), rel=5e-3)


def test_noise_is_estimated_from_the_field_alone():
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(0, 3, 40)
    smooth = (x[:, None, None].sin() + x[None, :, None] * x[None, None, :]) * 0.05
    field = smooth + 2e-3 * torch.randn(2, 40, 40, 40, generator=generator)
    mask = torch.ones(40, 40, 40)
    assert estimate_noise(field, mask) == pytest.approx(2e-3, rel=0.05)
    mask[20:] = 0
    field[:, 20:] = 7.0
    assert estimate_noise(field, mask) == pytest.approx(2e-3, rel=0.05)


def test_a_field_of_zeros_or_an_empty_mask_gives_zeros():
    operator, field = scan(2)
    fit = WhitenedFit(operator, 0 * field)
    assert fit.noise == NOISE_FLOOR
    assert not fit.fit(None, 1.0, 3).any()
    empty = StiOperator(operator.shape, operator.voxel_size, DIRECTIONS[:2], torch.zeros(operator.shape))
    assert not WhitenedFit(empty, field).fit(None, 1.0, 3).any()


def test_inversion_of_many_small_matrices():
    half = torch.randn(5, 6, 6, dtype=torch.float64)
    systems = half @ half.mT + 0.1 * torch.eye(6)
    found = invert(systems.permute(1, 2, 0).clone()).permute(2, 0, 1)
    assert torch.allclose(found, torch.linalg.inv(systems))
