"""The View panel edits what the viewer shows."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.viz import _compat
from napari_sti.viz.display import METADATA_KEY, layer_info
from napari_sti.viz.legend import legend
from napari_sti.widgets.session.view import View


@pytest.fixture
def panel(workbench):
    return workbench.panels["view"]


@pytest.fixture
def shown(workbench, controller, start_run, result, qtbot):
    """One finished run on the screen."""
    run, say = start_run()
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        say("done", result=str(result(run.job.out)), seconds=1.0)
    return run


def visible(viewer):
    return [layer.name.partition(" - ")[2] for layer in viewer.layers if layer.visible]


def test_empty_says_so_and_leads_on(panel, workbench):
    workbench.show_panel("view")
    assert panel.empty.isVisible() and not panel.run.isEnabled()
    panel.empty.button.click()
    assert workbench.tabs.currentWidget().widget() is workbench.panels["reconstruct"]


def test_round_trip(panel, shown):
    view = View(shown.name, "msa", True, 0.004, 0.02, False, True, "coronal", False, "ppb")
    panel.setValue(view)
    assert panel.value() == view
    assert panel.maps.checkedId() == 1 and panel.lines.isChecked() and not panel.legend.isChecked()
    assert panel.window.value() == pytest.approx((0.004, 0.02))
    assert panel.convention.currentData() is True and panel.planes.checkedId() == 1
    assert panel.unit.currentText() == "ppb"


def test_maps_and_lines(panel, shown, viewer):
    assert visible(viewer) == ["PEV colour"]
    assert viewer.layers.selection.active.name.endswith("PEV colour")
    panel.findChild(object, "sti_map_msa").click()
    assert visible(viewer) == ["MSA [ppm]"] and panel.value().map == "msa"
    panel.findChild(object, "sti_lines").click()
    assert visible(viewer) == ["MSA [ppm]", "PEV lines"]
    panel.findChild(object, "sti_map_mms").click()
    assert visible(viewer) == ["MMS [ppm]", "PEV lines"]


def test_floor_and_ceiling(panel, shown, controller, viewer, qtbot):
    panel.window.setValue((0.006, 0.018))
    colours = controller.layers.find(shown.name, "pev_colour")
    qtbot.waitUntil(lambda: layer_info(colours.metadata)["ceiling"] == pytest.approx(0.018))
    assert layer_info(colours.metadata)["floor"] == pytest.approx(0.006)
    assert controller.layers.find(shown.name, "msa").contrast_limits == pytest.approx([0, 0.018])
    panel.auto.click()
    assert panel.value().ceiling == pytest.approx(layer_info(colours.metadata)["maps"].window()[1])


def test_planes_convention_and_three_dimensions(panel, shown, viewer):
    assert viewer.dims.order == (2, 1, 0), "axial from the start"
    panel.findChild(object, "sti_coronal").click()
    assert viewer.dims.order == (1, 2, 0)
    panel.convention.setCurrentIndex(1)
    panel.convention.activated.emit(1)
    assert _compat.camera(viewer).orientation[2] == "left"
    panel.findChild(object, "sti_3d").click()
    assert viewer.dims.ndisplay == 3
    panel.findChild(object, "sti_axial").click()
    assert viewer.dims.ndisplay == 2 and _compat.camera(viewer).orientation[2] == "left", "never changes by itself"


def test_legend(panel, shown, viewer, controller):
    assert _compat.scale_bar(viewer).visible
    panel.legend.click()
    assert not _compat.scale_bar(viewer).visible and not panel.value().legend


def test_layers_removed_by_hand(panel, shown, viewer):
    viewer.layers.clear()
    assert panel.run.count() == 0 and not panel.run.isEnabled() and panel.value().run == ""


def test_second_run_comes_to_the_front_in_the_same_map(panel, shown, controller, result, viewer, qtbot):
    panel.setValue(replace(panel.value(), map="msa"))
    second = controller.reconstruct("stiimag", {})
    file = result(second.job.out, 5)
    controller.runs._client.say({"event": "done", "id": second.id, "result": str(file), "seconds": 1.0})
    qtbot.waitUntil(lambda: panel.value().run == second.name, timeout=10_000)
    assert [x.name for x in viewer.layers if x.visible] == [f"{second.name} - MSA [ppm]"]
    panel.run.setCurrentText(shown.name)
    panel.run.activated.emit(panel.run.currentIndex())
    assert [x.name for x in viewer.layers if x.visible] == [f"{shown.name} - MSA [ppm]"]


@pytest.mark.parametrize("kind", ["msa", "mms"])
def test_one_map_opened_alone_is_shown(workbench, panel, viewer, result, tmp_path, qtbot, kind):
    from napari_sti.viz.reader import read

    folder = result(tmp_path / "tensor").parent
    for data, keywords, _ in read(folder / f"{kind}.nii.gz"):
        viewer.add_image(data, **keywords)
    qtbot.waitUntil(lambda: panel.value().run == "tensor")
    assert [layer.visible for layer in viewer.layers] == [True] and panel.value().map == kind
    enabled = [
        key for key in ("pev_colour", "msa", "mms", "field") if panel.findChild(object, f"sti_map_{key}").isEnabled()
    ]
    assert enabled == [kind]
    assert not panel.lines.isEnabled() and not panel.window.isEnabled(), "there is nothing to paint anew"


def test_a_study_that_comes_later_is_the_only_one_shown(panel, shown, controller, study, viewer, qtbot):
    panel.findChild(object, "sti_lines").click()
    for name in ("another", "a third"):
        controller.studies.set(replace(study, name=name))
        with qtbot.waitSignal(controller.layers.added, timeout=10_000):
            controller.studies.load()
        first = f"{name} - field 1 [ppm]"
        assert [x.name for x in viewer.layers if x.visible] == [first]
        assert viewer.layers.selection.active.name == first and len(viewer.layers.selection) == 1
        assert panel.value().map == "field" and panel.findChild(object, "sti_map_field").isChecked()
    panel.findChild(object, "sti_map_pev_colour").click()
    assert visible(viewer) == ["PEV colour"]
    panel.findChild(object, "sti_map_field").click()
    assert [x.name for x in viewer.layers if x.visible] == ["a third - field 1 [ppm]"]


def test_a_run_hides_everything_else(controller, start_run, result, viewer, qtbot):
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        controller.studies.load()
    for layer in viewer.layers:
        layer.visible = True
    run, say = start_run()
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        say("done", result=str(result(run.job.out)), seconds=1.0)
    assert visible(viewer) == ["PEV colour"]
    assert [x.name for x in viewer.layers.selection] == [f"{run.name} - PEV colour"]


def test_floor_and_ceiling_only_where_they_act(panel, shown):
    acts = {}
    for kind in ("pev_colour", "msa", "mms"):
        panel.findChild(object, f"sti_map_{kind}").click()
        acts[kind] = panel.window.isEnabled()
    assert acts == {"pev_colour": True, "msa": True, "mms": False}
    panel.lines.click()
    assert panel.window.isEnabled(), "lines begin at the floor"
    assert panel.window.toolTip() == "Floor and ceiling of the PEV colours; the ceiling also ends the MSA scale."


def test_numbers_at_the_ends_of_the_slider_are_whole(workbench, panel, shown, qapp):
    workbench.show_panel("view")
    panel.window.setValue((panel.window.minimum(), panel.window.maximum()))
    qapp.processEvents()
    low, high = panel.window._handle_labels
    assert low.x() >= 0 and high.geometry().right() <= panel.window.width()


@pytest.fixture
def trusted(workbench, controller, have_study, result, qtbot):
    """One finished run with its spreads on the screen."""
    import numpy as np

    from napari_sti.io.results import FurtherMap, load_result, save_result

    run = controller.reconstruct("stiimag", {}, kind="trust")
    file = result(run.job.out)
    rng = np.random.default_rng(0)
    tensor = load_result(file)
    spread = {
        name: FurtherMap(rng.uniform(0, top, tensor.shape).astype(np.float32), unit, name)
        for name, top, unit in (
            ("pev_spread", 50, "degrees"),
            ("msa_spread", 0.003, "ppm"),
            ("mms_spread", 0.003, "ppm"),
        )
    }
    save_result(tensor, run.job.out, overwrite=True, further=spread)
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        controller.runs._client.say({"event": "done", "id": run.id, "result": str(file), "seconds": 1.0})
    return run


def test_what_can_be_trusted_lies_over_the_map(panel, trusted, viewer, controller):
    assert visible(viewer) == ["PEV colour", "PEV spread [deg]"], "who asked for it sees it"
    assert panel.spread.isEnabled() and panel.spread.isChecked()
    panel.findChild(object, "sti_map_msa").click()
    assert visible(viewer) == ["MSA [ppm]", "MSA spread [ppm]"]
    panel.findChild(object, "sti_lines").click()
    panel.findChild(object, "sti_map_mms").click()
    assert visible(viewer) == ["MMS [ppm]", "MMS spread [ppm]", "PEV lines"]
    assert viewer.layers.selection.active.name.endswith("MMS spread [ppm]")
    panel.findChild(object, "sti_spread").click()
    assert visible(viewer) == ["MMS [ppm]", "PEV lines"]
    controller.view.change(map="field")
    assert not panel.spread.isEnabled(), "a measured map has no spread"


def test_the_floor_hides_directions_that_mean_nothing(panel, trusted, controller, qtbot):
    import numpy as np

    layer = controller.layers.find(trusted.name, "pev_spread")
    before = int(np.isfinite(layer.data).sum())
    controller.view.change(floor=0.012)
    qtbot.waitUntil(lambda: 0 < int(np.isfinite(layer.data).sum()) < before)


def test_a_run_without_spreads_offers_none_and_forgets_nothing(
    panel, trusted, workbench, start_run, result, viewer, qtbot
):
    run, say = start_run()
    with qtbot.waitSignal(workbench.controller.layers.added, timeout=10_000):
        say("done", result=str(result(run.job.out)), seconds=1.0)
    qtbot.waitUntil(lambda: visible(viewer) == ["PEV colour"])
    assert not panel.spread.isEnabled() and not panel.spread.isChecked()
    assert "Check what can be trusted" in panel.spread.toolTip()
    panel.findChild(object, "sti_legend").click()
    workbench.controller.view.change(run=trusted.name)
    assert visible(viewer) == ["PEV colour", "PEV spread [deg]"]


def cover(viewer, run, kind="residual", what="residual 2", **keywords):
    """A layer of another panel, added on top as that panel does."""
    like = next(layer for layer in viewer.layers if layer.name == f"{run} - MSA [ppm]")
    info = {**layer_info(like.metadata), "kind": kind, "map": what, "maps": None, "unit": "ppm"}
    return viewer.add_image(
        np.array(like.data),
        scale=like.scale,
        translate=like.translate,
        metadata={METADATA_KEY: info},
        name=f"{run} - {what}",
        **keywords,
    )


def test_what_another_panel_lays_over_the_map_is_said_and_taken_away_by_a_click(
    panel, shown, controller, viewer, qtbot, qapp
):
    """View, legend, status line and figure speak of what stands on the screen."""
    assert not panel.covered.isVisibleTo(panel)
    seen = cover(viewer, shown.name)
    cover(viewer, shown.name, what="residual 3", visible=False)
    qtbot.waitUntil(lambda: panel.covered.text() == "residual 2 of the panel Quality is on top.")
    assert panel.maps.checkedId() == -1, "no map of the panel is seen"
    assert viewer.layers.selection.active is seen, "not the hidden one that came last"
    assert legend(viewer).caption[0].endswith("residual 2")
    with pytest.raises(InputError, match=r"residual 2 of the panel Quality is on top.*Add picture.*View"):
        controller.figure.here()
    panel.findChild(object, "sti_lines").click()
    assert seen.visible and panel.value().map == "pev_colour" and panel.value().lines, "lines may lie over it"
    panel.findChild(object, "sti_lines").click()
    panel.covered.button.click()
    assert visible(viewer) == ["PEV colour"]
    qtbot.waitUntil(lambda: not panel.covered.isVisibleTo(panel))
    assert panel.maps.checkedId() == 0 and viewer.layers.selection.active.name.endswith("PEV colour")


def test_choosing_a_map_brings_it_to_the_screen(panel, shown, viewer, qtbot):
    for button, seen in (("sti_map_pev_colour", "PEV colour"), ("sti_map_msa", "MSA [ppm]")):
        layer = cover(viewer, shown.name, kind="separation_pos", what="χ+")
        qtbot.waitUntil(lambda: panel.covered.text() == "χ+ of the panel Separate is on top.")
        panel.findChild(object, button).click()
        assert visible(viewer) == [seen] and not layer.visible
    below = cover(viewer, shown.name, kind="magnitude", what="magnitude")
    viewer.layers.move(viewer.layers.index(below), 0)
    panel.findChild(object, "sti_map_mms").click()
    assert below.visible, "what lies below does not cover it"


def test_an_image_of_other_origin_is_named_too(panel, shown, viewer, qtbot):
    foreign = viewer.add_image(np.zeros((5, 6, 7)), name="T1")
    qtbot.waitUntil(lambda: panel.covered.text() == "T1 is on top.")
    foreign.opacity = 0
    qtbot.waitUntil(lambda: panel.covered.text() == "")


def test_maps_shown_or_hidden_by_hand_are_taken_over(panel, shown, controller, viewer, qtbot):
    layers = controller.layers
    layers.find(shown.name, "pev_colour").visible = False
    qtbot.waitUntil(lambda: panel.value().map == "none")
    assert panel.maps.checkedId() == -1 and panel.covered.text() == ""
    layers.find(shown.name, "mms").visible = layers.find(shown.name, "pev_lines").visible = True
    qtbot.waitUntil(lambda: panel.value().map == "mms")
    assert panel.maps.checkedId() == 2 and panel.lines.isChecked()
    panel.findChild(object, "sti_map_pev_colour").click()
    assert visible(viewer) == ["PEV colour", "PEV lines"]


def test_the_shortcut_brings_colours_back_that_are_covered(workbench, panel, shown, viewer, qtbot):
    cover(viewer, shown.name)
    qtbot.waitUntil(lambda: panel.covered.text() != "")
    workbench.findChild(object, "sti_shortcut_toggle_pev").activated.emit()
    assert visible(viewer) == ["PEV colour"]
