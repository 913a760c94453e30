import nibabel
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Vectors

from napari_sti.core import frames
from napari_sti.viz import layers, reader, writer
from tests.viz.phantoms import SHAPE, acquisition, all_orders, marked_tensor, ras_affine, turned


def attributes(layer):
    return layer.as_layer_data_tuple()


def save(write, path, layer):
    data, keywords, _ = attributes(layer)
    assert write(str(path), data, keywords) == [str(path)]
    return nibabel.load(path)


@pytest.mark.parametrize("degrees", [0, 20])
def test_shown_volumes_go_back_to_their_order_and_affine(tmp_path, degrees):
    affine = turned(ras_affine(), SHAPE, degrees)
    volume = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    for orientation in list(all_orders())[::7]:
        stored = np.ascontiguousarray(frames.reorder_volume(volume, orientation))
        grid = frames.reorder_affine(affine, orientation, SHAPE)
        nibabel.Nifti1Image(stored, grid).to_filename(tmp_path / "in.nii")
        [data] = reader.read(tmp_path / "in.nii")
        image = save(writer.write_image, tmp_path / "out.nii", Layer.create(*data))
        np.testing.assert_array_equal(image.get_fdata(), stored)
        np.testing.assert_allclose(image.affine, grid, atol=1e-4)


def test_maps_are_zero_outside_the_mask(tmp_path):
    truth = marked_tensor(turned(ras_affine(), SHAPE, 20)).reordered(np.array([[2, -1], [0, 1], [1, -1.0]]))
    mms = Layer.create(*layers.tensor_layers(truth, run="r")[0])
    image = save(writer.write_image, tmp_path / "mms.nii.gz", mms)
    np.testing.assert_allclose(image.get_fdata(), truth.mms, atol=1e-7)
    np.testing.assert_allclose(image.affine, truth.affine, atol=1e-4)


def test_masks_are_integers(tmp_path):
    acq = acquisition()
    mask = next(Layer.create(*data) for data in layers.acquisition_layers(acq) if data[2] == "labels")
    image = save(writer.write_labels, tmp_path / "mask.nii.gz", mask)
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(image.dataobj) != 0, acq.mask)
    many = Labels(np.full((3, 4, 5), 40_000), scale=(2, 2, 2), units="mm")
    assert save(writer.write_labels, tmp_path / "many.nii", many).get_data_dtype() == np.int32


def test_colours_can_be_saved_and_read_again(tmp_path):
    truth = marked_tensor().reordered(np.array([[0, -1], [1, 1], [2, 1.0]]))
    colour = Layer.create(*layers.tensor_layers(truth, run="r", floor=0.01, ceiling=0.03)[2])
    image = save(writer.write_image, tmp_path / "colour.nii.gz", colour)
    assert image.get_data_dtype().names == ("R", "G", "B")
    [(again, keywords, _)] = reader.read(tmp_path / "colour.nii.gz")
    np.testing.assert_array_equal(again, colour.data[..., :3])
    np.testing.assert_allclose(keywords["translate"], colour.translate, atol=1e-4)


def test_lines_are_saved_as_directions_in_voxel_axes(tmp_path):
    truth = marked_tensor(turned(ras_affine(), SHAPE, 20)).reordered(np.array([[2, -1], [0, 1], [1, -1.0]]))
    lines = Layer.create(*layers.tensor_layers(truth, run="r")[3])
    saved = save(writer.write_directions, tmp_path / "pev.nii.gz", lines).get_fdata()
    assert saved.shape == (*truth.shape, 3)
    agreement = np.abs((saved * truth.pev).sum(-1))[truth.mask]
    np.testing.assert_allclose(agreement, 1, atol=1e-5)
    assert not saved[~truth.mask].any()


def test_foreign_and_moved_layers_are_written_where_they_are_shown(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    foreign = Image(data, scale=(2000, 1000, 500), translate=(1000, 2000, 3000), units="um")
    image = save(writer.write_image, tmp_path / "foreign.nii", foreign)
    np.testing.assert_allclose(image.affine[:3], [[2, 0, 0, 1], [0, 1, 0, 2], [0, 0, 0.5, 3]], atol=1e-6)
    np.testing.assert_array_equal(image.get_fdata(), data)
    moved = Layer.create(*layers.tensor_layers(marked_tensor(), run="r")[0])
    moved.translate = (1, 2, 3)
    np.testing.assert_allclose(save(writer.write_image, tmp_path / "m.nii", moved).affine[:3, 3], (1, 2, 3))
    four = Image(np.zeros((2, 3, 4, 5)), scale=(1, 2, 2, 2), units=("pixel", "mm", "mm", "mm"))
    assert save(writer.write_image, tmp_path / "four.nii", four).shape == (3, 4, 5, 2)


@pytest.mark.parametrize(
    ("data", "given", "sentence"),
    [
        (np.zeros((4, 5)), {}, "the layer 'a' has 2 axes"),
        (np.zeros((4, 5, 6), complex), {}, "the layer 'a' holds complex values; save its real part"),
        (np.zeros((4, 5, 6), "U1"), {}, "the layer 'a' does not hold numbers"),
        (
            np.zeros((4, 5, 6)),
            {"units": ("second",) * 3},
            "measured in second, which is no length; set",
        ),
        (np.zeros((4, 5, 6)), {"affine": np.eye(4) + 0.3 * np.eye(4, k=1)}, "the affine is sheared"),
        ([np.zeros((8, 8, 8)), np.zeros((4, 4, 4))], {}, "has several resolutions"),
        (np.zeros((4, 5, 6, 3), np.uint16), {"rgb": True}, "the colours of 'a' are of the type uint16"),
        (np.zeros((3, 4, 5, 6, 3), np.uint8), {"rgb": True}, "has 4 axes of colours"),
    ],
)
def test_what_cannot_be_saved_is_told(tmp_path, data, given, sentence):
    keywords = {"name": "a", "scale": (1, 1, 1), "units": ("millimeter",) * 3, **given}
    with pytest.raises(writer.SaveError, match=sentence):
        writer.write_image(str(tmp_path / "out.nii.gz"), data, keywords)
    assert not list(tmp_path.iterdir())


def test_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(writer.SaveError, match="reach 5000000000, more than 32 bits hold; number them anew"):
        writer.write_labels(str(tmp_path / "l.nii"), np.full((3, 4, 5), 5_000_000_000), {"name": "l"})


def test_vectors_of_others_and_missing_folders(tmp_path):
    data, keywords, _ = attributes(Vectors(np.zeros((3, 2, 3))))
    with pytest.raises(writer.SaveError, match="Only the PEV lines of a tensor"):
        writer.write_directions(str(tmp_path / "v.nii.gz"), data, keywords)
    data, keywords, _ = attributes(Image(np.zeros((3, 4, 5))))
    with pytest.raises(writer.SaveError, match="cannot be written"):
        writer.write_image(str(tmp_path / "none" / "v.nii.gz"), data, keywords)
