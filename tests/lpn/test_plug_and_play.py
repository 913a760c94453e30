import math

import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.data_terms import LeastSquares, blur_maps, blurring, denoising, gaussian_kernel
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.plug_and_play import ALGORITHMS, LpnPrior, Prior, check_convergence, reconstruct_image


class Soft(Prior):
    """R = |x|_1, as a prior of one's own."""

    alpha = 0.5  # to be let through; the soft threshold has none

    def prox(self, v):
        x = torch.sign(v) * (v.abs() - 1).clamp_min(0)
        return x, float(x.abs().sum())


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(9, 12), (7, 5, 6)])
def test_the_transpose(full, shape):
    kernel = torch.rand(3, 5, 3)[: 3 if len(shape) == 3 else 1].squeeze(0).double()
    kernel = kernel if len(shape) == 3 else kernel.T
    forward, adjoint = blur_maps(kernel, 2, full=full)
    x = torch.randn(1, 2, *shape, dtype=torch.float64)
    y = forward(x)
    w = torch.randn_like(y)
    assert torch.allclose((y * w).sum(), (x * adjoint(w)).sum())
    assert y.shape[2:] == (tuple(n + k - 1 for n, k in zip(shape, kernel.shape, strict=True)) if full else shape)


def test_full_blur_is_scipys_convolution():
    from scipy.signal import convolve

    kernel, x = torch.rand(3, 5).double(), torch.rand(1, 1, 8, 7).double()
    assert torch.allclose(blur_maps(kernel, 1, full=True)[0](x)[0, 0], torch.from_numpy(convolve(x[0, 0], kernel)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_finds_the_minimum_that_is_known(algorithm):
    """D = |x - y|^2 / 2 with weight 2: the soft threshold at 2."""
    y = torch.linspace(-5, 5, 40).reshape(1, 1, 5, 8)
    found = reconstruct_image(denoising(y), Soft(), algorithm=algorithm, weight=2.0, iterations=200, tolerance=1e-7)
    assert torch.allclose(found.x, torch.sign(y) * (y.abs() - 2).clamp_min(0), atol=1e-4)
    assert found.condition.holds and found.objective[-1] == pytest.approx(
        float((found.x - y).square().sum() / 2 + 2 * found.x.abs().sum()), rel=1e-5
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_objective_does_not_rise(algorithm):
    torch.manual_seed(2)
    network = LocalLpn(dims=2, widths=(4, 4)).double()
    clean = torch.rand(1, 1, 13, 18, dtype=torch.float64)
    kernel = gaussian_kernel(5, 1.0).double()
    blurred = blur_maps(kernel, 1)[0](clean) + 0.02 * torch.randn(1, 1, 13, 18, dtype=torch.float64)
    found = reconstruct_image(
        blurring(blurred, kernel), LpnPrior(network), algorithm=algorithm, iterations=60, tolerance=1e-9
    )
    assert found.condition.holds
    steps = [b - a for a, b in zip(found.objective, found.objective[1:], strict=False)]
    assert algorithm == "admm" or max(steps) <= 1e-10
    assert found.objective[-1] < found.objective[0] and found.change[-1] < 1e-5


def test_all_algorithms_agree():
    torch.manual_seed(2)
    network = LocalLpn(dims=3, channels=2, widths=(3,)).double()
    noisy = torch.randn(1, 2, 5, 6, 7, dtype=torch.float64)
    found = [
        reconstruct_image(denoising(noisy), LpnPrior(network), algorithm=a, iterations=400, tolerance=1e-10).x
        for a in ALGORITHMS
    ]
    assert torch.allclose(found[0], found[1], atol=1e-6)
    assert torch.allclose(found[0], found[2], atol=1e-4)  # whose inner problem is solved to 1e-5


def test_the_condition_is_checked_before():
    data, prior = denoising(torch.rand(1, 1, 4, 5)), LpnPrior(LocalLpn(dims=2, widths=(2,)))
    assert data.lipschitz == pytest.approx(1.01, rel=1e-3)
    assert not check_convergence("gradient", data, prior, 0.5).holds
    assert check_convergence("admm", data, prior, 1.1).holds
    assert not check_convergence("admm", data, LpnPrior(LocalLpn(dims=2, widths=(2,), alpha=0.0)), 1.1).holds
    with pytest.raises(InputError, match="not promised"):
        reconstruct_image(data, prior, weight=0.5, strict=True)
    assert not reconstruct_image(data, prior, weight=0.9, iterations=2).condition.holds


def test_a_prior_without_a_value():
    class Mute(Soft):
        def prox(self, v):
            return super().prox(v)[0], None

    seen = []
    found = reconstruct_image(denoising(torch.rand(1, 1, 4, 5)), Mute(), iterations=5, progress=seen.append)
    assert all(math.isnan(o) for o in found.objective) and seen[0].objective is None


def test_sentences():
    data = denoising(torch.rand(1, 1, 4, 5))
    with pytest.raises(InputError, match="'newton' is not known"):
        reconstruct_image(data, Soft(), algorithm="newton")
    with pytest.raises(InputError, match="not above 0"):
        reconstruct_image(data, Soft(), weight=0.0)
    with pytest.raises(InputError, match="odd edges"):
        blurring(torch.rand(1, 1, 4, 5), torch.rand(2, 2))
    with pytest.raises(InputError, match="NaN"):
        LeastSquares(lambda x: x, lambda x: x, torch.tensor([torch.nan]))
