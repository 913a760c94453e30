import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.prior import prior
from napari_sti.lpn.tiles import TiledLpn


@pytest.mark.parametrize("shape", [(61, 47), (23, 38, 31)], ids=str)
def test_the_same_as_in_one_piece(shape):
    network = LocalLpn(dims=len(shape), channels=2, widths=(3, 3), depth=1).double().requires_grad_(False)
    for out in network.out:
        out.mul_(10)
    y = torch.randn(1, 2, *shape, dtype=torch.float64)
    tiled = TiledLpn(network, 13)
    assert len(tiled._places(y, 2)) > 5 and 4 * network.radius < max(shape)
    psi, f = tiled.psi_and_prox(y)
    assert torch.allclose(psi, network.psi(y), rtol=1e-12)
    assert torch.allclose(f, network.prox(y), atol=1e-12)
    assert torch.allclose(tiled.terms(y), network.terms(y), atol=1e-12)


def test_inversion_in_tiles():
    network = LocalLpn(dims=2, widths=(3,), depth=1).double().requires_grad_(False)
    x = torch.rand(2, 1, 30, 22, dtype=torch.float64)
    assert torch.allclose(prior(TiledLpn(network, 8), x).value, prior(network, x).value, rtol=1e-9)


def test_sentence():
    with pytest.raises(InputError, match="tiles of 0"):
        TiledLpn(LocalLpn(dims=2, widths=(3,)), 0)
