"""The Compare panel in the real window, by mouse and keys: two runs, their ground truth, and back."""

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.save import save_acquisition
from napari_sti.viz import _compat
from napari_sti.viz.compare_writing import cell_boxes
from napari_sti.viz.display import layer_info
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE, AFFINE = (30, 27, 25), np.array([[-4.0, 0, 0, 58], [0, 4, 0, -52], [0, 0, 5, -60], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A box whose fibres run up and down in the right half, and to the front in the left; eight noisy orientations."""
    from napari_sti.recon.forward import simulate_field

    rng = np.random.default_rng(5)
    mask = np.zeros(SHAPE, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    right = (AFFINE[0, 0] * np.arange(SHAPE[0]) + AFFINE[0, 3] > 0)[:, None, None] & np.ones(SHAPE, bool)
    direction = np.where(right[..., None], (0, 0, 1.0), (0, 1.0, 0))
    msa = np.where(mask, 0.05, 0) * np.where(np.arange(SHAPE[2]) % 6 < 4, 1, 0.1)
    chi = frames.from_matrix(msa[..., None, None] * (direction[..., :, None] * direction[..., None, :] - np.eye(3) / 3))
    dirs = rng.normal(size=(8, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    field = simulate_field(chi.astype(np.float32), AFFINE, dirs, mask)
    field = field + rng.normal(0, 0.002, field.shape).astype(np.float32) * mask
    truth = TensorField(chi, AFFINE, mask, provenance={"simulated": True})
    acquisition = Acquisition(field, dirs, mask, AFFINE, b0=3.0, reference_tensor=truth, simulated=True, name="box")
    return save_acquisition(acquisition, tmp_path_factory.mktemp("box") / "study")


def make_runs(window, study):
    """Two quick runs of the same study, one of them stopped early."""
    window.open(study)
    window.tab("Reconstruct")
    runs = []
    for iterations in ("20", "2"):
        window.type_number("sti_param_max_iterations", iterations)
        run = window.run()
        window.until(lambda run=run: run.state in ("done", "failed"))
        assert run.state == "done", run.sentence
        window.layer(run, "pev_lines")
        window.tab("Reconstruct")
    runs = [run for run in window.controller.runs.runs if run.job.kind == "recon"][::-1]
    return runs


def seen(viewer):
    """Everything of a viewer that a person can see."""
    grid, camera = _compat.grid(viewer), _compat.camera(viewer)
    return (
        [(layer.name, layer.visible) for layer in viewer.layers],
        sorted(layer.name for layer in viewer.layers.selection),
        (grid.enabled, tuple(grid.shape), grid.stride, grid.spacing),
        (tuple(np.round(camera.center, 6)), round(camera.zoom, 9), tuple(viewer.dims.order), tuple(viewer.dims.point)),
    )


def choose(window, run_names):
    """Check the runs with the mouse and the ground truth with the keys."""
    runs = window.find("sti_compare_runs")
    window.until(lambda: runs.count() == len(run_names))
    for row in range(runs.count()):
        middle = runs.visualItemRect(runs.item(row)).center()
        window.qtbot.mouseClick(runs.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(12, middle.y()))
    assert set(runs.value()) == set(run_names)
    reference = window.find("sti_compare_reference")
    reference.setFocus()
    window.qtbot.keyClick(reference, Qt.Key.Key_End)
    assert reference.currentText() == "DTI: V1 and FA files" and window.find("sti_compare_v1").isVisible()
    assert not window.find("sti_compare").isEnabled(), "V1, FA and axes are missing"
    window.qtbot.keyClick(reference, Qt.Key.Key_Home)
    assert reference.currentText() == "ground truth of box"


def independent(run, study):
    """Some figures of the table from the files, by numpy alone."""
    result = nib.load(run.result.parent / "chi.nii.gz").get_fdata()
    truth = nib.load(study.parent / "reference_tensor.nii.gz").get_fdata()
    mask = nib.load(study.parent / "mask.nii.gz").get_fdata() > 0
    position = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    parts = [np.linalg.eigh(chi[mask][:, position]) for chi in (result, truth)]
    (values, vectors), (true_values, true_vectors) = parts
    counted = true_values[:, 2] - true_values[:, :2].mean(1) > 0.015
    cosine = np.abs((vectors[..., 2] * true_vectors[..., 2]).sum(-1))[counted]
    angle = np.degrees(np.arccos(np.clip(cosine, 0, 1)))
    return {
        "MSE [ppb²]": f"{((result - truth)[mask] ** 2).mean() * 1e6:.1f}",
        "ECSE": f"{(1 - cosine).mean():.3f}",
        "MMS error [ppb]": f"{np.abs(values.mean(1) - true_values.mean(1)).mean() * 1e3:.2f}",
        "PEV angle, mean [°]": f"{angle.mean():.1f}",
        "under 30° [%]": f"{(angle < 30).mean() * 100:.1f}",
    }


def check_table(window, runs, study):
    lines = [line.split("\t") for line in window.find("sti_compare_table").text().splitlines()]
    found = {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[1:]}
    for run in runs:
        for heading, expected in independent(run, study).items():
            rounding = 0.11 if "°" in heading or "²" in heading else 0.011
            assert float(found[run.name][heading]) == pytest.approx(float(expected), abs=rounding), heading


def check_grid(window, runs):
    """Every run, the truth and every angle map have a cell, in one window, each under its name."""
    viewer = window.viewer
    _, cells = _compat.grid_cells(viewer)
    assert all(len(layers) == 1 for layers in cells.values())
    layers = {layers[0].name: (place, layers[0]) for place, layers in cells.items()}
    names = [run.name for run in runs]
    assert set(layers) == {f"{name} - PEV colour (compared)" for name in (*names, "ground truth")} | {
        f"{name} - PEV angle to ground truth [deg]" for name in names
    }
    windows = {
        (info["floor"], info["ceiling"])
        for name, (_, layer) in layers.items()
        if "PEV colour" in name
        for info in [layer_info(layer.metadata)]
    }
    assert len(windows) == 1
    for name, (_, layer) in layers.items():
        if "angle" in name:
            assert tuple(layer.contrast_limits) == (0, 90)
            assert np.isnan(layer.data).any() and 0 <= np.nanmin(layer.data) <= np.nanmax(layer.data) <= 90
    return layers


def colour_at(window, place, world):
    """Colour on the screen at a place of the world, in one cell of the grid."""
    viewer = window.viewer
    shot = viewer.screenshot(canvas_only=True, flash=False)
    width, height = _compat.canvas_size(viewer)
    grid, camera = _compat.grid(viewer), _compat.camera(viewer)
    box = cell_boxes(*grid.actual_shape(viewer.layers), width, height, grid.spacing)[place]
    vertical, horizontal = viewer.dims.displayed
    _, up, right = (str(direction) for direction in camera.orientation)
    x = box.x + box.width / 2 + (world[horizontal] - camera.center[2]) * camera.zoom * (1 if right == "right" else -1)
    y = box.y + box.height / 2 + (world[vertical] - camera.center[1]) * camera.zoom * (1 if up == "down" else -1)
    return shot[int(y * shot.shape[0] / height), int(x * shot.shape[1] / width), :3].astype(int)


def check_sides(window, layers):
    """The right half is blue in every cell of colours, the left half green, in both conventions."""
    for radiological in (False, True):
        window.controller.view.change(radiological=radiological, legend=False)
        window.qtbot.wait(200)
        for name, (place, _) in layers.items():
            if "ground truth - " in name:
                assert colour_at(window, place, (20, 0, 5)).argmax() == 2, f"{name}, radiological {radiological}"
                assert colour_at(window, place, (-20, 0, 5)).argmax() == 1, f"{name}, radiological {radiological}"
    window.controller.view.change(radiological=False, legend=True)


def test_two_runs_beside_the_ground_truth(make_window, study, tmp_path, monkeypatch):  # noqa: F811
    window = make_window()
    runs = make_runs(window, study)
    window.viewer.dims.set_point(2, 5.0)
    window.viewer.add_image(np.zeros((4, 4, 4)), name="of somebody else", visible=False, units="mm")
    before = seen(window.viewer)

    window.tab("Compare")
    choose(window, [run.name for run in runs])
    window.click("sti_compare")
    window.until(lambda: window.controller.compare.grid.shown)
    assert window.find("sti_compare_side").isChecked()
    layers = check_grid(window, runs)
    check_table(window, runs, study)
    check_sides(window, layers)

    window.until(lambda: window.find("sti_compare_figure").isEnabled())
    picture = tmp_path / "figure.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(picture), ""))
    with window.qtbot.waitSignal(window.controller.compare.saved, timeout=LONG):
        window.click("sti_compare_figure")
    from skimage.io import imread

    assert imread(picture)[..., :3].std() > 20 and picture.name in window.said("sti_compare_said")

    window.click("sti_compare_side")
    window.until(lambda: not window.controller.compare.grid.shown)
    assert seen(window.viewer) == before
