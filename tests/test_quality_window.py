"""The Quality panel in the real window: a flipped result, its page, its mend, and what was found as layers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_sti.io.results import load_result, save_result
from napari_sti.io.save import save_acquisition
from napari_sti.maps.flips import MENDS, mended, parse_mend
from napari_sti.viz.display import layer_info
from tests.maps import bundled
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A study with an odd fourth orientation, V1 and FA, and a result whose y axis somebody has flipped."""
    folder = tmp_path_factory.mktemp("quality")
    truth = bundled.tensor(name="flipped")
    study = bundled.acquisition(truth, orientations=4)
    field = study.field.copy()
    field[3] *= 0.3
    path = save_acquisition(replace(study, field=field), folder / "study")
    told = {"inputs": [{"role": "study", "path": str(path), "sha256": "0"}], "simulated": True}
    flipped = mended(truth, parse_mend("x,-y,z"))
    save_result(replace(flipped, provenance=told), folder / "flipped")
    bundled.write_dti(folder)
    return folder


def choose(window, monkeypatch, name, path):
    """Choose a file or a folder in a dialog."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(path))
    window.click(name)


def make_page(window):
    with window.qtbot.waitSignal(window.controller.quality.made, timeout=LONG):
        window.click("sti_quality_make")
    return window.controller.quality.report


def values(window):
    return {line["key"]: line["value"] for line in window.find("sti_quality_lines").value()}


def layers(window, kind):
    return [layer for layer in window.viewer.layers if (layer_info(layer.metadata) or {}).get("kind") == kind]


def test_from_a_flipped_result_to_a_mended_one(make_window, files, monkeypatch):  # noqa: F811
    window = make_window()
    window.tab("Quality")
    choose(window, monkeypatch, "sti_quality_folder", files / "flipped")
    combo = window.find("sti_quality_result", QComboBox)
    window.until(lambda: combo.currentText() == "flipped")
    choose(window, monkeypatch, "sti_quality_v1", files / "V1.nii.gz")
    choose(window, monkeypatch, "sti_quality_fa", files / "FA.nii.gz")
    assert not window.find("sti_quality_make").isEnabled(), "the axes of V1 are stated nowhere"
    frame = window.find("sti_quality_dti_frame", QComboBox)
    frame.setFocus()
    window.qtbot.keyClicks(frame, "fsl")
    assert window.find("sti_quality_make").isEnabled()

    first = make_page(window)
    assert first.mend == "x,-y,z" and "after flipping y" in window.said("sti_quality_mend")
    assert float(values(window)["angle"].partition("°")[0]) > 10
    window.click("sti_quality_residuals")
    window.until(lambda: len(layers(window, "residual")) == 4)

    before = (files / "flipped" / "chi.nii.gz").read_bytes()
    with window.qtbot.waitSignal(window.controller.quality.mended, timeout=LONG):
        window.click("sti_quality_apply")
    window.until(lambda: "flipped, mended" in window.controller.quality.sources)
    new = window.controller.quality.sources["flipped, mended"].path
    assert (files / "flipped" / "chi.nii.gz").read_bytes() == before
    np.testing.assert_array_equal(load_result(new).chi, bundled.tensor().chi)
    assert json.loads((new / "result.json").read_text())["provenance"][MENDS][0]["mend"] == "x,-y,z"

    window.until(lambda: window.controller.layers.find("flipped, mended", "pev_lines") is not None)
    window.tab("Quality")
    window.until(lambda: combo.findData("flipped, mended") == combo.count() - 1)
    combo.setFocus()
    window.qtbot.keyClick(combo, Qt.Key.Key_End)
    assert "mended (x,-y,z)" in window.said("sti_quality_mended")
    second = make_page(window)
    assert second.mend == "" and not window.find("sti_quality_mend").isVisible()
    assert float(values(window)["angle"].partition("°")[0]) < 1
    assert second.worst == 3 and values(window)["worst"].startswith("4 (")
    window.click("sti_quality_angle")
    window.until(lambda: layers(window, "dti_angle"))
    (angle,) = layers(window, "dti_angle")
    assert np.nanmax(angle.data) < 2 and np.isnan(angle.data).any()
    page = second.page.read_text()
    assert page.count("<figure>") == 7 and "fits worst" in page and 'src="http' not in page
