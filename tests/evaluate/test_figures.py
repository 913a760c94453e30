"""Figures: what they show is on the page, and they say what has to be said."""

import sys

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.figures import direction_figure, save_figure
from napari_sti.evaluate.slices import Windows
from tests.evaluate.pages import assert_nothing_overlaps, pictures, words
from tests.evaluate.phantoms import sided, stored


def drawn(**options):
    return direction_figure({"a": {6: sided(turn=5)}}, sided(), **options)


def test_radiological_is_said_and_drawn():
    figures = [drawn(convention=c) for c in ("neurological", "radiological")]
    left, right = (pictures(f)[0].get_array() for f in figures)
    np.testing.assert_array_equal(left, right[:, ::-1])
    assert any("neurological (the person's left is on the left)" in w for w in words(figures[0]))
    assert any("radiological (the person's right is on the left)" in w for w in words(figures[1]))


def test_the_windows_can_be_given():
    figure = drawn(limits=Windows(0.07, (0.0, 0.2), 30.0))
    assert "brightness: MSA\n0 to 0.2 ppm" in words(figure)
    assert "30" in [t.get_text() for axes in figure.axes for t in axes.get_xticklabels()]


def test_data_that_are_not_simulated_are_not_called_so():
    measured = TensorField(sided().chi, sided().affine, sided().mask)
    assert any("Simulated data." in word for word in words(drawn()))
    assert not any("imulated" in word for word in words(direction_figure({"a": {6: sided()}}, measured)))


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
    results = {"STI in k-space": dict.fromkeys((1, 2, 3), "needs 6 orientations") | {6: sided()}, "b": {6: sided()}}
    assert_nothing_overlaps(direction_figure(results, sided(), title="T"))


def test_figures_are_saved_whole_or_not_at_all(tmp_path):
    figure = drawn()
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
    figure = drawn()
    figure.canvas.draw()
    page = np.asarray(figure.canvas.buffer_rgba())
    assert page[0, 0].tolist() == [255, 255, 255, 255] and page.std() > 10
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_nothing_to_draw_is_named():
    with pytest.raises(InputError, match="there is no result to draw; run at least one method"):
        direction_figure({"a": {6: "failed"}}, sided())
    with pytest.raises(InputError, match="lies on another grid"):
        direction_figure({"a": {6: sided()}}, TensorField(sided().chi[:-1], sided().affine, sided().mask[:-1]))
