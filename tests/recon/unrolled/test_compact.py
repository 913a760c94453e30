import numpy as np
import pytest
import torch

from napari_sti.core import eigen
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.chunked import Chunked
from napari_sti.recon.unrolled.compact import (
    LARGEST_GAIN,
    CompactModel,
    Problem,
    cropped,
    gain,
    padded,
    parameter_count,
)
from napari_sti.recon.unrolled.compact_network import CompactNetwork
from napari_sti.recon.unrolled.whitened import to_tensor

WIDTHS = (6, 8, 10)


def model(seed=0, iterations=2, both_sides=True, gains=True):
    torch.manual_seed(seed)
    made = CompactModel(iterations=iterations, widths=WIDTHS, both_sides=both_sides, gains=gains)
    with torch.no_grad():  # so that the numbers about the scan matter
        for film in made.network.films:
            film.weight.normal_(0, 0.2)
    return made.eval()


def scan(shape=(13, 18, 11), n=2):
    generator = torch.Generator().manual_seed(1)
    mask = torch.zeros(shape)
    mask[2:-2, 3:-2, 2:-1] = 1
    operator = StiOperator(shape, (2.0, 1.5, 2.5), np.array([(0, 0, 1), (0.6, 0, 0.8), (0, 0.6, 0.8)])[:n], mask)
    chi = 0.02 * torch.randn(6, *shape, generator=generator) * mask
    return operator, operator.forward(chi)


def test_the_shipped_size_fits_into_ten_megabytes():
    assert parameter_count(CompactModel(gains=True)) * 4 < 9.9e6


def test_iterates_end_with_the_result_which_is_zero_outside_the_mask():
    operator, field = scan()
    seen = []
    with torch.inference_mode():
        chi = model().estimate(operator, field, seen.append)
    assert [i.number for i in seen] == [1, 2] and seen[0].total == 2
    assert torch.equal(seen[-1].chi, chi)
    assert chi.shape == (6, *operator.shape)
    assert not chi[:, operator.mask == 0].any()
    expected = (operator.forward(chi) - field).norm() / field.norm()
    assert seen[-1].residual == pytest.approx(float(expected), rel=1e-3)


def test_training_and_use_compute_the_same():
    operator, field = scan((12, 9, 17), n=3)
    made = model(3, both_sides=False)
    with torch.inference_mode():
        used = made.estimate(operator, field)
    fitted = made.unrolled(Problem.of(operator, field))[-1]
    trained = to_tensor(made.restored(fitted[:6], fitted))
    assert float((used - trained.detach()).abs().max()) < 1e-4 * float(used.abs().max())


def test_the_mirror_image_of_a_scan_gives_the_mirror_image_of_the_result():
    operator, field = scan((13, 18, 11), n=3)
    dirs = np.asarray(operator.b0_dirs) + np.array((0.1, 0, 0))  # none of them in the plane between left and right
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    here, there = (
        StiOperator(operator.shape, operator.voxel_size, d, m)
        for d, m in ((dirs, operator.mask), (dirs * (-1, 1, 1), operator.mask.flip(0)))
    )
    off = {}
    for both_sides in (True, False):
        made = model(5, both_sides=both_sides)
        with torch.inference_mode():
            chi = made.estimate(here, field)
            other = made.estimate(there, field.flip(1))
        back = other.flip(1) * torch.tensor([1, -1, -1, 1, 1, 1])[:, None, None, None]
        off[both_sides] = float((chi - back).abs().max() / chi.abs().max())
    assert off[True] < 2e-4 < 1e-2 < off[False]


def test_the_gain_makes_tensors_more_or_less_anisotropic_and_nothing_else():
    operator, field = scan(n=3)
    before = model(2, gains=False)
    after = before.with_gains()
    assert after.with_gains() is after
    with torch.inference_mode():
        mean = before.estimate(operator, field)
        assert torch.equal(after.estimate(operator, field), mean), "1 until it is trained"
        after.network.leave.bias[6] = 0.5
        raised = after.estimate(operator, field)
    (mms, msa, pev), (other_mms, other_msa, other_pev) = (
        eigen.principal(np.moveaxis(chi.double().numpy(), 0, -1)[operator.mask.numpy() > 0]) for chi in (mean, raised)
    )
    np.testing.assert_allclose(other_mms, mms, atol=1e-7)
    np.testing.assert_allclose(other_msa, float(gain(torch.tensor(0.5))) * msa, rtol=1e-3, atol=1e-6)
    assert np.abs((pev * other_pev).sum(-1))[msa > 1e-3].min() > 1 - 1e-4


def test_gains_are_factors_with_a_largest():
    found = gain(torch.tensor([-1e9, -0.7, 0.0, 0.7, 1e9], dtype=torch.float64))
    assert found[2] == 1 and torch.allclose(found * found.flip(0), torch.ones(5, dtype=torch.float64))
    assert float(found[-1]) == pytest.approx(LARGEST_GAIN)


def test_every_weight_of_the_network_gets_a_gradient():
    operator, field = scan()
    made = model()
    sum(w.square().sum() for w in made.unrolled(Problem.of(operator, field))).backward()
    silent = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_chunks_give_the_same_result():
    operator, field = scan((24, 17, 19))
    made = model(1, iterations=1)
    with torch.inference_mode():
        whole = made.estimate(operator, field)
        made.evaluation = Chunked(voxels=4000)
        parts = made.estimate(operator, field)
    assert float((whole - parts).abs().max()) < 1e-4 * float(whole.max() - whole.min())


def test_the_network_for_one_scan_is_the_one_that_was_trained():
    torch.manual_seed(0)
    network = CompactNetwork(4, 6, 5, WIDTHS)
    for film in network.films:
        torch.nn.init.normal_(film.weight, 0, 0.3)
    volumes, conditions = torch.randn(1, 4, 16, 8, 24), torch.randn(5)
    with torch.no_grad():
        one, other = network.correct(volumes, conditions[None]), network.for_scan(conditions)(volumes)
    assert torch.allclose(one, other, atol=1e-5)


def test_no_iterations_give_the_least_squares_estimate():
    operator, field = scan()
    with torch.inference_mode():
        chi = model().estimate(operator, field, iterations=0)
        assert torch.equal(chi, to_tensor(Problem.of(operator, field).first))


def test_an_empty_mask_and_a_field_of_zeros_give_finite_values():
    operator, field = scan()
    empty = StiOperator(operator.shape, operator.voxel_size, operator.b0_dirs, torch.zeros(operator.shape))
    with torch.inference_mode():
        assert not model().estimate(empty, field).any()
        assert torch.isfinite(model().estimate(operator, 0 * field)).all()


def test_padding_is_taken_away_again():
    volumes = torch.randn(2, 9, 16, 1)
    wide = padded(volumes, 8)
    assert wide.shape == (2, 16, 16, 8)
    assert torch.equal(cropped(wide, (9, 16, 1)), volumes)
