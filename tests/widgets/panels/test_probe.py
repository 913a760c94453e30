"""The Probe panel: on and off, typed places, tables, files, and layers that go away."""

import csv

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sti.viz.display import METADATA_KEY, layer_info


@pytest.fixture
def panel(workbench):
    return workbench.panels["probe"]


@pytest.fixture
def open_runs(controller, result, tmp_path, qtbot, viewer):
    """Two results in the viewer, as a reader brings them."""
    from napari.layers import Layer

    from napari_sti.viz.reader import read

    for number, name in enumerate(("one", "two")):
        folder = result(tmp_path / name, number).parent
        layers = read(folder)
        for _, keywords, _ in layers:
            keywords["metadata"]["napari_sti"]["run"] = name
        for data in layers:
            viewer.add_layer(Layer.create(*data))
    qtbot.waitUntil(lambda: controller.view.value().run == "two")  # the last that came is looked at
    controller.view.change(run="one")
    return ["one", "two"]


def test_empty_says_so_and_leads_on(panel, workbench):
    workbench.show_panel("probe")
    assert panel.empty.isVisible() and not panel.button.isEnabled() and not panel.typed.isEnabled()
    panel.empty.button.click()
    assert workbench.panels["reconstruct"].isVisible()


def test_a_typed_place(workbench, panel, open_runs, controller, viewer, qtbot):
    workbench.show_panel("probe")
    panel.place.setText("0.4, -1, 0")
    qtbot.keyClick(panel.place, Qt.Key.Key_Return)
    assert len(controller.probe.probes) == 1 and [p.name for p in controller.probe.probes[0]] == ["one", "two"]
    first = controller.probe.probes[0][0]
    assert first.inside and np.abs(first.centre - (0.4, -1, 0)).max() <= 1
    assert f"voxel {first.voxel} of its file" in panel.heading.text() and panel.runs.rowCount() == 2
    assert "Probes" in viewer.layers and viewer.layers.selection.active.name != "Probes"
    qtbot.waitUntil(lambda: "does not say which study file" in panel.fields.text())
    assert panel.command.value().startswith("napari-sti probe ") and "--at=" in panel.command.value()
    panel.place.setText("nowhere")
    panel.typed.click()
    assert "'nowhere' is not a place" in panel.failure.text()
    panel.place.setText("500 0 0")
    panel.typed.click()
    assert "lies outside of the volume" in panel.failure.text() and len(controller.probe.probes) == 1


def test_what_covers_the_run_is_read_as_well(workbench, panel, open_runs, controller, viewer, qtbot):
    """The image shows another panel's map: its value stands beside the numbers of the run."""
    controller.probe.add_text("0.4, -1, 0")
    assert panel.seen.isHidden()
    like = controller.layers.find("one", "mms")
    info = {**layer_info(like.metadata), "run": "one", "kind": "residual", "map": "residual 2", "maps": None}
    data = np.full(like.data.shape, 0.0123, np.float32)
    viewer.add_image(data, scale=like.scale, translate=like.translate, metadata={METADATA_KEY: info})
    qtbot.waitUntil(lambda: panel.seen.text() == "On the screen: one, residual 2 0.012 ppm")
    controller.view.bring_back()
    assert panel.seen.isHidden()


def test_outside_the_mask_is_said(workbench, panel, open_runs, controller):
    workbench.show_panel("probe")
    controller.probe.add_text("8 -7 -6")
    assert panel.where.text() == "This place lies outside the mask." and panel.fields.text() == ""


def test_on_and_off(workbench, panel, open_runs, controller, viewer):
    workbench.show_panel("probe")
    before = len(viewer.mouse_drag_callbacks)
    assert panel.state.text().startswith("Off")
    panel.button.click()
    assert controller.probe.on and panel.button.text() == "Stop probing"
    assert "A click in the image" in panel.state.text()
    assert len(viewer.mouse_drag_callbacks) == before + 1
    panel.button.click()
    assert not controller.probe.on and panel.button.text() == "Probe by clicking"
    assert len(viewer.mouse_drag_callbacks) == before


def test_places_are_chosen_removed_and_follow_the_layer(workbench, panel, open_runs, controller, viewer):
    workbench.show_panel("probe")
    for text in ("0 0 0", "3 0 0", "0 3 2"):
        controller.probe.add_text(text)
    layer = viewer.layers["Probes"]
    assert (
        panel.places.rowCount() == 3 and controller.probe.selected == 2 and list(layer.features["probe"]) == [1, 2, 3]
    )
    panel.places.setCurrentCell(0, 0)
    assert controller.probe.selected == 0 and panel.heading.text().startswith("Probe 1 in one")
    shown = controller.probe.shown(0)
    assert np.abs(np.array(viewer.dims.point) - shown).max() < 2
    panel.remove.click()
    assert len(layer.data) == 2 and panel.places.rowCount() == 2 and list(layer.features["probe"]) == [1, 2]
    layer.selected_data = {0}
    layer.remove_selected()  # by hand, in the layer's own controls
    assert panel.places.rowCount() == 1 and len(controller.probe.probes) == 1
    moved = layer.data.copy()
    moved[0, 0] += 1
    before = controller.probe.probes[0][0].voxel
    layer.data = moved
    assert controller.probe.probes[0][0].voxel != before
    panel.clear.click()
    assert "Probes" not in viewer.layers and not controller.probe.probes and not panel.places.isVisible()
    controller.probe.add_text("0 0 0")
    assert len(controller.probe.probes) == 1, "and they can begin anew"


def test_table_as_csv(workbench, panel, open_runs, controller, qtbot, tmp_path, monkeypatch):
    workbench.show_panel("probe")
    controller.probe.add_text("0 0 0")
    controller.probe.add_text("3 0 2")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "p.csv"), ""))
    with qtbot.waitSignal(controller.probe.saved, timeout=10_000):
        panel.csv.click()
    with open(tmp_path / "p.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["probe"], row["result"]) for row in rows] == [("1", "one"), ("1", "two"), ("2", "one"), ("2", "two")]
    assert "p.csv" in panel.said.text()


def test_another_run_in_front_comes_first(workbench, panel, open_runs, controller):
    workbench.show_panel("probe")
    controller.probe.add_text("0 0 0")
    panel.runs.setCurrentCell(1, 0)
    assert controller.view.value().run == "two"
    assert [p.name for p in controller.probe.probes[0]] == ["two", "one"] and " in two: " in panel.heading.text()
    controller.view.change(unit="ppb")
    assert panel.matrix.unit.text() == "[ppb]"


def test_a_run_that_goes_away_goes_from_the_table(workbench, panel, open_runs, controller, viewer):
    workbench.show_panel("probe")
    controller.probe.add_text("0 0 0")
    for layer in list(controller.layers.of_run("two")):
        viewer.layers.remove(layer)
    assert [p.name for p in controller.probe.probes[0]] == ["one"]
