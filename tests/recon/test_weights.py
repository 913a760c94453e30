import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.recon import weights
from napari_sti.recon.checkpoint import save_model
from tests.recon.dense import directions
from tests.recon.unrolled.formula import CARD, tiny_model

SHAPE = (9, 8, 7)


def study(
    n: int = 3, *, size: float = 1.5, b0: float | None = 3.0, tilt: float = 20.0, spread: float = 0.05
) -> Acquisition:
    """Noise as field maps, on a grid stored from left to right, B0 tilted by so many degrees."""
    rng = np.random.default_rng(0)
    turn = rng.uniform(0, 6, n)
    h = np.stack([np.sin(np.radians(tilt)) * np.cos(turn), np.sin(np.radians(tilt)) * np.sin(turn), np.ones(n)], -1)
    h[:, 2] = np.cos(np.radians(tilt))
    field = rng.normal(size=(n, *SHAPE)) * spread
    return Acquisition(field, h, np.ones(SHAPE), np.diag([-size, size, size, 1]), b0=b0, frame="ras")


@pytest.fixture
def tiny(tmp_path: Path) -> weights.Weights:
    domain = {
        "voxel_size_mm": [1.0, 2.0],
        "b0_t": [3.0, 7.0],
        "orientations": [2, 6],
        "max_tilt_deg": 40,
        "field_ppm": [-0.15, 0.15],
        "snr_db": [10, 40],
    }
    path = save_model(tiny_model(), {**CARD, "domain": domain}, tmp_path / "tiny.safetensors")
    return weights.find_weights(path)


def test_a_study_like_those_of_the_training_needs_no_words(tiny: weights.Weights) -> None:
    assert tiny.title == "Tiny (random weights)"
    assert weights.domain_remarks(tiny, study()) == ()
    assert weights.domain_remarks(tiny, study(b0=None)) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 0.7}, "voxels of 0.7 x 0.7 x 0.7 mm (they saw 1 to 2 mm)"),
        ({"b0": 9.4}, "a field strength of 9.4 T (they saw 3 to 7 T)"),
        ({"n": 1}, "a number of orientations of 1 (they saw 2 to 6)"),
        ({"n": 8}, "a number of orientations of 8 (they saw 2 to 6)"),
        ({"tilt": 60.0}, "a head tilted by 60 degrees (they saw tilts up to 40)"),
        ({"spread": 0.5}, "wider than -0.150 to 0.150"),
        ({"spread": 0.005}, "much narrower than -0.150 to 0.150"),
    ],
)
def test_what_the_weights_did_not_see_is_said(tiny: weights.Weights, given: dict[str, float], said: str) -> None:
    (sentence,) = weights.domain_remarks(tiny, study(**given))  # type: ignore[arg-type]
    assert sentence.startswith("Outside of what the weights saw in their training")
    assert said in sentence


def test_several_things_are_several_sentences(tiny: weights.Weights) -> None:
    assert len(weights.domain_remarks(tiny, study(1, size=0.5, tilt=70.0))) == 3


def test_weights_without_a_card_say_so(tmp_path: Path) -> None:
    file = tmp_path / "best.pkl"
    file.touch()
    (sentence,) = weights.domain_remarks(weights.find_weights(file), study())
    assert sentence.startswith("Nothing is stated of what the weights best were trained on")


def test_shipped_weights_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "shipped")
    with pytest.raises(InputError, match="no weights of the name 'deepsti-compact'; none come with this version"):
        weights.find_weights("deepsti-compact")
    (tmp_path / "shipped").mkdir()
    path = save_model(tiny_model(), CARD, tmp_path / "shipped" / "deepsti-compact.safetensors")
    assert weights.find_weights("deepsti-compact").file == path
    with pytest.raises(InputError, match=r"no weights of the name 'other'; known are deepsti-compact"):
        weights.find_weights("other")
    with pytest.raises(InputError, match=r"mine\.safetensors: there is no such file of weights"):
        weights.find_weights(tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match="no such file"):
        weights.find_weights(os.path.join("folder", "deepsti-compact"))


def test_other_files_are_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    for content in (b"", b"\x05", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]"):
        file.write_bytes(content)
        with pytest.raises(InputError, match="the weights cannot be used"):
            weights.find_weights(file)


def test_forms_need_no_torch_for_it() -> None:
    program = "import sys, napari_sti.recon.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_tilts_are_those_in_the_world(tiny: weights.Weights) -> None:
    """Stored with the third axis from left to right, B0 along it is a head lying on its side."""
    affine = np.array([[0, 0, 1.5, 0], [1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 0, 1]])
    given = Acquisition(study().field, directions(3, 1), np.ones(SHAPE), affine, b0=3.0)
    lying = Acquisition(study().field, np.array([[0, 0, 1.0]] * 3), np.ones(SHAPE), affine, b0=3.0)
    assert given.shape == lying.shape
    assert any("tilted by 90 degrees" in s for s in weights.domain_remarks(tiny, lying))


def test_a_simulated_study_may_be_too_much_like_the_training(tmp_path: Path) -> None:
    """The sample brain is made of what the training brains are made of: a person has to know before being impressed."""
    from dataclasses import replace

    made = save_model(tiny_model(3), CARD | {"anatomy": weights.SAMPLE_ANATOMY}, tmp_path / "alike.safetensors")
    plain = weights.domain_remarks(weights.find_weights(made), study())
    simulated = weights.domain_remarks(weights.find_weights(made), replace(study(), simulated=True))
    assert simulated[: len(plain)] == plain
    assert "on that one the result looks better than it would on any other" in simulated[-1]


def test_the_shipped_weights_say_that_the_sample_brain_flatters_them() -> None:
    assert weights.find_weights("deepsti-compact").card["anatomy"] == weights.SAMPLE_ANATOMY
