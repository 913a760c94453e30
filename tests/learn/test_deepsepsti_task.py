"""The form of the DeepSepSTI training: what does not go together is refused before anything is loaded."""

import json

import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.learn.registry import get_task
from napari_sti.learn.tasks.deepsepsti import DeepSepSti, DeepSepStiTraining, card


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"voxel_size_low": 3.0, "voxel_size_high": 1.0}, "voxel_size_low = 3 is above voxel_size_high = 1"),
        ({"snr_low": 41}, "snr_low = 41 is above snr_high = 40, so there are no signal-to-noise ratios to draw from"),
        ({"rate_snr_low": 30}, "so there are no signal-to-noise ratios of R2' to draw from; exchange them"),
        ({"weights": "none.safetensors"}, "there is no such file of weights; check weights"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        DeepSepSti().check(from_mapping(DeepSepStiTraining, given))
    assert sentence in str(caught.value)


def test_it_is_registered_and_its_card_is_plain(tmp_path):
    assert get_task("deepsepsti").title == "DeepSepSTI"
    params = DeepSepStiTraining(weights=str(tmp_path / "deepsti-compact.safetensors"), steps=700)
    scores = {"val/pos_4": 0.1, "val/neg_4": 0.123, "val/angle_4": 12.4, "val/pos_4_least_squares": 0.2}
    facts = dict(parameters=to_mapping(params), seed=0, steps=700, seconds=3.5, machine="m", versions={}, scores=scores)
    made = card(params, facts, "deepsepsti", "separating", 12)
    assert json.loads(json.dumps(made)) == made and str(tmp_path) not in json.dumps(made)
    assert made["begun_from"] == "deepsti-compact.safetensors"
    assert "-p steps=700" in made["recipe"] and "-p weights=deepsti-compact.safetensors" in made["recipe"]
    assert made["scores"]["4 orientations"].startswith("0.10, 0.12 and 12° (least squares 0.20")
