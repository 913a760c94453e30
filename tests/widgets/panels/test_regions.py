"""The Regions panel: what goes in, the question about another grid, and what comes out."""

import csv

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sti.viz.display import DisplayGrid
from napari_sti.widgets.session.region_sources import RegionChoice
from tests.widgets.conftest import AFFINE, SHAPE


@pytest.fixture
def panel(workbench):
    return workbench.panels["regions"]


@pytest.fixture
def filled(panel, controller, result, tmp_path, qtbot):
    for number, name in enumerate(("one", "two")):
        controller.regions.add_folder(result(tmp_path / name, number).parent)
    qtbot.waitUntil(lambda: panel.runs.count() == 2)
    return panel


def halves():
    data = np.zeros(SHAPE, np.int16)
    data[2:6], data[6:9] = 1, 2
    return data


def draw(viewer, name="mine", fine=1):
    """A Labels layer over the results, as a person draws it, on a canvas that may be finer."""
    grid = DisplayGrid(AFFINE, SHAPE)
    data = np.repeat(grid.to_shown(halves()), fine, axis=0)
    scale = grid.scale * (1 / fine, 1, 1)
    viewer.add_labels(data, name=name, scale=scale, translate=grid.translate - (grid.scale - scale) / 2)


def measured(panel, qtbot):
    with qtbot.waitSignal(panel.regions.measured, timeout=20_000):
        qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)


def test_empty_says_so(panel, workbench):
    workbench.show_panel("regions")
    assert panel.empty.isVisible() and not panel.button.isEnabled()
    panel.empty.button.click()
    assert workbench.panels["reconstruct"].isVisible()


def test_round_trip_and_what_is_missing(workbench, filled, viewer):
    workbench.show_panel("regions")
    assert filled.state.text() == "Check the results to measure." and not filled.button.isEnabled()
    filled.setValue(RegionChoice(("one",)))
    assert filled.state.text() == "Choose a Labels layer, or open a segmentation."
    draw(viewer)
    draw(viewer, "other")
    for choice in (RegionChoice(("one", "two"), "mine"), RegionChoice(("two",), "other", True)):
        filled.setValue(choice)
        assert filled.value() == choice and filled.button.isEnabled()
    viewer.layers.remove("other")
    assert filled.value().labels == "mine"
    draw(viewer, "newest")
    assert filled.value().labels == "newest", "who draws wants that measured"


def test_measure_what_was_drawn(workbench, filled, controller, viewer, qtbot, tmp_path):
    workbench.show_panel("regions")
    draw(viewer)
    filled.setValue(RegionChoice(("one", "two"), "mine"))
    measured(filled, qtbot)
    found = controller.regions.found
    chi = nib.load(tmp_path / "two" / "mms.nii.gz").get_fdata()
    mask = nib.load(tmp_path / "two" / "mask.nii.gz").get_fdata() > 0
    assert found.rows["two", "region 1", "mms"].mean == pytest.approx(chi[mask & (halves() == 1)].mean(), rel=1e-5)
    assert filled.results.table.isVisible() and filled.results.table.rowCount() == 4
    assert [filled.results.map.itemText(i) for i in range(3)] == ["MMS", "MSA", "PEV angle to the region's mean"]
    filled.results.map.setCurrentIndex(2)
    filled.results.map.activated.emit(2)
    filled.results.table.setCurrentCell(2, 0)
    assert filled.results.histogram.region() == "region 2" and "Simulated data." in filled.results.about.text()
    assert "--labels mine.nii.gz" in filled.command.value()
    filled.results.copy.click()
    assert QApplication.clipboard().text() == filled.results.table.text()


def test_ppb_is_used_where_the_window_uses_it(workbench, filled, controller, viewer, qtbot):
    draw(viewer)
    filled.setValue(RegionChoice(("one",), "mine"))
    measured(filled, qtbot)
    before = filled.results.table.text()
    controller.view.change(unit="ppb")
    assert filled.results.table.text() != before and filled.results.boxes.span()[1] > 1


def test_another_grid_is_asked_about(workbench, filled, controller, viewer, qtbot):
    workbench.show_panel("regions")
    draw(viewer, "fine", fine=2)
    filled.setValue(RegionChoice(("one",), "fine"))
    with qtbot.waitSignal(controller.regions.asked, timeout=20_000):
        filled.button.click()
    assert "lies on another grid (22x9x7 voxels" in filled.question.text() and filled.question.isVisible()
    assert controller.regions.found is None and not filled.results.isVisible()
    with qtbot.waitSignal(controller.regions.measured, timeout=20_000):
        filled.question.button.click()
    assert filled.value().resample and "--resample" in filled.command.value()
    rows = controller.regions.found.rows
    draw(viewer)
    filled.setValue(RegionChoice(("one",), "mine"))
    measured(filled, qtbot)
    assert filled.results.isVisible() and filled.command.isVisible()
    filled.setValue(RegionChoice(("one",), "fine"))
    with qtbot.waitSignal(controller.regions.asked, timeout=20_000):
        filled.button.click()
    gone = (filled.results, filled.command, filled.remark)
    assert not any(part.isVisible() for part in gone), "no numbers of other labels below the question"
    assert rows["one", "region 2", "mms"] == controller.regions.found.rows["one", "region 2", "mms"]


def test_a_segmentation_from_a_file(workbench, filled, controller, viewer, qtbot, tmp_path, monkeypatch):
    workbench.show_panel("regions")
    nib.save(nib.Nifti1Image(halves(), AFFINE), tmp_path / "seg.nii.gz")
    (tmp_path / "seg.txt").write_text("1 first\n2 second\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(tmp_path / "seg.nii.gz"), ""))
    with qtbot.waitSignal(controller.regions.opened, timeout=10_000):
        filled.file.click()
    assert filled.labels.currentData() == "seg" and "seg" in viewer.layers
    filled.setValue(RegionChoice(("one",), "seg"))
    measured(filled, qtbot)
    assert list(controller.regions.found.regions) == ["first", "second"]
    assert str(tmp_path / "seg.nii.gz") in filled.command.value()
    nib.save(nib.Nifti1Image(halves() * 0, AFFINE), tmp_path / "seg.nii.gz")
    with qtbot.waitSignal(controller.regions.failed, timeout=10_000):
        filled.file.click()
    assert "marks no voxel" in filled.failure.text()


def test_empty_drawing_is_refused(workbench, filled, viewer):
    viewer.add_labels(np.zeros(SHAPE, int), name="empty")
    filled.setValue(RegionChoice(("one",), "empty"))
    filled.button.click()
    assert "the layer empty marks no voxel" in filled.failure.text()


def test_files(workbench, filled, controller, viewer, qtbot, tmp_path, monkeypatch):
    draw(viewer)
    filled.setValue(RegionChoice(("one", "two"), "mine"))
    measured(filled, qtbot)
    for button, name in (
        (filled.results.csv, "r.csv"),
        (filled.results.bins, "h.csv"),
        (filled.results.figure, "f.png"),
    ):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, name=name: (str(tmp_path / name), ""))
        with qtbot.waitSignal(controller.regions.saved, timeout=30_000):
            button.click()
        assert (tmp_path / name).stat().st_size > 100 and name in filled.results.said.text()
    with open(tmp_path / "r.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2 * 2 * 3
