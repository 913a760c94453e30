"""The weights that come with the package keep what their card says."""

import json

import numpy as np
import pytest
import torch

from napari_sti.learn.lpn_sources import Examples, SharpSlices, TemplateSlices
from napari_sti.lpn import paths
from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.prior import prior, prior_along
from napari_sti.lpn.proofs import check_prior
from napari_sti.recon.weights import SHIPPED

_SHAPE = (9, 7, 8)
"""Odd and not cubic; networks of fields that are free in size see all of it from every voxel, as of larger ones."""
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


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("lpn-*.safetensors")), ids=lambda file: file.stem)
def test_shipped_networks_are_a_prox(file):
    network, card = load_lpn(file)
    assert card["disclaimer"] and card["scores"] and card["trained_on"]
    assert file == LAPLACIAN or "MNI152" in card["trained_on"], "whose anatomy it is has to be said"
    assert file.stat().st_size < 10e6
    noise = card.get("domain", {}).get("noise", [0.1])[-1]
    shape = network.image_shape or _SHAPE[: network.spatial]
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, *([network.channels] if network.channels else []), *shape, generator=generator)
    report = check_prior(network, images, noise=noise)
    assert report.is_prox, report.conclusion


def test_an_ordinary_denoiser_beside_the_brain_prior_is_none():
    """A small residual network of random layers fails for the right reason: its Jacobian is not symmetric."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 3, padding=1)
    ).eval()
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    report = check_prior(lambda y: y - layers(y), images, noise=0.05)
    assert not report.is_prox
    asymmetry = next(check for check in report.checks if "symm" in check.id)
    assert asymmetry.passed is False and asymmetry.value > 1e-3


def test_a_prior_of_sharp_slices_dislikes_blur_and_one_of_many_contrasts_does_not():
    """What docs/prior.md says of both, on fewer and smaller patches."""
    grew = {}
    for name, source in (("lpn-brain-sharp", SharpSlices), ("lpn-brain", TemplateSlices)):
        held = Examples(source(40, 0), validation=8)
        patches = [x for x in (held[n] for n in range(8)) if (x > 0.05).float().mean() > 0.5][:3]
        network, _ = load_lpn(SHIPPED / f"{name}.safetensors")
        found = prior_along(network, paths.blur(torch.stack(patches)), paths.BLUR, name="blur", tolerance=5e-4)
        grew[name] = (found.values[1:] > found.values[:-1]).double().mean()
    assert grew["lpn-brain-sharp"] > 0.9 and grew["lpn-brain"] < 0.3
