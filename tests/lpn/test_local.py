import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks.local import LocalLpn

CASES = [
    (2, 1, (7, 10), (5, 6, 7), "hinge"),
    (2, 3, (7, 5), (4,), "softplus"),
    (3, 6, (3, 4, 2), (3, 4), "hinge"),
    (3, 1, (1, 6, 11), (3, 2, 2), "softplus"),
]


def network_and_image(dims, channels, shape, widths, activation, batch=2):
    network = LocalLpn(dims=dims, channels=channels, widths=widths, beta=6.0, activation=activation).double()
    with torch.no_grad():  # enough for every layer to matter
        for weight in network.out:
            weight.mul_(10)
    return network, torch.randn(batch, channels, *shape, dtype=torch.float64)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_way_back_is_the_gradient(case):
    network, y = network_and_image(*case)
    y.requires_grad_()
    (gradient,) = torch.autograd.grad(network.psi(y).sum(), y)
    with torch.no_grad():
        assert torch.allclose(gradient, network.prox(y), rtol=1e-9, atol=1e-12)
    assert torch.allclose(gradient, network.prox(y), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_jacobian_is_symmetric_and_positive(case):
    network, y = network_and_image(*case, batch=1)
    n = y.numel()
    jacobian = torch.autograd.functional.jacobian(lambda v: network.prox(v[None])[0].flatten(), y[0]).reshape(n, n)
    assert torch.allclose(jacobian, jacobian.T, atol=1e-12)
    values = torch.linalg.eigvalsh(jacobian)
    assert values[0] >= 2 * network.alpha - 1e-9 and values[-1] < network.curvature_bound()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_terms_add_up_and_nothing_is_touched(case):
    network, y = network_and_image(*case)
    before = y.clone()
    with torch.no_grad():
        psi, terms = network.psi(y), network.terms(y)
    assert terms.shape == (2, *y.shape[2:])
    assert torch.allclose(terms.flatten(1).sum(1), psi, rtol=1e-12)
    assert torch.equal(y, before) and not y.requires_grad


def test_terms_are_local():
    network, y = network_and_image(2, 1, (60, 71), (3, 3, 3), "hinge", batch=1)
    other = y.clone()
    other[0, 0, 30, 35] += 1.0
    with torch.no_grad():
        changed = (network.terms(y) - network.terms(other))[0] != 0
    where = changed.nonzero()
    assert changed[30, 35]
    assert (where - torch.tensor([30, 35])).abs().max() <= network.radius


def test_one_function_at_every_size():
    """What a network says of the middle of an image does not depend on how much lies around it."""
    network, y = network_and_image(2, 1, (96, 104), (3, 3), "hinge", batch=1)
    cut = y[..., 16:80, 20:84]
    with torch.no_grad():
        middle = network.terms(y)[..., 16:80, 20:84]
        r = network.radius
        inside = (..., slice(r, -r), slice(r, -r))
        assert torch.allclose(network.terms(cut)[inside], middle[inside], rtol=1e-12)


def test_a_negative_weight_is_seen_and_projected():
    network = LocalLpn(dims=2, widths=(4, 4))
    with torch.no_grad():
        network.out[1][2] = -0.1
    assert not network.is_convex()
    network.project()
    assert network.is_convex()


def test_begins_as_something_to_start_from():
    network, y = LocalLpn(dims=3, channels=6), torch.randn(1, 6, 8, 9, 10)
    with torch.no_grad():
        assert 0.3 < float(network.prox(y).norm() / y.norm()) < 1.2


@pytest.mark.parametrize(
    "wrong", [dict(dims=4), dict(channels=0), dict(widths=()), dict(alpha=-1.0), dict(depth=0)], ids=str
)
def test_sentences(wrong):
    with pytest.raises(InputError, match="cannot be built"):
        LocalLpn(**wrong)


def test_activation_sentence():
    with pytest.raises(InputError, match="'relu' is not known"):
        LocalLpn(activation="relu")
