from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core.errors import InputError
from napari_sti.maps.region_labels import Labels
from napari_sti.viz import canvas, layers, views
from napari_sti.viz.display import grid_of, layer_info
from napari_sti.viz.legend import Legend, is_dark, legend, simulated_words
from napari_sti.viz.region_layers import regions_layer
from tests.viz.phantoms import SHAPE, acquisition, marked_tensor, ras_affine, turned


@pytest.fixture
def viewer():
    model = ViewerModel()
    for data in layers.acquisition_layers(acquisition()) + layers.tensor_layers(marked_tensor(), run="stiimag 1"):
        model.add_layer(Layer.create(*data))
    views.show_axial(model)
    views.go_to(model, np.array([0.0, 0.0, 13.5]))
    return model


def show_only(viewer, name):
    for layer in viewer.layers:
        layer.visible = layer.name == name
    viewer.layers.selection.active = viewer.layers[name]


def test_colours_have_a_key_and_no_bar(viewer):
    viewer.layers.selection.active = viewer.layers["stiimag 1 - PEV colour"]
    state = legend(viewer)
    assert state.letters == ("R", "L", "A", "P")
    assert state.caption == ("stiimag 1 - PEV colour", "axial S 13.5 mm, neurological", "simulated data")
    assert state.key.view_axes == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert state.key.brightness.startswith("MSA 0.00") and state.key.brightness.endswith(" to 0.030 ppm")
    assert state.bar is None and not state.warning


def test_scalar_maps_have_a_bar_with_their_unit(viewer):
    show_only(viewer, "stiimag 1 - MMS [ppm]")
    bar = legend(viewer).bar
    assert bar.title == "MMS [ppm]" and bar.low == -bar.high
    assert bar.colors[0] == (0, 0, 0) and bar.colors[-1] == (255, 255, 255)
    assert legend(viewer, "ppb").bar.title == "MMS [ppb]" and legend(viewer, "ppb").bar.high == 1000 * bar.high
    assert legend(viewer).key is None
    viewer.layers["stiimag 1 - MMS [ppm]"].contrast_limits = (-0.5, 0.5)
    assert legend(viewer).bar.high == 0.5


def test_the_legend_is_that_of_the_topmost_visible_image(viewer):
    for layer in viewer.layers:
        layer.visible = True
    msa, colour = viewer.layers["stiimag 1 - MSA [ppm]"], viewer.layers["stiimag 1 - PEV colour"]
    viewer.layers.selection.active = msa
    state = legend(viewer)
    assert state.bar is None and state.key.brightness  # the colours cover the map that is selected
    assert state.caption[0] == "stiimag 1 - PEV colour, PEV lines"
    colour.visible = False
    assert legend(viewer).bar.title == "MSA [ppm]"
    assert legend(viewer).key.brightness == ""  # only lines: the bar says what MSA is
    viewer.layers.move(viewer.layers.index(msa), len(viewer.layers))
    colour.visible = True
    state = legend(viewer)
    assert state.caption[0] == "stiimag 1 - MSA" and state.bar.title == "MSA [ppm]"
    assert state.key is None  # colours and lines lie below
    msa.visible = False
    assert legend(viewer).bar is None and legend(viewer).key is not None


def test_the_legend_is_that_of_the_topmost_run(viewer):
    other = marked_tensor(turned(ras_affine(), SHAPE, 30))
    other = replace(other, provenance={"method": "other", "simulated": False})
    for data in layers.tensor_layers(other, run="other 1", floor=0.01, ceiling=0.05):
        viewer.add_layer(Layer.create(*data))
    state = legend(viewer)
    assert state.caption[0] == "other 1 - PEV colour" and state.key.brightness.endswith("0.050 ppm")
    assert state.caption[2:] == ("along the scan's axes, 30.0° oblique", "partly simulated data")
    viewer.layers["other 1 - PEV colour"].visible = False
    state = legend(viewer)
    assert state.caption[0] == "stiimag 1 - PEV colour" and state.key.brightness.endswith("0.030 ppm")
    assert state.caption[2:] == ("simulated data",)


@pytest.mark.parametrize("plane", views.PLANES)
def test_the_caption_names_the_centre_of_the_voxel_that_is_shown(viewer, plane):
    views.show_plane(viewer, plane)
    layer = viewer.layers["stiimag 1 - PEV colour"]
    axis = viewer.dims.order[0]
    first, step = layer.translate[axis], layer.scale[axis]
    for steps in (2, 2.3, 2.5, 2.7, 3.5, 3.49):
        viewer.dims.set_point(axis, first + steps * step)
        shown = np.take(layer.data, range(SHAPE[axis]), axis)
        [index] = [i for i in range(SHAPE[axis]) if same(np.take(shown, i, axis), layer._slice.image.raw)]
        centre = first + index * step
        letter = views.LETTERS[axis][int(centre >= 0)]
        assert f"{letter} {abs(centre):.1f} mm" in legend(viewer).caption[1], steps


def same(one, other):
    return any(np.array_equal(one, turned) for turned in (other, np.swapaxes(other, 0, 1)))


def test_the_caption_is_the_same_after_three_dimensions_and_back(viewer):
    views.go_to(viewer, np.array([0.0, 0.0, 4.5]))
    before = legend(viewer).caption
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    viewer.dims.set_point(2, 5.7)
    assert legend(viewer).caption == before


def test_field_maps_and_conventions(viewer):
    name = "head (simulated) - field 1 [ppm]"
    show_only(viewer, name)
    views.show_coronal(viewer, radiological=True)
    state = legend(viewer)
    assert state.bar.title == "field [ppm]"
    assert state.letters == ("L", "R", "S", "I")
    assert "radiological" in state.caption[1] and state.caption[1].startswith("coronal")
    views.show_sagittal(viewer)
    assert "logical" not in legend(viewer).caption[1]


def test_oblique_scans_say_so_and_their_key_is_turned():
    model = ViewerModel()
    for data in layers.tensor_layers(marked_tensor(turned(ras_affine(), SHAPE, 30)), run="r"):
        model.add_layer(Layer.create(*data))
    views.show_axial(model)
    state = legend(model)
    assert state.caption[1:3] == ("axial, neurological", "along the scan's axes, 30.0° oblique")
    np.testing.assert_allclose(state.key.view_axes[1], (0, np.sqrt(0.75), 0.5), atol=1e-3)


def test_mirrored_three_dimensional_views_are_warned_about(viewer):
    viewer.dims.ndisplay = 3
    assert legend(viewer).warning == "" and legend(viewer).caption[1] == "3-D"
    viewer.scene.camera.orientation = ("towards", "up", "left")
    assert legend(viewer).warning == "mirrored view"


def test_foreign_layers_are_not_written_about():
    model = ViewerModel()
    model.add_image(np.zeros((4, 5, 6)))
    assert legend(model) == Legend()
    assert legend(ViewerModel()) == Legend()


def test_of_what_nobody_states_nothing_is_said():
    made, real, unknown = {"simulated": True, "run": "a"}, {"simulated": False}, {"kind": "regions"}
    assert simulated_words([unknown, real]) == "" and simulated_words([made, made]) == "simulated data"
    assert simulated_words([real, made, unknown]) == "partly simulated data"
    assert simulated_words([unknown, made, made | {"run": "b"}]) == "simulated: a, b"
    assert simulated_words([{"simulated": None}, made]) == "simulated: a"


def test_labels_over_simulated_data_do_not_make_it_partly_measured(viewer):
    labels, path = Labels(np.ones(SHAPE, np.uint8), viewer_affine(viewer), {}, "drawn"), Path("seg.nii.gz")
    viewer.add_layer(Layer.create(*regions_layer(labels, path)))
    caption = legend(viewer).caption
    assert caption[:2] == ("stiimag 1 - PEV colour", "over it: seg") and caption[-1] == "simulated data"
    show_only(viewer, "seg")
    assert legend(viewer).caption[0] == "seg" and "simulated" not in legend(viewer).caption[-1]


def viewer_affine(viewer):
    return grid_of(layer_info(viewer.layers[0].metadata)).affine


def test_measured_data_are_not_called_simulated():
    model = ViewerModel()
    for data in layers.acquisition_layers(acquisition(simulated=False)):
        model.add_layer(Layer.create(*data))
    assert "simulated data" not in legend(model).caption


def test_themes(viewer):
    viewer.theme = "light"
    assert not is_dark(viewer)
    viewer.theme = "dark"
    assert is_dark(viewer)


def test_annotating_twice_is_once(viewer):
    first = canvas.annotate(viewer)
    assert canvas.annotate(viewer) is first
    assert viewer.canvas.overlays.scale_bar.visible
    with pytest.raises(InputError, match="use ppm or ppb"):
        first.configure(unit="T")


def test_regions_over_an_image_leave_it_its_caption_key_and_bar(viewer):
    before = legend(viewer)
    colour = viewer.layers["stiimag 1 - PEV colour"]
    grid = grid_of(layer_info(colour.metadata))
    labels = Labels(np.ones(grid.shape, np.int32), grid.affine, {1: "thalamus"}, "file")
    viewer.add_layer(Layer.create(*regions_layer(labels, Path("atlas.nii.gz"))))
    state = legend(viewer)
    assert state.key == before.key and state.key is not None
    assert state.caption == (before.caption[0], "over it: atlas", *before.caption[1:])
    show_only(viewer, "stiimag 1 - MMS [ppm]")
    viewer.layers["atlas"].visible = True
    assert legend(viewer).bar.title == "MMS [ppm]"
    show_only(viewer, "atlas")
    assert legend(viewer).caption[0] == "atlas" and legend(viewer).key is None
