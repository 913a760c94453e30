"""What is missing is said once, with where it is mended."""

from pathlib import Path

from napari_sti.io.study import Problem
from napari_sti.widgets.session.missing import missing


def test_the_same_for_several_orientations_is_said_once():
    found = missing([Problem(f"orientation {i + 1} has no B0 direction", "state a vector", i) for i in range(7)])
    assert [m.text for m in found] == ["Orientations 1 to 7 have no B0 direction; state a vector."]
    assert found[0].orientations == tuple(range(7)) and found[0].place == "b0"


def test_file_names_are_left_out_when_there_are_several():
    unit = "the unit of the field is not stated"
    found = missing([Problem(f"f{i}.nii: {unit}", "state units", i, Path(f"f{i}.nii")) for i in (0, 2)])
    assert [m.text for m in found] == [f"Orientations 1, 3: {unit}; state units."]
    assert found[0].place == "unit"


def test_one_alone_keeps_its_words():
    found = missing([Problem("the study has no brain mask", "add a mask"), Problem("odd", "")])
    assert [(m.text, m.place) for m in found] == [("The study has no brain mask; add a mask.", "mask"), ("Odd.", "")]


def test_the_name_of_a_file_keeps_its_case():
    file = Path("field_01.nii.gz")
    (found,) = missing([Problem(f"{file.name}: the unit of the field is not stated", "state units", 0, file)])
    assert found.text.startswith("field_01.nii.gz: the unit")
