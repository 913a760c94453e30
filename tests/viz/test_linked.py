"""Linked views: the same arrays in another plane, one crosshair, and nothing left behind."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_sti.viz import views
from napari_sti.viz.layers import set_style, tensor_layers
from napari_sti.viz.linked import LinkedView, move_on_click
from napari_sti.viz.style import Style
from tests.viz.phantoms import SHAPE, marked_tensor


@pytest.fixture
def main():
    viewer = ViewerModel()
    for one in tensor_layers(marked_tensor(), run="run 1"):
        viewer.add_layer(Layer.create(*one))
    views.show_plane(viewer, "axial")
    return viewer


@pytest.fixture
def linked(main):
    view = LinkedView(main, "coronal")
    yield view
    view.close()


def test_arrays_are_shared_and_changes_are_handed_on(main, linked):
    assert [layer.name for layer in linked.viewer.layers] == [layer.name for layer in main.layers]
    for original, copy in list(zip(main.layers, linked.viewer.layers, strict=True))[:3]:
        assert np.shares_memory(original.data, copy.data)
    main.layers[1].visible, main.layers[1].contrast_limits, main.layers[0].opacity = True, (0, 0.011), 0.4
    assert linked.viewer.layers[1].visible and linked.viewer.layers[1].contrast_limits == [0, 0.011]
    assert linked.viewer.layers[0].opacity == 0.4
    main.layers[0].data = main.layers[0].data + 1
    np.testing.assert_array_equal(linked.viewer.layers[0].data, main.layers[0].data)


def test_style_and_window_reach_the_other_view(main, linked):
    style = Style(suppress=(True, False, False))
    main.layers[3].metadata["napari_sti"]["followed"] = True  # as in the window
    for layer in main.layers:
        set_style(layer, style, 0.001, 0.02)
    for copy in (linked.viewer.layers[2], linked.viewer.layers[3]):
        assert copy.metadata["napari_sti"]["style"] is style and copy.metadata["napari_sti"]["ceiling"] == 0.02


def test_layers_come_go_and_change_places(main, linked):
    labels = main.add_layer(Labels(np.zeros(SHAPE, int), name="drawn"))
    assert linked.viewer.layers[-1].name == "drawn"
    main.layers.move(4, 0)
    assert linked.viewer.layers[0].name == "drawn"
    labels.data[1, 1, 1] = 3
    assert linked.viewer.layers[0].data[1, 1, 1] == 3, "painting shares the array"
    main.layers.remove(labels)
    assert "drawn" not in [layer.name for layer in linked.viewer.layers]


def test_one_crosshair_in_the_world(main, linked):
    assert linked.viewer.dims.order == (1, 2, 0)
    main.dims.point = (1.0, -15.0, 9.0)
    assert linked.viewer.dims.point == main.dims.point
    linked.viewer.dims.set_point(1, -21.0)
    assert main.dims.point == (1.0, -21.0, 9.0)
    linked.turn("sagittal", radiological=True)
    assert linked.viewer.dims.order == (0, 2, 1) and linked.viewer.dims.point == main.dims.point


def test_lines_are_left_to_be_drawn_for_the_plane(main, linked):
    (copy,) = linked.followed()
    before = copy.data.copy()
    main.layers[3].data = main.layers[3].data[:5]
    np.testing.assert_array_equal(copy.data, before)


def test_closing_lets_go_of_the_main_viewer(main):
    view = LinkedView(main, "coronal")
    view.close()
    main.add_layer(Labels(np.zeros(SHAPE, int)))
    main.layers[0].visible = True
    main.dims.point = (1.0, -15.0, 9.0)
    assert len(view.viewer.layers) == 0


def event(*, position, pos=(10, 10), kind="mouse_press", modifiers=(), button=1):
    return SimpleNamespace(position=position, pos=pos, type=kind, modifiers=modifiers, button=button, handled=False)


def test_a_click_moves_and_a_drag_does_not(main):
    main.dims.point = (3.0, -18.0, 12.0)
    click = event(position=(5.0, -14.0, 12.0))
    steps = move_on_click(main, click)
    next(steps)
    click.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)
    assert main.dims.point == (5.0, -14.0, 12.0)
    drag = event(position=(0.0, -20.0, 12.0))
    steps = move_on_click(main, drag)
    next(steps)
    drag.type, drag.pos = "mouse_move", (60, 10)
    next(steps)
    drag.type = "mouse_release"
    assert next(steps, None) is None and main.dims.point == (5.0, -14.0, 12.0)


def test_shift_follows_the_mouse_and_the_place_stays_inside(main):
    move = event(position=(5.0, -14.0, 12.0), modifiers=("Shift",))
    steps = move_on_click(main, move)
    next(steps)
    move.type, move.position = "mouse_move", (500.0, -14.0, 12.0)
    next(steps)
    assert main.dims.point[0] == main.dims.range[0].stop and move.handled
    main.layers.selection.active = main.add_layer(Labels(np.zeros(SHAPE, int)))
    main.layers.selection.active.mode = "paint"
    assert list(move_on_click(main, event(position=(5.0, -14.0, 12.0)))) == [], "not while painting"
    main.dims.ndisplay = 3
    assert list(move_on_click(main, event(position=(5.0, -14.0, 12.0)))) == []
