import pickle
from dataclasses import replace

import pytest
import torch

from napari_sti.learn import deepsti_data
from napari_sti.learn.brains import Brain
from napari_sti.learn.deepsti_data import Crop, Examples, Whole, together
from napari_sti.learn.tasks.deepsti import DeepStiTraining

PARAMS = DeepStiTraining(alone=20, batch=2, crop=16, orientations=3)


class Blobs:
    """A supply of small brains, quickly made."""

    made = 0

    def brain(self, number):
        Blobs.made += 1
        generator = torch.Generator().manual_seed(number)
        shape = (20 + number % 3, 27, 18)
        mask = torch.zeros(shape, dtype=torch.bool)
        mask[2:-2, 3:-3, 2:-3] = True
        return Brain(0.02 * torch.randn(6, *shape, generator=generator) * mask, mask, (2.0, 2.0, 2.5))


@pytest.fixture(autouse=True)
def blobs(monkeypatch):
    Blobs.made = 0
    monkeypatch.setattr(deepsti_data, "supply", lambda params, device, use="train": Blobs())


def test_a_number_is_an_example_whatever_was_made_before():
    one, other = Examples(PARAMS), Examples(PARAMS)
    for number in (0, 1, 37):
        one[number]
    for a, b in zip(one[5], other[5], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[5].inputs, Examples(replace(PARAMS, seed=1))[5].inputs)


def test_crops_have_what_the_network_needs():
    examples = Examples(PARAMS)
    for number in range(12):
        crop = examples[number]
        assert isinstance(crop, Crop)
        assert crop.inputs.shape == (22, 16, 16, 16)
        assert crop.truth.shape == (6, 16, 16, 16)
        assert crop.inside.any() and crop.conditions.shape == (14,)
        assert torch.isfinite(crop.inputs).all()
        # The mask is among the inputs, and the truth is nothing outside of it.
        assert torch.equal(crop.inputs[18] > 0.5, crop.inside)
        assert not crop.truth[:, ~crop.inside].any()


def test_crops_of_one_round_share_brains_and_come_from_several_scans():
    examples = Examples(PARAMS)
    described = {tuple(examples[number].conditions.tolist()) for number in range(6)}
    assert len(described) == deepsti_data.MIXED
    for number in range(6, 36):
        examples[number]
    assert Blobs.made <= deepsti_data.MIXED


def test_brains_smaller_than_a_crop_are_taken_as_far_as_the_network_can_halve_them():
    crop = Examples(replace(PARAMS, crop=48))[0]
    assert crop.inputs.shape[1:] == (16, 24, 16)


def test_after_the_crops_come_whole_scans_one_for_a_step():
    examples = Examples(PARAMS)
    first = PARAMS.alone * PARAMS.batch
    batch = together([examples[first], examples[first + 1]])
    assert len(batch) == 1 and isinstance(batch[0], Whole)
    whole = batch[0]
    assert whole.truth.shape[1:] == whole.scan.operator.shape
    assert 1 <= len(whole.scan.field) <= PARAMS.orientations
    assert isinstance(examples[first - 1], Crop)


def test_whole_scans_come_from_the_process_that_makes_them():
    example = Examples(PARAMS)[PARAMS.alone * PARAMS.batch]
    assert isinstance(example, Whole)
    there = pickle.loads(pickle.dumps(example))
    chi = torch.randn(6, *example.truth.shape[1:])
    assert torch.equal(there.scan.operator.forward(chi), example.scan.operator.forward(chi))
