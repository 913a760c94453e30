"""The figure of a plan: places, letters, and a file that opens."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.maps.head_tilt import direction_of, in_words
from napari_sti.maps.next_tilt import at_offset, plan
from napari_sti.maps.orientation_worth import KGrid
from napari_sti.maps.plan_figure import RIM_WORDS, offsets, plan_figure, radius, save_plan_figure

GRID = KGrid((7, 8, 6))


@pytest.fixture(scope="module")
def found():
    return plan(direction_of([0, 20, -25], [0, 55, 5]), GRID, max_tilt=30, steps=2)


def test_places_undo_the_map():
    for right, front in ((12.0, -7.0), (-40.0, 0.0), (0.0, 0.0), (3.0, 80.0)):
        np.testing.assert_allclose(offsets(at_offset(right, front)), (right, front), atol=1e-9)
        np.testing.assert_allclose(offsets(-at_offset(right, front)), (right, front), atol=1e-9)


def test_picture_holds_every_direction(found):
    assert radius(found) == 60 and radius(plan([[0, 0, 1]], GRID, max_tilt=40, steps=0)) == 40


@pytest.mark.parametrize("letter, at", [("R", (30, 0)), ("L", (-30, 0)), ("A", (0, 30)), ("P", (0, -30))])
def test_words_at_the_rim_are_those_of_the_tilt(letter, at):
    said, rim = in_words(at_offset(*at)), RIM_WORDS[letter]
    assert rim.removeprefix("lean ") in said and (("lean" in said) == ("lean" in rim))


def test_figure_says_what_it_shows(found):
    figure = plan_figure(found, "head 1")
    texts = [t.get_text() for axes in figure.axes for t in axes.texts]
    assert {"R\nlean left", "L\nlean right", "A\nchin up", "P\nchin to chest"} <= set(texts)
    assert {"1", "2", "3", "4", "5"} <= set(texts)
    assert any("3 orientations determine 3 of the six" in t.replace("\n", " ") for t in texts)


def test_file_is_written_once(found, tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "plan.png"
    save_plan_figure(found, "head 1", path)
    image = imread(path)
    assert image.shape[1] > 1000 and image[..., :3].std() > 0.05
    with pytest.raises(InputError, match="exists already"):
        save_plan_figure(found, "head 1", path)
