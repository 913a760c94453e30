"""The weights that come with the package keep what their card says."""

import json

import numpy as np
import torch

from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.prior import prior
from napari_sti.recon.weights import SHIPPED

LAPLACIAN = SHIPPED / "lpn-laplacian.safetensors"


def test_the_laplacian_prior_is_the_magnitude():
    network, card = load_lpn(LAPLACIAN)
    x = torch.linspace(-3.4, 3.4, 201)[:, None]
    value = prior(network, x, iterations=500).value.numpy()
    off = value - value.min() - np.abs(x[:, 0].numpy())
    assert np.abs(off).max() < 0.15, "the published picture asks for 0.3"
    assert card == json.loads(LAPLACIAN.with_suffix(".json").read_text(encoding="utf-8"))


def test_zero_but_for_rounding_is_in_range():
    """No relative error is asked of a value such as linspace leaves it in the middle."""
    network, _ = load_lpn(LAPLACIAN)
    found = prior(network, torch.tensor([[-8.9407e-08], [0.0], [2.0]]), iterations=500)
    assert found.inversion.in_range.all()
    assert abs(float(found.value[0] - found.value[1])) < 1e-3
