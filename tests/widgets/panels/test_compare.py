"""The Compare panel: a round trip, what it says, and what it offers."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sti.widgets.session.compare_sources import Choice


@pytest.fixture
def panel(workbench):
    return workbench.panels["compare"]


@pytest.fixture
def filled(panel, controller, result, tmp_path, qtbot):
    for number, name in enumerate(("one", "two", "three")):
        controller.compare.add_folder(result(tmp_path / name, number).parent)
    qtbot.waitUntil(lambda: panel.runs.count() == 3)
    return panel


def find(panel, name):
    return panel.findChild(object, name)


def test_empty_says_so_and_leads_on(panel, workbench):
    workbench.show_panel("compare")
    assert panel.empty.isVisible() and not panel.button.isEnabled()
    panel.empty.button.click()
    assert workbench.tabs.currentWidget().widget() is workbench.panels["reconstruct"]


def test_round_trip(filled, tmp_path):
    for choice in (
        Choice(("one", "three"), "run:two", map="msa"),
        Choice(("one", "two"), "dti", tmp_path / "V1.nii.gz", tmp_path / "FA.nii.gz", "lps", "mms"),
    ):
        filled.setValue(choice)
        assert filled.value() == choice


def test_what_is_missing_is_said_before_the_button(workbench, filled):
    workbench.show_panel("compare")
    assert filled.state.text() == "Check the runs to compare." and not filled.button.isEnabled()
    filled.setValue(Choice(("one",), "run:one"))
    assert filled.state.text() == "Check a run besides the reference."
    filled.setValue(Choice(("one",), "dti"))
    assert filled.state.text() == "Choose the files of V1 and FA."
    filled.setValue(Choice(("one", "two"), "run:one"))
    assert filled.button.isEnabled() and not filled.state.isVisible()
    assert filled.command.value().startswith("napari-sti compare ")


def test_labels_layers_are_offered(workbench, filled, viewer):
    viewer.add_labels(np.ones((3, 3, 3), int), name="my regions")
    viewer.add_image(np.ones((3, 3, 3)), name="no regions")
    workbench.show_panel("compare")
    filled.entered()
    assert [filled.regions.itemText(i) for i in range(filled.regions.count())] == ["none", "my regions"]
    choice = Choice(("one", "two"), "run:one", regions="my regions", white="my regions")
    filled.setValue(choice)
    assert filled.value() == choice


def test_comparing_and_back(workbench, filled, controller, viewer, qtbot, tmp_path, monkeypatch):
    workbench.show_panel("compare")
    filled.setValue(Choice(("one", "two"), "run:three"))
    with qtbot.waitSignal(controller.compare.grid.shown_changed, timeout=20_000):
        qtbot.mouseClick(filled.button, Qt.MouseButton.LeftButton)
    assert filled.side.isChecked() and filled.table.rowCount() == 2 and filled.table.isVisible()
    assert not filled.region.isVisible(), "there are no regions to choose from"
    assert "where the MSA of three exceeds 0.015 ppm" in filled.about.text() and "Simulated data" in filled.about.text()
    filled.copy.click()
    assert QApplication.clipboard().text() == filled.table.text()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "t.csv"), ""))
    with qtbot.waitSignal(controller.compare.saved, timeout=10_000):
        filled.csv.click()
    assert "t.csv" in filled.said.text()
    filled.side.click()
    assert not len(viewer.layers) and not filled.side.isChecked()
    with qtbot.waitSignal(controller.compare.grid.shown_changed, timeout=10_000):
        filled.side.click()
    assert len(viewer.layers) == 5


def test_the_map_is_changed_in_place(workbench, filled, controller, viewer, qtbot):
    filled.setValue(Choice(("one", "two"), "run:three"))
    with qtbot.waitSignal(controller.compare.grid.shown_changed, timeout=20_000):
        filled.button.click()
    filled.map.setCurrentIndex(1)
    with qtbot.waitSignal(controller.compare.grid.shown_changed, timeout=10_000):
        filled.map.activated.emit(1)
    assert sum("MSA (compared)" in layer.name for layer in viewer.layers) == 3


def test_a_result_folder_is_added(filled, controller, result, tmp_path, qtbot, monkeypatch):
    folder = result(tmp_path / "four", 4).parent
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(folder))
    filled.folder.click()
    qtbot.waitUntil(lambda: filled.runs.count() == 4)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path))
    filled.folder.click()
    assert "holds no finished result" in filled.failure.text()


def test_runs_of_the_window_come_by_themselves(panel, controller, start_run, result, qtbot):
    run, say = start_run()
    say("done", result=str(result(run.job.out)), seconds=1.0)
    qtbot.waitUntil(lambda: panel.runs.count() == 1)
    assert panel.runs.item(0).text().startswith(run.name)


def test_a_dti_shows_its_coherence(workbench, filled, controller, qtbot, tmp_path, result):
    import nibabel as nib

    from napari_sti.io.results import load_result

    tensor = load_result(tmp_path / "one")
    for name, data in (("V1", tensor.pev), ("FA", np.where(tensor.mask, 0.5, 0))):
        nib.save(nib.Nifti1Image(data.astype(np.float32), tensor.affine), tmp_path / f"{name}.nii.gz")
    choice = Choice(("one", "two"), "dti", tmp_path / "V1.nii.gz", tmp_path / "FA.nii.gz", "voxel")
    filled.setValue(choice)
    with qtbot.waitSignal(controller.compare.grid.shown_changed, timeout=20_000):
        filled.button.click()
    assert "Fibre coherence of V1, read as voxel: " in filled.about.text()
    assert filled.table.columnCount() == 5
    # Random directions may run along anything: what is said about them is what the comparison says.
    assert filled.remark.text() == " ".join(controller.compare.comparison.notes)
    assert replace(choice, map="pev_colour") == filled.value()
