"""A look back over the iterations of a run: what is shown, what it is called, and the way back to the result."""

import numpy as np
import pytest

from napari_sti.core.tensor_field import TensorField
from napari_sti.io.iterates import add_iterate
from napari_sti.io.results import load_result
from napari_sti.viz.display import layer_info
from napari_sti.widgets.session import iterates as module

TOTAL = 4


def leave_iterates(folder, result):
    """Write what a run of four iterations leaves: the result turned around and smaller at first."""
    tensor = load_result(folder)
    for number in range(1, TOTAL + 1):
        chi = np.roll(tensor.chi, TOTAL - number, axis=-1) * np.float32(number / TOTAL)
        kept = TensorField(chi, tensor.affine, tensor.mask)
        add_iterate(folder, kept, number, TOTAL, residual=1 / number, step=2 / number**2)


@pytest.fixture
def done(start_run, controller, result, qtbot):
    """A finished run with four iterates, and its layers."""
    run, say = start_run()
    file = result(run.job.out)
    leave_iterates(run.job.out, result)
    say("done", result=str(file), seconds=1.0)
    qtbot.waitUntil(lambda: len(controller.iterates.entries) == TOTAL, timeout=10_000)
    qtbot.waitUntil(lambda: controller.layers.find(run.name, "pev_lines") is not None)
    return run


def pictures(controller, run):
    return {kind: np.array(controller.layers.find(run.name, kind).data) for kind in ("mms", "msa", "pev_colour")}


def settled(qtbot, controller, number):
    controller.iterates.go(number)
    qtbot.waitUntil(lambda: controller.iterates.number == number and not controller.iterates.loading, timeout=10_000)


def test_every_map_shows_the_iterate_in_the_window_of_the_result(done, controller, qtbot):
    before = pictures(controller, done)
    layer = controller.layers.find(done.name, "msa")
    limits, window = layer.contrast_limits, controller.view.value()
    settled(qtbot, controller, 2)
    shown = pictures(controller, done)
    tensor = load_result(done.job.out)
    chi = np.roll(tensor.chi, 2, axis=-1) * np.float32(0.5)
    expected = TensorField(chi, tensor.affine, tensor.mask)
    flipped = expected.mms[::-1]  # the file is stored from right to left
    inside = tensor.mask[::-1]
    np.testing.assert_allclose(shown["mms"][inside], flipped[inside], atol=1e-7)
    assert np.isnan(shown["mms"][~inside]).all()
    assert not np.array_equal(shown["pev_colour"], before["pev_colour"])
    assert layer.contrast_limits == limits
    assert (controller.view.value().floor, controller.view.value().ceiling) == (window.floor, window.ceiling)


def test_what_is_shown_is_named_everywhere_and_the_result_comes_back(done, controller, viewer, qtbot):
    names = [layer.name for layer in viewer.layers]
    before = pictures(controller, done)
    settled(qtbot, controller, 1)
    assert all(layer.name.endswith(" (1 of 4)") for layer in viewer.layers)
    colour = controller.layers.find(done.name, "pev_colour")
    assert layer_info(colour.metadata)["map"] == "PEV colour, iteration 1 of 4"
    settled(qtbot, controller, 3)
    assert all(layer.name.endswith(" (3 of 4)") for layer in viewer.layers)
    settled(qtbot, controller, TOTAL)
    assert [layer.name for layer in viewer.layers] == names
    after = pictures(controller, done)
    for kind, data in before.items():
        np.testing.assert_array_equal(after[kind], data)
    assert "of_result" not in layer_info(colour.metadata)


def test_each_is_read_once(done, controller, qtbot, monkeypatch):
    read = []
    original = module.iterate_maps
    monkeypatch.setattr(
        module,
        "iterate_maps",
        lambda known, entry, result: (
            read.append(entry.number),
            original(known, entry, result),
        )[1],
    )
    for number in (2, 1, 3, 4, 2, 1):
        settled(qtbot, controller, number)
    assert sorted(read) == [1, 2, 3] and read[0] == 2


def test_what_there_is_no_room_for_is_read_again(done, controller, qtbot, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 1)
    for number in (1, 2, 3, 1):
        settled(qtbot, controller, number)
        assert len(controller.iterates._cache) == 1


def test_the_window_of_colours_can_be_changed_on_an_iterate(done, controller, qtbot):
    settled(qtbot, controller, 2)
    limits = controller.view.limits()
    colour = controller.layers.find(done.name, "pev_colour")
    before = colour.data.copy()
    controller.view.change(ceiling=controller.view.value().ceiling / 3)
    qtbot.waitUntil(lambda: not np.array_equal(colour.data, before))
    assert controller.view.limits() == limits, "the slider of the window does not jump from one iterate to another"
    assert layer_info(colour.metadata)["map"].endswith("iteration 2 of 4")


def test_another_run_ends_the_look_back(done, start_run, controller, result, qtbot):
    before = pictures(controller, done)
    settled(qtbot, controller, 2)
    other, say = start_run()
    say("done", result=str(result(other.job.out, 5)), seconds=1.0)
    qtbot.waitUntil(lambda: controller.view.value().run == other.name, timeout=10_000)
    assert controller.iterates.entries == () and controller.iterates.number == 0
    np.testing.assert_array_equal(pictures(controller, done)["mms"], before["mms"])
    controller.view.change(run=done.name)
    qtbot.waitUntil(lambda: controller.iterates.number == TOTAL)


def test_a_file_that_has_gone_is_said_and_the_result_stays(done, controller, qtbot):
    before = pictures(controller, done)
    (done.job.out / "iterates" / "chi_02.nii.gz").unlink()
    with qtbot.waitSignal(controller.iterates.failed) as said:
        controller.iterates.go(2)
    assert "chi_02.nii.gz" in said.args[0]
    assert controller.iterates.number == TOTAL and not controller.iterates.loading
    np.testing.assert_array_equal(pictures(controller, done)["mms"], before["mms"])


def test_the_slider_of_the_view_panel(done, workbench, controller, qtbot):
    workbench.show_panel("view")
    row = workbench.panels["view"].iterate
    assert row.isVisible() and (row.slider.minimum(), row.slider.maximum(), row.value()) == (1, TOTAL, TOTAL)
    assert row.place.text() == "4 of 4"
    assert row.numbers.text() == "the result: data residual 0.25, step length 0.125"
    row.slider.setValue(2)
    qtbot.waitUntil(lambda: row.numbers.text() == "data residual 0.5, step length 0.5", timeout=10_000)
    assert controller.iterates.number == 2 and row.place.text() == "2 of 4"
    assert [curve.name for curve in row.curves.curves()] == ["data residual", "step length"]


def test_runs_without_iterates_have_no_slider(start_run, workbench, controller, result, qtbot):
    run, say = start_run()
    say("done", result=str(result(run.job.out)), seconds=1.0)
    qtbot.waitUntil(lambda: controller.layers.find(run.name, "pev_lines") is not None, timeout=10_000)
    workbench.show_panel("view")
    assert not workbench.panels["view"].iterate.isVisible()
