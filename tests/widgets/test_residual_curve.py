"""The curve takes what a solver sends, and nothing else."""

import math

import pytest

from napari_sti.widgets.residual_curve import ResidualCurve


@pytest.fixture
def curve(qtbot):
    widget = ResidualCurve()
    qtbot.addWidget(widget)
    widget.resize(300, 64)
    return widget


def test_collects_points_and_leaves_out_what_has_no_logarithm(curve):
    for i, r in enumerate([1.0, 0.5, None, math.nan, 0.0, -1.0, 0.1]):
        curve.add(i, r)
    assert curve.value() == ((0, 1.0), (1, 0.5), (6, 0.1))


def test_axis_spans_the_data_and_at_least_half_a_decade(curve):
    curve.setValue([(0, 1.0), (1, 0.01)])
    assert curve.decades() == pytest.approx((-2, 0))
    curve.setValue([(0, 0.1), (1, 0.099)])
    low, high = curve.decades()
    assert high - low == pytest.approx(0.5) and low < -1 < high


def test_a_second_solve_starts_anew(curve):
    curve.setValue([(0, 1.0), (9, 0.2), (0, 1.0)])
    assert curve.value() == ((0, 1.0),)


def test_thousands_of_points_stay_few(curve):
    for i in range(10_000):
        curve.add(i, 1 / (i + 1))
    assert len(curve.value()) <= 2000
    assert curve.value()[0] == (0, 1.0) and curve.value()[-1][0] == 9999


def test_paints_empty_and_full(curve):
    empty = curve.grab().toImage()
    curve.setValue([(i, 0.9**i) for i in range(40)])
    assert curve.grab().toImage() != empty


def test_the_axis_is_named(curve):
    image = curve.grab().toImage()
    ground = image.pixel(image.width() - 1, 0)
    assert any(image.pixel(x, y) != ground for x in range(10) for y in range(20, image.height() - 20))
