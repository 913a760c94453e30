import json

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks import get_network
from tests.lpn.formula import CONFORMANCE, KINDS, formula_network, shapes_of

NAMES = tuple(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_the_published_ones(name):
    network = get_network(name, json.loads((CONFORMANCE / "lpn_params.json").read_text())[name])
    assert {k: list(v.shape) for k, v in network.state_dict().items()} == shapes_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_published_program(name):
    network, data = formula_network(name)
    before = data["x"].copy()
    x = torch.from_numpy(data["x"])
    psi, prox = network.psi_and_prox(x)
    assert np.abs(psi.numpy() - data["psi"]).max() < 1e-5 * np.abs(data["psi"]).max()
    assert np.abs(prox.numpy() - data["prox"]).max() < 1e-5 * np.abs(data["prox"]).max()
    assert np.array_equal(data["x"], before) and not x.requires_grad and not prox.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_the_way_back_is_the_gradient(name):
    network, data = formula_network(name)
    network = network.double()
    y = torch.from_numpy(data["x"][:1]).double().requires_grad_()
    (gradient,) = torch.autograd.grad(network.psi(y).sum(), y)
    # PyTorch cuts softplus off where it differs from u by 2e-9.
    assert torch.allclose(gradient, network.prox(y.detach()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_training_sees_every_weight(name):
    network, data = formula_network(name)
    network.requires_grad_(True)
    network.prox(torch.from_numpy(data["x"][:1])).square().sum().backward()
    # Constants of psi have no part in its gradient, and where an activation is past its bend, biases have none.
    assert not [n for n, p in network.named_parameters() if n.endswith("weight") and not p.grad.any()]


def test_colours():
    network = get_network("lpn_28", dict(in_dim=3, hidden=4, beta=10, alpha=0.01)).double()
    y = torch.rand(2, 3, 28, 28, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.psi(y).sum(), y)
    assert torch.allclose(gradient, network.prox(y.detach()), rtol=1e-9, atol=1e-12)


def test_the_bound_holds():
    network, data = formula_network("lpn_28")
    network = network.double()
    y = torch.from_numpy(data["x"][:1]).double().requires_grad_()
    f, v = network.prox(y), torch.randn(1, 1, 28, 28, dtype=torch.float64)
    for _ in range(30):  # power iteration
        v = torch.autograd.grad(f, y, v / v.norm(), retain_graph=True)[0]
    assert 1 < v.norm() < network.curvature_bound()


def test_projection():
    network, _ = formula_network("lpn_28")
    with torch.no_grad():
        network.lin[1].weight[0, 0, 0, 0] = -1
    assert not network.is_convex()
    network.project()
    assert network.is_convex() and network.lin[1].weight[0, 0, 0, 0] == 0


def test_sentences():
    network, _ = formula_network("lpn_28")
    with pytest.raises(InputError, match="1x1x27x28 where this network takes batchx1x28x28"):
        network.prox(torch.zeros(1, 1, 27, 28))
    with pytest.raises(InputError, match="whole numbers"):
        network.prox(torch.zeros(1, 1, 28, 28, dtype=torch.int32))
    with pytest.raises(InputError, match="'lpn_29' is not known"):
        get_network("lpn_29", {})
    with pytest.raises(InputError, match="does not fit"):
        get_network("lpn_28", {"width": 3})
    with pytest.raises(InputError, match="hidden = 'x'"):
        get_network("lpn_28", {"hidden": "x"})
