import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_sti.recon.unrolled.chunked import Chunked
from napari_sti.recon.unrolled.layers import Untraceable
from napari_sti.recon.unrolled.plan import make_plan
from napari_sti.recon.unrolled.resunet import ResidualUNet3D


class Own(nn.Module):
    """What another network may be made of."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv3d(3, 6, 2, stride=2)
        self.wide = nn.Conv3d(6, 6, (5, 3, 1), padding=(2, 1, 0), groups=2)
        self.holes = nn.Conv3d(6, 6, 3, padding=2, dilation=2, bias=False)
        self.norm = nn.GroupNorm(3, 6)
        self.down = nn.Conv3d(6, 8, 3, stride=2, padding=1)
        self.after = nn.GroupNorm(4, 8, affine=False)
        self.up = nn.ConvTranspose3d(8, 6, 2, stride=2)
        self.odd_up = nn.ConvTranspose3d(6, 5, 5, stride=3, padding=1, output_padding=2)
        self.pool = nn.AvgPool3d(2)
        self.scale = nn.Parameter(torch.full((1, 6, 1, 1, 1), 1.5))
        self.active = nn.SiLU(inplace=True)
        self.last = nn.Conv3d(10, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.active(self.enter(x))
        b = functional.leaky_relu(self.norm(self.wide(a) + self.holes(a)), negative_slope=0.2) * self.scale
        c = self.after(functional.elu(self.down(b)))  # normalised after the activation
        d = a + self.up(c) * 0.5
        e = self.pool(self.odd_up(d))
        return self.last(torch.cat([e, functional.silu(e)], dim=1))


class Plain(nn.Module):
    """Without normalisation: x is read twice, and the sum has the volume that comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) + self.conv(x)


class Deciding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def uneven(*shape: int) -> torch.Tensor:
    """Values whose mean and spread change along X, so that statistics of a slab are not those of the volume."""
    torch.manual_seed(1)
    ramp = torch.linspace(-2, 3, shape[1]).view(-1, 1, 1)
    return (torch.randn(1, *shape) * (1 + ramp.abs()) + 5 * ramp).float()


def compare(network: nn.Module, volumes: torch.Tensor, **how: object) -> float:
    """Largest difference to the whole volume, relative to the range."""
    before = volumes.clone()
    with torch.inference_mode():
        whole = network(volumes)
        found = Chunked(**how)(network, volumes)
    assert found.shape == whole.shape
    torch.testing.assert_close(volumes, before, rtol=0, atol=0)
    return float((found - whole).abs().max() / (whole.max() - whole.min()))


@pytest.mark.parametrize("voxels", [None, 1, 300, 2000, 10**9])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: ResidualUNet3D(6, 6, (8, 16, 32)), (6, 20, 8, 12)),
        (lambda: ResidualUNet3D(2, 1, (4, 8)), (2, 2, 6, 4)),
        (Own, (3, 28, 12, 16)),
        (Plain, (3, 7, 5, 9)),
    ],
    ids=["resunet", "two planes", "own", "plain"],
)
def test_is_the_same_as_the_whole_volume(make: object, shape: tuple[int, ...], voxels: int | None) -> None:
    torch.manual_seed(0)
    network = make().eval()  # type: ignore[operator]
    assert compare(network, uneven(*shape), voxels=voxels) < 1e-5


def test_two_threads_give_the_same() -> None:
    network, volumes = ResidualUNet3D(6, 6, (8, 16)).eval(), uneven(6, 20, 8, 12)
    torch.set_num_threads(2)
    with torch.inference_mode():
        first, again = (Chunked(500)(network, volumes) for _ in range(2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert compare(network, volumes, voxels=500) < 1e-5


def test_naive_tiles_would_be_wrong() -> None:
    """Statistics of a piece are not those of the volume: what the whole effort is for."""
    network, volumes = ResidualUNet3D(6, 6, (8, 16)).eval(), uneven(6, 24, 8, 12)
    with torch.inference_mode():
        whole = network(volumes)
        tiles = torch.cat([network(volumes[:, :, :12]), network(volumes[:, :, 12:])], 2)
    assert float((tiles - whole).abs().max() / (whole.max() - whole.min())) > 0.05


def test_statistics_of_values_far_from_zero() -> None:
    """Mean 300 times the spread: a sum of squares in single precision would lose half of the digits."""
    network = nn.Sequential(nn.Conv3d(2, 8, 1), nn.GroupNorm(4, 8), nn.ELU()).eval()
    with torch.no_grad():
        network[0].bias.fill_(300.0)
    volumes = torch.randn(1, 2, 16, 6, 7, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact = network.double()(volumes.double())
        found = Chunked(100)(network.float(), volumes)
    assert float((found - exact).abs().max()) < 2e-3  # what rounding the values themselves does


@pytest.mark.parametrize(("precision", "limit"), [(torch.bfloat16, 0.03), (torch.float16, 0.004)])
def test_less_precision_as_a_stated_choice(precision: torch.dtype, limit: float) -> None:
    torch.manual_seed(0)
    error = compare(ResidualUNet3D(6, 6, (8, 16, 32)).eval(), uneven(6, 20, 8, 12) / 5, precision=precision)
    assert 1e-5 < error < limit


def test_says_how_far_it_is_and_can_be_left() -> None:
    network, volumes, shares = ResidualUNet3D(6, 6, (8, 16)).eval(), uneven(6, 12, 8, 8), []
    with torch.inference_mode():
        Chunked(on_part=shares.append)(network, volumes)
        assert shares == sorted(shares)
        assert len(shares) > 20
        assert shares[-1] == pytest.approx(1)

        def leave(share: float) -> None:
            if share > 0.3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Chunked(on_part=leave)(network, volumes)


def test_memory_is_what_the_plan_says() -> None:
    plan = make_plan(ResidualUNet3D(6, 6, (32, 64, 128, 256, 512)))
    per_voxel = plan.peak_values((6, 224, 224, 128)) / (224 * 224 * 128)
    assert per_voxel == 96  # three volumes of 32 channels


def test_what_cannot_be_cut_is_named() -> None:
    cases = [
        (Deciding(), "cannot be traced"),
        (nn.Sequential(nn.InstanceNorm3d(3)), "InstanceNorm3d"),
        (nn.Sequential(nn.Conv3d(3, 3, 3, padding=1, padding_mode="reflect")), "padding"),
        (nn.Sequential(nn.MaxPool3d(3, padding=1)), "pooling"),
    ]
    for network, what in cases:
        with pytest.raises(Untraceable, match=what):
            Chunked()(network, torch.zeros(1, 3, 4, 4, 4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("home", ["", "cpu"])
def test_on_a_gpu(home: str) -> None:
    torch.manual_seed(0)
    network, volumes = ResidualUNet3D(6, 6, (8, 16, 32)).eval().cuda(), uneven(6, 20, 8, 12)
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        whole = network(volumes.cuda()).cpu()
        found = Chunked(500, home=home)(network, volumes.cuda()).cpu()
    assert np.abs((found - whole).numpy()).max() < 1e-4 * float(whole.max() - whole.min())


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Apple GPU")
def test_on_an_apple_gpu() -> None:
    torch.manual_seed(0)
    network, volumes = ResidualUNet3D(6, 6, (8, 16)).eval(), uneven(6, 12, 8, 8)
    with torch.inference_mode():
        whole = network(volumes)
        found = Chunked(500)(network.to("mps"), volumes.to("mps")).cpu()
    assert float((found - whole).abs().max()) < 1e-3 * float(whole.max() - whole.min())
