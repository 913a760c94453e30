"""A slice shows the place that it names, with left and right where the letters say, whatever the storage order."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.slices import Windows, check_one_grid, choose_plane, mean_angle, suited_windows
from tests.evaluate.phantoms import AFFINE, SHAPE, isotropic, sided, stored

RED, GREEN = 0, 1


@pytest.mark.parametrize("code", ["RAS", "LPS", "PIL", "ASR"])
def test_right_is_where_the_letter_says_in_every_storage_order(code):
    tensor = stored(sided(), code)
    windows = Windows(0.02, (0.001, 0.04))
    neurological = choose_plane(tensor, slice_mm=0)
    radiological = choose_plane(tensor, slice_mm=0, convention="radiological")
    assert neurological.letters == ("L", "R", "A", "P") and radiological.letters == ("R", "L", "A", "P")
    picture = neurological.cut(tensor).colour(windows)
    height, width, _ = picture.shape
    row = picture[height // 2]
    # The right half is red: it has to be on the right of the page, and on the left if that is where R stands.
    assert row[3 * width // 4].argmax() == RED and row[width // 4].argmax() == GREEN
    np.testing.assert_array_equal(radiological.cut(tensor).colour(windows), picture[:, ::-1])
    mms = neurological.cut(tensor).mms
    assert mms[height // 4, width // 2] > mms[3 * height // 4, width // 2]  # the front is at the top


@pytest.mark.parametrize("code", ["RAS", "SLP"])
@pytest.mark.parametrize(
    ("axis", "letters"), [("coronal", ("L", "R", "S", "I")), ("sagittal", ("P", "A", "S", "I")), ("axial", None)]
)
def test_every_kind_of_slice_is_laid_out_like_its_letters(axis, letters, code):
    tensor = stored(sided(), code)
    plane = choose_plane(tensor, axis=axis)
    assert plane.letters == (letters or ("L", "R", "A", "P"))
    shown = plane.cut(tensor)
    height, width = plane.size_mm
    assert shown.mask.shape == (round(height / plane.pixel[0]), round(width / plane.pixel[1]))
    right, up, near = plane.view
    letter = {"R": (1, 0, 0), "A": (0, 1, 0), "S": (0, 0, 1)}
    np.testing.assert_array_equal(right, letter[plane.letters[1]])
    np.testing.assert_array_equal(up, letter[plane.letters[2]])
    np.testing.assert_array_equal(near, np.cross(right, up))


def test_the_slice_lies_where_it_is_said_to():
    tensor = sided()
    chi = tensor.chi.copy()
    chi[:, :, 5] = 0
    tensor = TensorField(chi, AFFINE, tensor.mask, "ras")
    place = AFFINE[2, 3] + 5 * AFFINE[2, 2]
    plane = choose_plane(tensor, slice_mm=place + 0.3)
    assert plane.position == pytest.approx(place) and not plane.cut(tensor).msa.any()
    assert f"I {abs(place):.1f} mm" in plane.describe() and "neurological (the person's left is" in plane.describe()
    assert choose_plane(stored(tensor, "SPL"), slice_mm=place).position == pytest.approx(place)


def test_the_slice_with_most_anisotropy_is_chosen_by_itself():
    tensor = sided()
    chi = tensor.chi.copy()
    chi[:, :, [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]] = 0
    assert choose_plane(TensorField(chi, AFFINE, tensor.mask, "ras")).index == 7
    assert choose_plane(isotropic()).index in range(2, 13)  # none has any: through the mask


def test_an_oblique_grid_is_said_to_be_one():
    from scipy.spatial.transform import Rotation

    turned = AFFINE.copy()
    turned[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix() @ AFFINE[:3, :3]
    tensor = TensorField(sided().chi, turned, sided().mask, "ras")
    assert "of a grid turned by 20°" in choose_plane(tensor).describe()


def test_angles_are_shown_where_the_reference_has_a_direction():
    truth, found = sided(), sided(turn=20)
    plane = choose_plane(truth)
    angle = plane.cut(stored(found, "PSR")).angle(plane.cut(truth))
    inside = plane.cut(truth).mask
    np.testing.assert_allclose(angle[inside], 20, atol=0.01)
    assert np.isnan(angle[~inside]).all()
    np.testing.assert_allclose(plane.cut(isotropic()).angle(plane.cut(truth))[inside], 90)
    assert np.isnan(plane.cut(truth).angle(plane.cut(isotropic()))).all()


def test_the_mean_angle_knows_neither_frame_nor_storage():
    assert mean_angle(stored(sided(turn=20), "ILA").in_frame("lps"), sided()) == pytest.approx(20, abs=0.01)
    assert np.isnan(mean_angle(isotropic(), sided())) and np.isnan(mean_angle(sided(), isotropic()))


def test_windows_suit_the_reference_alone():
    windows = suited_windows(sided(msa=0.04), [sided(msa=0.4)])
    assert windows.msa == (0.004, 0.04) and windows.mms == 0.02 and windows.angle == 90
    assert suited_windows(None, [sided(msa=0.02), sided(msa=0.04)]).msa[1] == 0.04
    empty = TensorField(np.zeros((*SHAPE, 6)), AFFINE, np.zeros(SHAPE))
    assert suited_windows(empty, []).mms > 0


def test_nan_is_outside():
    tensor = sided()
    chi = tensor.chi.copy()
    chi[6, 8, :] = np.nan
    plane = choose_plane(TensorField(chi, AFFINE, tensor.mask, "ras"), slice_mm=0)
    shown = plane.cut(TensorField(chi, AFFINE, tensor.mask, "ras"))
    assert np.isfinite(shown.mms).all() and (~shown.mask).sum() == (~plane.cut(tensor).mask).sum() + 1


def test_other_grids_are_refused():
    tensor = sided()
    moved = AFFINE.copy()
    moved[0, 3] += 5
    check_one_grid({"a": tensor, "b": stored(tensor, "PIL")})
    with pytest.raises(InputError, match=r"b \(13x17x15 voxels\) lies on another grid than a"):
        check_one_grid({"a": tensor, "b": TensorField(tensor.chi, moved, tensor.mask)})
    with pytest.raises(InputError, match=r"b \(12x17x15 voxels\) lies on another grid than a \(13x17x15\); compare"):
        check_one_grid({"a": tensor, "b": TensorField(tensor.chi[1:], AFFINE, tensor.mask[1:])})


def test_bad_wishes_are_named():
    with pytest.raises(InputError, match="the axis 'oblique' is not known; use one of axial, coronal, sagittal"):
        choose_plane(sided(), axis="oblique")
    with pytest.raises(InputError, match="convention 'mirrored' is not known"):
        choose_plane(sided(), convention="mirrored")
    with pytest.raises(InputError, match=r"axial slice at 99 mm lies outside the volume; choose one from -17.5"):
        choose_plane(sided(), slice_mm=99)


def test_view_is_a_rotation():
    for axis in ("axial", "coronal", "sagittal"):
        for convention in ("neurological", "radiological"):
            view = choose_plane(sided(), axis=axis, convention=convention).view
            np.testing.assert_allclose(view @ view.T, np.eye(3))
            assert np.linalg.det(view) == pytest.approx(1)
    assert frames.axis_codes(AFFINE) == "RAS"
