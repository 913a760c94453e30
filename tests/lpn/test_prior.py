import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.lpn import paths
from napari_sti.lpn.inversion import invert
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.prior import prior, prior_along, prior_map
from tests.lpn.formula import formula_network


def test_agrees_with_the_exact_prior():
    network, data = formula_network("lpn_28")
    found = prior(network, torch.from_numpy(data["points"]))
    assert found.inversion.in_range.all()
    assert np.abs(found.value.numpy() - data["prior_exact"]).max() < 1e-5 * np.abs(data["prior_exact"]).max()
    # ... and comes nearer to it than what is published
    assert (
        np.abs(found.value.numpy() - data["prior_exact"]).max()
        < np.abs(data["prior_reference"] - data["prior_exact"]).max()
    )


def test_each_image_as_if_it_were_alone():
    network = LocalLpn(dims=2, channels=2, widths=(4, 5)).double()
    x = torch.randn(5, 2, 9, 14, dtype=torch.float64) * torch.tensor([0.01, 0.3, 1, 3, 40])[:, None, None, None]
    before = x.clone()
    together = prior(network, x, tolerance=1e-8)
    alone = torch.cat([prior(network, image[None], tolerance=1e-8).value for image in x])
    assert torch.equal(x, before) and together.inversion.in_range.all()
    assert torch.allclose(together.value, alone, rtol=1e-10)
    residual = (network.prox(together.inversion.y) - x).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
    assert torch.allclose(residual, together.inversion.residual, rtol=1e-4) and residual.max() < 1e-8


def test_the_map_adds_up_to_the_prior():
    network = LocalLpn(dims=3, channels=6, widths=(3, 4), beta=4.0)
    x = torch.rand(2, 6, 7, 9, 11)
    found = prior(network, x)
    local = prior_map(network, x, found.inversion.y)
    assert local.shape == (2, 7, 9, 11)
    assert torch.allclose(local.flatten(1).sum(1), found.value, rtol=1e-6)


def test_outside_of_the_range_there_is_no_value():
    network, _ = formula_network("lpn_1d")  # alpha = 0: slopes of psi are bounded
    x = network.prox(torch.tensor([[0.3]]))
    found = prior(network, torch.cat([x, torch.tensor([[100.0]])]), iterations=60)
    assert found.inversion.in_range.tolist() == [True, False]
    assert torch.isfinite(found.value[0]) and torch.isnan(found.value[1])
    assert found.inversion.residual[1] > 0.1


def test_the_prior_is_that_of_which_f_is_the_prox():
    """f(y) minimises |p - y|^2 / 2 + R(p): compare with all p on a fine grid, in one dimension."""
    network, _ = formula_network("lpn_1d")
    network = network.double()
    p = network.prox(torch.linspace(-4, 4, 801, dtype=torch.float64)[:, None])
    r = prior(network, p, tolerance=1e-9, iterations=500)
    assert r.inversion.in_range.all()
    for y in (-2.0, -0.3, 0.0, 1.1, 3.0):
        best = p[((p[:, 0] - y) ** 2 / 2 + r.value).argmin()]
        assert abs(float(best - network.prox(torch.tensor([[y]], dtype=torch.float64)))) < 0.02


def test_zero_image_and_single_precision():
    network = LocalLpn(dims=2, widths=(4,))
    found = prior(network, torch.zeros(1, 1, 8, 8))
    assert torch.isfinite(found.inversion.y).all()


def test_progress_cancels():
    network = LocalLpn(dims=2, widths=(4,))

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        invert(network, torch.rand(1, 1, 8, 8), progress=stop)


def test_paths_and_curves():
    network = LocalLpn(dims=2, widths=(4,))
    x = torch.rand(2, 1, 12, 15)
    other = x.flip(0)
    mask = torch.zeros(12, 15)
    mask[3:6, 4:8] = 1
    for path in (paths.noise(x), paths.blur(x), paths.blend(x, other), paths.contrast(x), paths.lesion(x, mask, 1.0)):
        assert torch.allclose(path(0.0), x, atol=1e-6)
        assert not torch.allclose(path(1.0), x, atol=1e-3)
    assert torch.allclose(paths.blend(x, other)(1.0), other)
    assert paths.noise(x, limits=(0, 1))(3.0).max() <= 1
    curve = prior_along(network, paths.noise(x), (0.0, 0.3), name="noise")
    assert curve.values.shape == (2, 2) and torch.isfinite(curve.values).all()


def test_blur_keeps_constants_and_matches_scipy():
    from scipy.ndimage import gaussian_filter

    x = torch.rand(1, 1, 14, 17, 9, dtype=torch.float64)
    wanted = gaussian_filter(x[0, 0].numpy(), 1.3, mode="nearest")
    assert np.allclose(paths.gaussian(x, 1.3)[0, 0].numpy(), wanted, atol=1e-9)


def test_sentences():
    network, _ = formula_network("lpn_28")
    with pytest.raises(InputError, match="NaN"):
        prior(network, torch.full((1, 1, 28, 28), torch.nan))
    with pytest.raises(InputError, match="none for its voxels"):
        prior_map(network, torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 28, 28))
    with pytest.raises(InputError, match="no line between"):
        paths.blend(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3, 2))
    with pytest.raises(InputError, match="the mask has the shape"):
        paths.lesion(torch.zeros(1, 1, 2, 2), torch.zeros(3, 2), 1.0)


class TwoImages(Lpn):
    """f is the mean of two images a and b as seen through noise; its prior is known in closed form between them."""

    family, channels, spatial, alpha = "two_images", 1, 2, 0.0

    def __init__(self, a, b, sigma):
        super().__init__()
        self.images, self.sigma = torch.stack([a, b]).double(), sigma

    def sweep(self, y, *, psi, prox):
        """psi(y) = sigma^2 log of the mean of exp((<x, y> - |x|^2 / 2) / sigma^2) over both images."""
        flat = self.images.flatten(1)
        scores = (y.double().flatten(1) @ flat.T - flat.square().sum(1) / 2) / self.sigma**2
        mean = (scores.softmax(1) @ flat).reshape(y.shape).to(y)
        return self.sigma**2 * (scores.logsumexp(1) - np.log(2)), mean

    def constrained(self):
        """None: psi is convex as it stands."""
        return []

    def curvature_bound(self):
        """Of a mean of two points, the square of half their distance over the variance."""
        return float((self.images[0] - self.images[1]).square().sum() / (4 * self.sigma**2))


@pytest.mark.parametrize(("sigma", "bulges"), [(0.3, True), (2.0, False)])
def test_a_prior_whose_values_are_known_between_an_image_and_its_blur(sigma, bulges):
    """R = s (1 - s) |a - b|^2 / 2 - sigma^2 (entropy of s) + sigma^2 log 2, s the share of b."""
    a = torch.zeros(1, 9, 12, dtype=torch.float64)
    a[:, 2:6, 3:9] = 1.0
    b = paths.gaussian(a[None], 1.0)[0]
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    found = prior_along(
        TwoImages(a, b, sigma), paths.blend(a[None], b[None]), shares, name="blend", tolerance=1e-10
    ).values[:, 0]
    s, apart = torch.tensor(shares, dtype=torch.float64), float((a - b).square().sum())
    known = s * (1 - s) * apart / 2 + sigma**2 * (s * s.log() + (1 - s) * (1 - s).log() + np.log(2))
    assert torch.allclose(found, known, atol=1e-7 * float(known.abs().max()) + 1e-9)
    assert bool(found[2] > found[0]) == bulges, "far apart for the noise it is not convex, near by it is"
