"""Lists to choose from: what has no room is shortened with an ellipsis, and told as a tip."""

import pytest
from qtpy.QtCore import QEvent, QPoint
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_sti.widgets.controls import named_combo

LONG = "fsl (FSL dtifit: voxel axes, x flipped if det > 0)"


@pytest.fixture
def combo(qtbot):
    made = named_combo("sti_any", "Axes of V1.")
    qtbot.addWidget(made)
    made.addItem("ras", "ras")
    made.addItem(LONG, "fsl")
    made.resize(180, 24)
    made.show()
    return made


def test_a_long_entry_is_shortened_and_a_short_one_is_not(combo):
    assert combo.shown_text() == "ras"
    combo.setCurrentIndex(1)
    shown = combo.shown_text()
    assert "\N{HORIZONTAL ELLIPSIS}" in shown and shown[:3] == "fsl" and shown[-1] == ")" and len(shown) < len(LONG)
    assert combo.currentText() == LONG and combo.currentData() == "fsl"
    picture = combo.grab().toImage()
    combo.resize(600, 24)
    assert combo.shown_text() == LONG and combo.grab().toImage() != picture


def test_the_tip_tells_all_of_it(combo, monkeypatch):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda place, text, widget: told.append(text))
    combo.setCurrentIndex(1)
    QApplication.sendEvent(combo, QHelpEvent(QEvent.Type.ToolTip, QPoint(4, 4), QPoint(4, 4)))
    assert told == [f"{LONG}\n\nAxes of V1."]


def test_the_open_list_has_room_for_its_entries(combo):
    combo.showPopup()
    assert combo.view().minimumWidth() >= combo.fontMetrics().horizontalAdvance(LONG)
    combo.hidePopup()
