"""What lies under More in the View panel, and ellipsoids: from the controls to the layers."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFormLayout

from napari_sti.viz.display import layer_info
from napari_sti.viz.style import PLAIN
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.session.view import View
from tests.widgets.panels.test_view import panel, shown, visible  # noqa: F401  (fixtures)


@pytest.fixture
def style(controller, shown, qtbot):  # noqa: F811
    """Style in which the colours are painted, once the throttle has let it through."""

    def now(condition):
        info = layer_info(controller.layers.find(shown.name, "pev_colour").metadata)
        qtbot.waitUntil(lambda: condition(info.get("style", PLAIN), info), timeout=5000)
        return info.get("style", PLAIN)

    return now


def choose(combo, text):
    combo.setCurrentIndex(combo.findText(text))
    combo.activated.emit(combo.currentIndex())


def test_round_trip_of_every_field(panel, shown):  # noqa: F811
    view = View(
        shown.name,
        ellipsoids=True,
        modulate=f"{shown.name} - MMS [ppm]",
        opacity=True,
        clip=f"{shown.name} - MMS [ppm]",
        clip_range=(-0.01, 0.02),
        suppress=(True, False, True),
        even=True,
        slab=6.0,
        shape="signed",
    )
    panel.setValue(view)
    floor, ceiling = panel.value().floor, panel.value().ceiling
    assert panel.value() == replace(view, floor=floor, ceiling=ceiling) and floor < 0 < ceiling, "the map's own range"
    more = panel.more
    assert more.modulate.currentData() == view.modulate and more.mode.currentData() is True
    assert more.clip_range.value() == pytest.approx((-0.01, 0.02)) and more.clip.currentData() == view.clip
    assert [box.isChecked() for box in more.axes] == [True, False, True] and more.even.isChecked()
    assert more.slab.value() == 6.0 and more.shape.currentData() == "signed"
    assert panel.window_label.text() == "MMS [ppm]" and panel.ellipsoids.isChecked()


def test_at_most_seven_controls_before_more(panel):  # noqa: F811
    inside = (panel.rows.itemAt(i).layout() for i in range(panel.rows.count()))
    form = next(layout for layout in inside if isinstance(layout, QFormLayout))
    rows = [i for i in range(form.rowCount()) if form.isRowVisible(i)]
    assert len(rows) <= 7 and not panel.findChild(Fold).is_open()


def test_another_map_decides_with_its_own_sliders_and_back(panel, shown, style, viewer):  # noqa: F811
    before = panel.value()
    choose(panel.more.modulate, f"{shown.name} - MMS [ppm]")
    used = style(lambda style, info: not style.by_msa)
    assert used.by_title == "MMS" and panel.window.minimum() < 0
    choose(panel.more.modulate, "MSA of the run")
    style(lambda style, info: style.by_msa)
    assert (panel.value().floor, panel.value().ceiling) == pytest.approx((before.floor, before.ceiling))
    msa = next(layer for layer in viewer.layers if "MSA" in layer.name)
    assert msa.contrast_limits[1] == pytest.approx(before.ceiling)


def test_clip_suppress_even_and_opacity_reach_the_colours(panel, shown, style, controller):  # noqa: F811
    choose(panel.more.clip, f"{shown.name} - MMS [ppm]")
    style(lambda style, info: style.clip is not None)
    assert not panel.more.clip_range.isHidden()
    panel.more.clip_range.setValue((0.0, panel.more.clip_range.maximum()))
    colour = controller.layers.find(shown.name, "pev_colour")
    maps = layer_info(colour.metadata)["maps"]
    style(lambda style, info: style.clip is not None and not style.clip[maps.mask & (maps.mms < -1e-3)].any())
    assert not colour.data[..., 3][maps.mask & (maps.mms < -1e-3)].any()
    panel.findChild(object, "sti_suppress_p").click()
    style(lambda style, info: style.suppress == (False, True, False))
    assert not colour.data[..., 1].any(), "no green"
    panel.more.even.click()
    style(lambda style, info: style.even)
    choose(panel.more.mode, "Opacity")
    style(lambda style, info: style.opacity)


def test_ellipsoids_are_made_when_they_are_asked_for(panel, shown, controller, viewer):  # noqa: F811
    assert controller.layers.find(shown.name, "pev_glyphs") is None
    panel.ellipsoids.click()
    glyphs = controller.layers.find(shown.name, "pev_glyphs")
    assert visible(viewer) == ["PEV colour", "tensors"] and len(glyphs.data[1]) > 10
    assert viewer.layers.selection.active.name.endswith("PEV colour")
    place = glyphs.data[0][8:, 2]
    viewer.dims.set_point(2, viewer.dims.point[2] + 2.0)
    assert not np.array_equal(place[:1], glyphs.data[0][8:9, 2]), "they follow the slice"
    panel.ellipsoids.click()
    assert visible(viewer) == ["PEV colour"]


def test_a_run_painted_by_another_map_comes_back_by_its_own(
    panel,  # noqa: F811
    shown,  # noqa: F811
    controller,
    result,
    style,
    qtbot,
):
    choose(panel.more.modulate, f"{shown.name} - MMS [ppm]")
    style(lambda style, info: not style.by_msa)
    second = controller.reconstruct("stiimag", {})
    file = result(second.job.out, 5)
    controller.runs._client.say({"event": "done", "id": second.id, "result": str(file), "seconds": 1.0})
    qtbot.waitUntil(lambda: panel.value().run == second.name, timeout=10_000)
    choose(panel.more.modulate, "MSA of the run")
    panel.run.setCurrentText(shown.name)
    panel.run.activated.emit(panel.run.currentIndex())
    style(lambda style, info: style.by_msa and info["floor"] >= 0)
    assert panel.value().floor >= 0 and panel.window_label.text() == "MSA [ppm]"


def test_without_a_window_there_are_no_further_views(panel, shown):  # noqa: F811
    assert not panel.three.isEnabled()
    panel.setValue(replace(panel.value(), three=True))
    assert panel.linked.widget is None
