"""Curves over a logarithmic axis: what is left out, where the lines of the axis are, what is marked."""

import math

import pytest

from napari_sti.widgets.log_curves import Curve, LogCurves, placeable, ticks


@pytest.fixture
def curves(qtbot):
    widget = LogCurves("loss", height=120)
    qtbot.addWidget(widget)
    widget.resize(320, 120)
    return widget


def test_what_has_no_logarithm_is_left_out():
    assert placeable([(1, 0.5), (2, None), (3, 0.0), (4, -1), (5, math.nan), (6, math.inf), (7, 2.0)]) == (
        (1, 0.5),
        (7, 2.0),
    )


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (-4.2, 0.1, [1e-4, 1e-3, 1e-2, 0.1, 1]),
        (-1.5, -0.4, [0.05, 0.1, 0.2]),
        (-0.99, -0.9, [10**-0.99, 10**-0.9]),
    ],
)
def test_an_axis_has_at_least_two_lines(low, high, values):
    assert [10**tick for tick in ticks(low, high)] == pytest.approx(values)


def test_axes_span_all_curves(curves):
    curves.set_curves([Curve("training", ((10, 1.0), (40, 0.1))), Curve("validation", ((20, 3.0), (60, 0.01)))])
    assert curves.span() == (10, 60) and curves.decades() == pytest.approx((-2, math.log10(3)))
    assert [curve.name for curve in curves.curves()] == ["training", "validation"]


def test_empty_curves_one_point_and_a_mark_are_painted(curves):
    empty = curves.grab().toImage()
    curves.set_curves([Curve("a", ((3, 0.2),)), Curve("b")], ends="steps")
    one = curves.grab().toImage()
    assert one != empty
    curves.mark(3)
    assert curves.grab().toImage() != one
    curves.mark(99)  # outside
    assert curves.grab().toImage() == one
