import math
from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.evaluate.curves import RANDOM_ANGLE, curve_figure
from napari_sti.maps.scores import Scores

GOOD = Scores(45, 0.8, 0.1, 25, 1e-5, 0.01, 30, 0.005, 60, 20, 18, 0.4, 0.8, 100, 90)
NONE = replace(GOOD, ecse=math.nan, angle_mean=math.nan, under_30=math.nan)


def test_means_bands_gaps_and_levels():
    curves = {
        "a": {1: [GOOD, replace(GOOD, angle_mean=30)], 6: [replace(GOOD, angle_mean=10)]},
        "isotropic": {1: [NONE], 6: [NONE]},
        "late": {6: [GOOD]},
    }
    figure = curve_figure(curves, floor=replace(NONE, psnr=40), title="brain", note="Simulated.")
    angle, psnr = figure.axes[0], figure.axes[3]
    a, flat, late = angle.lines[:3]
    np.testing.assert_allclose(a.get_ydata(), [25, 10])
    assert np.isnan(flat.get_ydata()).all() and np.isnan(late.get_ydata()[0])
    assert angle.lines[3].get_ydata()[0] == pytest.approx(57.3, abs=0.01) == RANDOM_ANGLE
    assert psnr.lines[3].get_ydata()[0] == 40
    low, high = angle.collections[0].get_datalim(angle.transData).intervaly
    assert (low, high) == (10, 30)  # the band reaches from the smallest to the largest seed
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "isotropic", "late"]
    assert [t.get_text() for t in angle.get_xticklabels()] == ["1", "6"]
    assert {"brain", "Simulated."} <= {t.get_text() for t in figure.texts}


def test_ten_methods_can_be_told_apart():
    figure = curve_figure({str(i): {1: [GOOD], 2: [GOOD]} for i in range(10)})
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in figure.axes[0].lines[:10]}
    assert len(looks) == 10 and len({line.get_marker() for line in figure.axes[0].lines[:10]}) == 10


def test_one_method_astray_does_not_flatten_the_others():
    wild = replace(GOOD, msa_error_percent=9000, wpsnr=-20)
    figure = curve_figure({"a": {1: [GOOD], 2: [GOOD]}, "wild": {1: [wild], 2: [GOOD]}}, floor=replace(GOOD, wpsnr=24))
    assert figure.axes[4].get_ylim()[1] <= 250 and figure.axes[4].get_ylim()[0] >= 0
    assert figure.axes[2].get_ylim()[0] >= 16


def test_nothing_to_draw_is_named():
    with pytest.raises(InputError, match="there is no result to draw"):
        curve_figure({"a": {}})
