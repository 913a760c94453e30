import numpy as np
import pytest
import torch

from napari_sti.learn import deepsepsti_data
from napari_sti.learn.deepsepsti_data import SourceExamples
from napari_sti.learn.deepsepsti_loss import sources_loss
from napari_sti.learn.deepsepsti_module import ESTIMATE, DeepSepStiModule
from napari_sti.learn.deepsepsti_validation import SourceValidation
from napari_sti.learn.deepsti_data import together
from napari_sti.learn.tasks.deepsepsti import DeepSepSti, DeepSepStiTraining
from napari_sti.recon.checkpoint import load_model, save_model
from napari_sti.recon.unrolled.compact import CompactModel
from napari_sti.recon.unrolled.separating import SeparatingModel
from tests.learn.test_deepsepsti_data import SourceBlobs

PARAMS = DeepSepStiTraining(alone=4, steps=6, warmup=2, batch=2, crop=16, orientations=2, width=6, validation_brains=1)


@pytest.fixture(autouse=True)
def blobs(monkeypatch):
    from napari_sti.learn import deepsepsti_validation

    for module in (deepsepsti_data, deepsepsti_validation):
        monkeypatch.setattr(module, "source_supply", lambda params, device: SourceBlobs())


@pytest.fixture
def module():
    torch.manual_seed(0)
    made = DeepSepStiModule(PARAMS)
    made.log = lambda *a, **k: None
    return made


@pytest.mark.parametrize("step", [0, 4], ids=["crops", "whole scan"])
def test_both_kinds_of_step_train_all_weights(module, step):
    examples = SourceExamples(PARAMS)
    batch = together([examples[2 * step], examples[2 * step + 1]])
    with torch.no_grad():
        for film in module.model.network.films:
            film.weight.normal_(0, 0.1)
    module.training_step(batch, step).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def test_the_estimate_is_found_among_the_inputs():
    examples = SourceExamples(PARAMS)
    scan, _ = examples._scan(0)
    problem = scan.posed()
    assert torch.equal(problem.inputs(problem.first, 0)[list(ESTIMATE)], problem.first)


def test_the_loss_is_of_both_sources_and_of_directions():
    truth = SourceExamples(PARAMS)[0].truth[None]
    inside = torch.ones(truth.shape[0], *truth.shape[2:])
    base = float(sources_loss(truth, truth, inside))
    for channel in (0, 1, 6):
        moved = truth.clone()
        moved[:, channel] += 0.3
        assert float(sources_loss(moved, truth, inside)) > base + 0.05
    # Errors of mean and strength together are one of chi+ alone, while one of the mean alone is in both sources.
    both, one = truth.clone(), truth.clone()
    both[:, [0, 6]] += 0.5
    one[:, 0] += 1.0
    of_both, of_one = (float(sources_loss(w, truth, inside)) for w in (both, one))
    assert of_both == pytest.approx(of_one / 2, rel=0.05)


def test_validation_scores_model_and_least_squares_side_by_side():
    validation = SourceValidation(PARAMS)
    found = validation.score(SeparatingModel(widths=(6, 8, 10)).eval(), 1)
    assert {"val/pos_4", "val/neg_4", "val/angle_4", "val/pos_4_least_squares", "val/pos"} <= set(found)
    assert all(np.isfinite(value) for value in found.values())
    assert found["val/pos_4_least_squares"] < 1
    assert {picture.shape[-1] for picture in validation.pictures().values()} == {3}


def test_weights_of_either_network_begin_a_training(tmp_path):
    torch.manual_seed(0)
    tensors = save_model(CompactModel(iterations=1, widths=(6, 12, 16)), {}, tmp_path / "tensors.safetensors")
    sources = save_model(SeparatingModel(widths=(6, 12, 16)), {}, tmp_path / "sources.safetensors")
    for file in (tensors, sources):
        made = DeepSepStiModule(DeepSepStiTraining(weights=str(file), width=6))
        assert isinstance(made.model, SeparatingModel) and all(p.requires_grad for p in made.parameters())


def test_export_can_be_read_and_says_what_it_was_begun_from(tmp_path, module):
    facts = dict(parameters={}, seed=0, steps=6, seconds=1.0, machine="m", versions={}, scores={"val/pos_4": 0.2})
    path = DeepSepSti().export(module, PARAMS, facts, tmp_path / "deepsepsti.safetensors")
    model, card = load_model(path)
    assert isinstance(model, SeparatingModel)
    assert card["begun_from"] is None and card["parameters"] < 2.5e6 and card["scores"]["4 orientations"]
    assert "not for diagnosis" in card["disclaimer"] and "simulated" in card["disclaimer"].lower()
