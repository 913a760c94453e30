"""Results with a check box each: what lies on another grid cannot be checked, and says why."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_sti.widgets.run_checks import RunChecks
from napari_sti.widgets.session.compare_sources import Candidate

SHAPE, AFFINE = (5, 6, 7), np.diag([-2.0, 2, 3, 1])


def candidate(name, shape=SHAPE, affine=AFFINE, about=""):
    return Candidate(name, Path("/runs") / name, shape, affine, about)


@pytest.fixture
def box(qtbot):
    made = RunChecks()
    qtbot.addWidget(made)
    stored_otherwise = candidate("b", (7, 5, 6), AFFINE[:, [2, 0, 1, 3]])
    candidates = [candidate("a", about="a study"), stored_otherwise, candidate("c", (5, 6, 8))]
    made.set_candidates({one.name: one for one in candidates})
    made.show()
    return made


def enabled(box):
    return [bool(box.item(row).flags() & Qt.ItemFlag.ItemIsEnabled) for row in range(box.count())]


def test_round_trip(box, qtbot):
    with qtbot.waitSignal(box.valueChanged):
        box.setValue(("b", "a", "gone"))
    assert box.value() == ("a", "b")
    assert box.item(0).text() == "a   a study"


def test_only_one_grid(box):
    assert enabled(box) == [True, True, True]
    box.setValue(("a",))
    assert enabled(box) == [True, True, False]
    assert "5x6x8 voxels: another grid than a" in box.item(2).toolTip()
    box.setValue(())
    assert enabled(box) == [True, True, True]


def test_a_click_on_the_box_checks(box, qtbot):
    middle = box.visualItemRect(box.item(1)).center()
    qtbot.mouseClick(box.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(12, middle.y()))
    assert box.value() == ("b",)


def test_checks_stay_when_the_list_is_renewed(box):
    box.setValue(("b",))
    newer = {name: candidate(name) for name in ("new", "b")}
    box.set_candidates(newer)
    assert box.value() == ("b",) and box.count() == 2
    box.set_candidates({})
    assert box.value() == () and box.count() == 0
