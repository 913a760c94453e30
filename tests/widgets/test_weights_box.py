"""Trained weights in the form: by name or by file, with their card, and never a network in the viewer."""

import json
import struct
from dataclasses import dataclass
from typing import ClassVar

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_sti.core.method import Needs
from napari_sti.core.params import param
from napari_sti.recon import weights
from napari_sti.widgets import method_editor
from napari_sti.widgets.session import weights as session
from napari_sti.widgets.session.weights import card_lines
from napari_sti.widgets.weights_box import WeightsBox
from tests.jobs.odd_methods import Odd

CARD = {
    "name": "deep-small",
    "title": "Small network",
    "family": "compact",
    "parameters": 2_400_000,
    "trained_on": "simulated brains (MNI152 anatomy)",
    "recipe": "napari-sti train deepsti",
    "seed": 4,
    "steps": 1500,
    "seconds": 3725.0,
    "machine": "some GPU",
    "scores": {"val/ecse": 0.21234, "val/angle": 14.0},
    "limits": "Healthy brains only.",
    "domain": {"voxel_size_mm": [1.0, 2.0], "b0_t": None, "orientations": [1, 6], "max_tilt_deg": 45.0},
    "disclaimer": "Trained on simulated data; not for diagnosis.",
}


def write_weights(path, card=CARD):
    """A safetensors file without numbers."""
    metadata = {"family": "compact", "config": "{}", "card": json.dumps(card)}
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@dataclass(frozen=True)
class DeepParams:
    weights: str = param("deep-small", label="Weights", help="Name or file.")
    iterations: int = param(3, label="Iterations", help="How many.", low=1, high=9)


class Deep(Odd):
    id = "deep"
    title = "Deep"
    needs: ClassVar[Needs] = Needs(orientations=1, weights=True)
    Params: ClassVar[type] = DeepParams

    def run(self, acquisition, params, progress=None, *, device="cpu"):
        return self.result(acquisition)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of weights that came with the package."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(weights, "SHIPPED", folder)
    write_weights(folder / "deep-small.safetensors")
    write_weights(folder / "deep-large.safetensors", {**CARD, "title": "Large network"})
    write_weights(folder / "prior-32.safetensors", {**CARD, "title": "Something else"})
    return folder


@pytest.fixture
def panel(shipped, workbench_with_deep):
    workbench_with_deep.show_panel("reconstruct")
    return workbench_with_deep.panels["reconstruct"]


@pytest.fixture
def workbench_with_deep(monkeypatch, request):
    monkeypatch.setattr(method_editor, "methods", lambda: {"deep": Deep()})
    from napari_sti.widgets.session import command

    monkeypatch.setattr(command, "get_method", lambda name: Deep())
    return request.getfixturevalue("workbench")


def test_weights_are_offered_by_title_and_known_by_name(shipped, qtbot):
    known = session.shipped("deep")
    assert [(one.name, one.title) for one in known] == [
        ("deep-large", "Large network"),
        ("deep-small", "Small network"),
    ]
    box = WeightsBox(known)
    qtbot.addWidget(box)
    box.setValue("deep-small")
    assert box.value() == "deep-small" and box.combo.currentText() == "Small network"
    box.combo.activated.emit(box.combo.findText("Large network"))
    assert box.value() == "deep-large"


def test_a_file_is_asked_for_and_stays_in_the_list(shipped, qtbot, tmp_path, monkeypatch):
    box = WeightsBox(session.shipped("deep"))
    qtbot.addWidget(box)
    box.setValue("deep-small")
    mine = str(tmp_path / "mine.pkl")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (mine, ""))
    with qtbot.waitSignal(box.valueChanged):
        box.combo.activated.emit(box.combo.count() - 1)
    assert box.value() == mine and box.combo.currentText() == "mine.pkl"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    box.combo.activated.emit(box.combo.count() - 1)
    assert box.value() == mine and box.combo.currentText() == "mine.pkl", "who thinks better of it keeps what there was"


def test_what_a_card_says(shipped):
    lines = dict(card_lines(weights.find_weights("deep-small").card))
    assert lines["Made for"] == "1 to 6 orientations; voxels of 1 to 2 mm; tilts up to 45°"
    assert lines["Scores"] == "ecse 0.2123, angle 14"
    assert lines["Network"] == "compact, 2.4 million parameters"
    assert lines["Training"] == "napari-sti train deepsti, seed 4, 1500 steps, 1 h 2 min"
    assert card_lines({}) == ()


def test_the_panel_shows_the_card_on_request(panel, qtbot):
    card = panel.method.card
    assert card.isVisible() and not card._content.isVisible()
    card.button.click()
    assert card._content.isVisible() and card.warning.text() == "Trained on simulated data; not for diagnosis."
    assert dict(card.lines())["Limits"] == "Healthy brains only."
    panel.method.form.editors["weights"].setValue("deep-large")
    assert panel.value().params.weights == "deep-large"


def test_weights_that_cannot_be_used_keep_the_run_from_starting(panel, have_study, shipped, tmp_path, qtbot):
    assert panel.run_button.isEnabled()
    assert [m.id for m in panel.runnable()] == ["deep"]
    (tmp_path / "broken.safetensors").write_bytes(b"\x01")
    panel.method.form.editors["weights"].setValue(str(tmp_path / "broken.safetensors"))
    assert "it is not a safetensors file" in panel.blocked.text() and not panel.run_button.isEnabled()
    panel.method.form.editors["weights"].setValue("deep-huge")
    assert "there are no weights of the name 'deep-huge'" in panel.blocked.text()
    (shipped / "deep-small.safetensors").unlink()
    assert panel.runnable() == []


def test_weights_trained_here_are_tried_at_once(panel, have_study, controller, tmp_path):
    mine = write_weights(tmp_path / "mine.safetensors", {**CARD, "title": "Mine"})
    controller.training.weights_wanted.emit("deep", str(mine))
    assert panel.value().params.weights == str(mine) and panel.run_button.isEnabled()
    assert "-p weights=" in panel.command.value()


def test_checkpoints_without_card_say_so(panel, have_study, tmp_path):
    (tmp_path / "published.pkl").write_bytes(b"whatever")
    panel.method.form.editors["weights"].setValue(str(tmp_path / "published.pkl"))
    assert "This file has no card" in panel.method.card.warning.text() and panel.run_button.isEnabled()


def remarks(panel):
    return [text for text in panel.remarks.value() if "saw" in text or "trained on" in text]


def test_what_is_unlike_the_training_is_said_before_the_run(panel, controller, have_study, shipped, qtbot):
    assert remarks(panel) == []
    domain = {"voxel_size_mm": [0.5, 1.0], "b0_t": [7, 7], "orientations": [1, 2], "max_tilt_deg": 10}
    write_weights(shipped / "deep-large.safetensors", {**CARD, "domain": {**domain, "field_ppm": [-1.0, 1.0]}})
    panel.method.form.editors["weights"].setValue("deep-large")
    said = " ".join(remarks(panel))
    assert "voxels of 1.5 x 1.5 x 2 mm (they saw 0.5 to 1 mm)" in said
    assert "a field strength of 3 T (they saw 7 T)" in said
    assert "a number of orientations of 3 (they saw 1 to 2)" in said
    assert "a head tilted by 30 degrees (they saw tilts up to 10)" in said
    assert "a field of" not in said, "no image has been read yet"
    with qtbot.waitSignal(panel._field.changed):
        controller.studies.load()
    assert any("much narrower than -1.000 to 1.000" in text for text in remarks(panel))
    assert panel.run_button.isEnabled(), "it is said, not forbidden"


def test_a_checkpoint_without_card_is_remarked_on(panel, have_study, tmp_path):
    (tmp_path / "published.pkl").write_bytes(b"whatever")
    panel.method.form.editors["weights"].setValue(str(tmp_path / "published.pkl"))
    assert "Nothing is stated of what the weights published were trained on" in remarks(panel)[0]
