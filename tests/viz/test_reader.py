import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.io.results import save_result, save_tensor
from napari_sti.io.save import save_acquisition
from napari_sti.viz import reader
from napari_sti.viz.display import METADATA_KEY
from napari_sti.viz.legend import legend
from tests.shared_data import shared
from tests.viz.phantoms import SHAPE, acquisition, all_orders, marked_tensor, ras_affine, turned


def write(path, data, affine, *, slope=None):
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    if slope is not None:
        image.header.set_slope_inter(*slope)
    image.to_filename(path)
    return path


def read(path):
    return reader.get_reader(str(path))(str(path))


def test_scale_place_slope_and_intercept(tmp_path):
    stored = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = write(tmp_path / "scan.nii.gz", stored, ras_affine(), slope=(0.5, -3.0))
    [(data, keywords, kind)] = read(path)
    assert kind == "image" and keywords["name"] == "scan"
    np.testing.assert_allclose(data, stored * 0.5 - 3)
    np.testing.assert_allclose(keywords["scale"], (2.0, 1.5, 3.0))
    np.testing.assert_allclose(keywords["translate"], ras_affine()[:3, 3], atol=1e-4)
    low, high = keywords["contrast_limits"]
    assert data.min() <= low < high <= data.max()


@pytest.mark.parametrize("degrees", [0, 15])
def test_every_storage_order_is_read_to_the_same_layer(tmp_path, degrees):
    volume = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    affine = turned(ras_affine(), SHAPE, degrees)
    [(expected, keywords, _)] = read(write(tmp_path / "ras.nii", volume, affine))
    for orientation in list(all_orders())[::3]:
        stored = np.ascontiguousarray(frames.reorder_volume(volume, orientation))
        path = write(tmp_path / "other.nii", stored, frames.reorder_affine(affine, orientation, SHAPE))
        [(data, others, _)] = read(path)
        np.testing.assert_array_equal(data, expected)
        np.testing.assert_allclose(others["scale"], keywords["scale"], atol=1e-5)
        np.testing.assert_allclose(others["translate"], keywords["translate"], atol=1e-3)


def test_volumes_come_first_in_four_dimensions(tmp_path):
    data = np.random.default_rng(1).normal(size=(*SHAPE, 3)).astype(np.float32)
    [(shown, keywords, _)] = read(write(tmp_path / "four.nii", data, ras_affine()))
    np.testing.assert_array_equal(shown[2], data[..., 2])
    assert keywords["units"] == ("pixel", "mm", "mm", "mm") and len(keywords["scale"]) == 4


def test_six_volumes_are_a_tensor_only_where_a_sidecar_says_so(tmp_path):
    truth = marked_tensor()
    save_tensor(truth, tmp_path / "mine.nii.gz")
    assert [kind for _, _, kind in read(tmp_path / "mine.nii.gz")] == ["image", "image", "image", "vectors"]
    assert len(read(tmp_path / "mine.json")) == 4
    path = write(tmp_path / "plain.nii.gz", np.asarray(truth.chi), truth.affine)
    [(data, _, _)] = read(path)
    assert data.shape == (6, *SHAPE)


def test_result_folders_and_their_files(tmp_path):
    truth = marked_tensor(turned(ras_affine(), SHAPE, 12))
    folder = tmp_path / "stiimag 1"
    save_result(truth, folder, frame="lps")
    for path in (folder, folder / "result.json", folder / "chi.nii.gz"):
        made = read(path)
        assert len(made) == 4
        np.testing.assert_allclose(made[1][0][truth.mask], truth.msa[truth.mask], atol=1e-6)
        assert made[1][1]["metadata"][METADATA_KEY]["provenance"]["method"] == "stiimag"
    [(_, keywords, _)] = read(folder / "mms.nii.gz")
    assert keywords["name"] == "stiimag 1 (simulated) - MMS [ppm]" and keywords["metadata"][METADATA_KEY]["simulated"]
    assert keywords["contrast_limits"][0] == -keywords["contrast_limits"][1]
    assert [k["name"].rpartition(" - ")[2] for _, k, _ in read(folder / "pev.nii.gz")] == ["PEV colour", "PEV lines"]


@pytest.mark.parametrize("simulated", [True, False])
def test_single_maps_of_a_result_say_that_they_are_simulated(tmp_path, simulated):
    truth = marked_tensor()
    save_result(replace(truth, provenance={**truth.provenance, "simulated": simulated}), tmp_path / "stiimag 1")
    for part in ("mms", "msa", "mask"):
        [data] = read(tmp_path / "stiimag 1" / f"{part}.nii.gz")
        assert ("(simulated)" in data[1]["name"]) == (simulated and part != "mask")
        assert data[1]["metadata"][METADATA_KEY].get("run") in (None, "stiimag 1")  # the run keeps its name
        model = ViewerModel()
        model.add_layer(Layer.create(*data))
        assert ("simulated data" in legend(model).caption) == simulated


def test_study_files_give_the_layers_of_the_acquisition(tmp_path):
    path = save_acquisition(acquisition(), tmp_path / "study")
    made = read(path)
    assert any("field 2" in keywords["name"] for _, keywords, _ in made)
    assert {k["metadata"][METADATA_KEY]["study"] for _, k, _ in made} == {str(path)}
    assert len(read(tmp_path / "study")) == len(made)


def test_colour_volumes(tmp_path):
    colours = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"][2, 3, 4] = 200
    flip = np.diag([-1.0, 1, 1, 1]) @ ras_affine()  # stored LAS
    [(data, keywords, _)] = read(write(tmp_path / "rgb.nii.gz", colours, flip))
    assert keywords["rgb"] and data.shape == (*SHAPE, 3)
    assert tuple(data[SHAPE[0] - 1 - 2, 3, 4]) == (0, 200, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.yaml", "title: a\nfield: b\n"),
        ("sidecar.json", '{"EchoTime": 0.02, "Manufacturer": "x"}'),
        ("broken.json", "{"),
        ("picture.png", ""),
    ],
)
def test_files_of_others_are_left_to_others(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert reader.get_reader(str(tmp_path / name)) is None
    assert reader.get_reader(str(tmp_path)) is None
    assert reader.get_reader([str(tmp_path / name)]) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "name: x\nphase: [a.nii]\nH0: [b.txt]\nmask: c.nii\n"),
        ("b.yaml", "- name: x\n  sti_fn: a.nii\n  R2p_fn_list: [b.nii]\n  mask_fn: c.nii\n"),
        ("c.json", json.dumps({"orientations": [{"field": "a.nii"}], "mask": "m.nii"})),
        ("d.sti.yaml", "name: empty\n"),
    ],
)
def test_study_files_are_known_by_their_keys(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert reader.get_reader(str(tmp_path / name)) is reader.read


def test_faults_are_told_by_their_sentence(tmp_path):
    (tmp_path / "cut.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"cut\.nii\.gz: the file of the image is empty"):
        read(tmp_path / "cut.nii.gz")
    sheared = ras_affine()
    sheared[0, 1] = 0.4
    image = nibabel.Nifti1Image(np.zeros(SHAPE, np.float32), None)
    image.set_sform(sheared, 1)
    image.to_filename(tmp_path / "sheared.nii")
    with pytest.raises(InputError, match="sheared"):
        read(tmp_path / "sheared.nii")


def test_an_uncertain_orientation_is_a_warning(tmp_path):
    image = nibabel.Nifti1Image(np.ones(SHAPE, np.float32), None)
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    image.to_filename(tmp_path / "nowhere.nii")
    with pytest.warns(UserWarning, match="left and right are not certain"):
        read(tmp_path / "nowhere.nii")


def test_real_files_open_in_the_right_place():
    place = {}
    for path in sorted(shared("data/storage_orders").glob("*.nii.gz")):
        viewer = ViewerModel()
        [layer] = [viewer.add_layer(Layer.create(*data)) for data in read(path)]
        weight = np.abs(layer.data) / np.abs(layer.data).sum()
        index = [
            (weight.sum(tuple({0, 1, 2} - {axis})) * np.arange(n)).sum() for axis, n in enumerate(layer.data.shape)
        ]
        place[path.name] = np.array(layer.data_to_world(index))
    assert len(place) == 12 and np.ptp(np.array(list(place.values())), axis=0).max() < 0.5


def test_real_directions_open_as_three_volumes():
    [(data, keywords, _)] = read(shared("data/dti_brain/V1.nii.gz"))
    assert data.shape[0] == 3 and np.allclose(keywords["scale"][1:], 2.2, atol=0.01)
