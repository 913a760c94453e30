"""What is written in the grid: a name and the sides in every cell, one legend in the free cell."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.maps.comparison import compare
from napari_sti.viz import _compat, views
from napari_sti.viz.canvas import annotate
from napari_sti.viz.compare_grid import Layout, SideBySide
from napari_sti.viz.compare_layers import comparison_layers, shown_comparison
from napari_sti.viz.compare_writing import Box, _bars, cell_boxes, grid_legend
from napari_sti.viz.legend import Bar
from tests.viz import phantoms


@pytest.fixture
def viewer():
    truth = phantoms.marked_tensor()
    noise = np.random.default_rng(1).normal(0, 0.003, truth.chi.shape) * truth.mask[..., None]
    results = {"stiimag 1": replace(truth, chi=truth.chi + noise), "mmsr 1": replace(truth, chi=truth.chi - noise)}
    shown = shown_comparison(compare(results, truth, reference_name="ground truth"))
    made = ViewerModel()
    side = SideBySide(made)
    side.remember()
    layout = Layout(2, 3, (0, 1, 2, 3, 4))
    layers = [Layer.create(*data) for data in comparison_layers(shown, "pev_colour")]
    for layer in layers[::-1]:
        made.add_layer(layer)
    views.show_axial(made)
    side.lay_out(layers, layout, shown.box)
    return made


def test_titles_stand_in_their_cells(viewer):
    legend = grid_legend(viewer, "ppm", 604, 404)
    written = {cell.lines[:2]: (round(cell.box.x), round(cell.box.y)) for cell in legend.cells}
    assert written == {
        ("stiimag 1", "PEV colour"): (0, 0),
        ("mmsr 1", "PEV colour"): (203, 0),
        ("ground truth", "reference, PEV colour"): (405, 0),
        ("stiimag 1", "angle to ground truth"): (0, 204),
        ("mmsr 1", "angle to ground truth"): (203, 204),
    }
    angle = next(cell for cell in legend.cells if cell.lines[1].startswith("angle"))
    assert angle.lines[2].startswith("mean ") and angle.lines[2].endswith("°")
    assert (legend.free.x, legend.free.y) == pytest.approx((405.33, 204), abs=0.1)


def test_sides_follow_the_plane_and_the_convention(viewer):
    assert grid_legend(viewer, "ppm", 600, 400).letters == ("R", "L", "A", "P")
    assert grid_legend(viewer, "ppm", 600, 400).lines[1:] == ("neurological", "simulated data")
    views.show_coronal(viewer, radiological=True)
    legend = grid_legend(viewer, "ppm", 600, 400)
    assert legend.letters == ("L", "R", "S", "I") and legend.lines[0].startswith("coronal ")
    assert legend.lines[1] == "radiological"


def test_one_key_and_one_bar_for_all(viewer):
    legend = grid_legend(viewer, "ppm", 600, 400)
    assert [(bar.title, bar.low, bar.high) for bar in legend.bars] == [("angle [°]", 0, 90)]
    assert legend.key.brightness.startswith("MSA ") and legend.key.brightness.endswith(" ppm")
    assert grid_legend(viewer, "ppb", 600, 400).key.brightness.endswith(" ppb")


def test_boxes_as_napari_lays_them_out():
    boxes = cell_boxes(2, 3, 604, 404, 2)
    assert boxes[0, 0] == Box(0, 0, 200, 201) and boxes[1, 2] == Box(404, 203, 200, 201)
    share = cell_boxes(1, 2, 200, 100, 0.1)
    assert share[0, 1] == Box(105, 0, 95, 100)


def test_every_picture_lies_on_the_canvas(viewer, qapp):
    annotations = annotate(viewer)
    for size in ((620, 640), (420, 300), (1400, 900)):
        sprites = annotations.paint(viewer, *size, 1.0)
        names = {sprite.name for sprite in sprites}
        assert {"cell 1 left", "cell 5 right", "key", "bar 1", "shared line 1", "cell 2 line 1"} <= names
        if size[0] < 600:
            continue
        for sprite in sprites:
            height, width = sprite.picture.shape[:2]
            assert sprite.x >= 0 and sprite.y >= 0, sprite.name
            assert sprite.x + width <= size[0] + 1 and sprite.y + height <= size[1] + 1, sprite.name
    annotations.configure(letters=False, caption=False, key=False, bar=False)
    assert annotations.paint(viewer, 620, 640, 1.0) == []


def test_a_grid_of_other_layers_has_names_too():
    """The grid button of napari, with the layers of a run."""
    from napari_sti.viz.layers import tensor_layers

    viewer = ViewerModel()
    for data in tensor_layers(phantoms.marked_tensor(), run="run 1")[:3]:
        viewer.add_layer(Layer.create(*data)).visible = True
    viewer.add_image(np.zeros((3, 3, 3)), name="foreign")
    _compat.grid(viewer).enabled = True
    views.show_axial(viewer)
    legend = grid_legend(viewer, "ppm", 600, 400)
    assert [cell.lines for cell in legend.cells] == [("run 1", "MMS"), ("run 1", "MSA"), ("run 1", "PEV colour")]
    assert {bar.title for bar in legend.bars} == {"MMS [ppm]", "MSA [ppm]"}
    assert legend.free is None
    for layer in list(viewer.layers)[:3]:
        viewer.layers.remove(layer)
    assert grid_legend(viewer, "ppm", 600, 400).cells == ()


@pytest.mark.parametrize("width", [150, 176, 300, 700])
def test_every_bar_has_room_beside_or_below_the_others(qapp, width):
    ramp = ((0, 0, 0), (255, 255, 255))
    bars = tuple(
        Bar(title, low, 0.08, ramp) for title, low in (("χ+ [ppm]", 0), ("|χ−| [ppm]", 0), ("χ total [ppm]", -1))
    )
    box = Box(10, 20, width, 340)
    placed = {
        name: (x - picture.shape[1], y, x, y + picture.shape[0])
        for name, picture, x, y, _ in _bars(bars, box, 80, 1.0, True)
    }
    assert set(placed) == {"bar 1", "bar 2", "bar 3"}
    for name, (left, top, right, bottom) in placed.items():
        assert left >= box.x - 12 and right <= box.x + width and top >= 80 and bottom <= box.y + 340
        for other, (left2, top2, right2, bottom2) in placed.items():
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert name == other or apart, "bars do not cover each other"
