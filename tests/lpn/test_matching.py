import math

import pytest
import torch

from napari_sti.lpn.matching import (
    L1,
    MATCHING,
    Stage,
    laplacian_schedule,
    loss,
    matching_loss,
    published_schedule,
    stage_at,
)


def test_published_numbers():
    stages = published_schedule(40_000, 28 * 28)
    assert [s.steps for s in stages] == [20_000, 5000, 5000, 5000, 5000]
    assert [round(s.gamma, 2) for s in stages] == [0, 17.92, 8.96, 4.48, 2.24]
    assert [s.learning_rate for s in stages] == [1e-3, 1e-4, 1e-4, 1e-4, 1e-4]
    assert round(published_schedule(40_000, 3 * 128**2)[1].gamma, 1) == 141.9
    assert sum(s.steps for s in published_schedule(1003, 10)) == 1003


def test_laplacian_schedule():
    assert sum(s.steps for s in laplacian_schedule()) == 24_000
    assert {s.gamma for s in laplacian_schedule()} == {0.5, 0.4, 0.3, 0.2, 0.1}


def test_stages_follow_each_other():
    stages = (Stage(L1, 3, 1.0), Stage(MATCHING, 2, 0.1, 5.0))
    assert [stage_at(stages, i).loss for i in range(7)] == [L1] * 3 + [MATCHING] * 4


def test_the_loss():
    error = torch.randn(3, 7, dtype=torch.float64)
    wanted = sum(1 - math.exp(-float(e @ e) / 4) for e in error) / 3
    assert float(matching_loss(error, 2.0)) == pytest.approx(wanted)
    small = torch.full((1, 4), 1e-5)
    assert float(matching_loss(small, 1.0)) == pytest.approx(4e-10, rel=1e-3)  # not lost in rounding
    a, b = torch.rand(2, 1, 3, 3), torch.rand(2, 1, 3, 3)
    assert float(loss(Stage(L1, 1, 1.0), a, b)) == pytest.approx(float((a - b).abs().mean()))
    assert float(loss(Stage("l2", 1, 1.0), a, b)) == pytest.approx(float((a - b).square().mean()))
