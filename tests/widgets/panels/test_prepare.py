"""The Prepare panel: what it shows of the masks, and painting with the mouse in the real window."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sti.io.nifti import write_volume
from napari_sti.viz.display import grid_of, layer_info, shown_place
from napari_sti.widgets.note import Note
from tests import onion
from tests.test_window import make_window  # noqa: F401


@pytest.fixture
def panel(workbench):
    workbench.show_panel("prepare")
    return workbench.panels["prepare"]


@pytest.fixture
def head(controller, tmp_path, qtbot):
    """The window's study: permuted, flipped, oblique, without masks."""
    study = onion.write_head(tmp_path / "head", order="PIL", turn=21.0)
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(study)
    return study


def in_time(qtbot, condition):
    qtbot.waitUntil(lambda: bool(condition()), timeout=20_000)


def choose(combo, text):
    """Choose an entry as a person does."""
    combo.setCurrentIndex(combo.findText(text, Qt.MatchFlag.MatchContains))
    combo.activated.emit(combo.currentIndex())


def estimate(panel, qtbot, contrast="T1"):
    choose(panel.contrast, contrast)
    with qtbot.waitSignal(panel.masks.made, timeout=20_000):
        panel.estimate_button.click()
    in_time(qtbot, lambda: panel.masks.report is not None)


def notes(panel):
    QApplication.processEvents()
    return [n.text() for n in panel.findChildren(Note) if n.objectName().startswith("sti_mask_note") and n.isVisible()]


def test_without_a_study_it_leads_to_data(panel, workbench):
    assert panel.blocked.isVisible() and not panel.wm.draw.isEnabled() and not panel.estimate_button.isEnabled()
    panel.blocked.button.click()
    assert workbench.tabs.currentWidget().widget() is workbench.panels["data"]


def test_contrast_has_to_be_chosen(panel, head):
    assert not panel.blocked.isVisible() and panel.wm.value().path is None
    assert not panel.estimate_button.isEnabled() and "what is bright" in panel.estimate_button.toolTip()
    choose(panel.contrast, "T1")
    assert panel.estimate_button.isEnabled() and panel.source.currentText() == "magnitude of the study"


def test_estimate_is_shown_with_volume_and_share(panel, head, controller, qtbot):
    estimate(panel, qtbot)
    wm = panel.wm.value()
    assert wm.origin() == "estimated" and wm.shown and wm.path == controller.study.wm_mask
    assert panel.wm.amount.text() == f"{wm.facts.ml:.1f} ml, {wm.facts.share:.1%}" and 5 < wm.facts.ml < 100
    assert "Look at it" in panel.result.text() and panel.result.isVisible() and not panel.failure.isVisible()
    assert panel.wm.eye.text() == "Hide"
    panel.wm.eye.click()
    assert panel.wm.eye.text() == "Show" and not controller.masks.is_shown("wm_mask")
    assert controller.masks.is_shown("csf_mask")


def test_undo_brings_back_what_was_there(panel, head, controller, qtbot):
    controller.studies.set(replace(head, wm_mask=head.mask))
    estimate(panel, qtbot)
    assert controller.study.wm_mask != head.mask
    panel.result.button.click()
    assert controller.study.wm_mask == head.mask and controller.study.csf_mask is None


def test_round_trip(panel, head):
    panel.setValue({"wm_mask": head.mask, "csf_mask": None})
    assert panel.value() == {"wm_mask": head.mask, "csf_mask": None}
    panel.setValue({"wm_mask": None})
    assert panel.value() == {"wm_mask": None, "csf_mask": None}


def test_one_truth_with_the_data_panel(panel, head, workbench, qtbot):
    estimate(panel, qtbot)
    editor = workbench.panels["data"].editor
    assert editor.wm_mask.value() == panel.value()["wm_mask"]
    editor.csf_mask.setValue(None)
    assert panel.csf.value().path is None and panel.value()["csf_mask"] is None


def test_file_by_dialog(panel, head, qtbot, monkeypatch, tmp_path):
    write_volume(tmp_path / "fast_wm.nii.gz", onion.tissues()[2], onion.affine(turn=21.0))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "fast_wm.nii.gz"), ""))
    with qtbot.waitSignal(panel.masks.made, timeout=20_000):
        panel.findChild(object, "sti_wm_mask_choose").click()
    in_time(qtbot, lambda: panel.masks.report is not None)
    assert panel.wm.value().origin() == "fast_wm.nii.gz" and panel.wm.value().shown
    panel.wm.drop.click()
    assert panel.wm.value().path is None and not panel.wm.drop.isVisible() and not panel.wm.eye.isEnabled()


def test_layer_and_file_as_source(panel, head, viewer, qtbot, monkeypatch, tmp_path):
    viewer.add_image(
        onion.t1_image()[..., :-1], name="cut T1", scale=onion.SIZE, units="mm"
    )  # of another program, on another grid
    panel.entered()
    choose(panel.source, "cut T1")
    choose(panel.contrast, "T1")
    with qtbot.waitSignal(panel.masks.failed, timeout=20_000):
        panel.estimate_button.click()
    assert panel.failure.text().startswith("the image 'cut T1' does not lie on the grid") and panel.failure.isVisible()
    image = tmp_path / "my_t1.nii.gz"
    write_volume(image, onion.t1_image(), onion.affine(turn=21.0))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(image), ""))
    choose(panel.source, "choose a file")
    assert panel.source.currentText() == "my_t1.nii.gz"
    estimate(panel, qtbot)
    assert not panel.failure.isVisible() and panel.value()["wm_mask"] is not None


def test_faults_are_said(panel, head, controller, qtbot):
    panel.setValue({"wm_mask": head.mask, "csf_mask": head.mask})
    in_time(qtbot, lambda: len(notes(panel)) == 1)
    assert "both in the white matter mask and in the CSF mask" in notes(panel)[0]
    estimate(panel, qtbot)
    assert notes(panel) == []


def test_unlikely_estimate_is_a_warning(panel, head, qtbot):
    estimate(panel, qtbot, "T2*")
    assert "unlikely" in panel.result.text()


def test_drawing_is_taken_with_one_button(panel, head, controller, qtbot):
    panel.csf.draw.click()
    in_time(qtbot, lambda: controller.masks.drawing)
    assert panel.csf.draw.text() == "Take drawing" and panel.csf.value().origin() == "drawn, not taken yet"
    layer = controller.masks.layer("csf_mask")
    assert controller.viewer.layers.selection.active is layer
    layer.paint((12, 15, 10), 1)
    with qtbot.waitSignal(panel.masks.made, timeout=20_000):
        panel.csf.draw.click()
    in_time(qtbot, lambda: panel.csf.value().facts is not None)
    assert panel.csf.draw.text() == "Draw" and panel.csf.value().origin() == "drawn"
    assert np.asarray(nib.load(controller.study.csf_mask).dataobj).any()


@pytest.mark.window
def test_painted_with_the_mouse_it_is_stored_there(make_window, tmp_path):  # noqa: F811
    """Real mouse events on the canvas of an oblique, permuted study: the file has it at the same place of the world."""
    study = onion.write_head(tmp_path / "head", order="PIL", turn=21.0)
    window = make_window()
    window.open(study.path)
    window.controller.view.change(plane="coronal", radiological=True)
    window.tab("Prepare")
    window.click("sti_wm_mask_draw")
    window.until(lambda: window.controller.masks.drawing)
    layer = window.controller.masks.layer("wm_mask")
    window.qtbot.wait(200)
    start = (onion.affine(turn=21.0) @ [18, 20, 6, 1])[:3]  # right, front, low
    end = (onion.affine(turn=21.0) @ [18, 20, 13, 1])[:3]
    drag(window, layer, start, end)
    window.until(lambda: layer.data.any())
    window.click("sti_wm_mask_draw")  # it is the button that takes it now
    window.until(lambda: window.controller.study.wm_mask is not None)
    image = nib.load(window.controller.study.wm_mask)
    assert nib.aff2axcodes(image.affine) == tuple("PIL")
    voxels = np.argwhere(np.asarray(image.dataobj))
    world = voxels @ image.affine[:3, :3].T + image.affine[:3, 3]
    reach = np.linalg.norm(onion.SIZE) + 0.5 * layer.brush_size * max(onion.SIZE)
    along = np.linspace(start, end, 30)
    nearest = np.linalg.norm(world[:, None] - along[None], axis=2)
    assert nearest.min(1).max() < reach, "nothing is stored away from where the mouse was"
    assert nearest.min(0).max() < np.linalg.norm(onion.SIZE), "all of the stroke is stored"
    np.testing.assert_allclose(world.mean(0), (start + end) / 2, atol=max(onion.SIZE))


def drag(window, layer, start, end):
    """Press at a place of the world, move, release, through the canvas."""
    grid, button = grid_of(layer_info(layer.metadata)), Qt.MouseButton.LeftButton
    canvas = window.viewer.window._qt_viewer.canvas.native
    places = [QPoint(*window.hover(shown_place(grid, place))) for place in np.linspace(start, end, 8)]
    window.hover(shown_place(grid, start))
    window.qtbot.mousePress(canvas, button, pos=places[0])
    for place in places[1:]:
        window.qtbot.mouseMove(canvas, place)
        window.qtbot.wait(20)
    window.qtbot.mouseRelease(canvas, button, pos=places[-1])
