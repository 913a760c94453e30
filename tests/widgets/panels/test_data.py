"""The Data panel: three ways in, what is missing, dropping files."""

from dataclasses import replace

import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sti.io.study import Study, read_study, write_study
from napari_sti.widgets.note import Note
from tests.io.bad_files import SAID, make_bad_file


@pytest.fixture
def panel(workbench):
    return workbench.panels["data"]


def drop(panel, paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(9, 9).toPoint(), Qt.DropAction.CopyAction, mime, buttons, keys)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, buttons, keys))


def notes(panel):
    QApplication.processEvents()
    return [n for n in panel.findChildren(Note) if n.objectName().startswith("sti_missing") and n.isVisible()]


def test_first_start_shows_three_ways_in(panel):
    for name in ("sti_open_sample", "sti_welcome_open", "sti_welcome_add", "sti_drop_area"):
        assert panel.findChild(object, name).isVisible(), name


def test_round_trip(panel, study):
    panel.setValue(study)
    assert panel.value() == study
    assert panel.editor.value() == study
    panel.setValue(Study())
    assert panel.value() == Study() and panel.findChild(object, "sti_open_sample").isVisible()


def test_sample_button_starts_its_job(panel, controller):
    panel.findChild(object, "sti_open_sample_oblique").click()
    job = controller.runs._client.jobs[0]
    assert job.kind == "sample" and dict(job.params) == {"oblique": True}


def test_dropped_files_become_a_complete_study(panel, controller, files, qtbot):
    with qtbot.waitSignal(controller.studies.checked):
        drop(panel, [files / "ori2.nii.gz", files / "ori1.nii.gz"])
    assert [o.field.name for o in controller.study.orientations] == ["ori1.nii.gz", "ori2.nii.gz"]
    texts = [n.text() for n in notes(panel)]
    assert any("have no B0 direction" in t for t in texts)
    assert any("brain mask" in t for t in texts)
    assert any("unit of the field is not stated" in t for t in texts)
    assert not panel.show_button.isEnabled()
    with qtbot.waitSignal(controller.studies.checked):
        drop(panel, [files / "b0_1.txt", files / "b0_2.txt", files / "brain_mask.nii.gz"])
    assert [n.text().partition(":")[2] for n in notes(panel)] != []
    panel.editor.unit.setCurrentText("ppm")
    with qtbot.waitSignal(controller.studies.checked):
        panel.editor.unit.activated.emit(1)
    assert controller.studies.complete and not notes(panel)
    assert panel.show_button.isEnabled()
    assert [controller.studies.check.tilts[1]] == pytest.approx([30], abs=0.01)


def test_dropped_study_file_is_opened_and_shown(panel, controller, study, tmp_path, qtbot, viewer):
    file = tmp_path / "study.sti.yaml"
    write_study(study, file)
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        drop(panel, [file])
    assert controller.study.name == "three tilts" and controller.study.path == file
    assert len(controller.layers.fields()) == 3
    assert {layer.units[-1] for layer in viewer.layers} == {layer.units[0] for layer in viewer.layers}


def test_a_file_that_nobody_knows_is_named(panel, controller, tmp_path, qtbot):
    odd = tmp_path / "letter.docx"
    odd.write_text("")
    with qtbot.waitSignal(controller.message):
        drop(panel, [odd])
    assert "letter.docx cannot be used here" in panel.problem.text() and panel.problem.isVisible()


@pytest.mark.parametrize("name", [*SAID, "notes.txt", "numbers.txt", "empty.txt", "folder"])
def test_what_is_no_whole_image_does_not_come_in(panel, controller, files, tmp_path, qtbot, name):
    """Beside a good file, which does come in; every sentence says what is wrong, in which file, and the mend."""
    path = make_bad_file(tmp_path, name) if name in SAID else tmp_path / name
    texts = {"notes.txt": "notes of the scan\n", "numbers.txt": "1 2 3 4\n5 6 7 8\n", "empty.txt": ""}
    if name in texts:
        path.write_text(texts[name])
    elif name == "folder":
        path.mkdir()
    for given in ([path], [files / "ori1.nii.gz", path]):
        if name == "folder" and len(given) == 2:
            continue
        with qtbot.waitSignal(controller.message, timeout=10_000):
            drop(panel, given)
        there = [one.field.name for one in controller.study.orientations]
        assert there == [one.name for one in given if one != path]
        assert controller.study.orientations == () or controller.study.orientations[0].b0_dir is None
        said = panel.problem.text()
        assert panel.problem.isVisible() and said.startswith(f"{path}: ") and "\n" not in said
        if name in SAID:
            assert SAID[name] in said
        elif name in texts:
            assert "neither a field map nor a B0 direction" in said and "give field maps as .nii or .nii.gz" in said
        else:
            assert "holds neither NIfTI images nor text files with B0 directions; give the files" in said


def test_several_bad_files_are_all_named(panel, controller, files, tmp_path, qtbot):
    bad = [make_bad_file(tmp_path, name) for name in ("cut.nii.gz", "notes.nii", "empty.nii.gz")]
    mask = make_bad_file(tmp_path, "cut-header.nii.gz").rename(tmp_path / "brain_mask.nii.gz")
    with qtbot.waitSignal(controller.message, timeout=10_000):
        drop(panel, [*bad, mask, files / "ori1.nii.gz", files / "b0_1.txt"])
    assert panel.problem.text().endswith("Left out, too: empty.nii.gz, notes.nii, brain_mask.nii.gz.")
    assert controller.study.mask is None and len(controller.study.orientations) == 1
    assert controller.study.orientations[0].b0_dir == files / "b0_1.txt", "what is sound comes in"


def test_a_broken_study_says_so_in_one_sentence(panel, controller, tmp_path, qtbot):
    broken = tmp_path / "study.yaml"
    broken.write_text("name: [")
    with qtbot.waitSignal(controller.message):
        controller.studies.open(broken)
    assert panel.problem.text().count("\n") == 0 and "study.yaml" in panel.problem.text()


def test_button_of_a_note_leads_to_the_control(panel, controller, study, qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(study.mask), ""))
    with qtbot.waitSignal(controller.studies.checked):
        panel.setValue(replace(study, mask=None))
    (note,) = notes(panel)
    assert note.button.text().startswith("Choose")
    with qtbot.waitSignal(controller.studies.checked):
        note.button.click()
    assert controller.study.mask == study.mask and not notes(panel)


def test_faulty_rows_are_selected_by_their_note(panel, controller, study, qtbot):
    orientations = (study.orientations[0], *(replace(o, units=None) for o in study.orientations[1:]))
    with qtbot.waitSignal(controller.studies.checked):
        panel.setValue(replace(study, orientations=orientations))
    notes(panel)[0].button.click()
    assert panel.editor.table.selected_rows() == [1, 2]


def test_save_and_open(panel, controller, study, tmp_path, qtbot, monkeypatch):
    panel.setValue(study)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "mine"), ""))
    panel.findChild(object, "sti_save_study").click()
    file = tmp_path / "mine.sti.yaml"
    assert read_study(file).orientations == study.orientations
    panel.findChild(object, "sti_new_study").click()
    assert controller.studies.empty
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(file), ""))
    with qtbot.waitSignal(controller.studies.checked):
        panel.findChild(object, "sti_open_study").click()
    assert controller.study.orientations == study.orientations


def test_directions_from_text_files(panel, controller, study, files, qtbot, monkeypatch):
    panel.setValue(study)
    (files / "all.txt").write_text("0 0 1\n0 0.6 0.8\n0.6 0 0.8\n0 0 1\n")
    panel.take_directions([files / "all.txt"])
    assert "4 B0 directions for 3 orientations" in panel.problem.text()
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: ([str(files / "b0_3.txt")], ""))
    panel.editor.table.select_rows([0])
    panel.editor.from_text.click()
    assert controller.study.orientations[0].b0_dir == files / "b0_3.txt"


def test_chips_say_simulated(panel, controller, study, qtbot):
    with qtbot.waitSignal(controller.studies.checked):
        panel.setValue(replace(study, simulated=True))
    assert [c.text for c in panel.chips.value()] == ["simulated", "3 orientations", "11 × 9 × 7, 1.5 × 1.5 × 2 mm"]


def test_another_frame_by_hand_is_said_and_undone(panel, controller, study, qtbot):
    typed = replace(study.orientations[0], b0_dir=(0.0, 0.6, 0.8), frame="ras")
    panel.setValue(replace(study, orientations=(typed, *study.orientations[1:])))
    before = controller.study.orientations
    panel.editor.frame.setCurrentIndex(panel.editor.frame.findData("lps"))
    panel.editor.frame.activated.emit(panel.editor.frame.currentIndex())
    note = panel.findChild(Note, "sti_frame_note")
    assert note.text() == "B0 directions are now read as LPS; their numbers were kept."
    assert controller.study.orientations[0] == replace(typed, frame="lps")
    note.button.click()
    assert controller.study.orientations == before and note.text() == ""
    panel.editor.frame.activated.emit(panel.editor.frame.findData("ras"))
    panel.setValue(study)
    assert note.text() == "", "it is not about this study"


def test_a_study_of_the_cache_is_saved_elsewhere(panel, study, tmp_path, monkeypatch):
    from pathlib import Path

    asked = []
    answer = [""]
    monkeypatch.setenv("NAPARI_STI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (asked.append(Path(a[2])), (answer[0], ""))[1])
    panel.setValue(replace(study, path=tmp_path / "cache" / "sample-brain-1" / "study.yaml"))
    save = panel.findChild(object, "sti_save_study")
    answer[0] = str(tmp_path / "mine.sti.yaml")
    save.click()
    panel.setValue(replace(study, path=tmp_path / "cache" / "sample-brain-1" / "study.yaml"))
    save.click()
    panel.setValue(replace(study, path=tmp_path / "scan" / "own.yaml"))
    save.click()
    assert asked == [Path.home() / "study.sti.yaml", tmp_path / "study.sti.yaml", tmp_path / "scan" / "own.yaml"]


def test_what_is_missing_stands_above_the_form(panel, study, qtbot):
    panel.setValue(replace(study, mask=None))
    qtbot.waitUntil(lambda: bool(notes(panel)))
    form = panel.editor.mapToGlobal(panel.editor.rect().topLeft()).y()
    for note in notes(panel):
        assert note.mapToGlobal(note.rect().bottomLeft()).y() < form, "a small window would cut it off below"
