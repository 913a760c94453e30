"""The Separate panel in the real window, by mouse and keys: reconstruct, separate the result, look, brush."""

import json

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.save import save_acquisition
from napari_sti.io.separations import load_separation
from napari_sti.viz import _compat
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE, AFFINE = (26, 23, 19), np.array([[-4.0, 0, 0, 50], [0, 4, 0, -44], [0, 0, 5, -45], [0, 0, 0, 1]])
IRON, DR = 0.08, 137.0


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A box of myelin in which a cube at the person's right holds iron: eight orientations, R2' for each."""
    from napari_sti.recon.forward import simulate_field

    rng = np.random.default_rng(5)
    mask = np.zeros(SHAPE, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    pos = np.zeros(SHAPE, np.float32)
    pos[5:9, 8:13, 7:12] = IRON  # the first axis runs to the left
    fibre = np.broadcast_to([0, 0.6, 0.8], (*SHAPE, 3))
    neg = frames.from_matrix(0.02 * fibre[..., :, None] * fibre[..., None, :] - 0.04 * np.eye(3)) * mask[..., None]
    chi = neg.copy()
    chi[..., [0, 3, 5]] += pos[..., None]
    dirs = rng.normal(size=(8, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    along = [np.array([h[a] * h[b] * (1 if a == b else 2) for a, b in pairs]) for h in dirs]
    rates = np.stack([DR * (pos - neg @ a) for a in along]) * mask
    field = simulate_field(chi.astype(np.float32), AFFINE, dirs, mask)
    truth = TensorField(chi.astype(np.float32), AFFINE, mask, provenance={"simulated": True})
    acquisition = Acquisition(
        field, dirs, mask, AFFINE, b0=3.0, r2prime=rates.astype(np.float32), reference_tensor=truth, simulated=True,
        name="box",
    )  # fmt: skip
    return save_acquisition(acquisition, tmp_path_factory.mktemp("sources") / "study")


def choose(window, name, data):
    """Choose an entry of a box with the keys."""
    box = window.find(name)
    box.setFocus()
    window.qtbot.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.count()):
        if box.currentData() == data:
            box.activated.emit(box.currentIndex())
            return
        window.qtbot.keyClick(box, Qt.Key.Key_Down)
    raise AssertionError(f"{name} does not offer {data!r}")


def brush(window, low, high):
    """Drag a rectangle in the histogram from one pair of values to another."""
    histogram = window.find("sti_separate_histogram")
    start, end = (histogram.place(*pair).toPoint() for pair in (low, high))
    window.qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=start)
    window.qtbot.mouseMove(histogram, QPoint(end.x(), start.y()))
    window.qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=end)


def test_reconstruct_separate_and_brush(make_window, study, tmp_path):  # noqa: F811
    window = make_window()
    window.open(study)
    window.tab("Reconstruct")
    window.type_number("sti_param_max_iterations", "12")
    first = window.run()
    window.until(lambda: first.state in ("done", "failed"))
    assert first.state == "done", first.sentence
    window.layer(first, "pev_lines")

    window.tab("Separate")
    window.until(lambda: window.find("sti_separate_chi").findData(f"run:{first.name}") >= 0)
    choose(window, "sti_separate_chi", f"run:{first.name}")
    choose(window, "sti_separate_dr", "137")
    window.until(lambda: window.find("sti_separate").isEnabled())
    session = window.controller.separation.found
    with window.qtbot.waitSignal(session.arrived, timeout=LONG):
        window.click("sti_separate")
    run = next(run for run in window.controller.runs.runs if run.job.kind == "separate")
    assert run.state == "done" and run.objectives[-1][1] < run.objectives[0][1]
    job = json.loads((run.folder / "job.json").read_text())
    assert job["given"]["chi"] == str(first.folder) and job["given"]["dr"] == "137"
    check_values(run)

    seen = [(layer.name, layer.visible) for layer in window.viewer.layers]
    window.click("sti_separate_side")
    window.until(lambda: session.grid.shown)
    cells = [layer.name for layer in session.grid.layers]
    assert len(cells) == 5 and cells[0] == f"{run.name}, compared - χ+ [ppm]" and "closed form" in cells[-1]
    (rows, columns), found = _compat.grid_cells(window.viewer)
    assert (rows, columns) == (2, 3) and all(len(layers) == 2 for layers in found.values()), "image and brush"
    window.click("sti_separate_side")
    window.until(lambda: not session.grid.shown)
    assert [(layer.name, layer.visible) for layer in window.viewer.layers] == seen

    edge = float(session.results[run.name].histogram.pos_edges[-1])
    with window.qtbot.waitSignal(session.brushed, timeout=LONG):
        brush(window, (0.5 * edge, 0.0), (edge, 10.0))
    layer = window.viewer.layers[f"{run.name} - brushed voxels"]
    places = np.array([layer.data_to_world(index) for index in np.argwhere(layer.data)])
    assert len(places) >= 80 and np.median(places[:, 0]) == pytest.approx(50 - 4 * 6.5, abs=4), "iron is on the right"
    window.click("sti_separate_clear")
    window.until(lambda: layer not in window.viewer.layers)
    check_removed_and_opened_again(window, run, tmp_path)


def check_removed_and_opened_again(window, run, folder):
    """A run that was removed comes back with a click, and everything with its workspace."""
    session, workspace, layers = window.controller.separation.found, window.controller.workspace, window.viewer.layers
    before = [(layer.name, layer.visible) for layer in layers]
    window.workbench.runs.action.emit("remove", run)
    assert not session.results and len(layers) < len(before) and run.result.exists()
    window.click("sti_run_undo")
    assert [(layer.name, layer.visible) for layer in layers] == before and run.name in session.results
    workspace.save(folder / "w", {})
    layers.clear()
    session.results.clear()
    with window.qtbot.waitSignal(workspace.opened, timeout=LONG) as opened:
        workspace.open(folder / "w.sti-workspace.json")
    assert opened.args == ["The workspace is open."]
    assert [(layer.name, layer.visible) for layer in layers] == before
    window.until(lambda: run.name in window.find("sti_separate_which").currentText())


def check_values(run):
    """Iron is where it was put, as much as it was, and the closed form lies beside it."""
    found = load_separation(run.folder)
    inner = (slice(6, 8), slice(9, 12), slice(8, 11))
    assert found.relaxation.pos == 137 and found.closed_form is not None
    assert found.chi_pos[inner].mean() == pytest.approx(IRON, rel=0.3)
    assert found.chi_pos[14:20, 8:13, 7:12].mean() < 0.3 * IRON
