"""Numbers are kept to the last bit, however small."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QValidator

from napari_sti.widgets.number_boxes import ScientificBox, number_text


@pytest.fixture
def box(qtbot):
    widget = ScientificBox()
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize("value", [0.0, 1e-6, 0.005, 1 / 3, 1e-12, 123456.789, -2.5e-300, 1e22])
def test_keeps_every_number(box, value):
    box.setValue(value)
    assert box.value() == value
    assert float(box.text()) == value


@pytest.mark.parametrize(
    "value, text", [(1e-6, "1e-6"), (0.005, "0.005"), (100.0, "100"), (0.02, "0.02"), (1.5e-9, "1.5e-9")]
)
def test_text_is_short(value, text):
    assert float(number_text(value)) == value
    assert number_text(value) == text


@pytest.mark.parametrize("typed, value", [("2.5e-7", 2.5e-7), ("0,02", 0.02), ("3", 3.0), ("-1E-3", -1e-3)])
def test_typed_numbers_are_taken(box, qtbot, typed, value):
    box.setSuffix(" ppm")
    box.show()
    box.selectAll()
    qtbot.keyClicks(box, typed)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == value
    assert box.text().endswith(" ppm")


def test_words_are_refused_and_ranges_kept(box):
    box.setRange(0, 1)
    assert box.validate("two", 0)[0] == QValidator.State.Invalid
    assert box.validate("1e", 0)[0] == QValidator.State.Intermediate
    assert box.validate("0.5", 0)[0] == QValidator.State.Acceptable
    assert box.fixup("7") == "1"


@pytest.mark.parametrize(
    "value, steps, after", [(0.002, 1, 0.003), (1e-6, 1, 2e-6), (1e-6, -1, 9e-7), (9e-7, 1, 1e-6), (2e-6, -1, 1e-6)]
)
def test_arrows_change_the_leading_digit(box, value, steps, after):
    box.setValue(value)
    box.stepBy(steps)
    assert box.value() == pytest.approx(after, rel=1e-12)
