import numpy as np
import pytest
import torch

from napari_sti.learn.brains import Brain
from napari_sti.learn.scans import ScanRanges, random_directions, random_scan, scan


@pytest.fixture
def brain():
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(15, 18, 13, dtype=torch.bool)
    mask[3:12, 4:14, 3:10] = True
    return Brain(0.03 * torch.randn(6, *mask.shape, generator=generator) * mask, mask, (2.0, 1.5, 2.5))


def test_directions_are_unit_vectors_of_as_many_tilts_as_asked_for():
    for wide in (0.0, 1.0):
        for count in (1, 4):
            b0 = random_directions(count, wide, np.random.default_rng(count))
            assert b0.shape == (count, 3)
            assert np.linalg.norm(b0, axis=1) == pytest.approx(np.ones(count), abs=1e-6)
            assert (b0[:, 2] > 0).all()


def test_noise_has_the_power_that_is_stated(brain):
    b0 = random_directions(3, 1.0, np.random.default_rng(1))
    quiet = scan(brain, b0, 200.0, np.random.default_rng(2), finer=False)
    noisy = scan(brain, b0, 10.0, np.random.default_rng(2), finer=False)
    assert torch.allclose(quiet.field, quiet.operator.forward(brain.chi), atol=1e-6)
    noise = (noisy.field - quiet.field)[:, brain.mask]
    signal = quiet.field[:, brain.mask]
    assert float(10 * torch.log10(signal.square().mean() / noise.square().mean())) == pytest.approx(10, abs=0.5)
    assert not noisy.field[:, ~brain.mask].any()


def test_the_finer_grid_gives_nearly_the_same_field(brain):
    b0 = random_directions(2, 0.0, np.random.default_rng(3))
    smooth = torch.nn.functional.avg_pool3d(brain.chi[None], 5, 1, 2)[0] * brain.mask
    brain = Brain(smooth, brain.mask, brain.voxel_size)
    one, other = (scan(brain, b0, 200.0, np.random.default_rng(4), finer=f).field for f in (False, True))
    apart = float((one - other).norm() / one.norm())
    assert 1e-3 < apart < 0.35


def test_a_random_scan_depends_on_its_generator_alone(brain):
    made = [random_scan(brain, ScanRanges((2, 3)), np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert torch.equal(made[0].field, made[1].field)
    assert made[0].snr != made[2].snr
    assert 2 <= len(made[0].field) <= 3
