"""The editor gives back the study that it was given, and changes what is selected."""

from dataclasses import replace

import pytest

from napari_sti.io.study import Study
from napari_sti.widgets.study_editor import NOT_STATED, SEVERAL, StudyEditor


@pytest.fixture
def editor(qtbot, study):
    made = StudyEditor()
    qtbot.addWidget(made)
    made.setValue(study)
    return made


def test_round_trip(editor, study):
    assert editor.value() == study
    odd = replace(study, name="x", tesla=7.0, mask=None, wm_mask=study.mask, simulated=True)
    editor.setValue(odd)
    assert editor.value() == odd
    editor.setValue(Study())
    assert editor.value() == Study()


def choose(combo, text):
    combo.setCurrentText(text)
    combo.activated.emit(combo.currentIndex())


def test_unit_of_all_or_of_the_selected(editor, qtbot):
    assert editor.unit.currentText() == "ppm"
    editor.table.select_rows([1])
    with qtbot.waitSignal(editor.valueChanged):
        choose(editor.unit, "Hz")
    assert [o.units for o in editor.value().orientations] == ["ppm", "Hz", "ppm"]
    editor.table.clearSelection()
    assert editor.unit.currentText() == SEVERAL
    choose(editor.unit, "rad")
    assert {o.units for o in editor.value().orientations} == {"rad"}


def test_echo_time_appears_with_radians_and_is_in_ms(editor):
    editor.show()
    assert not editor.te.isVisible()
    choose(editor.unit, "rad")
    assert editor.te.isVisible() and NOT_STATED in editor.te.text()
    editor.te.setValue(20.1)
    assert {o.te for o in editor.value().orientations} == {0.0201}


def test_field_strength_not_stated_is_none(editor):
    editor.tesla.setValue(0)
    assert editor.value().tesla is None
    editor.tesla.setValue(7)
    assert editor.value().tesla == 7.0


def test_directions_from_the_affine_and_their_frame(editor):
    editor.table.select_rows([0])
    editor.from_affine.click()
    assert editor.value().orientations[0].b0_dir == "affine"
    editor.table.clearSelection()
    editor.frame.setCurrentIndex(editor.frame.findData("voxel"))
    editor.frame.activated.emit(editor.frame.currentIndex())
    assert {o.frame for o in editor.value().orientations} == {"voxel"}


def test_remove(editor, study):
    assert not editor.remove.isEnabled()
    editor.table.select_rows([0, 2])
    editor.remove.click()
    assert editor.value().orientations == study.orientations[1:2]


def test_name_and_mask(editor, study):
    editor.name.setText("  twin A ")
    editor.name.editingFinished.emit()
    assert editor.value().name == "twin A"
    editor.mask.setValue(None)
    assert editor.value().mask is None


def test_every_place_has_a_control(editor):
    for place in ("te", "tesla", "unit", "frame", "b0", "mask", "fields"):
        assert editor.control(place) is not None
