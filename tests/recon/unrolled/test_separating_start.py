import pytest
import torch

from napari_sti.recon.unrolled.separating_fit import from_sources, to_sources
from napari_sti.recon.unrolled.separating_start import shrunk, with_sparse_strength


def noisy(shape=(21, 18, 25)):
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(shape)
    mask[2:-2, 3:-2, 2:-3] = 1
    pos = torch.full(shape, 0.02)
    pos[:9] = 0.09
    neg = torch.zeros(6, *shape)
    neg[[0, 3, 5]] = -0.03
    neg[:, :, 9:] *= 2
    truth = from_sources(pos, neg) * mask
    w = truth.clone()
    w[6] += 0.4 * torch.randn(shape, generator=generator) * mask
    return w, truth, mask


def test_noise_of_the_strength_is_taken_out_and_the_total_is_kept():
    w, truth, mask = noisy()
    found = with_sparse_strength(w, mask)
    assert torch.equal(found[:6], w[:6]) and not found[:, mask == 0].any()
    before, after = (float((v[6] - truth[6]).norm()) for v in (w, found))
    assert after < 0.85 * before
    (pos, _), (true_pos, _), (noisy_pos, _) = to_sources(found), to_sources(truth), to_sources(w)
    assert float((pos - true_pos).norm()) < 0.85 * float((noisy_pos - true_pos).norm())


def test_without_noise_nothing_changes():
    _, truth, mask = noisy()
    torch.testing.assert_close(with_sparse_strength(truth, mask), truth, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(9, 7, 11), (1, 5, 4), (3, 2, 2)])
def test_any_size_is_taken(shape):
    volume = torch.rand(2, *shape)
    assert torch.allclose(shrunk(volume, 0.0), volume, atol=1e-5)
    assert shrunk(volume, 0.1).shape == volume.shape
