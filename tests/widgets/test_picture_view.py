"""Pictures beside each other: proportions are kept, names stand below, broken files are left out."""

import numpy as np
import pytest
from matplotlib.image import imsave
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QFontMetrics

from napari_sti.widgets.picture_view import PictureView


@pytest.fixture
def view(qtbot):
    widget = PictureView("sti_pictures")
    qtbot.addWidget(widget)
    widget.resize(300, 200)
    return widget


@pytest.fixture
def make(tmp_path):
    """Write pictures of these shapes and return their files by name."""

    def files(**shapes):
        for name, shape in shapes.items():
            imsave(tmp_path / f"{name}.png", np.full((*shape, 3), 200, np.uint8))
        return {name: tmp_path / f"{name}.png" for name in shapes}

    return files


def test_three_stand_in_a_row(view, make):
    files = make(a=(40, 30), b=(30, 30), c=(20, 30), d=(30, 30))
    view.setValue(files)
    line = QFontMetrics(view.font()).height()
    assert view.columns() == 3 and view.value() == files
    # Three of 97 pixels with gaps of 4; enlarged at most threefold.
    assert view.heightForWidth(300) == (120 + line) + 4 + (90 + line)
    before = view.grab().toImage()
    view.setValue(make(a=(40, 30)))
    assert view.columns() == 1 and view.grab().toImage() != before


def test_wide_ones_have_a_row_of_their_own(view, make):
    view.setValue(make(a=(50, 200), b=(50, 200)))
    line = QFontMetrics(view.font()).height()
    assert view.columns() == 1 and view.heightForWidth(200) == 2 * (50 + line) + 4


def test_a_broken_file_is_left_out(view, make, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    view.show()
    view.setValue({"broken": tmp_path / "broken.png"})
    assert not view.isVisible()
    view.setValue({**make(a=(5, 5)), "broken": tmp_path / "broken.png"})
    assert view.isVisible() and view.accessibleName() == "a"


def test_one_with_much_in_it_is_as_wide_as_the_dock_and_a_click_shows_all_of_it(view, make, qtbot):
    view.setValue(make(residuals=(810, 950), angles=(480, 950)))
    view.resize(380, view.heightForWidth(380))
    view.show()
    assert view.columns() == 1 and view.heightForWidth(380) > 380 * 810 / 950 + 380 * 480 / 950
    assert view.name_at(QPoint(190, 100)) == "residuals" and view.name_at(QPoint(190, view.height() - 60)) == "angles"
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(190, view.height() - 60))
    first = view.large
    assert first.isVisible() and first.windowTitle() == "angles"
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert view.large.windowTitle() == "residuals" and not first.isVisible()
    assert view.large.width() >= 800 or view.large.width() >= 0.85 * view.screen().availableSize().width()
    qtbot.keyClick(view.large, Qt.Key.Key_Escape)
    assert not view.large.isVisible()
