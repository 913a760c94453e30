"""Figures: what they show is on the page, and they say what has to be said."""

import sys

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.evaluate.figures import comparison_figure, direction_figure, save_figure
from napari_sti.evaluate.slices import Windows
from tests.evaluate.phantoms import isotropic, sided, stored


def words(figure):
    """Everything that is written in a figure."""
    found = [t.get_text() for t in figure.texts]
    for axes in figure.axes:
        found += [t.get_text() for t in axes.texts] + [axes.get_title(), axes.get_xlabel()]
    return [w for w in found if w]


def pictures(figure):
    return [image for axes in figure.axes for image in axes.images]


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def test_a_comparison_has_a_row_for_each_and_says_what_it_shows():
    results = {"first": sided(turn=10), "second, stored otherwise": stored(sided(turn=40), "PIL"), "flat": isotropic()}
    figure = comparison_figure(results, sided(), title="Three")
    said = " ".join(words(figure))
    for word in ("MMS", "MSA", "PEV colour", "PEV angle error", "first", "second,", "ground truth", "Three"):
        assert word in said
    assert "10.0°" in said and "40.0°" in said and "isotropic" in said
    assert "Simulated data." in said and "neurological (the person's left is on the left)" in said
    for letter in ("L", "R", "A", "P"):
        assert words(figure).count(letter) == 4 + 1  # once in each row, once on the key
    # The same windows in all rows: three images of MMS and of MSA and that of the truth share theirs.
    limits = {image.get_clim() for image in pictures(figure) if image.get_cmap().name == "gray"}
    assert len(limits) == 1


def test_radiological_is_said_and_drawn():
    figures = [comparison_figure({"a": sided()}, None, convention=c) for c in ("neurological", "radiological")]
    left, right = (next(i for i in pictures(f) if i.get_array().ndim == 3).get_array() for f in figures)
    np.testing.assert_array_equal(left, right[:, ::-1])
    assert any("radiological (the person's right is on the left)" in w for w in words(figures[1]))


def test_without_a_reference_there_are_no_angles():
    said = words(comparison_figure({"a": sided(), "b": isotropic()}, None))
    assert not any("angle" in word.lower() for word in said)


def test_data_that_are_not_simulated_are_not_called_so():
    assert not any("imulated" in word for word in words(comparison_figure({"a": isotropic()}, None)))


def test_the_windows_can_be_given():
    figure = comparison_figure({"a": sided()}, sided(), limits=Windows(0.07, (0.0, 0.2), 30.0))
    assert {i.get_clim() for i in pictures(figure) if i.get_cmap().name == "gray"} == {(-0.07, 0.07)}
    assert "0.2" in " ".join(t.get_text() for axes in figure.axes for t in axes.get_xticklabels())


def test_the_reference_may_be_one_of_the_names():
    truth = sided()
    assert comparison_figure({"ground truth (simulated)": sided(turn=5)}, truth) is not None


def test_directions_for_every_number_of_orientations():
    results = {
        "good": {1: sided(turn=30), 6: sided(turn=3)},
        "picky": {1: "needs 6 orientations", 6: stored(sided(turn=7), "AIR")},
    }
    figure = direction_figure(results, sided(), note="20 dB.")
    said = words(figure)
    assert said.count("n = 1") == 2 and said.count("n = 6") == 2
    assert {"30°", "3°", "7°"} <= set(said) and any("needs 6" in word for word in said)
    assert "20 dB." in " ".join(said) and "Simulated data." in " ".join(said)


def test_nothing_is_written_over_anything_else():
    """Texts on the page do not overlap each other."""
    results = {"STI in k-space": dict.fromkeys((1, 2, 3), "needs 6 orientations") | {6: sided()}, "b": {6: sided()}}
    for figure in (direction_figure(results, sided(), title="T"), comparison_figure({"a": sided()}, sided())):
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        boxes = [t.get_window_extent(renderer) for t in figure.texts]
        boxes += [t.get_window_extent(renderer) for axes in figure.axes for t in axes.texts]
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                inner = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
                assert min(inner) <= 1, (a, b)
        page = figure.bbox
        assert all(b.x0 >= page.x0 - 1 and b.x1 <= page.x1 + 1 and b.y0 >= page.y0 - 1 for b in boxes)


def test_figures_are_saved_whole_or_not_at_all(tmp_path):
    figure = comparison_figure({"a": sided()}, sided())
    assert save_figure(figure, tmp_path / "a.png").stat().st_size > 5000
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert save_figure(figure, tmp_path / "a.PDF").read_bytes()[:4] == b"%PDF"
    with pytest.raises(InputError, match="exists already"):
        save_figure(figure, tmp_path / "a.png")
    save_figure(figure, tmp_path / "a.png", overwrite=True)
    with pytest.raises(InputError, match=r"cannot be written as .xyz; use .png, .pdf"):
        save_figure(figure, tmp_path / "a.xyz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.PDF", "a.png"]


def test_pyplot_is_not_touched():
    before = "matplotlib.pyplot" in sys.modules
    page = pixels(comparison_figure({"a": sided()}, sided()))
    assert page[0, 0].tolist() == [255, 255, 255, 255] and page.std() > 10
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_nothing_to_draw_is_named():
    with pytest.raises(InputError, match="there is no result to draw; choose at least one"):
        comparison_figure({}, sided())
    with pytest.raises(InputError, match="there is no result to draw; run at least one method"):
        direction_figure({"a": {6: "failed"}}, sided())
    with pytest.raises(InputError, match="lies on another grid"):
        comparison_figure({"a": sided()}, type(sided())(sided().chi[:-1], sided().affine, sided().mask[:-1]))
