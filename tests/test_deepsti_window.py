"""DeepSTI in the real window, by mouse and keys: weights from a file, their card, a run, a look back at its steps."""

import numpy as np
import pytest
import torch
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QSlider

from napari_sti.io.results import load_result
from napari_sti.recon.checkpoint import save_model
from napari_sti.recon.unrolled.published import PublishedModel
from tests.test_compare_window import study  # noqa: F401  (a fixture)
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

DISCLAIMER = "Random numbers; not for diagnosis."


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny network of random numbers that believes to be made for 1 mm and two orientations."""
    torch.manual_seed(3)
    model = PublishedModel(iterations=3, features=[4, 8])
    domain = {"voxel_size_mm": [1.0, 1.0], "orientations": [1, 2]}
    card = {"name": "tiny", "title": "Tiny", "family": "resunet", "seed": 3, "domain": domain, "disclaimer": DISCLAIMER}
    return save_model(model, card, tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def choose_weights(window, file, monkeypatch):
    """By keys: the method by its first letters, and the file as the last entry of the list."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    window.tab("Reconstruct")
    methods = window.find("sti_method")
    methods.setFocus()
    window.qtbot.keyClicks(methods, "DeepSTI")
    assert methods.currentData() == "deepsti"
    box = window.find("sti_weights")
    box.setFocus()
    window.qtbot.keyClick(box, Qt.Key.Key_End)
    assert box.currentText() == file.name


def told_before(window):
    """Read the card, and what is unlike the training."""
    window.click("sti_weights_about")
    assert window.said("sti_weights_disclaimer") == DISCLAIMER
    said = " ".join(window.workbench.panels["reconstruct"].remarks.value())
    assert "voxels of 4 x 4 x 5 mm (they saw 1 mm)" in said
    assert "a number of orientations of 8 (they saw 1 to 2)" in said


def scrub(window, run):
    """Back by keys and by the mouse, and to the result again."""
    slider = window.find("sti_iterate", QSlider)
    session = window.controller.iterates
    window.until(lambda: slider.isVisible() and slider.maximum() == 3)
    layer = window.layer(run, "pev_colour")
    seen = {3: layer.data.copy()}
    slider.setFocus()
    window.qtbot.keyClick(slider, Qt.Key.Key_Left)
    window.until(lambda: session.number == 2 and not session.loading)
    seen[2] = layer.data.copy()
    assert layer.name.endswith("(2 of 3)") and window.find("sti_iterate_place").text() == "2 of 3"
    assert "data residual" in window.find("sti_iterate_numbers").text()
    for x in (4, 4):  # each click on the groove is a page, which is one iteration
        window.qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(x, slider.height() // 2))
    window.until(lambda: session.number == 1 and not session.loading)
    seen[1] = layer.data.copy()
    assert not np.array_equal(seen[1], seen[2]) and not np.array_equal(seen[2], seen[3])
    window.qtbot.keyClick(slider, Qt.Key.Key_End)
    window.until(lambda: session.number == 3 and not session.loading)
    np.testing.assert_array_equal(layer.data, seen[3])
    assert "of 3)" not in layer.name


def test_weights_run_and_a_look_back(make_window, study, weights, monkeypatch):  # noqa: F811
    window = make_window()
    window.open(study)
    choose_weights(window, weights, monkeypatch)
    told_before(window)
    run = window.run()
    window.until(lambda: not run.active, timeout=LONG)
    assert run.state == "done", run.sentence
    result = load_result(run.folder)
    assert result.provenance["method"] == "deepsti" and len(result.provenance["iterations"]) == 3
    assert DISCLAIMER in result.provenance["remarks"]
    assert {p.name for p in (run.folder / "iterates").iterdir()} == {
        "iterates.json",
        *(f"chi_0{number}.nii.gz" for number in (1, 2, 3)),
    }
    window.layer(run, "pev_lines")
    window.until(lambda: window.find("sti_tabs").tabText(window.find("sti_tabs").currentIndex()) == "View")
    scrub(window, run)
