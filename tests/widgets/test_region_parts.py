"""Box plot, histogram and table of the Regions panel."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_sti.maps.region_labels import Labels
from napari_sti.maps.regions import DISPERSION, measure
from napari_sti.viz.numbers import MINUS
from napari_sti.widgets.region_boxes import RegionBoxes
from napari_sti.widgets.region_histogram import RegionHistogram
from napari_sti.widgets.region_table import RegionTable
from tests.maps.test_region_labels import AFFINE, blocks
from tests.maps.test_regions import some


@pytest.fixture(scope="module")
def found():
    return measure([some("one"), some("two", 1)], Labels(blocks(), AFFINE, {1: "left", 2: "right"}))


def test_boxes_lie_where_the_numbers_are(qtbot, found):
    boxes = RegionBoxes()
    qtbot.addWidget(boxes)
    boxes.setValue(found, "msa", factor=1000, unit="ppb")
    boxes.resize(360, boxes.sizeHint().height())
    assert [(g, r) for g, r, _ in boxes.rows()][:3] == [("left", "one"), ("left", "two"), ("right", "one")]
    numbers = found.rows["one", "left", "msa"]
    low, high = boxes.span()
    assert low < numbers.p5 * 1000 < numbers.p95 * 1000 < high
    picture = boxes.grab().toImage()
    y = 1 + 3
    middle = picture.pixelColor(round((boxes.place(numbers.p25) + boxes.place(numbers.median)) / 2), y)
    beyond, empty = picture.pixelColor(round(boxes.place(numbers.p75)) + 4, y), picture.pixelColor(358, y)
    assert middle.blue() > middle.red() + 30 and beyond.name() == empty.name() != middle.name()


def test_a_click_on_a_box_chooses_its_region(qtbot, found):
    boxes = RegionBoxes()
    qtbot.addWidget(boxes)
    boxes.setValue(found, "mms", unit="ppm")
    boxes.resize(360, boxes.sizeHint().height())
    boxes.show()
    with qtbot.waitSignal(boxes.chosen) as caught:
        qtbot.mouseClick(boxes, Qt.MouseButton.LeftButton, pos=QPoint(200, 1 + 2 * 13 + 9 + 5))
    assert caught.args == ["right"]
    assert boxes.row_at(10_000) is None and "left, one: mean" in boxes._words(boxes.rows()[0])


def test_table_and_its_text(qtbot, found):
    table = RegionTable()
    qtbot.addWidget(table)
    table.show_map(found, "msa", factor=1000)
    assert table.rowCount() == 6
    lines = [line.split("\t") for line in table.text().splitlines()]
    assert lines[0][:3] == ["region", "run", "mean"]
    row = next(line for line in lines if line[:2] == ["right", "two"])
    assert float(row[2].replace(MINUS, "-")) == pytest.approx(found.rows["two", "right", "msa"].mean * 1000, abs=0.02)
    chosen = []
    table.chosen.connect(chosen.append)
    table.setCurrentCell(2, 0)
    assert chosen == ["right"]
    table.show_map(found, DISPERSION)
    assert "mean direction R" in table.item(0, 0).toolTip()


def test_histogram_shows_shares(qtbot, found):
    histogram = RegionHistogram()
    qtbot.addWidget(histogram)
    assert histogram.lines() == {} and not histogram.grab().isNull()
    histogram.setValue(found, "left", "mms", factor=1000)
    lines = histogram.lines()
    assert set(lines) == {"one", "two"} and sum(lines["one"]) == pytest.approx(1)
    assert np.argmax(lines["one"]) == found.counts["one", "left", "mms"].argmax()
    assert not histogram.grab().isNull() and histogram.region() == "left"
