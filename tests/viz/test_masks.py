"""Masks on the canvas: one colour each, said in the caption, in the order of the screen."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.layers import acquisition_layers
from napari_sti.viz.legend import legend
from napari_sti.viz.masks import MASK_COLOURS, mask_key, mask_layer, mask_of, run_of_study
from tests.viz.phantoms import SHAPE, acquisition, ras_affine, turned


def make(name="wm_mask", **more):
    mask = np.zeros(SHAPE)
    mask[2, 3, 1] = 1
    return Layer.create(*mask_layer(DisplayGrid(np.diag([-2.0, 1, 3, 1]), SHAPE), mask, name, {"run": "s"}, **more))


def test_layer_is_translucent_named_and_in_screen_order():
    layer = make()
    assert layer.name == "s - white matter mask" and mask_of(layer) == "wm_mask" and 0 < layer.opacity < 0.6
    assert np.argwhere(layer.data).tolist() == [[SHAPE[0] - 1 - 2, 3, 1]], "stored to the left, shown to the right"
    assert {str(unit) for unit in layer.units} == {"millimeter"} and not layer.visible
    colour = "#" + "".join(f"{round(255 * c):02x}" for c in layer.colormap.map(1)[:3])
    assert colour == MASK_COLOURS["wm_mask"] and layer.colormap.map(0)[3] == 0


def test_colours_are_none_of_the_directions_and_differ():
    colours = [np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in MASK_COLOURS.values()]
    for i, one in enumerate(colours):
        assert np.sort(one)[1] > 90, "pure red, green and blue belong to directions"
        assert all(np.abs(one - other).max() > 60 for other in colours[:i])


def test_layers_of_an_acquisition_use_the_same():
    acq = acquisition(turned(ras_affine(), SHAPE, 20), wm_mask=np.ones(SHAPE), csf_mask=np.zeros(SHAPE))
    masks = [data for data in acquisition_layers(acq) if data[2] == "labels"]
    assert [data[1]["metadata"]["napari_sti"]["mask"] for data in masks] == ["mask", "wm_mask", "csf_mask"]


def test_caption_says_which_colour_is_which():
    viewer = ViewerModel()
    for data in acquisition_layers(acquisition(wm_mask=np.ones(SHAPE), csf_mask=np.ones(SHAPE))):
        viewer.add_layer(Layer.create(*data))
    assert not any("orange" in line for line in legend(viewer).caption)
    for layer in viewer.layers:
        layer.visible = layer.visible or mask_of(layer) in ("wm_mask", "csf_mask")
    assert legend(viewer).caption[1] == "white matter orange, CSF blue"


def test_words():
    assert mask_key([]) == "" and mask_key([{"kind": "mask", "mask": "csf_mask"}, {"kind": "mms"}]) == "CSF blue"
    assert run_of_study("a", True) == "a (simulated)" and run_of_study("simulated a", True) == "simulated a"
