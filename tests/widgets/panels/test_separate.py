"""The Separate panel with a worker that only does what the test says: what is missing, and what a job is given."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.io.separations import save_separation
from napari_sti.viz import _compat
from napari_sti.viz.compare_writing import grid_legend
from napari_sti.widgets.session.separate_sources import DrChoice, RatesChoice
from tests.widgets.conftest import AFFINE, SHAPE

LONG = 60_000


@pytest.fixture
def panel(workbench):
    workbench.show_panel("separate")
    return workbench.panels["separate"]


@pytest.fixture
def rates(files):
    paths = []
    for i in range(3):
        paths.append(files / f"r2p{i}.nii.gz")
        nib.save(nib.Nifti1Image(np.full(SHAPE, 5.0 + i, np.float32), AFFINE), paths[-1])
    return tuple(paths)


@pytest.fixture
def qsm(files):
    path = files / "qsm.nii.gz"
    nib.save(nib.Nifti1Image(np.full(SHAPE, 0.01, np.float32), AFFINE), path)
    return path


def have(controller, qtbot, study):
    with qtbot.waitSignal(controller.studies.checked, timeout=LONG):
        controller.studies.set(study)


def settled(panel, qtbot, why):
    qtbot.waitUntil(lambda: panel.why_not() == why or bool(why and why in panel.why_not()), timeout=LONG)


def test_says_what_is_missing_with_what_mends_it(panel, controller, qtbot, study, rates, qsm, monkeypatch) -> None:
    settled(panel, qtbot, "There is no study yet: open one, or the sample brain.")
    assert panel.blocked.button.text() == "Go to Data" and not panel.button.isEnabled()
    have(controller, qtbot, study)
    settled(panel, qtbot, "There is no susceptibility yet: reconstruct one, or choose a file.")
    assert panel.blocked.button.text() == "Go to Reconstruct"
    assert {chip.text for chip in panel.chips.value()} >= {"χ: missing", "R2′: missing", "B0: 3 directions, up to 30°"}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(qsm), ""))
    qtbot.mouseClick(panel.chi.file, Qt.MouseButton.LeftButton)
    settled(panel, qtbot, "No files with R2′ are chosen yet.")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in rates], ""))
    qtbot.mouseClick(panel.blocked.button, Qt.MouseButton.LeftButton)
    settled(panel, qtbot, "")
    assert panel.button.isEnabled() and {chip.text for chip in panel.chips.value()} >= {
        "χ: scalar, ppm",
        "R2′: 3 maps, Hz",
    }
    assert controller.separation.given(panel.value()) == {
        "chi": str(qsm), "r2prime": [str(path) for path in rates], "dr": "114"
    }  # fmt: skip
    assert f"--chi {qsm}" in panel.command.line.text()


def test_r2_star_needs_r2_or_a_constant_that_was_asked_for(panel, controller, qtbot, study, rates, qsm) -> None:
    have(controller, qtbot, replace(study, r2star=rates, qsm=qsm))
    panel.rates.setValue(RatesChoice("r2star", r2="file"))
    settled(panel, qtbot, "No file with R2 is chosen yet.")
    panel.rates.setValue(RatesChoice("r2star", r2="constant", constant=15.0))
    settled(panel, qtbot, "")
    assert controller.separation.given(panel.value())["constant_r2"] == 15.0
    panel.rates.setValue(RatesChoice("r2star", r2="found"))
    settled(panel, qtbot, "")
    panel.method.set_mapping("closed_form", {})
    settled(panel, qtbot, "cannot find R2 as well")


def test_one_map_for_a_tensor_has_to_say_its_orientation(panel, controller, qtbot, study, rates, result, files) -> None:
    folder = files / "tensor"
    result(folder)
    have(controller, qtbot, replace(study, r2prime=rates[:1], reference_tensor=folder / "chi.nii.gz"))
    settled(panel, qtbot, "There is one map of rates: say in which orientation it was measured.")
    box = panel.rates.orientation
    assert box.isVisible()
    box.setCurrentIndex(2)
    box.activated.emit(2)
    settled(panel, qtbot, "")
    assert controller.separation.given(panel.value()) == {"chi": "tensor", "r2_orientation": 2, "dr": "114"}
    panel.dr.setValue(DrChoice("114", "90"))
    settled(panel, qtbot, "needs one Dr for both sources of a tensor")


def test_dr_presets_state_their_source_at_the_field_strength(panel, controller, qtbot, study) -> None:
    have(controller, qtbot, study)
    panel.dr.setValue(DrChoice("theory"))
    assert "323.5 Hz/ppm, theory" in panel.dr.preset.currentText() and "spheres" in panel.dr.source.text()
    panel.dr.setValue(DrChoice("120.5"))
    assert panel.dr.own.isVisible() and panel.dr.value() == DrChoice("120.5")
    assert panel.dr.source.text() == "Dr = 120.5 Hz/ppm (as stated)."
    have(controller, qtbot, replace(study, tesla=None))
    panel.dr.setValue(DrChoice("theory"))
    assert "needs the field strength" in panel.dr.source.text()


def test_runs_shows_the_objective_cancels_and_keeps_results(
    panel, controller, qtbot, study, rates, qsm, viewer, workbench
) -> None:
    have(controller, qtbot, replace(study, r2prime=rates, qsm=qsm))
    settled(panel, qtbot, "")
    qtbot.waitUntil(lambda: panel.device.estimate.text().startswith("Needs about"), timeout=LONG)
    assert panel.device.estimate.isVisible() and not panel.more.is_open(), "said without opening More"
    panel.naming.setChecked(True)
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    client, run = controller.runs._client, controller.runs.runs[0]
    job = client.jobs[0]
    assert (job.kind, job.method, job.given) == (
        "separate",
        "wavesep",
        {"chi": "qsm", "dr": "114", "naming": "para-dia"},
    )
    client.say({"event": "started", "id": run.id})
    curve = [[1, None, 4.0], [2, None, 1.5]]
    client.say({"event": "progress", "id": run.id, "iteration": 2, "objective": 1.5, "curve": curve})
    qtbot.waitUntil(lambda: panel.curve.isVisible() and panel.button.text() == "Running…")
    assert panel.curve.curves()[0].points == ((1, 4.0), (2, 1.5)) and "objective 1.5" in panel.numbers.text()
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert not client.cancelled and not panel.button.isEnabled()
    qtbot.mouseClick(workbench.job_bar.cancel, Qt.MouseButton.LeftButton)
    assert client.cancelled == [run.id]
    rng, mask = np.random.default_rng(1), np.ones(SHAPE, bool)
    pos, neg = (0.03 * rng.random(SHAPE).astype(np.float32) for _ in range(2))
    floor = SeparatedField(pos, -neg, AFFINE, relaxation(114), mask)
    found = replace(floor, closed_form=floor, provenance={"remarks": ("Dr = 114 Hz/ppm.",)})
    file = save_separation(found, job.out, overwrite=True)
    with qtbot.waitSignal(controller.separation.found.arrived, timeout=LONG):
        client.say({"event": "done", "id": run.id, "result": str(file), "seconds": 2})
    assert panel.button.text() == "Separate" and panel.results.names() == ("wavesep 1",)
    assert "wavesep 1 is done in 2 s" in panel.outcome.result.text()
    names = [layer.name for layer in viewer.layers]
    assert names[-1] == "wavesep 1, Dr 114 Hz/ppm - χ+ [ppm]"
    with qtbot.waitSignal(controller.separation.found.brushed, timeout=LONG):
        panel.results.histogram.set_brush(((0.02, float(panel.results.histogram.value().pos_edges[-1])), (0.0, 0.01)))
    brushed = viewer.layers["wavesep 1 - brushed voxels"]
    expected = ((pos >= 0.02) & (neg <= 0.01)).sum()
    assert brushed.data.sum() == pytest.approx(expected, abs=2) and "of the mask" in panel.results.said.text()
    assert "χ+ 0.020 ppm and above, |χ−| up to 0.010 ppm" in panel.results.said.text()
    panel.results.histogram.set_brush(None)
    assert "wavesep 1 - brushed voxels" not in [layer.name for layer in viewer.layers]
    check_list_of_runs(panel, controller, qtbot, workbench, run)


def test_the_brush_lies_over_every_cell_side_by_side(panel, controller, qtbot, study, rates, qsm, viewer) -> None:
    have(controller, qtbot, replace(study, r2prime=rates, qsm=qsm))
    settled(panel, qtbot, "")
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    client, run = controller.runs._client, controller.runs.runs[0]
    client.say({"event": "started", "id": run.id})
    rng = np.random.default_rng(1)
    pos, neg = (0.03 * rng.random(SHAPE).astype(np.float32) for _ in range(2))
    floor = SeparatedField(pos, -neg, AFFINE, relaxation(114), np.ones(SHAPE, bool))
    file = save_separation(replace(floor, closed_form=floor), client.jobs[0].out, overwrite=True)
    found = controller.separation.found
    with qtbot.waitSignal(found.arrived):
        client.say({"event": "done", "id": run.id, "result": str(file), "seconds": 2})
    before = [layer.name for layer in viewer.layers]
    qtbot.mouseClick(panel.results.side, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: found.grid.shown)
    (_, cells), images = _compat.grid_cells(viewer), found.grid.layers
    below, over = next(iter(cells.values()))
    place = below.data_to_world(np.argwhere(np.isfinite(below.data))[0])
    assert over.get_status(place, world=True)["value"] == below.get_status(place, world=True)["value"]
    for spans in (((0.02, 0.03), (0.0, 0.01)), ((0.0, 0.01), (0.02, 0.03))):
        with qtbot.waitSignal(found.brushed):
            panel.results.histogram.set_brush(spans)
        qtbot.waitUntil(lambda: all(len(there) == 2 for there in _compat.grid_cells(viewer)[1].values()))
        assert found.grid.shown and panel.results.side.isChecked() and found.grid.layers == images
        now = _compat.grid_cells(viewer)[1]
        inside = (pos >= spans[0][0]) & (pos <= spans[0][1]) & (neg >= spans[1][0]) & (neg <= spans[1][1])
        for place, (image, brushed) in now.items():
            assert [image, brushed] == cells[place] and brushed.data.sum() == pytest.approx(inside.sum(), abs=2)
        found_cells = grid_legend(viewer, "ppm", 900, 700).cells
        titles = [cell.lines[0] for cell in sorted(found_cells, key=lambda cell: (cell.box.y, cell.box.x))]
        assert titles == ["wavesep 1"] * 3 + ["closed form"] * 2, "the brush takes no title away"
    qtbot.mouseClick(panel.results.side, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not found.grid.shown)
    assert [layer.name for layer in viewer.layers] == [*before, "wavesep 1 - brushed voxels"]
    qtbot.mouseClick(panel.results.side, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: found.grid.shown)
    qtbot.waitUntil(lambda: all(len(there) == 2 for there in _compat.grid_cells(viewer)[1].values()))
    assert all(brushed.data.any() for _, brushed in _compat.grid_cells(viewer)[1].values()), "carried over"
    panel.results.histogram.set_brush(None)
    assert not any(brushed.data.any() for _, brushed in _compat.grid_cells(viewer)[1].values()) and found.grid.shown
    found.grid.end()
    assert [layer.name for layer in viewer.layers] == before


def check_list_of_runs(panel, controller, qtbot, workbench, run) -> None:
    """The separation stands among the runs: it can be shown again, its parameters used, and it can be taken off."""
    assert run in workbench.runs.value()
    entries = {entry.data()[0]: entry for entry in workbench.runs.menu_for(run).actions()}
    assert all(
        entry.isEnabled() == (name != "cancel") for name, entry in entries.items()
    ) and "naming: para-dia" in _tooltip(workbench, run)
    entries["command"].trigger()
    assert "napari-sti separate" in QApplication.clipboard().text() and "--chi qsm" in QApplication.clipboard().text()
    panel.naming.setChecked(False)
    panel.method.set_mapping("closed_form", {})
    entries["parameters"].trigger()
    assert panel.naming.isChecked() and panel.value().method == "wavesep" and panel.value().chi == "qsm"
    workbench.show_panel("view")
    with qtbot.waitSignal(controller.separation.found.arrived, timeout=LONG):
        entries["show"].trigger()
    names = [layer.name for layer in controller.viewer.layers]
    assert names.count("wavesep 1, Dr 114 Hz/ppm - χ+ [ppm]") == 1 and workbench.panels.in_front("separate")
    layers, seen = list(controller.viewer.layers), [layer.visible for layer in controller.viewer.layers]
    entries["remove"].trigger()
    assert run not in workbench.runs.value() and not panel.results.names()
    assert workbench.removed.text() == (
        f"wavesep 1 was taken off the list and its 3 layers out of the viewer. Its files stay in the folder "
        f"{run.job.out.name}."
    )
    qtbot.mouseClick(workbench.removed.button, Qt.MouseButton.LeftButton)
    assert run in workbench.runs.value() and panel.results.names() == ("wavesep 1",)
    assert list(controller.viewer.layers) == layers and [layer.visible for layer in layers] == seen
    assert not workbench.removed.isVisible()
    entries["remove"].trigger()
    assert run not in workbench.runs.value() and not panel.results.names() and not panel.results.isVisible()
    assert not [layer for layer in controller.viewer.layers if layer.name.startswith("wavesep 1")]
    assert run.result.exists() and run not in controller.runs.runs, "the folder stays"


def _tooltip(workbench, run) -> str:
    return next(item.toolTip() for item in map(workbench.runs.item, range(workbench.runs.count())) if "wavesep 1" in
                item.text())  # fmt: skip
