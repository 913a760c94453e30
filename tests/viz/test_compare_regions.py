"""Labels drawn in the viewer, on the voxels of a comparison."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_sti.core.errors import InputError
from napari_sti.maps.one_grid import Grid
from napari_sti.viz.compare_regions import take_labels
from napari_sti.viz.display import DisplayGrid
from tests.viz import phantoms

AFFINE = np.diag([-2.0, 1.5, 3.0, 1])


def test_drawn_labels_land_on_the_stored_voxels():
    grid = DisplayGrid(AFFINE, phantoms.SHAPE)
    drawn = np.zeros(grid.shown_shape, int)
    drawn[1, 2, 3], drawn[5:7, 4, 6] = 1, 7
    layer = Labels(drawn, **grid.layer_keywords())
    volume = take_labels(layer).on_grid(grid)
    stored = Grid(phantoms.SHAPE, AFFINE, "run").labels(volume)
    np.testing.assert_array_equal(grid.to_shown(stored), drawn)
    np.testing.assert_array_equal(stored[::-1], drawn)


def test_a_layer_of_other_voxels_is_taken_by_place():
    """A new labels layer of napari covers everything in the viewer, in steps of its own."""
    grid = DisplayGrid(AFFINE, phantoms.SHAPE)
    scale = grid.scale / 2
    drawn = np.zeros(np.array(phantoms.SHAPE) * 2 + 8, int)
    inside = drawn[10:14, 8:12, 6:10]
    inside[:] = 5
    translate = grid.translate - 0.25 * grid.scale - 4 * scale
    volume = take_labels(Labels(drawn, scale=scale, translate=translate)).on_grid(grid)
    expected = np.zeros(phantoms.SHAPE)
    expected[3:5, 2:4, 1:3] = 5
    np.testing.assert_array_equal(volume.data, expected)


def test_what_cannot_be_used_is_said():
    grid = DisplayGrid(AFFINE, phantoms.SHAPE)
    with pytest.raises(InputError, match="'far' marks no voxel of the results; draw on the images of a run"):
        take_labels(Labels(np.ones((3, 3, 3), int), translate=(900, 0, 0), name="far")).on_grid(grid)
    with pytest.raises(InputError, match="'flat' has 2 dimensions instead of 3"):
        take_labels(Labels(np.ones((3, 3), int), name="flat"))
    with pytest.raises(InputError, match="'skew' is turned against the results"):
        take_labels(Labels(np.ones((3, 3, 3), int), rotate=20, name="skew"))
