from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sti.learn import deepsepsti_data
from napari_sti.learn.deepsepsti_brains import SourceBrain
from napari_sti.learn.deepsepsti_data import SourceExamples, SourceScan, measure_rates
from napari_sti.learn.deepsti_data import Whole, together
from napari_sti.learn.tasks.deepsepsti import DeepSepStiTraining
from napari_sti.recon.unrolled.separating import INPUTS

PARAMS = DeepSepStiTraining(alone=20, batch=2, crop=16, orientations=3)


class SourceBlobs:
    """A supply of small brains with two sources, quickly made."""

    def brain(self, number):
        generator = torch.Generator().manual_seed(number)
        shape = (20 + number % 3, 27, 18)
        mask = torch.zeros(shape, dtype=torch.bool)
        mask[2:-2, 3:-3, 2:-3] = True
        pos = (0.02 + 0.04 * torch.rand(shape, generator=generator)) * mask
        v = torch.nn.functional.normalize(torch.randn(3, *shape, generator=generator), dim=0)
        x, y, z = v
        neg = 0.03 * torch.stack([x * x, x * y, x * z, y * y, y * z, z * z])
        neg[[0, 3, 5]] -= 0.05
        neg = neg * mask
        chi = neg.clone()
        chi[[0, 3, 5]] += pos
        return SourceBrain(chi, mask, (2.0, 2.0, 2.5), pos, neg)


@pytest.fixture(autouse=True)
def blobs(monkeypatch):
    monkeypatch.setattr(deepsepsti_data, "source_supply", lambda params, device: SourceBlobs())


def test_rates_depend_on_the_angle_to_the_fibres_and_never_fall_below_zero():
    brain = SourceBlobs().brain(0)
    dirs = np.array([(0, 0, 1), (0, 0.6, 0.8)])
    rates = measure_rates(brain, dirs, 60.0, np.random.default_rng(0))
    for rate, h in zip(rates, torch.from_numpy(dirs).float(), strict=True):
        x, y, z = h
        along = torch.stack([x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z])
        expected = brain.pos - torch.einsum("c,cxyz->xyz", along, brain.neg)
        assert float((rate - expected).norm() / expected.norm()) < 2e-3
    assert float((rates[0] - rates[1]).abs().mean()) > 1e-3
    loud = measure_rates(brain, dirs, 0.0, np.random.default_rng(0))
    assert float(loud.min()) == 0 and not loud[:, ~brain.mask].any()


def test_a_number_is_an_example_whatever_was_made_before():
    one, other = SourceExamples(PARAMS), SourceExamples(PARAMS)
    for number in (0, 1, 80):
        one[number]
    for a, b in zip(one[5], other[5], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[5].inputs, SourceExamples(replace(PARAMS, seed=1))[5].inputs)


def test_crops_and_whole_scans_have_what_the_network_needs():
    examples = SourceExamples(PARAMS)
    crop = examples[3]
    assert crop.inputs.shape == (INPUTS, 16, 16, 16) and crop.truth.shape == (7, 16, 16, 16)
    assert torch.isfinite(crop.inputs).all() and torch.isfinite(crop.conditions).all()
    (whole,) = together([examples[40], examples[41]])
    assert isinstance(whole, Whole) and isinstance(whole.scan, SourceScan)
    assert len(whole.scan.rates) == len(whole.scan.rate_dirs)
