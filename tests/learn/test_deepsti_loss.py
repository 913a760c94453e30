import math

import pytest
import torch

from napari_sti.learn.deepsti_loss import direction_loss, tensor_loss
from napari_sti.recon.unrolled.whitened import from_tensor

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
