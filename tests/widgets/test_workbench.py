"""The workbench as a whole: panels, runs list, shortcuts, closing."""

import subprocess
import sys

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication, QKeySequence
from qtpy.QtWidgets import QShortcut

from napari_sti.widgets.panels import panel_types
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.shortcuts import SHORTCUTS


def test_panels_in_the_order_of_the_work(workbench):
    titles = [workbench.tabs.tabText(i) for i in range(workbench.tabs.count())]
    work = ["Data", "Prepare", "Reconstruct", "View", "Compare", "Quality", "Probe", "Regions"]
    assert titles == [*work, "Separate", "Prior", "Tracts", "Figure", "Plan", "Train"]
    assert [p.order for p in panel_types()] == sorted(p.order for p in panel_types())


def test_nothing_wider_than_the_dock(workbench, have_study):
    for panel in workbench.panels.values():
        assert panel.minimumSizeHint().width() <= 380, panel.id


def test_torch_stays_out_of_the_viewer():
    code = (
        "import sys; from qtpy.QtWidgets import QApplication; a = QApplication([]);"
        "from napari.components import ViewerModel; from napari_sti.widgets.workbench import Workbench;"
        "w = Workbench(ViewerModel()); print('torch' in sys.modules, 'pyqtgraph' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_worker_is_started_a_moment_after_the_dock_is_seen(workbench, controller, qtbot):
    assert controller.runs._client is None
    qtbot.waitUntil(lambda: controller.runs._client is not None and controller.runs._client.started)


def test_closing_ends_the_worker_once(workbench, controller):
    controller.runs.warm_up()
    client = controller.runs._client
    workbench.close_session()
    workbench.close_session()
    assert client.closed


def test_events_after_closing_change_nothing(workbench, start_run, qtbot):
    run, say = start_run()
    workbench.close_session()
    say("progress", iteration=3, total=9)
    qtbot.wait(30)
    assert run.iteration in (0, 3)


def test_runs_are_listed_with_state_time_and_parameters(workbench, start_run, qtbot):
    _, say = start_run()
    say("started")
    qtbot.waitUntil(lambda: "running" in workbench.runs.item(0).text())
    say("failed", sentence="It broke.")
    qtbot.waitUntil(lambda: "failed" in workbench.runs.item(0).text())
    item = workbench.runs.item(0)
    assert item.text().startswith("✖  stiimag 1") or "stiimag 1" in item.text()
    assert "max_iterations = " in item.toolTip() and "It broke." in item.toolTip() and "three tilts" in item.toolTip()


def test_earlier_runs_are_found_and_shown(workbench, controller, start_run, result, viewer, qtbot, tmp_path):
    run, say = start_run()
    say("cancelled")
    from napari_sti.jobs.job import write_job
    from napari_sti.jobs.state import State, write_state

    folder = tmp_path / "runs" / "old"
    folder.mkdir(parents=True)
    from dataclasses import replace

    write_job(replace(run.job, out=folder, name="stiimag 41"))
    result(folder)
    write_state(folder, State("done", "2026-01-02T03:04:05+00:00", seconds=3.0, result="result.json"))
    with qtbot.waitSignal(controller.runs.listed):
        controller.runs.read_history()
    old = next(r for r in workbench.runs.value() if r.name == "stiimag 41")
    assert old.state == "done"
    row = workbench.runs.value().index(old)
    item = workbench.runs.item(row)
    assert old.about == "three tilts, 3 orientations"
    assert "three tilts" in item.text() and "study: three tilts" in item.toolTip()
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        workbench.runs.action.emit("show", old)
    assert controller.layers.run_names() == ["stiimag 41"]
    assert controller.runs._free_name("stiimag") == "stiimag 2"


def test_menu_of_a_run(workbench, start_run, controller, qtbot):
    run, say = start_run()
    say("failed", sentence="no")
    qtbot.waitUntil(lambda: run.state == "failed")
    menu = workbench.runs.menu_for(run)
    enabled = {a.objectName(): a.isEnabled() for a in menu.actions()}
    assert not enabled["sti_run_show"] and enabled["sti_run_rerun"] and enabled["sti_run_folder"]
    next(a for a in menu.actions() if a.objectName() == "sti_run_copy").trigger()
    assert QGuiApplication.clipboard().text().startswith("method = stiimag\n")
    next(a for a in menu.actions() if a.objectName() == "sti_run_command").trigger()
    assert QGuiApplication.clipboard().text().startswith("napari-sti recon ")
    next(a for a in menu.actions() if a.objectName() == "sti_run_rerun").trigger()
    again = controller.runs.runs[0]
    assert again.name == "stiimag 2" and again.job.params == run.job.params and again.job.out != run.job.out
    menu.deleteLater()


def test_a_run_that_was_removed_comes_back_as_it_was(workbench, start_run, result, controller, viewer, qtbot):
    runs = []
    for seed in range(2):
        run, say = start_run()
        with qtbot.waitSignal(controller.layers.added, timeout=10_000):
            say("done", result=str(result(run.job.out, seed)), seconds=1.0)
        runs.append(run)
    first, second = runs
    controller.view.change(run=second.name, map="msa", plane="coronal")
    viewer.layers["stiimag 2 - MMS [ppm]"].opacity = 0.5
    layers, seen, view = list(viewer.layers), [layer.visible for layer in viewer.layers], controller.view.value()
    places, note = list(controller.runs.runs), workbench.removed
    workbench.runs.action.emit("remove", second)
    assert controller.layers.run_names() == [first.name] and workbench.runs.value() == [first]
    assert note.isVisible() and note.text().startswith(f"{second.name} was taken off the list and its 4 layers out of")
    assert (second.job.out / "unlisted").exists() and second.result.exists()
    note.button.click()
    assert list(viewer.layers) == layers and [layer.visible for layer in layers] == seen
    assert controller.runs.runs == places and controller.view.value() == view and not note.isVisible()
    assert not (second.job.out / "unlisted").exists(), "it stays in the list of later sessions, too"

    workbench.runs.action.emit("remove", second)
    start_run()
    assert not note.isVisible() and controller.removed._last is None, "the work goes on and its memory is free"


def test_shortcuts_are_shown_and_work(workbench, controller, have_study, qtbot):
    made = {s.objectName(): s for s in workbench.findChildren(QShortcut)}
    assert set(made) == {f"sti_shortcut_{name}" for name in SHORTCUTS}
    assert made["sti_shortcut_run"].key() == QKeySequence("Ctrl+Shift+Return")
    made["sti_shortcut_run"].activated.emit()
    assert len(controller.runs.runs) == 1
    made["sti_shortcut_cancel"].activated.emit()
    assert controller.runs._client.cancelled
    made["sti_shortcut_toggle_lines"].activated.emit()
    assert controller.view.value().lines
    made["sti_shortcut_toggle_pev"].activated.emit()
    assert controller.view.value().map == "none"
    assert "(Ctrl+Shift+.)" in workbench.job_bar.cancel.toolTip()
    assert "Ctrl+Shift+L" in workbench.findChild(object, "sti_lines").toolTip()


def test_next_and_previous_run(workbench, controller, start_run, qtbot):
    for _ in range(2):
        _, say = start_run()
        say("cancelled")
        qtbot.waitUntil(lambda: controller.runs.active is None)
    workbench.runs.setCurrentRow(0)
    workbench.runs.step(1)
    assert workbench.runs.current().name == "stiimag 1"
    workbench.runs.step(1)
    workbench.runs.step(-1)
    assert workbench.runs.current().name == "stiimag 2"


def test_everything_can_be_reached_by_the_keyboard(workbench, have_study):
    for name in (
        "sti_study_name",
        "sti_orientations",
        "sti_unit",
        "sti_show_images",
        "sti_method",
        "sti_run",
        "sti_runs",
    ):
        widget = workbench.findChild(object, name)
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, name


@pytest.mark.parametrize("state", ["waiting", "running", "done", "failed", "cancelled", "interrupted"])
def test_every_state_has_a_mark_and_a_word(state, start_run):
    run = Run("x", start_run()[0].job, state=state)
    assert run.mark and run.word == state


def test_study_of_a_reader_is_picked_up(workbench, controller, study, tmp_path, viewer, qtbot):
    from napari.layers import Layer

    from napari_sti.io.study import write_study
    from napari_sti.viz.reader import get_reader

    file = tmp_path / "study.sti.yaml"
    write_study(study, file)
    layers = get_reader(str(file))(str(file))
    with qtbot.waitSignal(controller.studies.checked):
        for data in layers:
            viewer.add_layer(Layer.create(*data))
    assert controller.study.name == "three tilts"
    assert len(viewer.layers) == len(layers), "they are not added again"
    assert viewer.dims.order == (2, 1, 0)


def test_a_study_that_is_opened_again_is_shown_once(workbench, controller, study, tmp_path, viewer, qtbot):
    from napari_sti.io.study import write_study

    file = tmp_path / "study.yaml"
    write_study(study, file)
    for _ in range(2):
        with qtbot.waitSignal(controller.layers.added, timeout=20000):
            controller.studies.open(file)
            workbench.show_panel("prepare")
        assert workbench.tabs.currentWidget().widget() is workbench.panels["prepare"], "nobody is taken elsewhere"
    names = [layer.name for layer in viewer.layers]
    assert len(controller.layers.fields()) == 3 and len(names) == len(set(names))
