"""Labels layers as regions, and segmentations as layers: every voxel keeps its place."""

import numpy as np
import pytest
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.region_labels import Labels
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.region_layers import layer_names, regions_layer, take_regions
from napari_sti.viz.status import describe
from tests.viz.phantoms import SHAPE, all_orders, ras_affine, turned


def marked():
    data = np.zeros(SHAPE, np.int32)
    data[1:4, 3:6, 2:5], data[5:8, 4:9, 1:3] = 3, 5
    return data


@pytest.mark.parametrize("orientation", list(all_orders())[::9])
def test_a_file_becomes_a_layer_and_comes_back(orientation, tmp_path):
    affine = turned(ras_affine(), SHAPE, 15)
    stored = np.ascontiguousarray(frames.reorder_volume(marked(), orientation))
    labels = Labels(stored, frames.reorder_affine(affine, orientation, SHAPE), {3: "three"}, "seg.nii.gz")
    layer = Layer.create(*regions_layer(labels, tmp_path / "seg.nii.gz"))
    assert layer.name == "seg"
    back = take_regions(layer)
    np.testing.assert_array_equal(back.on_grid(SHAPE, affine), marked())
    assert back.names == {3: "three"} and back.source == "the layer seg"


def test_what_is_drawn_over_an_oblique_result_lies_where_it_is_seen():
    affine = turned(ras_affine(), SHAPE, 20)
    grid = DisplayGrid(affine, SHAPE)
    layer = LabelsLayer(marked(), scale=grid.scale, translate=grid.translate, name="mine")
    np.testing.assert_array_equal(take_regions(layer).on_grid(SHAPE, affine), marked())


def test_a_drawing_on_a_finer_canvas_is_asked_about():
    grid = DisplayGrid(ras_affine(), SHAPE)
    fine = np.repeat(marked(), 2, axis=0)
    scale = grid.scale * (0.5, 1, 1)
    translate = grid.translate - grid.scale * (0.25, 0, 0)
    found = take_regions(LabelsLayer(fine, scale=scale, translate=translate, name="fine"))
    with pytest.raises(InputError, match="the layer fine lies on another grid"):
        found.on_grid(SHAPE, grid.affine)
    np.testing.assert_array_equal(found.on_grid(SHAPE, grid.affine, resample=True), marked())


def test_names_from_features():
    features = {"index": [0, 3, 5], "name": ["nothing", "three", "five"]}
    layer = LabelsLayer(marked(), features=features)
    assert layer_names(layer) == {0: "nothing", 3: "three", 5: "five"}
    assert layer_names(LabelsLayer(marked())) == {}


def test_empty_and_flat_layers_are_refused():
    with pytest.raises(InputError, match="the layer none marks no voxel"):
        take_regions(LabelsLayer(marked() * 0, name="none"))
    with pytest.raises(InputError, match="has 2 dimensions instead of 3"):
        take_regions(LabelsLayer(marked()[0], name="flat"))


def test_the_status_line_says_the_name(tmp_path):
    labels = Labels(marked(), ras_affine(), {3: "left thalamus"}, "seg.nii.gz")
    layer = Layer.create(*regions_layer(labels, tmp_path / "seg.nii.gz"))
    grid = DisplayGrid(ras_affine(), SHAPE)
    info = layer.metadata["napari_sti"]
    said = [
        describe(info, grid, layer.data, grid.translate + grid.scale * v) for v in ((2, 4, 3), (6, 5, 1), (0, 0, 0))
    ]
    assert [text.rpartition("seg: ")[2] for text in said] == ["left thalamus", "region 5", "none"]
