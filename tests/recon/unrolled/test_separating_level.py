"""The level of both sources: R2' sets that of the strength, the signs that of the total."""

import numpy as np
import pytest
import torch

from napari_sti.recon.unrolled.separating_fit import from_sources, mixed, rate_rows, to_sources
from napari_sti.recon.unrolled.separating_level import blurred, least_violation, levelled, trust_in_signs
from tests.recon.unrolled.test_separating import DIRECTIONS, model, scan

SHAPE, SIZE = (20, 17, 23), (2.0, 2.5, 1.5)


def sources():
    """Fluid without sources beside myelin and iron, so that the signs leave no room for a constant."""
    mask = torch.zeros(SHAPE)
    mask[2:-2, 2:-2, 3:-3] = 1
    pos, neg = torch.zeros(SHAPE), torch.zeros(6, *SHAPE)
    pos[4:9, 4:-4, 5:12] = 0.06
    neg[:, 10:16, 4:-4, 5:12] = torch.tensor([-0.05, 0.004, 0, -0.04, 0, -0.03])[:, None, None, None]
    return mask, from_sources(pos, neg)


def mean_errors(w, truth, mask):
    """Mean errors in ppm of chi+ and of the mean of X- inside the mask."""
    (pos, neg), (true_pos, true_neg) = to_sources(w), to_sources(truth)
    pairs = ((pos, true_pos), (neg[[0, 3, 5]].mean(0), true_neg[[0, 3, 5]].mean(0)))
    return [float((found - true)[mask > 0.5].mean()) for found, true in pairs]


def test_a_constant_and_a_shrunk_strength_are_mended():
    mask, truth = sources()
    rates = mixed(rate_rows(DIRECTIONS).float(), truth)
    generator = torch.Generator().manual_seed(0)
    noisy = (rates + 0.02 * torch.randn(rates.shape, generator=generator)) * mask
    wrong = truth.clone()
    wrong[0] += 0.012 / 0.04 * mask
    wrong[6] -= 0.010 / 0.04 * mask
    mended = levelled(wrong, noisy, DIRECTIONS, mask, SIZE, 1.0)
    before, after = mean_errors(wrong, truth, mask), mean_errors(mended, truth, mask)
    assert abs(after[0]) < 0.0015 and abs(before[1]) > 0.003 and abs(after[1]) < 0.0015
    torch.testing.assert_close(mended[1:6], wrong[1:6])
    assert not mended[:, mask == 0].any()


def test_without_trust_the_total_stays_as_it_is():
    mask, truth = sources()
    wrong = truth.clone()
    wrong[0] += 0.3 * mask
    rates = mixed(rate_rows(DIRECTIONS).float(), truth)
    assert torch.equal(levelled(wrong, rates, DIRECTIONS, mask, SIZE, 0.0)[:6], wrong[:6])
    nothing = torch.zeros(SHAPE)
    assert torch.equal(levelled(wrong, rates, DIRECTIONS, nothing, SIZE, 1.0), wrong)


@pytest.mark.parametrize(("mean", "strength", "constant"), [
    ([0.01, 0.03, -0.02], [0.02, 0.05, 0.04], 0.0),  # nothing is violated
    ([0.01, 0.01, 0.01, -0.02], [0.0, 0.0, 0.0, 0.05], 0.01),
    ([-0.03, -0.03, 0.05], [0.0, 0.0, 0.2], -0.03),
    ([], [], 0.0),
])  # fmt: skip
def test_the_constant_balances_what_is_too_high_and_too_low(mean, strength, constant):
    assert least_violation(torch.tensor(mean), torch.tensor(strength)) == pytest.approx(constant, abs=1e-6)


def test_the_signs_are_trusted_with_one_orientation_or_as_asked_for():
    assert [trust_in_signs("one", n) for n in (1, 2, 6)] == [1, 0, 0]
    assert [trust_in_signs("always", n) for n in (1, 4)] == [1, 0.5] and trust_in_signs("never", 1) == 0


def test_the_blur_keeps_what_lies_inside_and_follows_the_voxels():
    impulse = torch.zeros(21, 19, 23)
    impulse[10, 9, 11] = 1
    found = blurred(impulse, [2.0, 1.0, 3.0])
    assert float(found.sum()) == pytest.approx(1, abs=0.01)
    index = torch.arange(21) - 10.0
    spread = float((found.sum((1, 2)) * index**2).sum() ** 0.5)
    assert spread == pytest.approx(2.0, rel=0.05)


def test_a_model_sets_the_level_by_what_is_asked_for():
    operator, field, rates, dirs = scan()
    rates = 0.2 * rates  # far less than the total needs
    made = model(1)
    with torch.inference_mode():
        never, always = (made.separate(operator, field, rates, dirs, level=level) for level in ("never", "always"))
        usual = made.separate(operator, field, rates, dirs)
    assert torch.equal(usual[0], never[0]), "two orientations: the total stays"
    assert not np.allclose(never[0], always[0], atol=1e-5)
