"""Every rotation and reordering, against the definition and in all 48 storage orders, straight and oblique."""

import itertools

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError

SHAPE = (4, 5, 6)
SIZE = np.array([0.9, 1.3, 2.1])


def orders():
    """The 48 orientations as nibabel writes them: target axis and flip for each stored axis."""
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            yield np.column_stack([axes, signs]).astype(float)


def rotation(degrees, axis=(1, 2, 3)):
    k = np.array(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    a = np.radians(degrees)
    return np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross


def stored(order, degrees=0.0):
    """Affine of a grid stored in `order`, turned by an angle."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) @ frames.reordering_matrix(order) @ np.diag(SIZE)
    affine[:3, 3] = (-12, 7, 30)
    return affine


def in_every_order(test):
    """Run a test with the affines of all 48 orders, straight and oblique."""

    @pytest.mark.parametrize("degrees", [0.0, 12.0, 29.0])
    def run(degrees):
        for order in orders():
            test(stored(order, degrees))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def random_vectors(n=7):
    return np.random.default_rng(0).standard_normal((n, 3))


def random_tensors(n=7):
    return np.random.default_rng(1).standard_normal((n, 6))


# ---- components -------------------------------------------------------------------------------------------------


def test_six_components_are_named_as_they_are_laid_out():
    matrix = frames.to_matrix(np.arange(6))
    for position, name in enumerate(frames.COMPONENTS):
        i, j = ("xyz".index(letter) for letter in name)
        assert matrix[i, j] == matrix[j, i] == position


def test_components_and_matrices_round_trip():
    chi = random_tensors().reshape(7, 1, 6)
    np.testing.assert_array_equal(frames.from_matrix(frames.to_matrix(chi)), chi)
    assert frames.to_matrix(chi).shape == (7, 1, 3, 3)


def test_the_symmetric_part_is_taken():
    matrix = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert frames.from_matrix(matrix).tolist() == [1, 3, 5, 5, 7, 9]


# ---- frames -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["voxel", " RAS ", "Lps", "fsl"])
def test_frames_are_read_as_people_write_them(text):
    assert frames.parse_frame(text) == text.strip().lower()


def test_an_unknown_frame_is_named():
    with pytest.raises(InputError, match=r"the frame 'scanner' is not known; use one of voxel, ras, lps, fsl\.$"):
        frames.parse_frame("scanner")


@in_every_order
def test_voxel_axes_are_the_unit_columns_of_the_affine(affine):
    axes = frames.voxel_axes(affine)
    np.testing.assert_allclose(axes, affine[:3, :3] / SIZE, atol=1e-12)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frames.voxel_size(affine), SIZE, rtol=1e-12)


@in_every_order
def test_the_way_of_a_direction_into_the_world(affine):
    """One step along a voxel direction in mm is the same step in RAS, and in LPS with two signs turned."""
    step = np.array([0.3, -0.5, 0.2])
    world = affine[:3, :3] @ (step / SIZE)
    np.testing.assert_allclose(frames.rotate_vectors(step, frames.between("voxel", "ras", affine)), world, atol=1e-12)
    np.testing.assert_allclose(
        frames.rotate_vectors(step, frames.between("voxel", "lps", affine)), world * [-1, -1, 1], atol=1e-12
    )


@in_every_order
def test_the_fsl_convention(affine):
    """FSL: voxel axes, the first one turned where the determinant of the affine is positive (neurological storage)."""
    v = random_vectors()
    sign = -1 if np.linalg.det(affine[:3, :3]) > 0 else 1
    fsl = frames.rotate_vectors(v, frames.between("voxel", "fsl", affine))
    np.testing.assert_allclose(fsl, v * [sign, 1, 1], atol=1e-12)
    chi = random_tensors()
    tensor = frames.rotate_tensors(chi, frames.between("voxel", "fsl", affine))
    np.testing.assert_allclose(tensor, chi * [1, sign, sign, 1, 1, 1], atol=1e-12)


@in_every_order
def test_round_trips_between_all_frames(affine):
    v, chi = random_vectors(), random_tensors()
    for source, target in itertools.product(frames.FRAMES, repeat=2):
        there, back = frames.between(source, target, affine), frames.between(target, source, affine)
        np.testing.assert_allclose(back @ there, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(frames.rotate_vectors(frames.rotate_vectors(v, there), back), v, atol=1e-12)
        np.testing.assert_allclose(frames.rotate_tensors(frames.rotate_tensors(chi, there), back), chi, atol=1e-12)


# ---- rotation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_tensor_turns_as_q_x_qt(mirror):
    q = rotation(73, (3, -1, 2)) @ np.diag([mirror, 1, 1])
    chi = random_tensors().reshape(7, 1, 1, 6)
    expected = q @ frames.to_matrix(chi) @ q.T
    np.testing.assert_allclose(frames.to_matrix(frames.rotate_tensors(chi, q)), expected, atol=1e-12)
    np.testing.assert_allclose(frames.tensor_rotation(q) @ chi[0, 0, 0], frames.from_matrix(expected[0, 0, 0]))


def test_a_tensor_turns_with_its_principal_direction():
    q, v = rotation(40, (0, 2, 1)), np.array([0.6, 0.0, 0.8])
    turned = frames.rotate_tensors(frames.from_matrix(np.outer(v, v)), q)
    np.testing.assert_allclose(frames.to_matrix(turned) @ (q @ v), q @ v, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_types_are_kept(dtype):
    q = rotation(20)
    assert frames.rotate_vectors(random_vectors().astype(dtype), q).dtype == dtype
    assert frames.rotate_tensors(random_tensors().astype(dtype), q).dtype == dtype


def test_whole_numbers_turn_as_well():
    """A direction typed as (0, 0, 1) must not make whole numbers of the rotation."""
    q = rotation(20)
    np.testing.assert_allclose(frames.rotate_vectors([0, 0, 1], q), q[:, 2])
    np.testing.assert_allclose(
        frames.to_matrix(frames.rotate_tensors([1, 0, 0, 0, 0, 0], q)), np.outer(q[:, 0], q[:, 0])
    )


def test_nobody_can_spoil_the_rotation_of_the_next():
    q = rotation(33)
    with pytest.raises(ValueError, match="read-only"):
        frames.tensor_rotation(q)[0, 0] = 9
    before = frames.rotate_tensors(random_tensors(), q)
    np.testing.assert_array_equal(frames.rotate_tensors(random_tensors(), q), before)


# ---- B0 ---------------------------------------------------------------------------------------------------------


@in_every_order
def test_b0_of_a_scan_is_the_up_direction_of_the_world(affine):
    b0 = frames.b0_from_affine(affine)
    assert np.linalg.norm(b0) == pytest.approx(1)
    np.testing.assert_allclose(frames.rotate_vectors(b0, frames.to_ras("voxel", affine)), [0, 0, 1], atol=1e-12)


def test_tilts_are_angles_between_axes():
    dirs = [rotation(a, (1, 0, 0)) @ [0, 0, 1] for a in (0, 25, -40, 180, 95)]
    np.testing.assert_allclose(frames.tilt_degrees(dirs), [0, 25, 40, 0, 85], atol=1e-6)
    assert frames.tilt_degrees(np.zeros((0, 3))).shape == (0,)


def test_obliquity_is_that_of_the_nearest_order():
    for order in orders():
        affine = stored(order)
        assert frames.obliquity_degrees(affine) == pytest.approx(0, abs=1e-5)
        affine[:3, :3] = rotation(17, (0, 0, 1)) @ affine[:3, :3]
        assert frames.obliquity_degrees(affine) == pytest.approx(17, abs=1e-5)


# ---- affines ----------------------------------------------------------------------------------------------------


def sheared(degrees):
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 1] = 2 * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), 0])
    return affine


def test_a_sheared_affine_is_refused_with_its_angle():
    with pytest.raises(
        InputError, match=r"^a\.nii: the affine is sheared \(two axes 80\.0 degrees apart instead of 90\)"
    ):
        frames.check_affine(sheared(10), file="a.nii")


@in_every_order
def test_a_sheared_affine_is_refused_whatever_its_rotation(affine):
    bad = np.eye(4)
    bad[:3, :3] = frames.voxel_axes(affine) @ sheared(-3)[:3, :3]
    with pytest.raises(InputError, match=r"sheared .*resample the image"):
        frames.check_affine(bad)


@in_every_order
def test_rounding_of_headers_is_not_shear(affine):
    frames.check_affine(affine.astype(np.float32))
    frames.check_affine(sheared(0.05))


@pytest.mark.parametrize(
    "bad", [np.eye(3), np.full((4, 4), np.nan), np.zeros((2, 4, 4)), np.diag([1, np.inf, 1, 1]), None]
)
def test_an_affine_that_is_none_is_refused(bad):
    with pytest.raises(InputError, match="the affine is not a finite 4x4 matrix; rewrite the header"):
        frames.check_affine(bad)


def test_an_axis_without_length_is_refused():
    with pytest.raises(InputError, match="the affine has an axis of no length; set the voxel size"):
        frames.check_affine(np.diag([1.0, 0, 1, 1]))


def test_a_checked_affine_is_a_copy():
    given = np.eye(4)
    checked = frames.check_affine(given)
    given[0, 0] = 5
    assert checked[0, 0] == 1 and checked.dtype == np.float64


# ---- order of storage -------------------------------------------------------------------------------------------


def same_in_the_world(volume, affine, other, other_affine):
    """Whether two volumes hold the same value at every place of the world."""
    indices = np.argwhere(np.ones(other.shape, bool))
    places = indices @ other_affine[:3, :3].T + other_affine[:3, 3]
    found = (places - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    nearest = np.rint(found).astype(int)
    np.testing.assert_allclose(found, nearest, atol=1e-6)
    return volume.size == other.size and np.array_equal(volume[tuple(nearest.T)], other[tuple(indices.T)])


@in_every_order
def test_reordering_leaves_every_voxel_at_its_place(affine):
    volume = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    orientation = frames.canonical_orientation(affine)
    moved = frames.reorder_volume(volume, orientation)
    moved_affine = frames.reorder_affine(affine, orientation, SHAPE)
    assert same_in_the_world(volume, affine, moved, moved_affine)
    assert frames.axis_codes(moved_affine) == "RAS"
    assert moved.base is not None  # a view


@in_every_order
def test_vector_components_follow_the_axes(affine):
    """The same direction in the world, before and after the reorder."""
    orientation = frames.canonical_orientation(affine)
    q = frames.reordering_matrix(orientation)
    moved_affine = frames.reorder_affine(affine, orientation, SHAPE)
    np.testing.assert_allclose(frames.voxel_axes(moved_affine) @ q, frames.voxel_axes(affine), atol=1e-12)
    sizes = np.abs(q) @ frames.voxel_size(affine)
    np.testing.assert_allclose(frames.voxel_size(moved_affine), sizes)


@in_every_order
def test_every_order_into_every_eighth_other(source):
    volume = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for target_order in list(orders())[::8]:
        orientation = frames.orientation_between(source, stored(target_order))
        moved_affine = frames.reorder_affine(source, orientation, SHAPE)
        assert frames.axis_codes(moved_affine) == frames.axis_codes(stored(target_order))
        assert same_in_the_world(volume, source, frames.reorder_volume(volume, orientation), moved_affine)


def test_other_axes_stay_where_they_are():
    volume = np.random.default_rng(2).random((2, *SHAPE, 6))
    for order in orders():
        moved = frames.reorder_volume(volume, order, first_axis=1)
        for i, c in ((0, 0), (1, 5)):
            np.testing.assert_array_equal(moved[i, ..., c], frames.reorder_volume(volume[i, ..., c], order))
