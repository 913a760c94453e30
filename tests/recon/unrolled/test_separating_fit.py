import numpy as np
import pytest
import torch

from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled import separating_fit
from napari_sti.recon.unrolled.separating_fit import (
    JointFit,
    from_sources,
    rate_rows,
    to_sources,
    with_signs,
)
from napari_sti.recon.unrolled.whitened import to_tensor

DIRECTIONS = np.array([(0, 0, 1), (0.6, 0, 0.8), (0, 0.6, 0.8)])


def components(shape=(5, 4, 3), seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(7, *shape, generator=generator).to(dtype)


def matrices(neg):
    return torch.stack([neg[i] for i in (0, 1, 2, 1, 3, 4, 2, 4, 5)], -1).reshape(*neg.shape[1:], 3, 3)


def test_components_and_sources_are_the_same_thing():
    w = components()
    pos, neg = to_sources(w)
    torch.testing.assert_close(from_sources(pos, neg), w, atol=1e-5, rtol=1e-5)
    total = neg.clone()
    total[[0, 3, 5]] += pos
    torch.testing.assert_close(total, to_tensor(w[:6]))


def test_rates_are_those_of_the_sources():
    w = components(dtype=torch.float64)
    pos, neg = to_sources(w)
    rates = torch.einsum("kc,cxyz->kxyz", rate_rows(DIRECTIONS), w)
    for rate, h in zip(rates, torch.from_numpy(DIRECTIONS), strict=True):
        torch.testing.assert_close(rate, pos - torch.einsum("a,xyzab,b->xyz", h, matrices(neg), h))


def test_signs_are_right_and_right_ones_are_left_alone():
    w = components()
    pos, neg = to_sources(with_signs(w))
    assert float(pos.min()) >= -1e-8 and float(torch.linalg.eigvalsh(matrices(neg)).max()) < 1e-6
    assert float((to_sources(w)[0] - pos).abs().max()) > 1e-3
    torch.testing.assert_close(with_signs(with_signs(w)), with_signs(w), atol=1e-5, rtol=1e-5)


def scan(shape=(5, 4, 3), fields=2, rates=3):
    mask = torch.ones(shape)
    mask[0], mask[-1, 0] = 0, 0
    operator = StiOperator(shape, (2.0, 1.5, 2.5), DIRECTIONS[:fields], mask)
    w = components(shape) * mask
    noise = torch.Generator().manual_seed(5)
    field = operator.forward(to_tensor(w[:6]))
    field = (field + 1e-3 * torch.randn(field.shape, generator=noise)) * mask
    r = torch.einsum("kc,cxyz->kxyz", rate_rows(DIRECTIONS[:rates]).float(), w)
    r = (r + 5e-3 * torch.randn(r.shape, generator=noise)) * mask
    return operator, field, r, DIRECTIONS[:rates]


@pytest.mark.parametrize("prior", [False, True])
def test_it_minimises_what_it_states(prior):
    """Against the same sum of squares as one dense matrix, the sources free to lie outside the mask, too."""
    operator, field, rates, dirs = scan()
    spread = (0.5, 0.3, 0.3, 0.4, 0.3, 0.3, 0.2)
    fit = JointFit(operator, field, rates, dirs, spread)
    v = components(operator.shape, 3) * operator.mask if prior else None
    found = fit.fitted(v, 400)

    count = 7 * operator.mask.numel()
    columns = torch.eye(count).reshape(count, 7, *operator.shape)
    of_field = torch.stack([operator.forward(to_tensor(c[:6])).flatten() for c in columns], 1) / fit.noise
    rows = rate_rows(dirs).float()
    of_rates = torch.stack([torch.einsum("kc,cxyz->kxyz", rows, c).flatten() for c in columns], 1) / fit.rate_noise
    ridge = torch.diag(1 / torch.tensor(spread).repeat_interleave(operator.mask.numel()))
    right = torch.zeros(7, *operator.shape) if v is None else v
    a = torch.cat([of_field, of_rates, ridge]).double()
    b = torch.cat([field.flatten() / fit.noise, rates.flatten() / fit.rate_noise, ridge @ right.flatten()]).double()
    expected = torch.linalg.lstsq(a, b[:, None]).solution.reshape(7, *operator.shape).float() * operator.mask
    assert float((found - expected).norm() / expected.norm()) < 2e-3


def test_other_spreads_are_as_if_made_anew():
    operator, field, rates, dirs = scan((9, 8, 7))
    spread = (0.2,) * 6 + (0.1,)
    once = JointFit(operator, field, rates, dirs)
    before = once.fitted(None, 3)
    again = once.respread(spread).fitted(None, 3)
    torch.testing.assert_close(again, JointFit(operator, field, rates, dirs, spread).fitted(None, 3))
    torch.testing.assert_close(once.fitted(None, 3), before)


def test_the_gradient_of_the_fields_knows_nothing_of_the_rates():
    operator, field, rates, dirs = scan((9, 8, 7))
    w = components(operator.shape, 3) * operator.mask
    with torch.no_grad():
        one = JointFit(operator, field, rates, dirs).field_gradient(w)
        other = JointFit(operator, field, 0 * rates, dirs, (0.3,) * 7).field_gradient(w)
    torch.testing.assert_close(one, other)
    left = (operator.forward(to_tensor(w[:6])) - field) * operator.mask
    # A step along it must lower the misfit.
    step = 1e-3 / float(one.norm()) * one
    moved = (operator.forward(to_tensor(w[:6] + step)) - field) * operator.mask
    assert float(moved.norm()) < float(left.norm())


def test_noise_free_rates_still_count_as_uncertain():
    operator, field, rates, dirs = scan((9, 8, 7))
    assert JointFit(operator, field, 0 * rates, dirs).rate_noise == separating_fit.RATE_NOISE_FLOOR
