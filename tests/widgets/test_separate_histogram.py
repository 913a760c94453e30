"""The brush of the joint histogram, by mouse and keys, and the box plots."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_sti.maps.joint_histogram import joint_histogram
from napari_sti.maps.separation_regions import region_boxes
from napari_sti.widgets.separate_boxes import BoxPlots
from napari_sti.widgets.separate_histogram import JointHistogramView, histogram_image
from tests.maps.test_joint_histogram import SHAPE, field


@pytest.fixture
def view(qtbot):
    made = JointHistogramView()
    qtbot.addWidget(made)
    made.resize(360, 236)
    made.setValue(joint_histogram(field(), limits=(0.08, 0.04)))
    made.show()
    made.brushes = []
    made.brushed.connect(lambda pos, neg: made.brushes.append((pos, neg)))
    return made


def drag(qtbot, view, start, end):
    points = [view.place(*values).toPoint() for values in (start, end)]
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=points[0])
    qtbot.mouseMove(view, QPoint(sum(p.x() for p in points) // 2, points[0].y()))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=points[1])


def test_a_rectangle_becomes_two_spans_whichever_way_it_is_drawn(qtbot, view) -> None:
    for start, end in (((0.02, 0.01), (0.06, 0.03)), ((0.06, 0.03), (0.02, 0.01))):
        drag(qtbot, view, start, end)
    for pos, neg in view.brushes:
        np.testing.assert_allclose([*pos, *neg], [0.02, 0.06, 0.01, 0.03], atol=5e-4)
    drag(qtbot, view, (0.04, 0.02), (0.2, -0.1))
    assert view.brush()[0][1] == pytest.approx(0.08) and view.brush()[1][0] == 0, "kept within the axes"


def test_a_click_or_escape_takes_it_away_and_arrows_move_it(qtbot, view) -> None:
    drag(qtbot, view, (0.02, 0.01), (0.06, 0.03))
    (low, high), _ = view.brush()
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.brush()[0] == pytest.approx((low - 0.08 / 24, high - 0.08 / 24))
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.brush()[0] == pytest.approx((low - 0.08 / 24, high))
    with qtbot.waitSignal(view.cleared):
        qtbot.keyClick(view, Qt.Key.Key_Escape)
    drag(qtbot, view, (0.02, 0.01), (0.06, 0.03))
    with qtbot.waitSignal(view.cleared):
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.place(0.05, 0.03).toPoint())
    assert view.brush() is None


def test_the_picture_has_chi_plus_to_the_right_and_chi_minus_upwards() -> None:
    counts = np.zeros((6, 4), np.int64)
    counts[5, 0] = 3
    image = histogram_image(counts)
    assert (image.width(), image.height()) == (6, 4)
    seen = [(x, y) for x in range(6) for y in range(4) if image.pixelColor(x, y).alpha()]
    assert seen == [(5, 3)], "much chi+ and no chi-: at the right of the lowest line"


def test_boxes_say_their_numbers(qtbot) -> None:
    labels = np.ones(SHAPE, int)
    labels[3:] = 2
    boxes = region_boxes({"wavesep 1": field(), "closed form": field()}, labels)
    plots = BoxPlots()
    qtbot.addWidget(plots)
    plots.setValue(boxes)
    plots.grab()
    assert plots.value() == boxes and plots.top() >= max(box.percentiles[-1] for box in boxes)
    assert plots.words_at(2) == "" and plots.words_at(20).startswith("label 1, wavesep 1, χ+: median 0.0")
    plots.setValue(())
    assert not plots.isVisible()
