"""What is drawn of streamlines: in their place, in the colours of the world, few enough segments."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_sti.core.tracts import from_lines
from napari_sti.viz.display import DisplayGrid, shown_place
from napari_sti.viz.layers import scalar_layer
from napari_sti.viz.tracts import TINT, draw_tracts, set_slab

SHAPE = (31, 27, 25)
STRAIGHT = np.diag([-1.5, 2.0, 1.2, 1.0])
ANGLE = np.radians(20)
TURN = np.array(
    [[np.cos(ANGLE), 0, np.sin(ANGLE), 0], [0, 1, 0, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE), 0], [0, 0, 0, 1]]
)
PERMUTED = TURN @ np.array([[0, -1.5, 0, 12.0], [0, 0, 2.0, -9], [1.2, 0, 0, 4], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [STRAIGHT, PERMUTED])
def test_ends_lie_where_the_screen_shows_their_place(affine):
    grid = DisplayGrid(affine, SHAPE)
    world = np.array([(3, 4, 5), (9, 9, 9)]) @ affine[:3, :3].T + affine[:3, 3]
    drawn = draw_tracts(from_lines([np.linspace(*world, 30)]), grid)
    begin, end = drawn.vectors[0, 0], drawn.vectors[-1].sum(axis=0)
    for place, expected in ((begin, world[0]), (end, world[1])):
        assert np.allclose(place * grid.scale + grid.translate, shown_place(grid, expected), atol=1e-3)
    # Segments of one line follow upon each other.
    assert np.allclose(drawn.vectors[:-1].sum(axis=1), drawn.vectors[1:, 0], atol=1e-4)


def test_colours_are_those_of_the_world_whatever_the_axes():
    lines = [[(0, 0, 0), (5, 0, 0)], [(0, 0, 0), (0, -5, 0)], [(0, 0, 0), (0, 0, 5)]]
    colors = draw_tracts(from_lines(lines), DisplayGrid(PERMUTED, SHAPE)).colors[:, :3]
    assert np.allclose(colors, TINT + (1 - TINT) * np.eye(3), atol=1e-6)


def test_straight_stretches_need_few_segments_and_bends_many():
    grid = DisplayGrid(STRAIGHT, SHAPE)
    angle = np.linspace(0, 2 * np.pi, 400)
    circle = np.stack([4 * np.cos(angle), 4 * np.sin(angle), 0 * angle], 1)
    straight = np.linspace((0, 0, 0), (0, 0, 2 * np.pi * 4), 400)
    bent, flat = (len(draw_tracts(from_lines([line]), grid).vectors) for line in (circle, straight))
    assert flat <= 10 and 25 < bent < 60
    drawn = draw_tracts(from_lines([circle] * 40), grid, most=500)
    assert len(drawn.vectors) <= 500 and drawn.coarseness > 1


def test_nothing_is_drawn_of_nothing():
    grid = DisplayGrid(STRAIGHT, SHAPE)
    for lines in ([], [[(1, 1, 1)]]):
        drawn = draw_tracts(from_lines(lines), grid)
        assert drawn.vectors.shape == (0, 2, 3) and drawn.colors.shape == (0, 4)


def test_a_slab_of_streamlines_leaves_images_as_they_are(make_napari_viewer):
    viewer = make_napari_viewer()
    shape = (6, 7, 5)
    shown = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    grid = DisplayGrid(np.diag([2.0, 2, 2, 1]), shape)
    layer = Layer.create(*scalar_layer(grid, shown, "map", "gray", (0, 1), True, info={"kind": "msa"}))
    viewer.add_layer(layer)
    viewer.dims.set_point(0, float(layer.translate[0] + 3 * layer.scale[0]))
    alone = np.array(layer._slice.image.raw)
    set_slab(viewer, 9.0)
    np.testing.assert_array_equal(layer._slice.image.raw, alone)
