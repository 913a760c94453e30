import gzip
import shutil

import nibabel
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.nifti import SYMMATRIX, read_header, read_volume, write_volume
from tests.io.studies import SHAPE, all_orders, grid, stored
from tests.shared_data import shared


def volume(dtype=np.float32):
    return np.random.default_rng(3).normal(0, 50, SHAPE).astype(dtype)


def save(path, data, affine, **codes):
    """A file made by nibabel alone, as another program would leave it."""
    image = nibabel.Nifti1Image(data, None)
    for kind, given in (("sform", codes.get("sform", affine)), ("qform", codes.get("qform", affine))):
        if given is not None:
            getattr(image, f"set_{kind}")(given, code=1)
    image.to_filename(path)
    return path


def refusal(path, **more):
    with pytest.raises(InputError) as error:
        read_volume(path, **more)
    message = str(error.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    return message


def world_samples(data, affine):
    """Values by world position, whatever the order of storage."""
    index = np.indices(data.shape[:3]).reshape(3, -1)
    places = (affine[:3, :3] @ index + affine[:3, 3:]).T
    return places, data.reshape(-1, *data.shape[3:])


# ---- what is read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_written_and_read_again(tmp_path, oblique, ending):
    path = tmp_path / f"a.{ending}"
    write_volume(path, volume(), grid(oblique=oblique))
    read = read_volume(path)
    assert read.data.dtype == np.float32 and np.array_equal(read.data, volume())
    assert np.allclose(read.affine, grid(oblique=oblique), atol=1e-5)
    assert read.path == path and read.header.warnings == ()


@pytest.mark.parametrize("oblique", [False, True])
def test_every_storage_order_keeps_the_place_in_the_world(tmp_path, oblique):
    data, affine = volume(), grid(oblique=oblique)
    places, values = world_samples(data, affine)
    for number, order in enumerate(all_orders()):
        path = tmp_path / f"{number}.nii"
        write_volume(path, *stored(data, affine, order))
        read = read_volume(path)
        # For each place of the file, the voxel of the original that lies there has the same value.
        p, v = world_samples(read.data, read.affine)
        index = np.linalg.inv(affine) @ np.c_[p, np.ones(len(p))].T
        assert np.allclose(index[:3], np.rint(index[:3]), atol=1e-3)
        i, j, k = np.rint(index[:3]).astype(int)
        assert np.array_equal(data[i, j, k], v), number
    assert len(places) == len(values) == 7 * 9 * 6


def test_twelve_real_orders_land_at_the_same_place():
    folder = shared("data/storage_orders")
    files = sorted(folder.glob("*.nii.gz"))
    assert len(files) == 12
    reference = None
    for path in files:
        read = read_volume(path)
        flat = nibabel.as_closest_canonical(nibabel.Nifti1Image(read.data, read.affine))
        data, affine = np.asarray(flat.dataobj), flat.affine
        if reference is None:
            reference = data, affine
        # The files were resampled by a program that rounds; the same anatomy lies at the same millimetre.
        centre = [np.average(axis, weights=data**2) for axis in world_axes(data.shape, affine)]
        expected = [
            np.average(axis, weights=reference[0] ** 2) for axis in world_axes(reference[0].shape, reference[1])
        ]
        assert np.allclose(centre, expected, atol=0.5), path.name
        assert np.corrcoef(data.ravel(), reference[0].ravel())[0, 1] > 0.999, path.name
        assert data.max() == pytest.approx(92.55, abs=0.1)  # uint8 with a slope


def world_axes(shape, affine):
    index = np.indices(shape).reshape(3, -1)
    return [axis.reshape(shape) for axis in affine[:3, :3] @ index + affine[:3, 3:]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float64])
def test_integers_with_slope_and_intercept(tmp_path, dtype):
    raw = np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype)
    image = nibabel.Nifti1Image(raw, grid())
    image.header.set_slope_inter(0.25, -12.5)
    path = tmp_path / "a.nii.gz"
    # nibabel would scale again on writing, so that the numbers are put down by hand.
    with gzip.open(path, "wb") as stream:
        header = image.header.copy()
        header["vox_offset"] = 352
        header["scl_slope"], header["scl_inter"] = 0.25, -12.5
        header["magic"] = b"n+1\0"
        stream.write(header.binaryblock + b"\0" * 4 + raw.tobytes(order="F"))
    assert np.allclose(read_volume(path).data, raw * 0.25 - 12.5, atol=1e-4)


@pytest.mark.parametrize("slope", [np.nan, 0.0])
def test_a_slope_that_says_nothing_is_ignored(tmp_path, slope):
    raw = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16)
    path = save(tmp_path / "a.nii", raw, grid())
    with open(path, "r+b") as stream:
        stream.seek(112)
        stream.write(np.array([slope, 7.0], "<f4").tobytes())
    assert np.array_equal(read_volume(path).data, raw)


def test_nifti_2_and_header_pairs(tmp_path):
    nibabel.Nifti2Image(volume(), grid()).to_filename(tmp_path / "two.nii.gz")
    nibabel.Nifti1Pair(volume(), grid()).to_filename(tmp_path / "pair.img")
    for name in ("two.nii.gz", "pair.img"):
        assert np.array_equal(read_volume(tmp_path / name).data, volume())


def test_big_endian(tmp_path):
    image = nibabel.Nifti1Image(volume(), grid())
    swapped = nibabel.Nifti1Image(volume(), grid(), image.header.as_byteswapped(">"))
    swapped.to_filename(tmp_path / "a.nii")
    assert np.array_equal(read_volume(tmp_path / "a.nii").data, volume())


def test_trailing_single_dimensions_are_dropped(tmp_path):
    save(tmp_path / "a.nii", volume()[..., None, None], grid())
    assert read_volume(tmp_path / "a.nii").data.shape == SHAPE
    save(tmp_path / "t.nii", np.zeros((*SHAPE, 1, 6), np.float32), grid())
    assert read_volume(tmp_path / "t.nii", dims=4).data.shape == (*SHAPE, 6)


def test_nan_is_kept(tmp_path):
    data = volume()
    data[1, 2, 3] = np.nan
    write_volume(tmp_path / "a.nii", data, grid())
    assert np.array_equal(read_volume(tmp_path / "a.nii").data, data, equal_nan=True)


def test_micrometres_become_millimetres(tmp_path):
    image = nibabel.Nifti1Image(volume(), np.diag([150.0, 90, 200, 1]))
    image.header.set_xyzt_units("micron")
    image.to_filename(tmp_path / "a.nii")
    assert np.allclose(read_volume(tmp_path / "a.nii").affine, np.diag([0.15, 0.09, 0.2, 1]))


def test_header_alone(tmp_path):
    save(tmp_path / "a.nii.gz", volume(), grid())
    header = read_header(tmp_path / "a.nii.gz")
    assert header.shape == SHAPE and header.oriented and header.intent == 0


def test_no_orientation_is_read_with_a_warning(tmp_path):
    path = save(tmp_path / "a.nii", volume(), None)
    read = read_volume(path)
    assert not read.header.oriented
    assert "a.nii does not state its orientation" in read.header.warnings[0]
    assert "left and right are not certain" in read.header.warnings[0]


def test_a_quaternion_near_half_a_turn_agrees_with_its_sform(tmp_path):
    # float32 quaternions lose most of their digits there.
    affine = grid()
    affine[:3, :3] = np.diag([-1.0, -1, 1]) @ affine[:3, :3]
    turn = np.radians(0.02)
    affine[:3, :3] = (
        np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]) @ affine[:3, :3]
    )
    path = save(tmp_path / "a.nii", np.zeros((200, 200, 3), np.float32) + 1, affine)
    assert read_volume(path).header.warnings == ()


# ---- what is refused --------------------------------------------------------------------------------------------


def test_missing_file(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.nii.gz", what="mask")


def test_a_folder(tmp_path):
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.txt"])
def test_no_nifti(tmp_path, name):
    (tmp_path / name).write_text("not an image at all, but long enough to hold a header " * 20)
    assert "NIfTI image; give a NIfTI image (.nii or .nii.gz)" in refusal(tmp_path / name)


def test_empty_file(tmp_path):
    (tmp_path / "a.nii.gz").touch()
    assert "the file of the image is empty; copy it again" in refusal(tmp_path / "a.nii.gz")


def test_another_format(tmp_path):
    nibabel.MGHImage(volume(), grid()).to_filename(tmp_path / "a.mgz")
    assert "not a NIfTI file but MGH" in refusal(tmp_path / "a.mgz")


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_cut_short(tmp_path, ending):
    whole = save(tmp_path / f"whole.{ending}", volume(), grid())
    path = tmp_path / f"a.{ending}"
    path.write_bytes(whole.read_bytes()[:-200])
    assert "cut short or damaged" in refusal(path)


def test_damaged_gzip(tmp_path):
    path = save(tmp_path / "a.nii.gz", volume(), grid())
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path.write_bytes(data)
    assert "cut short or damaged" in refusal(path)


def test_a_header_that_promises_more_than_any_file_holds(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((3, 3, 3), np.float32), grid())
    with open(path, "r+b") as stream:
        stream.seek(42)
        stream.write(np.array([30000, 30000, 30000], "<i2").tobytes())
    assert "cut short or damaged" in refusal(path)


def test_complex(tmp_path):
    save(tmp_path / "a.nii", volume().astype(np.complex64), grid())
    assert "the field holds complex values; give real values" in refusal(tmp_path / "a.nii", what="field")


def test_rgb(tmp_path):
    colours = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(tmp_path / "a.nii", colours, grid())
    assert "holds RGB colours" in refusal(tmp_path / "a.nii")


def test_four_dimensions_where_three_are_expected(tmp_path):
    save(tmp_path / "a.nii", np.zeros((*SHAPE, 2), np.float32), grid())
    message = refusal(tmp_path / "a.nii", what="field")
    assert "the field has 4 dimensions (7x9x6x2) where 3 are expected; give one volume per file" in message
    save(tmp_path / "b.nii", volume(), grid())
    assert "where 4 are expected" in refusal(tmp_path / "b.nii", dims=4)


def test_a_slice(tmp_path):
    save(tmp_path / "a.nii", np.ones((7, 9), np.float32), grid())
    assert "2 dimensions (7x9)" in refusal(tmp_path / "a.nii")


def test_sheared(tmp_path):
    affine = grid()
    affine[0, 1] = 0.2
    save(tmp_path / "a.nii", volume(), affine, qform=None)
    assert "the affine is sheared" in refusal(tmp_path / "a.nii")


def test_two_affines_that_disagree(tmp_path):
    other = grid()
    other[0, 3] += 3.0
    path = save(tmp_path / "a.nii", volume(), grid(), qform=other)
    message = refusal(path)
    assert (
        "sform and qform are two affines that disagree (by up to 3 mm)" in message and "copy the right one" in message
    )
    path = save(tmp_path / "b.nii", volume(), grid(), qform=grid(oblique=True))
    assert "two affines that disagree" in refusal(path)


def test_an_affine_without_an_axis(tmp_path):
    affine = grid()
    affine[:3, 2] = 0
    save(tmp_path / "a.nii", volume(), affine, qform=None)
    assert "axis of no length" in refusal(tmp_path / "a.nii")


def test_symmetric_matrix_intent_is_reported(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((*SHAPE, 1, 6), np.float32), grid())
    image.header["intent_code"] = SYMMATRIX
    image.to_filename(tmp_path / "a.nii")
    assert read_header(tmp_path / "a.nii").intent == SYMMATRIX


# ---- what is written --------------------------------------------------------------------------------------------


def test_header_of_a_written_file(tmp_path):
    write_volume(tmp_path / "a.nii.gz", volume(), grid(oblique=True), description="field, ppm")
    image = nibabel.load(tmp_path / "a.nii.gz")
    header = image.header
    assert int(header["sform_code"]) == int(header["qform_code"]) == 1
    assert np.allclose(header.get_qform(), header.get_sform(), atol=1e-4)
    assert header.get_xyzt_units()[0] == "mm" and header["descrip"].item() == b"field, ppm"
    assert header.get_slope_inter() in ((None, None), (1.0, 0.0)) and image.get_data_dtype() == np.float32


def test_masks_are_small_and_integers_stay(tmp_path):
    write_volume(tmp_path / "m.nii.gz", volume() > 0, grid())
    assert nibabel.load(tmp_path / "m.nii.gz").get_data_dtype() == np.uint8
    write_volume(tmp_path / "l.nii.gz", (volume() > 0).astype(np.int32) * 70000, grid())
    assert np.asarray(nibabel.load(tmp_path / "l.nii.gz").dataobj).max() == 70000


def test_equal_volumes_have_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_volume(tmp_path / f"{name}.nii.gz", volume(), grid())
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def write_refusal(path, **more):
    with pytest.raises(InputError) as error:
        write_volume(path, volume(), grid(), **more)
    return str(error.value)


def test_overwriting_is_asked_for(tmp_path):
    path = tmp_path / "a.nii.gz"
    write_volume(path, volume(), grid())
    assert "this file exists already" in write_refusal(path)
    write_volume(path, volume() * 2, grid(), overwrite=True)
    assert np.array_equal(read_volume(path).data, volume() * 2)


def test_unwritable_folder(tmp_path):
    assert "cannot be written (No such file or directory)" in write_refusal(tmp_path / "none" / "a.nii.gz")
    assert "add the ending" in write_refusal(tmp_path / "a.img")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.nii.gz"
    write_volume(path, volume(), grid())
    before = path.read_bytes()

    def full(self, stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nibabel.Nifti1Image, "to_stream", full)
    assert "No space left on device" in write_refusal(path, overwrite=True)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


def test_real_siemens_phase_keeps_its_integers():
    read = read_volume(shared("data/gre_brain/sub-fieldmap_phase1.nii.gz"))
    assert read.data.shape == (128, 76, 10) and read.data.min() == 0 and read.data.max() == 4095
    assert np.allclose(np.diag(read.affine)[:3], (-2.1875, 2.1875, 3.0))


def test_the_source_is_not_touched(tmp_path):
    path = save(tmp_path / "a.nii", volume(), grid())
    read = read_volume(path)
    shutil.rmtree(tmp_path)
    assert np.array_equal(read.data, volume())  # nothing is mapped to the file
    read.data[0, 0, 0] = 5
