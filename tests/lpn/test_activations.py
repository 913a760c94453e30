import pytest
import torch

from napari_sti.lpn.activations import ACTIVATIONS, get_activation


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("beta", [3.0, 100.0])
def test_value_slope_and_bend(name, beta):
    act = get_activation(name, beta)
    u = torch.linspace(-3, 3, 4001, dtype=torch.float64, requires_grad=True)
    value, slope = act(u, slope=True)
    (gradient,) = torch.autograd.grad(value.sum(), u, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), u)
    assert torch.allclose(gradient, slope, atol=1e-12)
    assert slope.min() >= 0 and slope.max() <= 1 + 1e-12 and second.min() >= -1e-9
    assert second.max() <= act.bend * (1 + 1e-9) and second.max() > 0.99 * act.bend
    with torch.no_grad():
        fast, fast_slope = act(u.detach().clone(), slope=True)
        only, _ = act(u.detach().clone(), slope=False)
    assert torch.allclose(fast, value) and torch.allclose(only, value) and torch.allclose(fast_slope, slope)
