"""The Quality panel: a round trip, what it asks for, and what it says of a page."""

import json
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_sti.io.nifti import read_volume
from napari_sti.io.results import save_result, save_tensor
from napari_sti.jobs.quality import PAGE, RECORD
from napari_sti.maps.flips import MENDS
from napari_sti.widgets.session.quality_sources import QualityChoice, Source, look_at_sources
from tests.maps import bundled

LINES = [
    {"key": "flips", "section": "directions", "title": "Fibre coherence", "value": "0.80", "rule": "the largest",
     "source": "Schilling", "outside": True},
    {"key": "volume", "section": "mask", "title": "Volume", "value": "12 ml", "rule": "", "outside": False},
    {"key": "cut", "section": "mask", "title": "Faces", "value": "2", "rule": "None.", "source": "", "outside": True},
]  # fmt: skip


@pytest.fixture
def panel(workbench):
    workbench.show_panel("quality")
    return workbench.panels["quality"]


@pytest.fixture
def filled(panel, controller, tmp_path, qtbot):
    """A result with its study, and a tensor that no sidecar describes."""
    study = tmp_path / "study.sti.json"
    study.write_text("{}")
    told = {"inputs": [{"role": "study", "path": str(study), "sha256": "0"}]}
    save_result(replace(bundled.tensor(), provenance=told), tmp_path / "run")
    save_tensor(bundled.tensor(), tmp_path / "bare.nii.gz")
    (tmp_path / "bare.json").unlink()
    for name in ("run", "bare.nii.gz"):
        controller.quality.add(tmp_path / name)
    qtbot.waitUntil(lambda: len(controller.quality.sources) == 2)
    return panel


def finish(controller, folder, **more):
    """Let the worker say that the page is there."""
    client = controller.runs._client
    record = {"lines": LINES, "maps": {}, "pictures": {}, "mend": "", "command": "", **more}
    (folder / RECORD).write_text(json.dumps(record))
    (folder / PAGE).write_text("<html>page</html>")
    client.say({"event": "done", "id": controller.quality.run.id, "result": str(folder / RECORD)})


def test_empty_says_so_and_leads_on(panel, workbench):
    assert panel.empty.isVisible() and not panel.button.isEnabled()
    panel.empty.button.click()
    assert workbench.panels["reconstruct"].isVisible()


def test_round_trip(filled, tmp_path):
    choice = QualityChoice(
        "bare", "ras", tmp_path / "s.yaml", tmp_path / "V1.nii.gz", tmp_path / "FA.nii.gz", "fsl", tmp_path / "w.nii.gz"
    )
    filled.setValue(choice)
    assert filled.value() == choice
    filled.setValue(replace(choice, dti_mend="x,-y,z"))
    assert filled.value() == replace(choice, dti_mend="x,-y,z") and "--dti-mend=x,-y,z" in filled.command.value()
    filled.editor.mend.setText("x,x")
    assert filled.state.text().startswith("Write the mend of V1 like x,-y,z") and not filled.button.isEnabled()
    filled.editor.v1.setValue(tmp_path / "other.nii.gz")
    assert filled.value().dti_mend == "", "a mend is about the file for which it was stated"


def test_the_study_comes_with_the_result(filled, tmp_path):
    assert filled.value() == QualityChoice("run", study=tmp_path / "study.sti.json")
    filled.editor.choose("bare")
    assert filled.value().study is None


def test_what_nobody_states_is_asked_for(filled, tmp_path):
    assert filled.button.isEnabled() and not filled.editor.frame.isVisible()
    filled.editor.choose("bare")
    assert filled.editor.frame.isVisible() and not filled.button.isEnabled()
    assert filled.state.text() == "State the axes of this tensor: no sidecar tells them."
    filled.setValue(QualityChoice("bare", "voxel", v1=tmp_path / "V1.nii"))
    assert filled.state.text() == "V1 and FA go together: choose both, or none."
    filled.setValue(QualityChoice("bare", "voxel", v1=tmp_path / "V1.nii", fa=tmp_path / "FA.nii"))
    assert filled.state.text().startswith("State the axes of V1: FSL's dtifit writes fsl")
    filled.setValue(QualityChoice("bare", "voxel", v1=tmp_path / "V1.nii", fa=tmp_path / "FA.nii", dti_frame="fsl"))
    assert filled.button.isEnabled() and not filled.state.isVisible()
    assert filled.command.value().startswith("napari-sti quality ") and "--dti-frame fsl" in filled.command.value()


def test_a_page_is_made_and_said_in_short(filled, controller, qtbot, tmp_path, monkeypatch):
    filled.button.click()
    (job,) = controller.runs._client.jobs
    assert job.kind == "quality" and job.params == {"result": str(tmp_path / "run")} and job.study is not None
    assert filled.button.text() == "Waiting…" and controller.quality.active
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, job.out)
    assert [line["key"] for line in filled.lines.value()] == ["flips", "cut"], "short, and whatever lies outside"
    assert "2 lines lie outside of a rule of thumb, which is no verdict." in filled.about.text()
    assert filled.button.text() == "Make quality page" and not filled.residuals.isEnabled()
    assert not filled.proposal.isVisible()
    target = tmp_path / "kept.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(target), ""))
    with qtbot.waitSignal(controller.quality.said):
        filled.save.click()
    assert target.read_text() == "<html>page</html>"


def test_a_page_stays_with_what_it_is_about(filled, controller, qtbot):
    filled.button.click()
    filled.editor.choose("bare")
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, controller.quality.run.job.out)
    assert controller.quality.report.source.name == "run" and "Page about run." in filled.about.text()


def test_cancel_and_failure_are_said(filled, workbench, controller, qtbot):
    filled.button.click()
    assert not filled.button.isEnabled()
    workbench.job_bar.cancel.click()
    assert controller.runs._client.cancelled == [controller.quality.run.id]
    say = controller.runs._client.say
    say({"event": "failed", "id": controller.quality.run.id, "sentence": "It did not fit.", "details": "trace"})
    qtbot.waitUntil(lambda: filled.failure.isVisible())
    assert filled.failure.text() == "It did not fit." and filled.button.text() == "Make quality page"


def test_a_mend_is_applied_beside_the_result_and_undone(filled, controller, qtbot, tmp_path):
    before = (tmp_path / "run" / "chi.nii.gz").read_bytes()
    filled.button.click()
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, controller.quality.run.job.out, mend="x,-y,z", mend_words="It is flipped.")
    assert filled.proposal.isVisible() and filled.proposal.text() == "It is flipped. Proposed mend: x,-y,z."
    with qtbot.waitSignal(controller.quality.mended, timeout=20_000):
        filled.proposal.button.click()
    qtbot.waitUntil(lambda: "run, mended" in controller.quality.sources)
    source = controller.quality.sources["run, mended"]
    assert source.mend == "x,-y,z" and (tmp_path / "run" / "chi.nii.gz").read_bytes() == before
    sidecar = json.loads((source.path / "result.json").read_text())
    assert sidecar["provenance"][MENDS][0]["mend"] == "x,-y,z"
    filled.editor.choose("run, mended")
    # The layers of the mended result bring View to the front, as those of a run do.
    assert filled.mended.isVisibleTo(filled) and "x,-y,z" in filled.mended.text()
    with qtbot.waitSignal(controller.quality.mended, timeout=20_000):
        filled.mended.button.click()
    qtbot.waitUntil(lambda: "run, mended, mend undone" in controller.quality.sources)
    assert controller.quality.sources["run, mended, mend undone"].mend == ""
    qtbot.waitUntil(lambda: {"run, mended"} <= set(controller.layers.run_names()))


def test_a_mend_of_v1_is_used_on_request_saved_as_a_copy_and_dropped(filled, controller, qtbot, tmp_path, monkeypatch):
    from tests.maps.test_dti_mends import spoil

    v1, fa, right = spoil(tmp_path / "dti", "x,-y,z")
    before = v1.read_bytes()
    filled.setValue(QualityChoice("run", v1=v1, fa=fa, dti_frame="fsl"))
    box = filled.v1_mend
    told = {"mend": "x,-y,z", "mend_words": "V1 is flipped.", "mended": "", "mends": []}
    filled.button.click()
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, controller.quality.run.job.out, dti=told)
    assert box.isVisible() and box.note.text() == "V1 is flipped. Proposed mend of V1: x,-y,z."
    assert not filled.proposal.isVisible()

    copy = tmp_path / "V1_mended.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(copy), ""))
    with qtbot.waitSignal(controller.quality.said, timeout=20_000):
        box.save.click()
    np.testing.assert_array_equal(read_volume(copy, dims=4).data, right)
    assert json.loads((tmp_path / "V1_mended.json").read_text())["provenance"][MENDS][0]["mend"] == "x,-y,z"
    assert v1.read_bytes() == before

    box.use.click()
    job = controller.runs._client.jobs[-1]
    assert job.params["dti_mend"] == "x,-y,z" and filled.value().dti_mend == "x,-y,z"
    used = {"mend": "", "mend_words": "", "mended": "x,-y,z", "mends": [{"mend": "x,-y,z"}]}
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, job.out, dti=used)
    assert box.note.text() == "V1 was compared mended (x,-y,z); its file is as it was."
    assert box.use.text() == "Compare as stored"
    box.use.click()
    job = controller.runs._client.jobs[-1]
    assert "dti_mend" not in job.params
    with qtbot.waitSignal(controller.quality.made):
        finish(controller, job.out, dti={"mend": "", "mended": "", "mends": []})
    assert not box.isVisible()


def test_what_is_no_result_is_said(panel, controller, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    controller.quality.add(tmp_path / "empty")
    assert "the folder holds no finished result; choose another" in panel.failure.text()
    assert look_at_sources([Source("gone", tmp_path / "gone"), Source("empty", tmp_path / "empty")]) == []


def two_runs(controller, start_run, result, qtbot):
    """Do two runs, with their layers; return their names."""
    names = []
    for _ in range(2):
        run, say = start_run()
        with qtbot.waitSignal(controller.layers.added, timeout=10_000):
            say("done", result=str(result(run.job.out)), seconds=1.0)
        names.append(run.name)
    return names


def test_the_run_that_is_looked_at_is_the_one_it_is_about(filled, controller, start_run, result, qtbot):
    """The run of View at first, and after it, until somebody chooses by hand."""
    names = two_runs(controller, start_run, result, qtbot)
    box = filled.editor.source
    qtbot.waitUntil(lambda: box.currentData() == names[1], timeout=10_000)
    controller.view.change(run=names[0])
    assert box.currentData() == names[0]
    box.setCurrentIndex(box.findData(names[1]))
    box.activated.emit(box.currentIndex())
    controller.view.change(run=names[1])
    controller.view.change(run=names[0])
    assert box.currentData() == names[1], "chosen by hand"


def test_tracts_follow_the_run_that_is_looked_at(workbench, controller, start_run, result, qtbot):
    panel = workbench.panels["tracts"]
    names = two_runs(controller, start_run, result, qtbot)
    box = panel.source.kind
    qtbot.waitUntil(lambda: box.currentData() == f"run:{names[1]}", timeout=10_000)
    controller.view.change(run=names[0])
    assert box.currentData() == f"run:{names[0]}"
    box.setCurrentIndex(box.findData("dti"))
    box.activated.emit(box.currentIndex())
    controller.view.change(run=names[1])
    assert box.currentData() == "dti", "chosen by hand"
