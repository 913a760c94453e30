"""The Reconstruct panel: why not, run, progress, done, failed, cancelled."""

from dataclasses import replace

import pytest

from napari_sti.recon.registry import get_method, methods
from napari_sti.widgets.method_editor import Choice
from napari_sti.widgets.note import Note


@pytest.fixture
def panel(workbench):
    workbench.show_panel("reconstruct")
    return workbench.panels["reconstruct"]


@pytest.mark.parametrize("id_", list(methods()))
def test_round_trip_of_every_method(panel, id_):
    choice = Choice(id_, get_method(id_).Params())
    panel.setValue(choice)
    assert panel.value() == choice


def test_says_in_one_line_why_not_and_leads_there(panel, workbench):
    assert panel.blocked.isVisible() and panel.blocked.text() == "There is no study yet."
    assert not panel.run_button.isEnabled()
    panel.findChild(object, "sti_mend").click()
    assert workbench.tabs.currentWidget().widget() is workbench.panels["data"]


def test_counts_what_is_missing(panel, controller, study, qtbot):
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(replace(study, mask=None))
    assert panel.blocked.text() == "1 thing is missing in the study."


def test_what_must_be_known_is_said_before_the_run(panel, controller, study, qtbot):
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(replace(study, orientations=study.orientations[:1]))
    said = " ".join(n.text() for n in panel.findChildren(Note) if n.objectName().startswith("sti_remark"))
    assert "underdetermined" in said
    assert "Cannot be known from one orientation: the anisotropy and the direction of the fibres" in said
    assert panel.run_button.isEnabled() and not panel.blocked.isVisible()


def test_devices_of_the_worker(panel, controller, qtbot):
    with qtbot.waitSignal(controller.runs.devices_changed):
        controller.runs.warm_up()
    texts = [panel.device.combo.itemText(i) for i in range(panel.device.combo.count())]
    assert texts == ["Automatic: CPU (2 threads)", "CPU (2 threads)"]
    panel.device.setValue("cpu")
    assert panel.device.value() == "cpu"


def test_memory_is_estimated_before_the_run(panel, have_study, qtbot):
    qtbot.waitUntil(lambda: panel.device.estimate.text().startswith("Needs about"))
    assert "free" in panel.device.estimate.text() and not panel.device.too_much.isVisible()
    panel.device.set_estimate({"bytes": 9e12, "available": 1e9, "enough": False, "seconds": 3})
    assert panel.device.too_much.isVisible() and "About 3 s" in panel.device.estimate.text()


def test_run_progress_done(panel, start_run, workbench, controller, result, viewer, qtbot):
    run, say = start_run()
    job = run.job
    assert job.kind == "recon" and job.method == "stiimag" and job.study.is_file() and job.study.parent == job.out
    assert panel.run_button.text() == "Cancel"
    bar = workbench.job_bar
    say("started")
    say("progress", iteration=4, total=10, residual=0.1, left=6.2, message="", curve=[[1, 1.0, None], [4, 0.1, None]])
    qtbot.waitUntil(lambda: bar.bar.value() == 4)
    assert bar.bar.maximum() == 10 and bar.cancel.isVisible()
    assert bar.numbers.text() == "iteration 4 of 10   residual 0.1   about 6 s left"
    assert bar.curve.value() == ((1, 1.0), (4, 0.1))
    file = result(run.job.out)
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        say("done", result=str(file), seconds=1.25)
    assert panel.run_button.text() == "Run"
    assert panel.result.text() == "stiimag 1 is done in 1 s, 4 iterations: three tilts, 3 orientations."
    names = [layer.name for layer in viewer.layers]
    assert names == [
        "stiimag 1 - MMS [ppm]",
        "stiimag 1 - MSA [ppm]",
        "stiimag 1 - PEV colour",
        "stiimag 1 - PEV lines",
    ]
    assert workbench.tabs.currentWidget().widget() is workbench.panels["view"]


def test_results_are_bound_to_what_they_were_started_with(start_run, controller, result, study, viewer, qtbot):
    first, say_first = start_run()
    say_first("done", result=str(result(first.job.out, 1)), seconds=1.0)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=10_000)
    second = controller.reconstruct("stiimag", {})
    controller.studies.set(replace(study, name="something else"))
    file = result(second.job.out, 2)
    controller.runs._client.say({"event": "done", "id": second.id, "result": str(file), "seconds": 1.0})
    qtbot.waitUntil(lambda: len(viewer.layers) == 8, timeout=10_000)
    assert second.about.startswith("three tilts")
    assert controller.layers.run_names() == ["stiimag 2", "stiimag 1"], "the old ones stay"
    visible = [layer.name for layer in viewer.layers if layer.visible]
    qtbot.waitUntil(lambda: [x.name for x in viewer.layers if x.visible] == ["stiimag 2 - PEV colour"])
    assert "stiimag 1 - PEV colour" not in visible or len(visible) > 1


def test_failure_is_one_sentence_with_folded_details(panel, start_run, qtbot):
    run, say = start_run()
    say("failed", sentence="Memory ran out.", details="Traceback ...")
    qtbot.waitUntil(panel.failure.isVisible)
    assert panel.failure.text() == "stiimag 1: Memory ran out."
    assert not panel.failure._details.isVisible()
    panel.failure.fold.set_open(True)
    assert panel.failure._details.isVisible() and panel.failure._details.text() == "Traceback ..."
    assert panel.run_button.text() == "Run" and panel.run_button.isEnabled()
    assert run.state == "failed"


def test_cancel_from_the_main_button_and_from_the_job_bar(panel, start_run, workbench, controller, viewer, qtbot):
    run, say = start_run()
    say("started")
    panel.run_button.click()
    assert controller.runs._client.cancelled == [run.id]
    say("cancelling")
    qtbot.waitUntil(lambda: not panel.run_button.isEnabled())
    assert not workbench.job_bar.cancel.isEnabled()
    say("cancelled", forced=False)
    qtbot.waitUntil(lambda: run.state == "cancelled")
    assert panel.result.text() == "stiimag 1 was cancelled; nothing was kept."
    assert len(viewer.layers) == 0
    again, _ = start_run()
    workbench.job_bar.cancel.click()
    assert controller.runs._client.cancelled[-1] == again.id


def test_a_run_that_cannot_start_says_why(panel, controller, have_study, monkeypatch):
    monkeypatch.setenv("NAPARI_STI_RUNS", "/proc/nowhere")
    panel.run_button.click()
    assert panel.failure.isVisible() and "/proc/nowhere" in panel.failure.text()
    assert panel.run_button.text() == "Run"


def test_command_line_of_the_same_run(panel, have_study):
    panel.method.form.editors["max_iterations"].setValue(30)
    panel.method.form.editors["lam"].setValue(1e-6)
    assert panel.command.value() == ("napari-sti recon STUDY -m stiimag -p lam=1e-6 -p max_iterations=30 -o result")


def test_parameters_of_an_earlier_run(panel, start_run, workbench):
    panel.method.form.editors["max_iterations"].setValue(7)
    run, say = start_run()
    say("cancelled")
    panel.method.form.editors["max_iterations"].setValue(50)
    workbench.runs.action.emit("parameters", run)
    assert panel.value().params.max_iterations == 7
