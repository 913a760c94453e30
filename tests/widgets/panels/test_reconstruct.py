"""The Reconstruct panel: why not, run, progress, done, failed, cancelled."""

from dataclasses import replace

import pytest
from qtpy.QtWidgets import QPushButton

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
    panel.device.set_estimate({"bytes": 9e9, "available": 1e9, "enough": True, "moved": "Too much for cuda: moved."})
    assert panel.device.too_much.text() == "Too much for cuda: moved."


def test_run_progress_done(panel, start_run, workbench, controller, result, viewer, qtbot):
    run, say = start_run()
    job = run.job
    assert job.kind == "recon" and job.method == "stiimag" and job.study.is_file() and job.study.parent == job.out
    assert panel.run_button.text() == "Waiting…" and not panel.run_button.isEnabled()
    bar = workbench.job_bar
    say("started")
    say("progress", iteration=4, total=10, residual=0.1, left=6.2, message="", curve=[[1, 1.0, None], [4, 0.1, None]])
    qtbot.waitUntil(lambda: bar.bar.value() == 4)
    assert bar.bar.maximum() == 10 and bar.cancel.isVisible()
    assert bar.numbers.text() == "iteration 4 of 10   residual 0.1"
    assert bar.bar.text() == "40 %   about 6 s left"
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


def test_the_job_bar_is_the_one_place_to_cancel_a_run(panel, start_run, workbench, controller, viewer, qtbot):
    run, say = start_run()
    say("started")
    qtbot.waitUntil(lambda: panel.run_button.text() == "Running…")
    panel.run_button.click()
    assert not controller.runs._client.cancelled and len(controller.runs.runs) == 1
    assert panel.run_button.toolTip() == "stiimag 1 is running. Cancel it below, beside its progress."
    buttons = [one for one in workbench.findChildren(QPushButton) if "ancel" in one.text() and one.isVisible()]
    assert buttons == [workbench.job_bar.cancel] and buttons[0].text() == "Cancel run"
    assert buttons[0].toolTip().startswith("Ends stiimag 1 ")
    buttons[0].click()
    assert controller.runs._client.cancelled == [run.id]
    say("cancelling")
    qtbot.waitUntil(lambda: panel.run_button.text() == "Cancelling…")
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


def choose(panel, method):
    """Choose a method as a person does, by the list."""
    index = panel.method.combo.findData(method)
    panel.method.combo.setCurrentIndex(index)
    panel.method.combo.activated.emit(index)


@pytest.fixture
def needy(monkeypatch):
    """Two methods of which one needs the white matter, and one seven orientations."""
    plain = get_method("stiimag")

    class White(type(plain)):
        id, title = "white", "White"
        needs = replace(plain.needs, masks=("wm_mask",))
        takes_start = False

    class Seven(type(plain)):
        id, title = "seven", "Seven"
        needs = replace(plain.needs, orientations=7)

    class Mean(type(plain)):
        id, title = "mean", "Mean"
        isotropic = True

    made = {"mean": Mean(), "white": White(), "seven": Seven(), "stiimag": plain}
    from napari_sti.recon import registry
    from napari_sti.widgets import method_editor
    from napari_sti.widgets.session import command

    monkeypatch.setattr(method_editor, "methods", lambda: dict(made))
    for module in (registry, command):
        monkeypatch.setattr(module, "get_method", made.__getitem__)
    return made


def entries(panel):
    combo = panel.method.combo
    return [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]


def test_tensors_come_first_and_headings_cannot_be_chosen(needy, panel):
    assert entries(panel) == [
        ("Tensor", None),
        ("Seven", "seven"),
        (get_method("stiimag").title, "stiimag"),
        ("White", "white"),
        ("Isotropic susceptibility, no directions", None),
        ("Mean", "mean"),
    ]
    combo = panel.method.combo
    assert combo.currentData() == "stiimag"
    for row in (0, 4):
        assert not combo.model().item(row).isSelectable() and not combo.model().item(row).isEnabled()
    combo.setCurrentIndex(1)
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    combo.setFocus()
    combo.setCurrentIndex(3)
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert combo.currentData() == "mean", "the keyboard steps over the heading"


def test_a_missing_mask_is_said_and_leads_to_where_it_is_made(needy, panel, have_study, workbench):
    choose(panel, "white")
    assert "needs a mask of white matter (wm_mask)" in panel.blocked.text()
    assert [chip.text for chip in panel.chips.value()][-1] == "no white matter mask"
    assert panel.method.needs.text() == "Needs 1 orientation and the white matter mask; 6 determine the result."
    if "prepare" in workbench.panels:
        assert panel.blocked.button.text() == "Go to Prepare"
        panel.blocked.button.click()
        assert workbench.tabs.currentWidget().widget() is workbench.panels["prepare"]
    choose(panel, "seven")
    assert panel.blocked.button.text() == "Go to Data" and "at least 7 orientations" in panel.blocked.text()


def test_masks_are_shown_before_the_run_with_their_share(needy, panel, controller, study, files, qtbot, monkeypatch):
    import nibabel as nib
    import numpy as np

    brain = nib.load(files / "brain_mask.nii.gz")
    half = np.asarray(brain.dataobj).copy()
    half[half.shape[0] // 2 :] = 0
    nib.save(nib.Nifti1Image(half, brain.affine), files / "wm.nii.gz")
    share = half.sum() / np.asarray(brain.dataobj).sum()
    shown = []
    if getattr(controller, "masks", None) is None:
        from types import SimpleNamespace

        controller.masks = SimpleNamespace(show=shown.append)
    else:
        monkeypatch.setattr(controller.masks, "show", shown.append)
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(replace(study, wm_mask=files / "wm.nii.gz"))
    choose(panel, "white")
    assert shown == [("wm_mask",)]
    assert not panel.blocked.isVisible() and panel.run_button.isEnabled()
    expected = f"WM: wm.nii.gz, {100 * share:.0f} % of the brain"
    qtbot.waitUntil(lambda: panel.chips.value()[-1].text == expected)


def test_what_can_be_trusted_is_a_run_of_its_own(panel, have_study, controller, viewer, result, qtbot):
    from napari_sti.jobs.job import read_job

    assert "Runs the method 4 times" in panel.more_runs.trust.toolTip()
    panel.more_runs.trust.click()
    run = controller.runs.runs[0]
    assert (run.name, run.job.kind, run.job.method) == ("stiimag trust 1", "trust", "stiimag")
    assert panel.run_button.text() == "Waiting…"
    from napari_sti.jobs.job import write_job

    assert read_job(write_job(run.job)) == run.job


def test_trust_with_too_few_orientations_says_how_many(panel, controller, study, qtbot):
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(replace(study, orientations=study.orientations[:1]))
    assert not panel.more_runs.trust.isEnabled() and panel.run_button.isEnabled()
    assert "needs at least 2 orientations" in panel.more_runs.trust.toolTip()


def test_remarks_of_the_finished_run_are_seen(panel, start_run, workbench, controller, result, qtbot):
    import json

    run, say = start_run()
    file = result(run.job.out)
    content = json.loads(file.read_text())
    content["provenance"]["remarks"] = ["The estimate was kept on the CPU.", *panel.remarks.value()]
    file.write_text(json.dumps(content))
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        say("done", result=str(file), seconds=1.0)
    assert panel.outcome.remarks() == ("The estimate was kept on the CPU.",), "and nothing is said twice"
    workbench.show_panel("reconstruct")
    start_run()
    assert panel.outcome.remarks() == () and not panel.result.isVisible()


def test_start_from_a_finished_run_on_the_same_grid(panel, start_run, controller, result, qtbot, tmp_path):
    combo = panel.start_box.combo
    assert combo.count() == 1 and panel.start_box.value() is None
    run, say = start_run()
    say("done", result=str(result(run.job.out)), seconds=1.0)
    qtbot.waitUntil(lambda: combo.count() == 2, timeout=10_000)
    assert combo.itemText(1).startswith("stiimag 1   three tilts")
    folder = run.job.out
    panel.start_box.setValue(folder)
    takes = panel.method.method.takes_start
    assert combo.isEnabled() == takes
    if takes:
        assert panel.start_box.value() == folder and f"--start {folder}" in panel.command.value()
        started = panel.start()
        assert started.job.start == folder
        panel.start_box.setValue(None)
        panel.use_parameters(started)
        assert panel.start_box.value() == folder
    panel.start_box.set_taken(False)
    assert panel.start_box.value() is None and "does not iterate" in combo.toolTip()


def test_runs_on_another_grid_are_not_offered(study, result, tmp_path):
    import json

    from napari_sti.widgets.session.finished import on_grid

    folder = result(tmp_path / "one").parent
    assert [p.folder for p in on_grid(study, [(folder, "one"), (tmp_path / "none", "none")])] == [folder]
    content = json.loads((folder / "result.json").read_text())
    content["affine"][0][3] += 5
    (folder / "result.json").write_text(json.dumps(content))
    assert on_grid(study, [(folder, "one")]) == ()
    (folder / "result.json").write_text('{"shape": "broken"}')
    assert on_grid(study, [(folder, "one")]) == ()


def test_all_that_can_run_run_one_after_the_other(needy, panel, have_study, controller, workbench, qtbot):
    assert [m.id for m in panel.runnable()] == ["stiimag", "mean"]
    tip = panel.more_runs.all.toolTip()
    assert "stiimag, mean" in tip and "2 others lack something" in tip
    panel.more_runs.all.click()
    jobs = controller.runs._client.jobs
    assert [(job.name, job.method, job.kind) for job in jobs] == [
        ("stiimag 1", "stiimag", "recon"),
        ("mean 1", "mean", "recon"),
    ]
    assert panel.more_runs.note.text() == "0 of 2 methods done, 2 waiting." and not panel.more_runs.all.isEnabled()
    say = controller.runs._client.say
    say({"event": "started", "id": "fake-1"})
    qtbot.waitUntil(lambda: "stiimag 1 is running, 1 waiting" in panel.more_runs.note.text())
    assert not panel.more_runs.note.button.isVisible()
    bar = workbench.job_bar
    assert bar.waiting.text() == "Waiting: mean 1" and bar.cancel_waiting.text() == "Cancel waiting"
    bar.cancel_waiting.click()
    assert controller.runs._client.cancelled == ["fake-2"], "what is under way goes on"
    say({"event": "failed", "id": "fake-1", "sentence": "It broke."})
    say({"event": "cancelled", "id": "fake-2"})
    done = "0 of 2 methods done; failed: stiimag 1; cancelled: mean 1."
    qtbot.waitUntil(lambda: panel.more_runs.note.text() == done)
    assert panel.more_runs.all.isEnabled() and not bar.cancel_waiting.isVisible()


@pytest.mark.parametrize("width", [320, 400, 420])
@pytest.mark.parametrize("id_", list(methods()))
def test_no_method_widens_the_dock_or_squeezes_the_form(panel, workbench, have_study, qtbot, id_, width):
    workbench.setMinimumWidth(0)
    workbench.resize(width, 700)
    choose(panel, id_)
    qtbot.waitUntil(lambda: panel.width() == panel._area.viewport().width())
    qtbot.waitUntil(lambda: panel.height() >= panel.heightForWidth(panel.width()))
    assert panel.minimumSizeHint().width() <= 300
    assert panel.method.formula.value() == get_method(id_).formula


def test_masks_are_shown_when_the_study_comes_after_the_method(
    needy, panel, controller, study, files, monkeypatch, qtbot
):
    shown = []
    monkeypatch.setattr(controller.masks, "show", shown.append)
    choose(panel, "white")
    assert shown == []
    for name in ("first", "second"):
        with qtbot.waitSignal(controller.studies.checked):
            controller.studies.set(replace(study, name=name, wm_mask=files / "brain_mask.nii.gz"))
    assert shown == [("wm_mask",)], "the same masks are not forced on a person who has hidden them"
