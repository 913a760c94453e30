import pytest
import torch
from torch import nn

from napari_sti.core.errors import InputError
from napari_sti.lpn.denoiser import load_denoiser
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.proofs import check_prior
from tests.lpn.formula import formula_network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:No names were found")


def ordinary():
    """A small denoiser as they are off the shelf, after a few steps of training."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 1, 3, padding=1))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        x = torch.rand(8, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
        loss = (net(x + 0.1 * torch.randn_like(x)) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.requires_grad_(False).eval()


IMAGES = (
    torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(3)).repeat_interleave(4, 2).repeat_interleave(3, 3)
)


@pytest.fixture(scope="module")
def denoiser():
    return ordinary()


def jacobian(function, y):
    n = y.numel()
    return torch.autograd.functional.jacobian(lambda v: function(v[None])[0].flatten(), y).reshape(n, n)


def test_lpns_pass():
    for network in (LocalLpn(dims=2, widths=(4, 5)), formula_network("lpn_28")[0]):
        images = IMAGES if network.image_shape is None else torch.rand(1, 1, 28, 28)
        report = check_prior(network, images, tries=2)
        assert report.is_prox, report.checks
        assert report.check("symmetry").value < 1e-5 and report.check("inverse").value < 1e-3
        assert "converges" in report.conclusion


def test_an_ordinary_denoiser_fails_with_the_right_numbers(denoiser):
    report = check_prior(denoiser, IMAGES, tries=12, noise=0.1, seed=0)
    assert not report.is_prox and "not a prox" in report.conclusion
    noise = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(0))
    matrices = [jacobian(denoiser, y) for y in IMAGES + 0.1 * noise]
    wanted = (sum((j - j.T).square().sum() for j in matrices) / sum(j.square().sum() for j in matrices)).sqrt()
    assert report.check("symmetry").passed is False
    assert report.check("symmetry").value == pytest.approx(float(wanted), rel=0.15)
    largest = max(float(torch.linalg.matrix_norm(j, 2)) for j in matrices)
    assert report.check("lipschitz").value == pytest.approx(largest, rel=0.02)


def test_a_symmetric_map_that_is_not_monotone_fails_for_that_alone():
    kernel = torch.full((1, 1, 3, 3), 1 / 9)
    report = check_prior(lambda y: nn.functional.conv2d(y, kernel, padding=1), IMAGES, tries=6)
    assert report.check("symmetry").passed and report.check("circulation").passed
    matrix = jacobian(lambda y: nn.functional.conv2d(y, kernel, padding=1), IMAGES[0])
    least = float(torch.linalg.eigvalsh(matrix)[0])
    assert report.check("monotonicity").passed is False
    assert least - 1e-3 <= report.check("monotonicity").value < 0.5 * least


def test_the_identity_passes():
    report = check_prior(lambda y: 1.0 * y, IMAGES, tries=3)
    assert report.is_prox and report.check("lipschitz").value == pytest.approx(1, abs=1e-4)
    assert "does not prove" in report.conclusion


def test_torchscript(tmp_path, denoiser):
    file = tmp_path / "denoiser.ts"
    torch.jit.save(torch.jit.trace(denoiser, IMAGES), file)
    alone, loaded = (check_prior(d, IMAGES, tries=3) for d in (denoiser, load_denoiser(file)))
    assert loaded.name == "denoiser.ts" and not loaded.is_prox
    assert loaded.check("symmetry").value == pytest.approx(alone.check("symmetry").value, rel=1e-3)


def test_onnx(tmp_path, denoiser):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    file = tmp_path / "denoiser.onnx"
    torch.onnx.export(denoiser, (IMAGES,), file, dynamo=False, input_names=["y"], dynamic_axes={"y": [0]})
    loaded = load_denoiser(file)
    assert torch.allclose(loaded(IMAGES), denoiser(IMAGES), atol=1e-5)
    report = check_prior(loaded, IMAGES, tries=20)
    wanted = check_prior(denoiser, IMAGES, tries=20).check("symmetry").value
    assert not report.is_prox and report.check("symmetry").value == pytest.approx(wanted, rel=0.6)


def test_sentences(tmp_path, denoiser):
    for name, words in {"a.ts": "TorchScript", "a.onnx": "ONNX", "a.exe": "neither TorchScript nor ONNX"}.items():
        if name.endswith("onnx"):
            pytest.importorskip("onnxruntime")
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(InputError, match=words):
            load_denoiser(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        load_denoiser(tmp_path / "b.onnx")
    with pytest.raises(InputError, match="fails on images of shape"):
        check_prior(denoiser, torch.rand(1, 2, 8, 8))
    with pytest.raises(InputError, match="into shape"):
        check_prior(lambda y: y[..., 1:], IMAGES)
