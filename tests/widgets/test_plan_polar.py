"""The polar picture: right is right, front is up, and every mark lies where its direction points."""

import numpy as np
import pytest
from qtpy.QtCore import QPointF

from napari_sti.maps.head_tilt import direction_of
from napari_sti.maps.next_tilt import plan
from napari_sti.maps.orientation_worth import KGrid
from napari_sti.widgets.plan_polar import PolarPicture, gain_image

CUBIC = KGrid((7, 7, 7))


@pytest.fixture(scope="module")
def found():
    """B0 to the head's left and front: leans to the right, chin up."""
    return plan(direction_of([0, -20, 0], [0, 0, -20]), CUBIC, max_tilt=30, steps=1)


@pytest.fixture
def picture(qtbot, found):
    widget = PolarPicture()
    qtbot.addWidget(widget)
    widget.resize(380, widget.sizeHint().height())
    widget.setValue(found)
    return widget


def test_places_of_the_directions(picture):
    centre, right, front = picture.place(0, 0), picture.place(20, 0), picture.place(0, 20)
    assert right.x() > centre.x() and right.y() == centre.y()
    assert front.y() < centre.y() and front.x() == centre.x()
    picture.set_radiological(True)
    assert picture.place(20, 0).x() < centre.x() and picture.place(0, 20) == front


@pytest.mark.parametrize("radiological", [False, True])
def test_words_under_the_pointer(picture, radiological):
    picture.set_radiological(radiological)
    assert picture.words_at(picture.place(15, 0)).startswith("15° lean to the left: ")
    assert picture.words_at(picture.place(0, -15)).startswith("15° nod forward (chin to chest): ")
    assert picture.words_at(picture.place(0, 0)).startswith("head straight: ")
    assert picture.words_at(picture.place(35, 0)) == "" == picture.words_at(QPointF(0, 0))
    np.testing.assert_allclose(picture.degrees_at(picture.place(-7, 3)), (-7, 3), atol=1e-9)


def test_marks_have_the_numbers_of_the_table(picture, found):
    marks = {tuple(numbers): (at, advised) for at, numbers, advised in picture._marks(found)}
    assert set(marks) == {(1,), (2,), (3,), (4,)} and marks[(4,)][1] and not marks[(3,)][1]
    assert marks[(3,)][0].x() < marks[(1,)][0].x(), "a lean to the right brings B0 to the head's left"
    assert marks[(2,)][0].y() < marks[(1,)][0].y(), "chin up brings B0 to the front"


def test_marks_that_would_cover_each_other_are_one(picture):
    same = plan([[0, 0, 1], [0, 0, -1], *direction_of([20, -20], [0, 0])], CUBIC, max_tilt=30, steps=0)
    assert [numbers for _, numbers, _ in picture._marks(same)] == [[1, 2], [3], [4]]


def test_colours_have_right_at_the_right(found):
    """Both leans so far went to the right, so the bright side is that of B0 to the head's right."""
    image, n = gain_image(found.gains), len(found.gains.offsets)
    middle = n // 2
    bright = [image.pixelColor(x, middle).lightness() for x in (3, n - 4)]
    assert bright[1] > bright[0] + 30
    up_down = [image.pixelColor(middle, y).lightness() for y in (3, n - 4)]
    assert up_down[1] > up_down[0] + 30, "chin up was there: nods forward, at the bottom, are brighter"


@pytest.mark.parametrize("radiological", [False, True])
def test_drawn_sides_follow_the_convention(picture, radiological):
    picture.set_radiological(radiological)
    image = picture.grab().toImage()
    ratio = image.width() / picture.width()
    bright = []
    for degrees in (25, -25):
        at = picture.place(degrees, 3)
        bright.append(image.pixelColor(round(at.x() * ratio), round(at.y() * ratio)).lightness())
    assert bright[0] > bright[1] + 20


def test_empty_picture_is_empty(qtbot, picture):
    full = picture.grab().toImage()
    picture.setValue(None)
    assert picture.value() is None and picture.grab().toImage() != full and picture.words_at(QPointF(9, 9)) == ""
