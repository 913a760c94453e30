"""The table shows what is stated, what was found out, and takes typed directions."""

from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_sti.core.errors import InputError
from napari_sti.io.study import Orientation
from napari_sti.widgets.orientation_table import B0, FILE, TILT, UNIT, OrientationTable, parse_b0

ROWS = (
    Orientation(Path("/data/very/deep/field_1.nii.gz"), (0.0, 0.0, 1.0), "voxel", "Hz"),
    Orientation(Path("/data/field_2.nii.gz"), "affine", None, "rad", te=0.02),
    Orientation(Path("/data/field_3.nii.gz"), Path("/data/b0.txt"), None, "ppm"),
    Orientation(None, None, None, None),
)


@pytest.fixture
def table(qtbot):
    made = OrientationTable()
    qtbot.addWidget(made)
    made.setValue(ROWS)
    return made


def shown(table, row, column, role=Qt.ItemDataRole.DisplayRole):
    return table.model().data(table.model().index(row, column), role)


def test_round_trip(table):
    assert table.value() == ROWS
    table.setValue(ROWS[:2])
    assert table.value() == ROWS[:2]


def test_what_is_shown(table):
    assert [shown(table, i, FILE) for i in range(4)] == [*(f"field_{i}.nii.gz" for i in (1, 2, 3)), "missing"]
    assert [shown(table, i, B0) for i in range(4)] == ["0.000  0.000  1.000", "from affine", "b0.txt", "missing"]
    assert [shown(table, i, UNIT) for i in range(4)] == ["Hz", "rad 20 ms", "ppm", "missing"]
    assert "/data/very/deep/field_1.nii.gz" in shown(table, 0, FILE, Qt.ItemDataRole.ToolTipRole)
    assert shown(table, 0, TILT) == ""


def test_tilts_and_directions_once_they_are_known(table):
    table.set_resolved(((0, 0, 1), (0, 0.5, 0.866), None, None), (0.0, 30.0, None, None), frozenset({3}))
    assert [shown(table, i, TILT) for i in range(4)] == ["0.0°", "30.0°", "", ""]
    assert "0.500  0.866" in shown(table, 1, B0, Qt.ItemDataRole.ToolTipRole)
    assert shown(table, 3, FILE, Qt.ItemDataRole.ForegroundRole) is not None


def test_typing_a_direction(table, qtbot):
    with qtbot.waitSignal(table.valueChanged):
        table.model().setData(table.model().index(3, B0), "0.1, -0.2  0.97")
    assert table.value()[3] == replace(ROWS[3], b0_dir=(0.1, -0.2, 0.97))
    assert shown(table, 3, B0, Qt.ItemDataRole.EditRole) == "0.1, -0.2, 0.97", "what is edited is exact"


def test_nonsense_is_refused_with_a_sentence(table, qtbot):
    with qtbot.waitSignal(table.refused) as caught:
        assert not table.model().setData(table.model().index(0, B0), "up")
    assert "'up' is not readable; type x, y, z, the word affine" in caught.args[0]
    assert table.value() == ROWS


@pytest.mark.parametrize(
    "text, value",
    [("", None), ("Affine", "affine"), ("[0 0 1]", (0.0, 0.0, 1.0)), ("0;0.6;0.8", (0.0, 0.6, 0.8))],
)
def test_reading_what_was_typed(text, value):
    assert parse_b0(text) == value


def test_reading_a_path(tmp_path):
    file = tmp_path / "b0.txt"
    file.write_text("0 0 1")
    assert parse_b0(str(file)) == file
    with pytest.raises(InputError, match="not readable"):
        parse_b0("1 2")


def test_selection_survives_edits(table):
    table.select_rows([1, 2])
    assert table.selected_rows() == [1, 2]
    table.setValue((*ROWS[:3], replace(ROWS[3], units="ppm")))
    assert table.selected_rows() == [1, 2]


def test_no_column_is_cut_at_the_width_of_the_dock(table):
    table.resize(370, 200)
    table.set_resolved(((0, 0, 1),) * 4, (60.0,) * 4, frozenset())
    table.show()
    assert table.horizontalHeader().length() <= table.viewport().width()


@pytest.mark.parametrize(
    "rows, heading",
    [
        (ROWS[:2], "B0 direction (voxel)"),
        (ROWS[1:2], "B0 direction"),
        (ROWS[2:], "B0 direction (LPS)"),
        (ROWS, "B0 direction (mixed)"),
        ((replace(ROWS[0], frame="ras"),), "B0 direction (RAS)"),
        ((replace(ROWS[0], frame=None),), "B0 direction (not stated)"),
    ],
)
def test_the_heading_names_the_frame(table, rows, heading):
    table.setValue(rows)
    assert table.model().headerData(B0, Qt.Orientation.Horizontal) == heading
