"""The form of the DeepSTI training: what does not go together is refused before anything is loaded."""

import json

import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.learn.tasks.deepsti import DeepSti, DeepStiTraining, card


def _checked(**given):
    return DeepSti().check(from_mapping(DeepStiTraining, given))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"voxel_size_low": 2.0, "voxel_size_high": 1.0}, "voxel_size_low = 2 is above voxel_size_high = 1"),
        ({"snr_low": 41}, "snr_low = 41 is above snr_high = 40, so there are no signal-to-noise ratios to draw from"),
        ({"weights": "none.safetensors"}, "there is no such file of weights; check weights"),
        ({"data": "nowhere"}, "there is no such folder of a dataset"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        _checked(**given)
    assert sentence in str(caught.value)


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.safetensors").write_bytes(b"")
    assert _checked(weights="first.safetensors").weights == str(tmp_path / "first.safetensors")


def test_card_says_what_the_weights_saw(tmp_path):
    params = DeepStiTraining()
    facts = dict(
        parameters=to_mapping(params),
        seed=0,
        steps=100,
        seconds=3.5,
        machine="a machine",
        device="cpu",
        versions={},
        scores={"val/angle": 20.0, "val/angle_3": 20.04, "val/error_3": 0.314},
    )
    made = card(params, facts, "deepsti-compact", "compact", 12)
    assert made["parameters"] == 12
    assert made["scores"]["3 orientations"].startswith("20.0° and 0.31")
    assert json.loads(json.dumps(made)) == made
    assert made["domain"]["voxel_size_mm"] == [params.voxel_size_low, params.voxel_size_high]
    assert made["domain"]["orientations"] == [1, params.orientations]
    assert "simulated" in made["disclaimer"]
    assert "not for diagnosis" in made["disclaimer"]
