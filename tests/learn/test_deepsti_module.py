import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sti.learn import deepsti_data
from napari_sti.learn.deepsti_data import Examples, together
from napari_sti.learn.deepsti_module import DeepStiModule, without_rim
from napari_sti.learn.tasks.deepsti import DeepSti, DeepStiTraining
from napari_sti.recon.checkpoint import load_model, save_model
from tests.learn.test_deepsti_data import Blobs

PARAMS = DeepStiTraining(
    alone=4, steps=6, warmup=2, batch=2, crop=16, orientations=2, width=6, unroll=2, validation_brains=1
)


@pytest.fixture(autouse=True)
def blobs(monkeypatch):
    monkeypatch.setattr(deepsti_data, "supply", lambda params, device, use="train": Blobs())


@pytest.fixture
def module():
    torch.manual_seed(0)
    made = DeepStiModule(PARAMS)
    made.log = lambda *a, **k: None
    return made


@pytest.mark.parametrize("step", [0, 4], ids=["crops", "whole scan"])
def test_both_kinds_of_step_train_all_weights(module, step):
    examples = Examples(PARAMS)
    batch = together([examples[2 * step], examples[2 * step + 1]])
    with torch.no_grad():
        for film in module.model.network.films:
            film.weight.normal_(0, 0.1)
    module.training_step(batch, step).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def test_training_on_one_batch_lowers_its_loss(module):
    examples = Examples(PARAMS)
    # A truth that can be learned in a few steps: the same everywhere.
    batch = [crop._replace(truth=torch.ones_like(crop.truth) * crop.inside) for crop in (examples[0], examples[1])]
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    losses = []
    for step in range(20):
        loss = module.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_rate_rises_and_falls(module):
    module.params = replace(PARAMS, steps=100, warmup=10)
    rates = [module._rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[10] == 1
    assert rates[-1] == pytest.approx(0.02)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_validation_tells_angle_and_error_beside_least_squares_and_draws_pictures(module):
    scores = module._validation.score(module.model, 1)
    assert set(scores) >= {"val/angle_3", "val/error_3", "val/angle_3_least_squares"}
    assert 0 < scores["val/angle_3"] < 90
    assert scores == module._validation.score(module.model, 1)
    pictures = module.pictures()
    assert {"truth", "3 orientations, network", "3 orientations, least squares"} == set(pictures)
    assert all(p.dtype == np.uint8 and p.ndim == 3 for p in pictures.values())


def test_first_weights_are_taken_up(module, tmp_path):
    path = tmp_path / "first.safetensors"
    save_model(module.model, {"name": "first"}, path)
    again = DeepStiModule(replace(PARAMS, weights=str(path)))
    assert all(parameter.requires_grad for parameter in again.model.parameters()), "they are trained further"
    assert torch.equal(again.model.network.enter.weight, module.model.network.enter.weight)


def test_the_task_exports_a_model_that_loads(module, tmp_path):
    facts = dict.fromkeys(("parameters", "seed", "steps", "seconds", "machine", "versions"), 0) | {"scores": {}}
    path = DeepSti().export(module, PARAMS, facts, tmp_path / "mine.safetensors")
    model, card = load_model(path)
    assert model.config == module.model.config
    assert card["domain"]["orientations"] == [1, 2]


def test_the_rim_of_a_crop_does_not_count():
    kept = without_rim(torch.ones(1, 24, 24, 8, dtype=torch.bool))
    assert kept[0, 4:20, 4:20].all() and not kept[0, :4].any()
