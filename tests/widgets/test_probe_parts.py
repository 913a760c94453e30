"""The painted parts and the tables of the Probe panel."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_sti.maps.probe import FieldsHere, probeable
from napari_sti.viz.numbers import MINUS
from napari_sti.widgets.probe_arrow import DirectionView, direction_colour
from napari_sti.widgets.probe_bars import FieldBars
from napari_sti.widgets.probe_tables import RunsHereTable, TensorMatrix, TensorNumbers
from tests.viz.phantoms import marked_tensor


@pytest.fixture
def probe():
    tensor = marked_tensor()
    return probeable("run", tensor).at(tensor.affine[:3, :3] @ (4, 6, 2) + tensor.affine[:3, 3])


def fields(n=3):
    measured = np.array([0.02, -0.01, np.nan])[:n]
    dirs = np.tile([0, 0, 1.0], (n, 1))
    return FieldsHere(tuple(f"tilt {i}" for i in range(n)), np.arange(n) * 20.0, dirs, measured, np.full(n, 0.015))


def pixels(widget):
    image = widget.grab().toImage()
    places = ((y, x) for y in range(image.height()) for x in range(image.width()))
    colours = [image.pixelColor(x, y).getRgb()[:3] for y, x in places]
    return np.array(colours).reshape(image.height(), image.width(), 3)


def test_the_view_shows_right_on_the_right_and_is_no_mirror_image(qtbot):
    view = DirectionView()
    qtbot.addWidget(view)
    axes = view.axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1), "right, up and towards the viewer: right-handed, not mirrored"
    assert view.place((1, 0, 0)).x() > view.place((-1, 0, 0)).x()
    assert view.place((0, 0, 1)).y() < view.place((0, 0, -1)).y()
    assert axes[2] @ (0, 1, 0) < 0, "seen from behind: the front is away"


@pytest.mark.parametrize(("axis", "channel"), [((1, 0, 0), 0), ((0, 1, 0), 1), ((0, 0, 1), 2)])
def test_the_arrow_lies_along_its_axis_in_its_colour(qtbot, axis, channel):
    view = DirectionView()
    qtbot.addWidget(view)
    view.setValue(axis)
    picture = pixels(view)
    for sign in (0.5, -0.5):
        at = view.place(sign * np.array(axis, float))
        rgb = picture[round(at.y()), round(at.x())]
        assert rgb.argmax() == channel and rgb[channel] > np.sort(rgb)[1] + 40, rgb
    assert direction_colour(axis).getRgb()[channel] == 255


def test_it_turns_under_the_mouse_and_back(qtbot):
    view = DirectionView()
    qtbot.addWidget(view)
    view.show()
    before = view.axes()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    qtbot.mouseMove(view, QPoint(90, 60))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(90, 60))
    assert not np.allclose(view.axes(), before) and np.linalg.det(view.axes()) == pytest.approx(1)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    np.testing.assert_allclose(view.axes(), before)


def test_bars_grow_with_the_values(qtbot):
    bars = FieldBars()
    qtbot.addWidget(bars)
    bars.resize(360, 200)
    bars.setValue(fields())
    bars.resize(360, bars.sizeHint().height())
    assert bars.limit() == pytest.approx(0.02) and "measured 0.020 ppm, predicted 0.015 ppm" in bars.toolTip()
    assert f"measured {MINUS}0.010 ppm" in bars.toolTip() and "no value" in bars.toolTip()
    picture = pixels(bars)
    row = 24 + 24 * 0 + 7
    blue = (picture[row, :, 2] - picture[row, :, 0]) > 60
    middle = 60 + (360 - 60 - 104) / 2
    assert blue[int(middle) + 4 : int(middle) + 90].all() and not blue[: int(middle) - 3].any()
    row += 24
    blue = (picture[row, :, 2] - picture[row, :, 0]) > 60
    assert blue[int(middle) - 40 : int(middle) - 4].all() and not blue[int(middle) + 4 :].any()
    bars.setValue(None)
    assert bars.value() is None and not bars.isVisible()


def test_matrix_and_numbers(qtbot, probe):
    matrix, numbers = TensorMatrix(), TensorNumbers()
    qtbot.addWidget(matrix)
    qtbot.addWidget(numbers)
    matrix.setValue(probe, "ppm")
    found = np.array([[float(t.replace(MINUS, "-").replace("≈", "")) for t in row] for row in matrix.texts()])
    np.testing.assert_allclose(found, probe.chi, atol=6e-5)
    matrix.setValue(probe, "ppb")
    assert matrix.unit.text() == "[ppb]"
    numbers.setValue(probe, "ppb")
    assert numbers.lines["MSA"].text() == "30.0 ppb" and numbers.lines["PEV"].text().startswith(("R", "L"))
    assert "A 1.00" in numbers.lines["PEV"].text()


def test_what_is_tiny_is_not_written_as_nothing(qtbot, probe):
    from dataclasses import replace

    matrix = TensorMatrix()
    qtbot.addWidget(matrix)
    matrix.setValue(replace(probe, chi=np.array([[1e-6, 0, np.nan]] * 3)), "ppm")
    assert matrix.texts()[0] == ("≈ 0", "0", "–")
    assert "1e-06 ppm" in matrix.cells[0][0].toolTip()


def test_all_runs_in_one_place(qtbot, probe):
    from dataclasses import replace

    turned = replace(probe, name="other", direction=np.array([0, 0.5, np.sqrt(0.75)]), fields=fields(2))
    outside = replace(probe, name="third", where="outside the mask", direction=np.zeros(3))
    table = RunsHereTable()
    qtbot.addWidget(table)
    table.setValue([probe, turned, outside], "ppm")
    texts = table.texts()
    assert [row[0] for row in texts] == ["run", "other", "third"] and texts[2][1] == "outside the mask"
    assert texts[1][3] == "60.0°" and texts[0][3] == "–"
    assert texts[1][4] == f"{np.sqrt((0.005**2 + 0.025**2) / 2):.3f}" and texts[0][4] == "–"
