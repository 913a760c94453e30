"""Tracts, figure and workspace in the real window: track, look at pixels, follow the cursor, save, open again."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_sti.core import frames
from napari_sti.core.replicates import Keeper
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result
from napari_sti.io.tracts import load_tracts
from napari_sti.viz import _compat
from napari_sti.viz.tracts import tracts_of
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE, AFFINE = (27, 31, 23), np.array([[0, 2.0, 0, -30], [-2.0, 0, 0, 26], [0, 0, 2.5, -28], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A permuted box: fibres run to the right of the person in its upper half, to the front in its lower half."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    world = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    direction = np.where(world[..., 2:] > 0, (1.0, 0, 0), (0, 1.0, 0))
    mask = (np.abs(world) < (22, 20, 20)).all(-1)
    chi = 0.04 * (direction[..., :, None] * direction[..., None, :] - np.eye(3) / 3) * mask[..., None, None]
    folder = tmp_path_factory.mktemp("box") / "box"
    box = TensorField(frames.from_matrix(chi), AFFINE, mask, frame="ras", name="box").in_frame("voxel")
    keeper = Keeper(box, 3)
    for label in ("first", "second", "third"):
        keeper.add(box, label)
    save_result(box, folder, replicates=keeper.kept())
    return folder


def open_result(window, folder):
    window.viewer.open(str(folder), plugin="napari-sti")
    window.controller.compare.add_folder(folder)
    window.until(lambda: window.controller.compare.candidates)


def choose(window, name, text):
    """Choose an entry of a box by keys."""
    box = window.find(name)
    box.setFocus()
    index = next(i for i in range(box.count()) if box.itemText(i).startswith(text))
    window.qtbot.keyClick(box, Qt.Key.Key_Home)
    for _ in range(index):
        window.qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText().startswith(text)


def pixel(window, place):
    """Colour of the canvas at a place of the world, 0 to 255, the brightest within two pixels."""
    x, y = window.hover(place)
    window.qtbot.wait(100)
    picture = window.viewer.window.screenshot(canvas_only=True, flash=False)
    canvas = window.viewer.window._qt_viewer.canvas.native
    ratio = picture.shape[1] / canvas.width()
    x, y = round(x * ratio), round(y * ratio)
    near = picture[y - 3 : y + 4, x - 3 : x + 4, :3].reshape(-1, 3).astype(int)
    return near[near.sum(1).argmax()]


def test_tracts_figure_and_workspace(make_window, result, tmp_path, monkeypatch):  # noqa: F811
    window = make_window()
    open_result(window, result)
    session = window.controller.tracts
    window.tab("Tracts")
    window.until(lambda: window.find("sti_tracts_source").currentText() == "box")
    choose(window, "sti_tracts_seeds", "everywhere")
    window.click("sti_tracts")
    window.until(lambda: session.sets() or window.find("sti_tracts_failure").isVisible())
    (layer,) = session.sets()
    tracts = tracts_of(layer)
    assert window.find("sti_tracts_table").item(0, 1).text() == str(len(tracts))
    upper = tracts.points[tracts.segments, 2] > 4
    extent = np.abs((tracts.points[tracts.segments + 1] - tracts.points[tracts.segments])[upper])
    assert (extent.argmax(1) == 0).all(), "in the world they run to the right there, whatever the axes of the file"
    check_pixels(window, layer)
    check_probabilistic(window)
    check_live(window)
    check_files(window, layer, tmp_path, monkeypatch)
    check_figure(window, tmp_path, monkeypatch)
    check_workspace(window, tmp_path, monkeypatch)


def check_pixels(window, layer):
    """In a slice of the upper half the lines are red, in the lower half green; a slab of another depth hides them."""
    for one in window.viewer.layers:
        one.visible = one is layer
    red, green = pixel(window, (0.0, 0.0, 9.5)), pixel(window, (0.0, 0.0, -10.5))
    assert red[0] > red[1] + 50 and red[0] > red[2] + 50, red
    assert green[1] > green[0] + 50 and green[1] > green[2] + 50, green


def check_probabilistic(window):
    """Three replicates that are alike: as many streamlines of each, and a map of where they pass."""
    session, before = window.controller.tracts, window.controller.tracts.sets()
    choose(window, "sti_tracts_source", "probabilistic (3 replicates of box)")
    window.find("sti_tracts_most").setValue(200)
    assert "--replicates" in window.workbench.panels["tracts"].command.value()
    window.click("sti_tracts")
    window.until(lambda: len(session.sets()) > len(before))
    (layer,) = [one for one in session.sets() if one not in before]
    assert layer.name == "box - probabilistic tracts"
    assert tracts_of(layer).provenance["counts"] == [len(tracts_of(layer)) // 3] * 3
    window.find("sti_tracts_table").choose(layer)
    window.click("sti_tracts_density")
    window.until(lambda: "box - probabilistic tracts - density" in window.viewer.layers)
    density = window.viewer.layers["box - probabilistic tracts - density"]
    assert 0 < np.nanmax(density.data) <= 1
    for one in (layer, density):
        window.viewer.layers.remove(one)
    choose(window, "sti_tracts_source", "box")


def check_live(window):
    live = window.controller.tracts.live
    choose(window, "sti_tracts_seeds", "at the cursor")
    window.click("sti_tracts")
    window.until(lambda: live.on)
    for place, axis in (((4.0, 3.0, 9.5), 0), ((4.0, 3.0, -10.5), 1)):
        window.hover(place)
        window.viewer.cursor.position = place  # the fixture starts no thread that follows the mouse
        window.until(lambda axis=axis: live.layer is not None and runs_along(live.layer, axis))
    canvas = window.viewer.window._qt_viewer.canvas.native
    window.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 2, canvas.height() // 2))
    window.until(lambda: live.holding)
    before = len(window.controller.tracts.sets())
    window.click("sti_tracts")
    window.until(lambda: len(window.controller.tracts.sets()) == before + 1)
    window.click("sti_tracts_stop")
    assert not live.on and live.layer is None
    assert not any(layer.name == "tracts at the cursor" for layer in window.viewer.layers)


def runs_along(layer, axis):
    tracts = tracts_of(layer)
    return len(tracts) and np.ptp(tracts.line(0), axis=0).argmax() == axis


def check_files(window, layer, tmp_path, monkeypatch):
    table, session = window.find("sti_tracts_table"), window.controller.tracts
    window.find("sti_tracts_table").choose(layer)
    path = tmp_path / "all.trk"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    window.click("sti_tracts_save")
    window.until(lambda: "all.trk" in window.said("sti_tracts_said"))
    assert len(load_tracts(path)) == len(tracts_of(layer))
    for one in session.sets():
        table.choose(one, alone=False)
    window.click("sti_tracts_compare")
    window.until(lambda: window.find("sti_tracts_numbers").text().startswith("Dice 0."))


def check_figure(window, tmp_path, monkeypatch):
    window.controller.view.change(run="box", map="pev_colour")
    window.controller.layers.find("box", "pev_colour").visible = True
    window.tab("Figure")
    assert not window.find("sti_figure").isEnabled()
    with window.qtbot.waitSignal(window.controller.figure.previewed, timeout=LONG):
        window.click("sti_figure_add")
    spec = window.workbench.panels["figure"].value()
    assert spec.panels[0].map == "pev_colour" and spec.panels[0].tracts.endswith("all.trk")
    assert spec.panels[0].slice_mm == pytest.approx(-10.5, abs=1.3)
    assert not window.find("sti_figure_preview").pixmap().isNull()
    path = tmp_path / "figure.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    window.click("sti_figure")
    window.until(lambda: "figure.png" in window.said("sti_figure_said"))
    assert path.read_bytes()[:4] == b"\x89PNG"


def check_workspace(window, tmp_path, monkeypatch):
    """Saved, spoilt, and opened again in the same window: as it was, and what was never saved is named."""
    viewer, camera = window.viewer, _compat.camera(window.viewer)
    path = tmp_path / "w.sti-workspace.json"
    window.controller.view.change(plane="coronal", floor=0.011, ceiling=0.033)
    window.qtbot.wait(200)
    camera.zoom *= 1.5
    viewer.dims.set_point(1, 5.0)
    seen = (camera.zoom, tuple(viewer.dims.point), window.controller.view.value())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    window.click("sti_workspace_save")
    window.until(lambda: "w.sti-workspace" in window.said("sti_figure_said"))
    assert "Not in it: box - tracts (2)" in window.said("sti_figure_said")
    viewer.layers.clear()
    window.workbench.panels["figure"].list.setValue(())
    window.controller.view.change(plane="axial", map="mms")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    with window.qtbot.waitSignal(window.controller.workspace.opened, timeout=LONG):
        window.click("sti_workspace_open")
    assert window.controller.layers.run_names() == ["box"]
    assert (camera.zoom, tuple(viewer.dims.point), window.controller.view.value()) == (
        pytest.approx(seen[0]),
        pytest.approx(seen[1]),
        seen[2],
    )
    (read,) = window.controller.tracts.sets()
    assert len(tracts_of(read)) == len(load_tracts(tmp_path / "all.trk"))
    assert len(window.workbench.panels["figure"].value().panels) == 1
