"""Probes as points, and shown results as something that can be probed."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.maps.probe import probeable
from napari_sti.viz.display import DisplayGrid, true_world
from napari_sti.viz.layers import tensor_layers
from napari_sti.viz.probe_layer import (
    number_points,
    points_from_screen,
    points_layer,
    points_on_screen,
    shown_probeable,
    voxel_centre,
)
from napari_sti.viz.shown_maps import shown_maps
from tests.viz.phantoms import SHAPE, all_orders, marked_tensor, ras_affine, turned


@pytest.mark.parametrize("orientation", list(all_orders())[::11])
def test_a_shown_result_answers_as_its_file(orientation):
    tensor = marked_tensor(turned(ras_affine(), SHAPE, 15)).reordered(orientation)
    found = shown_probeable(shown_maps(tensor, "run"), tensor.provenance)
    place = true_world(DisplayGrid(tensor.affine, tensor.shape), (3.0, -17.5, 6.0))
    here, expected = found.at(place), probeable("run", tensor).at(place)
    assert here.voxel == expected.voxel and here.where == expected.where
    np.testing.assert_array_equal(here.chi, expected.chi)
    assert np.shares_memory(found.chi, tensor.chi), "tensors are large: they are not copied"


def test_points_keep_the_steps_of_the_slices():
    viewer = ViewerModel()
    tensor = marked_tensor()
    for data in tensor_layers(tensor, run="run"):
        viewer.add_layer(Layer.create(*data))
    before = viewer.dims.range
    grid = DisplayGrid(tensor.affine, tensor.shape)
    layer = viewer.add_layer(Layer.create(*points_layer(grid)))
    centre = voxel_centre(grid, grid.translate + grid.scale * (4, 6, 2) + 0.3)
    layer.data = points_from_screen(layer, np.stack([centre, centre + grid.scale]))
    number_points(layer)
    assert viewer.dims.range == before
    np.testing.assert_allclose(layer.data, [(4, 6, 2), (5, 7, 3)], atol=1e-9)
    np.testing.assert_allclose(points_on_screen(layer)[0], centre)
    assert list(layer.features["probe"]) == [1, 2]
    np.testing.assert_allclose(layer.data_to_world(layer.data[0]), centre)


def test_no_voxel_outside_of_the_volume():
    grid = DisplayGrid(ras_affine(), SHAPE)
    assert voxel_centre(grid, grid.translate - grid.scale) is None
    np.testing.assert_allclose(voxel_centre(grid, grid.translate - 0.4 * grid.scale), grid.translate)
