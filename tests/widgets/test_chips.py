"""Chips take as many lines as they need, and say how high they are."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sti.widgets.chips import ChipRow, ChipText


def test_lines_follow_the_width(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    row, below = ChipRow(), QWidget()
    layout.addWidget(row)
    layout.addWidget(below, 1)
    window.resize(600, 300)
    window.show()
    assert not row.isVisible()
    row.setValue([ChipText("simulated", kind="warning"), ChipText("7 orientations"), ChipText("84 x 92 x 56, 2 mm")])
    qtbot.waitUntil(lambda: row.height() > 10)
    one = row.height()
    window.resize(130, 300)
    qtbot.waitUntil(lambda: row.height() > 2.5 * one)
    boxes = [chip.geometry() for chip in row._made]
    assert all(box.right() <= row.width() and box.bottom() <= row.height() for box in boxes)
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
    qtbot.waitUntil(lambda: below.y() >= row.height())
    window.resize(600, 300)
    qtbot.waitUntil(lambda: row.height() == one)
    row.setValue([])
    assert not row.isVisible() and row.value() == ()
