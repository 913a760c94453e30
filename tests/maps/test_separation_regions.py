"""Numbers of regions, against numpy."""

import csv

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.maps.separation_regions import boxes_csv, region_boxes
from tests.maps.test_joint_histogram import SHAPE, field


def test_every_region_source_and_method_has_its_numbers() -> None:
    results, labels = {"a": field(), "b": field()}, np.zeros(SHAPE, np.int32)
    labels[:2], labels[3:] = 7, 2
    boxes = region_boxes(results, labels, {2: "thalamus"})
    order = [(box.region, box.source, box.method) for box in boxes]
    assert order == [(r, s, m) for r in ("thalamus", "label 7") for s in ("chi+", "|chi-|") for m in ("a", "b")]
    values = results["b"].chi_neg_magnitude[(labels == 7) & results["b"].mask]
    box = next(b for b in boxes if (b.region, b.source, b.method) == ("label 7", "|chi-|", "b"))
    assert box.voxels == len(values) and box.mean == pytest.approx(values.mean(), rel=1e-5)
    np.testing.assert_allclose(box.percentiles, np.percentile(values, [5, 25, 50, 75, 95]), rtol=1e-5)
    rows = list(csv.DictReader(boxes_csv(boxes).splitlines()))
    assert len(rows) == 8 and float(rows[-1]["p50 [ppm]"]) == pytest.approx(box.percentiles[2], rel=1e-5)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InputError, match="the labels are 2x2x2 voxels and a is 5x4x6; draw the labels"):
        region_boxes({"a": field()}, np.ones((2, 2, 2), int))
    with pytest.raises(InputError, match="the labels mark no voxel inside the mask"):
        region_boxes({"a": field()}, np.zeros(SHAPE, int))
