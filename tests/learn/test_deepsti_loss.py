import math

import numpy as np
import pytest
import torch

from napari_sti.core import eigen
from napari_sti.learn.deepsti_loss import deepsti_loss, directed_strength, direction_loss, gain_loss, tensor_loss
from napari_sti.recon.unrolled.compact import gain
from napari_sti.recon.unrolled.whitened import from_tensor, to_tensor

INSIDE = torch.ones(1, 1, 1, 1)


def cylinder(angle, msa=0.03, mms=-0.02):
    """Whitened tensor (1, 6, 1, 1, 1) of a fibre turned by `angle` from x towards y."""
    v = torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=torch.float64)
    x = mms * torch.eye(3, dtype=torch.float64) + msa * (torch.outer(v, v) - torch.eye(3, dtype=torch.float64) / 3)
    six = torch.stack([x[0, 0], x[0, 1], x[0, 2], x[1, 1], x[1, 2], x[2, 2]])
    return from_tensor(six[:, None, None, None])[None]


@pytest.mark.parametrize("degrees", [0, 20, 45, 90])
def test_direction_loss_is_that_of_the_angle_between_cylinders(degrees):
    angle = math.radians(degrees)
    for strength in (0.01, 0.05):
        loss = float(direction_loss(cylinder(angle, strength), cylinder(0.0), INSIDE))
        assert loss == pytest.approx(1 - (3 * math.cos(angle) ** 2 - 1) / 2, abs=2e-3)


def test_isotropic_voxels_ask_for_no_direction():
    assert float(direction_loss(cylinder(1.0), cylinder(0.0, msa=0.0), INSIDE)) == pytest.approx(0, abs=1e-4)


def test_only_the_truth_costs_next_to_nothing_and_what_is_outside_does_not_count():
    truth = cylinder(0.3)
    assert float(tensor_loss(truth, truth, INSIDE)) < 0.01
    assert float(tensor_loss(cylinder(0.3, mms=0.02), truth, INSIDE)) == pytest.approx(1.0, abs=0.01)
    assert float(tensor_loss(cylinder(1.0), truth, 0 * INSIDE)) == 0


def test_zero_has_a_gradient():
    w = torch.zeros(1, 6, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    tensor_loss(w, cylinder(0.3), INSIDE).backward()
    assert torch.isfinite(w.grad).all()


def test_small_anisotropic_errors_count_squared_and_large_ones_linearly():
    """A squared loss asks for the mean, a linear one for the median: too little anisotropy in doubt."""
    truth = torch.zeros(1, 6, 1, 1, 1, dtype=torch.float64)

    def loss(size):
        w = truth.clone()
        w[0, 3] = size
        return float(tensor_loss(w, truth, INSIDE))

    nothing = loss(0.0)
    assert loss(0.5) - nothing == pytest.approx(0.125, rel=0.02)
    assert (loss(0.5) - nothing) / (loss(0.25) - nothing) == pytest.approx(4, rel=0.05)
    assert (loss(60.0) - nothing) / (loss(30.0) - nothing) == pytest.approx(2, rel=0.1)


def test_directed_strength_is_the_colour_picture():
    w = torch.randn(6, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    packed = to_tensor(w).numpy().T
    _, msa, pev = eigen.principal(packed)
    found, expected = directed_strength(w).numpy().T, np.abs(pev) * msa[:, None]
    # Repeated squaring leaves some of the second eigenvector where the first two eigenvalues are alike.
    values = np.sort(eigen.eigen_system(packed)[0])
    apart = values[:, 2] - values[:, 1] > 0.25 * np.abs(values).max(1)
    assert apart.mean() > 0.4
    np.testing.assert_allclose(found[apart], expected[apart], atol=2e-4)


@pytest.mark.parametrize("degrees", [0, 35, 80])
def test_the_gain_is_asked_to_be_what_suits_the_direction(degrees):
    """Over all gains, the loss is least at E[<|v|, |v_true|> MSA_true] / MSA."""
    w, truth = cylinder(math.radians(degrees), msa=0.01), cylinder(0.0, msa=0.03)
    said = torch.linspace(-2, 2, 801, dtype=torch.float64)
    losses = [float(gain_loss(w, s.reshape(1, 1, 1, 1), truth, INSIDE)) for s in said]
    best = float(gain(said[int(np.argmin(losses))]))
    assert best == pytest.approx(max(3 * math.cos(math.radians(degrees)), 0.25), abs=0.02)


def test_the_gain_teaches_the_gain_alone_and_only_inside():
    w, truth = cylinder(0.5, msa=0.01).requires_grad_(True), cylinder(0.0)
    said = torch.zeros(1, 1, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    both = deepsti_loss(torch.cat([w, said], 1), truth, INSIDE)
    both.backward()
    alone = tensor_loss(cylinder(0.5, msa=0.01).requires_grad_(True), truth, INSIDE)
    assert float(both.detach()) > float(alone.detach()) and float(said.grad.abs().sum()) > 0
    (expected,) = torch.autograd.grad(tensor_loss(w, truth, INSIDE), w)
    assert torch.allclose(w.grad, expected)
    assert float(gain_loss(w.detach(), said.detach()[:, 0], truth, 0 * INSIDE)) == 0


def test_without_a_gain_the_tensor_alone_counts():
    w, truth = cylinder(0.5), cylinder(0.0)
    assert float(deepsti_loss(w, truth, INSIDE)) == float(tensor_loss(w, truth, INSIDE))
