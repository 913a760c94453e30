"""Side by side and back: the layouts, the cells, and a viewer that is afterwards as it was."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sti.viz import _compat, views
from napari_sti.viz.compare_grid import Layout, SideBySide, choose_layout, layouts

BOX = np.array([[-40.0, -60, -30], [40, 60, 30]])
ONE = Layout(2, 2, (0, 1, 2))


@pytest.fixture
def viewer():
    made = ViewerModel()
    for number in range(3):
        made.add_image(np.random.default_rng(number).normal(size=(8, 9, 7)), name=f"old {number}", visible=number == 1)
    views.show_axial(made)
    made.reset_view()
    return made


def add(viewer, count=3):
    layers = [viewer.add_image(np.zeros((8, 9, 7)), name=f"new {i}", visible=False) for i in range(count)]
    for layer in layers:
        layer.metadata = {"napari_sti": {"kind": "compared_msa"}}
    return layers[::-1]  # the last added is the topmost


def state(viewer):
    grid, camera = _compat.grid(viewer), _compat.camera(viewer)
    return (
        [(layer.name, layer.visible) for layer in viewer.layers],
        {layer.name for layer in viewer.layers.selection},
        viewer.layers.selection.active and viewer.layers.selection.active.name,
        (grid.enabled, tuple(grid.shape), grid.stride, grid.spacing),
        (tuple(camera.center), camera.zoom, tuple(viewer.dims.order), tuple(viewer.dims.point)),
    )


@pytest.mark.parametrize("results", range(1, 9))
def test_every_layout_has_a_cell_for_each_layer_and_a_free_one(results):
    for layout in layouts(results):
        assert sorted(layout.order) == list(range(2 * results + 1))
        free = layout.rows * layout.columns - len(layout.order)
        assert free >= (0 if (layout.rows, layout.columns) == (3, 1) else 1)
        assert free < layout.columns, "no empty row"


def test_angle_maps_stand_below_or_beside_their_results():
    for layout in layouts(3):
        cells = {place: divmod(cell, layout.columns) for cell, place in enumerate(layout.order)}
        for result in range(3):
            (row, column), (angle_row, angle_column) = cells[result], cells[4 + result]
            assert (angle_row, angle_column) in ((row + 1, column), (row, column + 1)), layout


def test_the_layout_suits_the_canvas():
    wide, tall = choose_layout(2, (1600, 500), (180, 220)), choose_layout(2, (400, 1200), (180, 220))
    assert wide.columns > tall.columns and tall.rows > wide.rows
    assert (choose_layout(2, (800, 600), (150, 150)).rows, choose_layout(2, (800, 600), (150, 150)).columns) == (2, 3)


def test_there_and_back(viewer):
    _compat.camera(viewer).zoom = 3.25
    viewer.dims.set_point(2, 4)
    viewer.layers.selection = {viewer.layers[0], viewer.layers[2]}
    before = state(viewer)
    side = SideBySide(viewer)
    side.remember()
    layers = add(viewer)
    side.lay_out(layers, ONE, BOX)
    assert side.shown
    (rows, columns), cells = _compat.grid_cells(viewer)
    assert (rows, columns) == (2, 2)
    assert [cells[place][0].name for place in ((0, 0), (0, 1), (1, 0))] == ["new 2", "new 1", "new 0"]
    assert (1, 1) not in cells
    assert [layer.name for layer in viewer.layers if layer.visible] == ["new 0", "new 1", "new 2"]
    assert not viewer.layers.selection
    side.end()
    assert state(viewer) == before and not side.shown


def test_a_grid_that_was_on_comes_back(viewer):
    grid = _compat.grid(viewer)
    grid.enabled, grid.shape, grid.stride, grid.spacing = True, (1, 3), 2, 0.1
    before = state(viewer)
    side = SideBySide(viewer)
    side.remember()
    side.lay_out(add(viewer), ONE, BOX)
    side.end()
    assert state(viewer) == before


def test_one_window_for_all_cells_of_a_map(viewer):
    side = SideBySide(viewer)
    side.remember()
    layers = add(viewer)
    layers[2].metadata = {"napari_sti": {"kind": "compared_angle"}}
    side.lay_out(layers, ONE, BOX)
    layers[0].contrast_limits = (0.1, 0.7)
    assert tuple(layers[1].contrast_limits) == (0.1, 0.7)
    assert tuple(layers[2].contrast_limits) != (0.1, 0.7), "another map has another window"
    side.end()
    layers[0].contrast_limits = (0.2, 0.6)
    assert tuple(layers[1].contrast_limits) == (0.1, 0.7), "the link is gone with the comparison"


def test_another_map_takes_the_place_of_the_first(viewer):
    before = state(viewer)
    side = SideBySide(viewer)
    side.remember()
    side.lay_out(add(viewer), ONE, BOX)
    _compat.camera(viewer).zoom = 7.0
    side.remember()
    later = add(viewer)
    side.lay_out(later, ONE, BOX)
    assert _compat.camera(viewer).zoom == 7.0, "the person has chosen where to look"
    assert len(viewer.layers) == 6 and [layer for layer in viewer.layers if layer.visible] == later[::-1]
    side.end()
    assert state(viewer) == before


def test_layers_that_were_chosen_anew_are_spared(viewer):
    side = SideBySide(viewer)
    side.remember()
    side.lay_out(add(viewer), ONE, BOX)
    viewer.layers["old 2"].visible = True  # somebody wants to see this one
    side.end(spare=lambda layer: layer.name != "old 1")
    assert [layer.name for layer in viewer.layers if layer.visible] == ["old 1", "old 2"]


def test_layers_deleted_meanwhile(viewer):
    side = SideBySide(viewer)
    side.remember()
    layers = add(viewer)
    side.lay_out(layers, ONE, BOX)
    viewer.layers.remove(layers[1])
    viewer.layers.remove(viewer.layers["old 1"])
    side.end()
    assert [layer.name for layer in viewer.layers] == ["old 0", "old 2"]
    side.end()


@pytest.mark.parametrize("plane", views.PLANES)
@pytest.mark.parametrize("radiological", [False, True])
def test_the_brain_fills_the_cell_below_its_title(viewer, plane, radiological):
    from napari_sti.viz.compare_grid import ABOVE, BELOW, BESIDE

    views.show_plane(viewer, plane, radiological=radiological)
    side = SideBySide(viewer)
    side.remember()
    side.lay_out(add(viewer), ONE, BOX)
    camera = _compat.camera(viewer)
    width, height = _compat.canvas_size(viewer)
    cell = ((width - 4) / 2, (height - 4) / 2)
    vertical, horizontal = viewer.dims.displayed[-2:]
    up = 1 if str(camera.orientation[1]) == "up" else -1
    # In pixels from the upper left corner of a cell, as napari's orthographic camera draws it.
    ys = cell[1] / 2 - up * (BOX[:, vertical] - camera.center[1]) * camera.zoom
    xs = cell[0] / 2 + (BOX[:, horizontal] - camera.center[2]) * camera.zoom
    assert min(ys) >= ABOVE - 1e-6 and max(ys) <= cell[1] - BELOW + 1e-6
    assert min(xs) >= BESIDE - 1e-6 and max(xs) <= cell[0] - BESIDE + 1e-6
    free = min((cell[0] - 2 * BESIDE) - np.ptp(xs), (cell[1] - ABOVE - BELOW) - np.ptp(ys))
    assert free == pytest.approx(0, abs=1e-6), "as large as it can be"


def test_something_over_every_cell(viewer):
    before = state(viewer)
    side = SideBySide(viewer)
    side.remember()
    layers = add(viewer)
    side.lay_out(layers, ONE, BOX)
    for _ in range(2):  # the second ones take the place of the first
        covers = [viewer.add_labels(np.ones((8, 9, 7), np.uint8), name=f"over {i}", visible=False) for i in range(3)]
        side.cover(covers)
        _, cells = _compat.grid_cells(viewer)
        assert [cells[place] for place in ((0, 0), (0, 1), (1, 0))] == [
            list(p) for p in zip(layers, covers, strict=True)
        ]
        assert side.shown and not viewer.layers.selection and len(viewer.layers) == 9
    side.uncover()
    _, cells = _compat.grid_cells(viewer)
    assert [cells[place] for place in ((0, 0), (0, 1), (1, 0))] == [[layer] for layer in layers]
    side.cover([viewer.add_labels(np.ones((8, 9, 7), np.uint8), visible=False) for _ in range(3)])
    side.end()
    assert state(viewer) == before
