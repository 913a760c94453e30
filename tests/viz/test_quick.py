"""Steps through slices that do no more than needed, and show the same as without the savings."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Surface, Vectors
from vispy.scene.visuals import Mesh

from napari_sti.viz import _quick

SHAPE = (5, 7, 9)


class Keeper:
    """Takes note of the layers whose thumbnails are out of date."""

    def __init__(self):
        self.asked = []

    def later(self, layer):
        self.asked.append(layer.name)


@pytest.fixture
def viewer():
    model = ViewerModel()
    volume = np.random.default_rng(3).random(SHAPE).astype(np.float32)
    model.add_layer(Image(volume, name="plain", scale=(2, 1.5, 1), translate=(3, -4, 5)))
    model.add_layer(Image(volume, name="lean", scale=(2, 1.5, 1), translate=(3, -4, 5)))
    _quick.lean(model.layers["lean"])
    return model


def shown(viewer, name):
    return np.asarray(viewer.layers[name]._data_view)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_every_slice_is_the_same_as_without(viewer, order):
    viewer.dims.order = order
    seen = set()
    for step in range(viewer.dims.nsteps[order[0]]):
        viewer.dims.set_current_step(order[0], step)
        np.testing.assert_array_equal(shown(viewer, "lean"), shown(viewer, "plain"))
        seen.add(float(shown(viewer, "lean").sum()))
    assert len(seen) == SHAPE[order[0]]
    viewer.dims.ndisplay = 3
    assert shown(viewer, "lean").ndim == 3
    viewer.dims.ndisplay = 2
    np.testing.assert_array_equal(shown(viewer, "lean"), shown(viewer, "plain"))


def test_what_was_hidden_shows_the_present_slice(viewer):
    viewer.layers["lean"].visible = False
    viewer.dims.set_current_step(0, 4)
    viewer.layers["lean"].visible = True
    np.testing.assert_array_equal(shown(viewer, "lean"), shown(viewer, "plain"))


def test_a_layer_is_sliced_once_for_a_step_and_its_extent_stays(viewer):
    counts = dict.fromkeys(("plain", "lean"), 0)
    extents = {name: viewer.layers[name].extent for name in counts}

    def count(event):
        counts[event.source.name] += 1

    for name in counts:
        viewer.layers[name].events.set_data.connect(count)
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(0, 1)
    assert counts["lean"] == 1
    assert viewer.layers["lean"].extent is extents["lean"]
    viewer.dims.set_current_step(0, 3)
    assert counts["lean"] == 2


def test_other_data_are_shown_at_once(viewer):
    layer = viewer.layers["lean"]
    layer.data = layer.data + 10
    assert shown(viewer, "lean").min() >= 10
    viewer.dims.set_current_step(0, 0)
    assert shown(viewer, "lean").min() >= 10


def test_what_is_drawn_anew_is_not_sliced_before():
    model = ViewerModel()
    starts = np.array([[z, 2, 2] for z in range(5)] * 2, np.float32)
    layer = model.add_layer(Vectors(np.stack([starts, np.ones_like(starts)], axis=1)))
    _quick.lean(layer)
    _quick.drawn_by_us(layer, True)
    told = []
    layer.events.set_data.connect(told.append)
    model.dims.set_current_step(0, 3)
    assert not told
    layer.refresh(extent=False, thumbnail=False)  # as drawing does
    assert told and len(layer._view_data) == 2
    _quick.drawn_by_us(layer, False)
    model.dims.set_current_step(0, 1)
    assert len(told) == 2


def test_thumbnails_wait_for_the_one_who_asks(viewer):
    layer, keeper = viewer.layers["lean"], Keeper()
    _quick.thumbnails_later(layer, keeper.later)
    before = layer.thumbnail.copy()
    viewer.dims.set_current_step(0, 0)
    assert keeper.asked == ["lean"]
    np.testing.assert_array_equal(layer.thumbnail, before)
    _quick.paint_thumbnail(layer)
    np.testing.assert_array_equal(layer.thumbnail, viewer.layers["plain"].thumbnail)
    del keeper
    gc.collect()
    viewer.dims.set_current_step(0, 4)  # nobody is there any more: painted at once
    np.testing.assert_array_equal(layer.thumbnail, viewer.layers["plain"].thumbnail)


def test_layers_are_let_go():
    layer, keeper = Image(np.zeros(SHAPE)), Keeper()
    _quick.lean(layer)
    _quick.thumbnails_later(layer, keeper.later)
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None


def test_the_program_of_one_layer_is_kept_for_colours_and_made_for_values():
    ours, others = Mesh(), Mesh()
    canvas = SimpleNamespace(
        layer_to_visual={"ours": SimpleNamespace(node=ours), "others": SimpleNamespace(node=others)}
    )
    viewer = SimpleNamespace(window=SimpleNamespace(_qt_viewer=SimpleNamespace(canvas=canvas)))
    _quick.keep_program(viewer, "ours")
    colors, values = np.ones((6, 4), np.float32), np.ones((6, 1), np.float32)
    kept = ours._build_color_transform(colors)
    assert kept is ours._build_color_transform(2 * colors)
    assert ours._build_color_transform(values) is not kept
    assert others._build_color_transform(colors) is not others._build_color_transform(colors)
    _quick.keep_program(ViewerModel(), "ours")  # which has no window: nothing happens


def test_an_ordinary_surface_keeps_its_values():
    model = ViewerModel()
    corners = np.array([[0, 0, 0], [0, 4, 0], [0, 0, 4]], np.float32)
    layer = model.add_layer(Surface((corners, np.array([[0, 1, 2]]), np.array([1.0, 2, 3]))))
    _quick.lean(layer)
    model.dims.set_current_step(0, 0)
    np.testing.assert_array_equal(layer._view_vertex_values, [1, 2, 3])


def test_the_list_of_layers_is_not_told_of_another_slice(viewer):
    told = {"plain": 0, "lean": 0}

    def hear(event):
        if event.type == "set_data":
            told[viewer.layers[event.index].name] += 1

    viewer.layers.events.connect(hear)
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(0, 3)
    assert told["lean"] == 0 and told["plain"] > 0
    viewer.layers["lean"].data = np.zeros(SHAPE)
    assert told["lean"] > 0, "but of other data it is"


def test_what_lies_on_the_canvas_is_worked_out_when_it_has_changed(viewer):
    layer, asked = viewer.layers["lean"], []
    layer._update_level_and_corners = lambda *_: asked.append(1)
    corners = np.array([[0.0, 0.0], [5.0, 6.0]])

    def draws(times, *, scale=1.0):
        before = len(asked)
        for _ in range(times):
            layer._update_draw(scale, corners, (100, 100))
        return len(asked) - before

    assert draws(3) == 1 and layer.scale_factor == 1.0
    assert draws(2, scale=2.0) == 1 and layer.scale_factor == 2.0
    layer.scale = (1, 2, 3)
    assert draws(2, scale=2.0) == 1
    layer.data = np.zeros((4, 4, 4))
    assert draws(2, scale=2.0) == 1
    layer.visible = False
    assert draws(2, scale=3.0) == 0
    layer.visible = True
    assert draws(2, scale=3.0) == 1
    viewer.dims.order = (2, 0, 1)
    assert draws(2, scale=3.0) == 1


def test_a_plain_picture_needs_a_window(viewer):
    _quick.plain_picture(viewer, viewer.layers["lean"])
    viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(shown(viewer, "lean"), shown(viewer, "plain"))


def test_qt_is_told_that_the_canvas_is_opaque(qtbot):
    """Only where there is a canvas."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QWidget

    native = QWidget()
    qtbot.addWidget(native)
    canvas = SimpleNamespace(native=native)
    _quick.opaque_canvas(SimpleNamespace(window=SimpleNamespace(_qt_viewer=SimpleNamespace(canvas=canvas))))
    assert native.testAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
    _quick.opaque_canvas(ViewerModel())
