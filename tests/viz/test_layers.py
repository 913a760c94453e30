import subprocess
import sys
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.viz import layers
from napari_sti.viz.display import METADATA_KEY
from tests.shared_data import shared
from tests.viz.phantoms import SHAPE, acquisition, all_orders, marked_tensor, ras_affine, tensor, turned


def by_map(data):
    return {keywords["metadata"][METADATA_KEY]["map"]: (values, keywords, kind) for values, keywords, kind in data}


def test_tensor_layers_are_named_and_measured():
    made = layers.tensor_layers(marked_tensor(), run="stiimag 1")
    names = [keywords["name"] for _, keywords, _ in made]
    assert names == [
        "stiimag 1 - MMS [ppm]",
        "stiimag 1 - MSA [ppm]",
        "stiimag 1 - PEV colour",
        "stiimag 1 - PEV lines",
    ]
    for _, keywords, _ in made:
        assert keywords["units"] == ("mm", "mm", "mm")
        assert keywords["axis_labels"] == ("L-R", "P-A", "I-S")
        info = keywords["metadata"][METADATA_KEY]
        assert info["simulated"] and info["run"] == "stiimag 1" and info["provenance"]["method"] == "stiimag"
        np.testing.assert_allclose(info["affine"], ras_affine())
        assert info["description"]


def test_values_limits_and_colours():
    truth = marked_tensor()
    made = by_map(layers.tensor_layers(truth, run="r", floor=0.01, ceiling=0.03))
    mms, keywords, _ = made["MMS"]
    np.testing.assert_allclose(mms[truth.mask], truth.mms[truth.mask])
    assert np.isnan(mms[~truth.mask]).all()
    low, high = keywords["contrast_limits"]
    assert low == -high and high >= np.percentile(np.abs(truth.mms[truth.mask]), 99)
    assert made["MSA"][1]["contrast_limits"] == (0.0, 0.03)
    rgba = made["PEV colour"][0]
    assert tuple(rgba[3, 5, 4]) == (255, 0, 0, 255)  # left-right is red
    assert tuple(rgba[4, 5, 2]) == (0, 255, 0, 255)  # front-back is green
    assert tuple(rgba[6, 8, 4]) == (0, 0, 255, 255)  # up-down is blue
    assert tuple(rgba[0, 0, 0]) == (0, 0, 0, 0)  # outside the mask is transparent
    assert rgba[8, 0, 7, :3].max() == 0 and rgba[8, 0, 7, 3] == 255  # below the floor is black


@pytest.mark.parametrize("degrees", [0, 20])
def test_all_storage_orders_make_the_same_layers(degrees):
    first = marked_tensor(turned(ras_affine(), SHAPE, degrees))
    expected = layers.tensor_layers(first, run="r", floor=0.01, ceiling=0.03)
    for orientation in list(all_orders())[:: 1 if not degrees else 7]:
        made = layers.tensor_layers(first.reordered(orientation), run="r", floor=0.01, ceiling=0.03)
        for (values, keywords, _), (other, others, _) in zip(expected, made, strict=True):
            np.testing.assert_allclose(keywords["scale"], others["scale"], rtol=1e-6)
            np.testing.assert_allclose(keywords["translate"], others["translate"], atol=1e-4)
            if values.dtype == np.uint8:
                assert np.abs(values.astype(int) - other).max() <= 1
            elif values.ndim == 3 and values.shape[1:] == (2, 3):  # lines have no sign
                np.testing.assert_allclose(
                    np.abs(values[:, 1]), np.abs(other[:, 1]), atol=2e-3, err_msg=keywords["name"]
                )
                np.testing.assert_allclose(values[:, 0] + values[:, 1] / 2, other[:, 0] + other[:, 1] / 2, atol=1e-4)
            else:
                np.testing.assert_allclose(values, other, atol=1e-6)


def test_colours_are_of_the_world_and_lines_of_the_screen_when_oblique():
    affine = turned(ras_affine(), SHAPE, 30, axis=2)
    flat = np.full(SHAPE, 0.03)
    made = by_map(
        layers.tensor_layers(tensor(0 * flat, flat, np.broadcast_to([1.0, 0, 0], (*SHAPE, 3)), affine), run="r")
    )
    assert tuple(made["PEV colour"][0][4, 5, 4, :3]) == pytest.approx((255, 0, 0), abs=1)
    extent = made["PEV lines"][0][0, 1] * made["PEV lines"][1]["scale"]
    extent *= np.sign(extent[0])
    np.testing.assert_allclose(extent / np.linalg.norm(extent), frames.voxel_axes(affine).T @ [1, 0, 0], atol=1e-3)


def test_layers_are_accepted_by_napari_and_lie_in_the_world():
    viewer = ViewerModel()
    affine = turned(ras_affine(), SHAPE, 20)
    for data in layers.tensor_layers(marked_tensor(affine), run="r") + layers.acquisition_layers(acquisition(affine)):
        viewer.add_layer(Layer.create(*data))
    assert viewer.layers.extent.units is not None  # all in mm
    assert {str(unit) for unit in viewer.layers.extent.units} == {"millimeter"}
    lines = viewer.layers["r - PEV lines"]
    image = viewer.layers["r - MMS [ppm]"]
    index = np.rint(lines.data[7, 0] + lines.data[7, 1] / 2)
    np.testing.assert_allclose(lines.data_to_world(index), image.data_to_world(index))


def test_floor_and_ceiling_are_changed_in_place():
    made = layers.tensor_layers(marked_tensor(), run="r", floor=0.0, ceiling=0.03)
    mms, msa, colour, lines = (Layer.create(*data) for data in made)
    rgba = colour.data
    events = []
    colour.events.metadata.connect(events.append)
    layers.set_window(colour, 0.0, 0.3)
    assert colour.data is rgba and tuple(rgba[3, 5, 4]) == (26, 0, 0, 255)
    assert colour.metadata[METADATA_KEY]["ceiling"] == 0.3 and events
    count = len(lines.data)
    lines.visible = True
    layers.set_window(lines, 0.02, 0.3)
    assert 0 < len(lines.data) < count and len(lines.edge_color) == len(lines.data)
    layers.set_window(lines, 1.0, 2.0)
    assert len(lines.data) == 0
    layers.set_window(lines, 0.02, 0.3)
    assert len(lines.data) > 0
    layers.set_window(msa, 0.0, 0.3)
    assert tuple(msa.contrast_limits) == (0.0, 0.3)
    before = tuple(mms.contrast_limits)
    layers.set_window(mms, 0.0, 0.3)
    assert tuple(mms.contrast_limits) == before


def test_a_tensor_of_nothing_and_one_with_nan_can_be_shown():
    empty = tensor(np.zeros(SHAPE), np.zeros(SHAPE), np.zeros((*SHAPE, 3)), ras_affine(), np.zeros(SHAPE, bool))
    for data in layers.tensor_layers(empty, run="r"):
        Layer.create(*data)
    truth = marked_tensor()
    chi = np.array(truth.chi)
    chi[4, 4, 4] = np.nan
    made = by_map(layers.tensor_layers(replace(truth, chi=chi), run="r"))
    assert np.isnan(made["MMS"][0][4, 4, 4]) and made["PEV colour"][0][4, 4, 4, 3] == 0
    assert np.isfinite(made["MMS"][1]["contrast_limits"]).all()


def test_acquisition_layers():
    acq = acquisition(magnitude=np.ones((1, *SHAPE)), wm_mask=np.ones(SHAPE), r2prime=np.full((1, *SHAPE), 5.0))
    made = layers.acquisition_layers(acq)
    names = [keywords["name"] for _, keywords, _ in made]
    assert "head (simulated) - field 2 [ppm]" in names
    assert "head (simulated) - magnitude [a.u.]" in names and "head (simulated) - R2' [Hz]" in names
    assert [keywords["name"] for _, keywords, _ in made if keywords["visible"]] == ["head (simulated) - field 1 [ppm]"]
    info = next(k for _, k, _ in made if "field 2" in k["name"])["metadata"][METADATA_KEY]
    np.testing.assert_allclose(info["b0_ras"], [0, 0.5, np.sqrt(0.75)], atol=1e-6)
    assert info["b0"] == 7.0 and info["simulated"]
    labels = [values for values, _, kind in made if kind == "labels"]
    assert labels[0].dtype == np.uint8 and labels[0].sum() == acq.mask.sum()
    measured = layers.acquisition_layers(acquisition(simulated=False))
    assert not any("simulated" in keywords["name"] for _, keywords, _ in measured)


def test_b0_direction_is_told_in_world_axes_whatever_the_order():
    affine = frames.reorder_affine(ras_affine(), np.array([[1, -1], [2, 1], [0, -1.0]]), SHAPE)
    shape = tuple(frames.reorder_volume(np.zeros(SHAPE), np.array([[1, -1], [2, 1], [0, -1.0]])).shape)
    made = layers.acquisition_layers(acquisition(affine, shape))
    info = next(k for _, k, _ in made if "field 2" in k["name"])["metadata"][METADATA_KEY]
    np.testing.assert_allclose(info["b0_ras"], [0, 0.5, np.sqrt(0.75)], atol=1e-6)


def test_making_layers_loads_neither_napari_nor_qt_nor_torch():
    code = "import sys, napari_sti.viz.layers, napari_sti.viz.reader, napari_sti.viz.writer; "
    code += "print([m for m in ('napari', 'qtpy', 'vispy', 'torch', 'skimage') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_real_fibre_directions_have_the_usual_colours():
    import nibabel

    fa, v1 = (nibabel.load(shared(f"data/dti_brain/{name}.nii.gz")) for name in ("FA", "V1"))
    anisotropy = np.asarray(fa.dataobj, np.float32)
    # FSL's vectors: voxel axes, the first negated where det(affine) > 0.
    rotation = frames.between("fsl", "ras", fa.affine)
    made = by_map(
        layers.tensor_layers(
            tensor(0 * anisotropy, 0.03 * anisotropy, frames.rotate_vectors(v1.get_fdata(), rotation), fa.affine),
            run="dti",
        )
    )
    rgba, keywords, _ = made["PEV colour"]
    strong = made["MSA"][0] > 0.03 * 0.6
    middle = (np.arange(rgba.shape[0]) * keywords["scale"][0] + keywords["translate"][0])[:, None, None]
    centre = (np.abs(middle - np.nanmedian(np.where(strong, middle, np.nan))) < 6) & strong
    # The corpus callosum crosses the midline: red there, and far less to both sides.
    at_midline, elsewhere = (
        np.bincount(rgba[..., :3][where].argmax(-1), minlength=3) / where.sum() for where in (centre, strong & ~centre)
    )
    assert at_midline.argmax() == 0 and at_midline[0] > 1.3 * elsewhere[0], (at_midline, elsewhere)


@pytest.mark.window
@pytest.mark.parametrize("solid", [False, True])
def test_lines_that_are_hidden_while_the_window_moves_catch_up(make_napari_viewer, solid):
    viewer = make_napari_viewer(show=True)
    rng = np.random.default_rng(2)
    chi = (rng.normal(size=(9, 8, 7, 6)) * 0.02).astype(np.float32)
    made = layers.tensor_layers(TensorField(chi, np.diag([2.0, 2, 2, 1])), run="r", floor=0.0, ceiling=0.05)
    lines = viewer.add_layer(Layer.create(*next(d for d in made if d[2] == "vectors")))
    viewer.dims.ndisplay = 3 if solid else 2
    lines.visible = True
    lines.visible = False
    for floor in (0.03, 0.0, 0.045, 0.01, 0.04):
        layers.set_window(lines, floor, 0.05)
    viewer.dims.set_point(0, 6)
    lines.visible = True
    few = len(lines.data)
    assert lines.metadata["napari_sti"]["floor"] == 0.04
    layers.set_window(lines, 0.025, 0.05)
    assert 0 < few < len(lines.data)
    assert lines.edge_color.shape == (len(lines.data), 4)
    assert lines.edge_color[:, 3].min() < 0.2 < 0.9 < lines.edge_color[:, 3].max(), "faint at the floor"
    lines.visible = False
    lines.visible = True


def test_a_duplicate_of_hidden_lines_catches_up_too():
    made = layers.tensor_layers(marked_tensor(), run="r", floor=0.0, ceiling=0.03)
    lines = Layer.create(*made[3])
    count = len(lines.data)
    layers.set_window(lines, 0.02, 0.03)
    copy = Layer.create(*deepcopy(lines.as_layer_data_tuple()))
    layers.set_window(copy, 0.02, 0.03)
    copy.visible = True
    assert 0 < len(copy.data) < count


def test_the_strongest_lines_are_opaque_and_the_faintest_are_not():
    truth = marked_tensor()
    lines = Layer.create(*layers.tensor_layers(truth, run="r", floor=0.006, ceiling=0.02)[3])
    assert lines.opacity == 1 and lines.edge_width >= 0.3  # in a window of 1280x800 a whole head's lines must be seen
    middle = np.rint(lines.data[:, 0] + lines.data[:, 1] / 2).astype(int)
    share = np.clip((truth.msa[tuple(middle.T)] - 0.006) / 0.014, 0, 1)
    np.testing.assert_allclose(lines.edge_color[:, 3], 0.15 + 0.85 * share, atol=1e-3)
