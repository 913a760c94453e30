"""Probe and Regions in the real window, by real clicks in the image: a run, its probes, and a drawn region."""

import csv

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
from tests.test_window import make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE, AFFINE = (25, 30, 27), np.array([[0, -4.0, 0, 58], [0, 0, 4, -52], [-5, 0, 0, 60], [0, 0, 0, 1]])
"""The first axis runs down, the second to the left, the third to the front."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A box whose fibres run up and down in the right half, and to the front in the left; six orientations."""
    from napari_sti.recon.forward import simulate_field

    rng = np.random.default_rng(5)
    mask = np.zeros(SHAPE, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    right = (AFFINE[0, 1] * np.arange(SHAPE[1]) + AFFINE[0, 3] > 0)[None, :, None] & np.ones(SHAPE, bool)
    axes = frames.voxel_axes(AFFINE)
    direction = np.where(right[..., None], axes.T @ (0, 0, 1.0), axes.T @ (0, 1.0, 0))
    msa = np.where(mask, 0.05, 0) * np.where(np.arange(SHAPE[0]) % 6 < 4, 1, 0.1)[:, None, None]
    chi = frames.from_matrix(msa[..., None, None] * (direction[..., :, None] * direction[..., None, :] - np.eye(3) / 3))
    dirs = rng.normal(size=(6, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    field = simulate_field(chi.astype(np.float32), AFFINE, dirs, mask)
    truth = TensorField(chi, AFFINE, mask, provenance={"simulated": True})
    acquisition = Acquisition(field, dirs, mask, AFFINE, b0=3.0, reference_tensor=truth, simulated=True, name="box")
    return save_acquisition(acquisition, tmp_path_factory.mktemp("box") / "study")


def click(window, place, *, drag=0):
    """Click at a place of the world with the left button, or drag by some pixels."""
    x, y = window.hover(np.array(place, float))
    canvas = window.viewer.window._qt_viewer.canvas.native
    if not drag:
        window.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
        return
    window.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    for step in range(1, 6):
        window.qtbot.mouseMove(canvas, QPoint(x + drag * step // 5, y))
        window.qtbot.wait(15)
    window.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x + drag, y))


def run_once(window, study):
    window.open(study)
    window.tab("Reconstruct")
    window.type_number("sti_param_max_iterations", "8")
    run = window.run()
    window.until(lambda: run.state in ("done", "failed"))
    assert run.state == "done", run.sentence
    window.layer(run, "pev_lines")
    window.until(lambda: window.controller.view.value().run == run.name)
    return run


def check_against_files(window, run, study, probe):
    """Tensor and fields of a probe are those of the files, in the voxel that it names."""
    chi = nib.load(run.folder / "chi.nii.gz")
    voxel = probe.voxel
    place = chi.affine[:3, :3] @ voxel + chi.affine[:3, 3]
    np.testing.assert_allclose(probe.centre, place, atol=1e-4)
    matrix = np.array(chi.get_fdata()[voxel])[[[0, 1, 2], [1, 3, 4], [2, 4, 5]]]
    np.testing.assert_allclose(probe.eigenvalues, np.linalg.eigvalsh(matrix)[::-1], atol=1e-7)
    axes = frames.voxel_axes(chi.affine)
    np.testing.assert_allclose(probe.chi, axes @ matrix @ axes.T, atol=1e-7)
    assert len(probe.fields.labels) == 6
    measured = [nib.load(study.parent / f"field_{i:02d}.nii.gz").get_fdata()[voxel] for i in range(1, 7)]
    np.testing.assert_allclose(probe.fields.measured, measured, atol=1e-7)
    from napari_sti.recon.forward import simulate_field

    h = frames.rotate_vectors(probe.fields.b0_ras, axes.T)
    predicted = simulate_field(chi.get_fdata(), chi.affine, h)[(slice(None), *voxel)]
    np.testing.assert_allclose(probe.fields.predicted, predicted, atol=1e-6)


def test_probes_by_clicking_and_a_drawn_region(make_window, study, tmp_path, monkeypatch):  # noqa: F811
    window = make_window()
    run = run_once(window, study)
    probe = window.controller.probe
    slices, camera = window.viewer.dims.range, _compat.camera(window.viewer)

    window.tab("Probe")
    click(window, (20, 8, 20))
    assert not probe.probes, "it is off at first"
    window.click("sti_probe")
    assert window.find("sti_probe").text() == "Stop probing"
    click(window, (20, 8, 20))
    window.until(lambda: len(probe.probes) == 1)
    click(window, (-20, 8, 20))
    window.until(lambda: len(probe.probes) == 2)
    right, left = (row[0] for row in probe.probes)
    assert right.centre[0] > 0 > left.centre[0], "the person's right is on the right of the screen"
    assert abs(right.direction[2]) > 0.9 and abs(left.direction[1]) > 0.9
    assert window.viewer.dims.range == slices, "the points leave the steps of the slices alone"

    centre = tuple(camera.center)
    click(window, (20, 8, 20), drag=60)
    assert len(probe.probes) == 2 and tuple(camera.center) != centre, "dragging moves the image and probes nothing"
    zoom = camera.zoom
    camera.zoom = zoom * 1.5
    click(window, (12, -16, 20))
    window.until(lambda: len(probe.probes) == 3)
    assert np.abs(probe.probes[2][0].centre - (12, -16, 20)).max() <= 3.01

    window.until(lambda: all(row[0].fields is not None for row in probe.probes))
    for row in probe.probes:
        check_against_files(window, run, study, row[0])
    assert window.find("sti_probe_bars").value() is probe.probes[2][0].fields
    np.testing.assert_allclose(window.find("sti_probe_arrow").value(), probe.probes[2][0].direction)
    assert str(probe.probes[2][0].voxel) in window.find("sti_probe_heading").text()

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "probes.csv"), ""))
    window.click("sti_probe_csv")
    window.until(lambda: (tmp_path / "probes.csv").is_file())
    with open(tmp_path / "probes.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["probe"] for row in rows] == ["1", "2", "3"] and float(rows[0]["pev_S"]) ** 2 > 0.8

    window.click("sti_probe")
    click(window, (8, 8, 20))
    window.qtbot.wait(50)
    assert len(probe.probes) == 3, "off again"
    check_regions(window, run)


def check_regions(window, run):
    """A region that is painted with the brush has the numbers of its voxels."""
    window.tab("Regions")
    layer = window.controller.layers.find(run.name, "msa")
    place = {"scale": layer.scale, "translate": layer.translate, "units": "mm"}
    drawn = window.viewer.add_labels(np.zeros(layer.data.shape, int), name="mine", **place)
    drawn.brush_size, drawn.selected_label, drawn.mode = 4, 2, "paint"
    click(window, (20, 8, 20))
    window.until(lambda: (drawn.data == 2).any())
    assert len(window.controller.probe.probes) == 3
    window.until(lambda: run.name in window.find("sti_regions_results").value())
    window.click("sti_regions")
    window.until(lambda: window.controller.regions.found is not None)
    found = window.controller.regions.found.rows[run.name, "region 2", "msa"]
    values = layer.data[drawn.data == 2]
    assert found.voxels == np.isfinite(values).sum() > 3
    assert found.mean == pytest.approx(np.nanmean(values), rel=1e-4)
    assert window.find("sti_region_table").isVisible() and "region 2" in window.find("sti_region_table").text()
