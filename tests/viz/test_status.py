import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_sti.viz import canvas, layers, status
from tests.viz.phantoms import SHAPE, acquisition, marked_tensor, ras_affine, turned


def shown(made, name):
    layer = next(Layer.create(*data) for data in made if name in data[1]["name"])
    assert status.attach(layer)
    return layer


def text(layer, world, **keywords):
    return layer.get_status(world, world=True, **keywords)["coordinates"]


@pytest.mark.parametrize("name", ["MMS", "MSA", "PEV colour", "PEV lines"])
def test_every_layer_of_a_run_tells_all_its_values(name):
    truth = marked_tensor()
    layer = shown(layers.tensor_layers(truth, run="stiimag 1"), name)
    world = ras_affine()[:3, :3] @ [3, 5, 4] + ras_affine()[:3, 3]
    line = text(layer, world)
    assert f"MMS {truth.mms[3, 5, 4]:.3f}".replace("-", "−") in line
    assert "MSA 0.030 ppm" in line and "direction R 1.00  A 0.00  S 0.00" in line
    assert line.startswith("R 1.0  P 18.0  S 13.5 mm")
    assert layer.get_status(world, world=True)["layer_base"] == "stiimag 1"


def test_outside_of_mask_and_volume_is_said():
    layer = shown(layers.tensor_layers(marked_tensor(), run="r"), "MMS")
    assert text(layer, ras_affine()[:3, 3]).endswith("outside the mask")
    assert text(layer, (500.0, 0, 0)).endswith("outside the volume")


def test_true_world_coordinates_of_an_oblique_scan():
    affine = turned(ras_affine(), SHAPE, 30)
    layer = shown(layers.tensor_layers(marked_tensor(affine), run="r"), "MSA")
    on_screen = layer.data_to_world((3, 5, 4))
    true = affine[:3, :3] @ [3, 5, 4] + affine[:3, 3]
    assert np.abs(np.array(on_screen) - true).max() > 0.2
    line = text(layer, on_screen)
    assert "MSA 0.030 ppm" in line
    assert line.startswith(f"R {abs(true[0]):.1f}  P {abs(true[1]):.1f}  S {true[2]:.1f} mm")


def test_field_mask_and_magnitude():
    made = layers.acquisition_layers(acquisition(magnitude=np.full(SHAPE, 250.0)))
    world = ras_affine()[:3, :3] @ [3, 5, 4] + ras_affine()[:3, 3]
    line = text(shown(made, "field 2"), world)
    assert "B0 7 T along R 0.00  A 0.50  S 0.87" in line and "tilt 30.0°" in line and " ppm" in line
    assert text(shown(made, "mask"), world).endswith("mask: inside")
    assert text(shown(made, "magnitude"), world).endswith("magnitude 250 a.u.")


def test_ppb_on_demand():
    viewer = ViewerModel()
    annotations = canvas.annotate(viewer)
    for data in layers.tensor_layers(marked_tensor(), run="r"):
        viewer.add_layer(Layer.create(*data))
    world = viewer.layers[1].data_to_world((3, 5, 4))
    assert "MSA 0.030 ppm" in text(viewer.layers[1], world)
    annotations.configure(unit="ppb")
    assert "MSA 30.0 ppb" in text(viewer.layers[1], world)


def test_napari_asks_our_layers_and_leaves_others_alone():
    viewer = ViewerModel()
    canvas.annotate(viewer)
    for data in layers.tensor_layers(marked_tensor(), run="r"):
        viewer.add_layer(Layer.create(*data))
    viewer.layers.selection.active = viewer.layers["r - PEV colour"]
    viewer.mouse_over_canvas = True
    viewer.cursor.position = viewer.layers[0].data_to_world((3, 5, 4))
    viewer.update_status_from_cursor()
    assert "direction R 1.00" in viewer.status["coordinates"]
    viewer.layers.selection = set(viewer.layers)
    viewer.update_status_from_cursor()
    assert "MSA 0.030 ppm" in viewer.status
    foreign = viewer.add_image(np.zeros((5, 5, 5)))
    assert not status.attach(foreign) and "get_status" not in vars(foreign)


def test_in_three_dimensions_the_brightest_place_on_the_ray_counts():
    truth = marked_tensor()
    layer = shown(layers.tensor_layers(truth, run="r"), "PEV colour")
    near = np.add(layer.data_to_world((4, 5, 0)), (0, 0, 100.0))
    ray = {"view_direction": np.array([0, 0, -1.0]), "dims_displayed": [2, 1, 0]}
    line = text(layer, near, **ray)
    assert "MSA 0.030 ppm" in line and line.startswith("R 3.0  P 18.0  S 13.5")
    assert text(layer, np.add(near, (500, 0, 0)), **ray).endswith("outside the volume")


def test_four_dimensional_images_tell_the_volume_that_is_shown():
    from napari_sti.viz.display import METADATA_KEY, DisplayGrid

    data = np.arange(3)[:, None, None, None] * np.ones(SHAPE)
    grid = DisplayGrid(ras_affine(), SHAPE)
    info = {**grid.metadata(), "kind": "image", "map": "echo", "unit": ""}
    layer = Image(data, metadata={METADATA_KEY: info}, **grid.layer_keywords(leading=1))
    status.attach(layer)
    assert text(layer, (2.0, *layer.data_to_world((0, 3, 5, 4))[1:])).endswith("echo 2")


def test_a_layer_is_not_kept_alive():
    layer = shown(layers.tensor_layers(marked_tensor(), run="r"), "MMS")
    reference = weakref.ref(layer)
    del layer
    gc.collect()
    assert reference() is None


def test_napari_does_not_offer_to_turn_our_images():
    model = ViewerModel()
    canvas.annotate(model)
    foreign = model.add_image(np.zeros(SHAPE), name="foreign")
    ours = model.add_layer(Layer.create(*layers.tensor_layers(marked_tensor(), run="r")[0]))
    model.layers.selection.active = ours
    assert "transform" in foreign.help and ours.help == "" and model.help == ""
    ours.visible = True
    ours.mode = "transform"
    assert "move" in ours.help, "the way back is said"
    ours.mode = "pan_zoom"
    assert ours.help == "" and model.help == ""
