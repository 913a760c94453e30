import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.grid import check_grid, corner_distance, order_onto, reorder, same_affine
from napari_sti.io.nifti import Header
from tests.io.studies import SHAPE, all_orders, grid, stored


def test_rounding_is_the_same_and_a_shift_is_not():
    affine = grid(oblique=True)
    assert same_affine(SHAPE, affine, affine.astype(np.float32))
    moved = affine.copy()
    moved[2, 3] += 0.2
    assert not same_affine(SHAPE, affine, moved)
    assert corner_distance(SHAPE, affine, moved) == pytest.approx(0.2)


@pytest.mark.parametrize("oblique", [False, True])
def test_all_orders_come_back(oblique):
    data = np.random.default_rng(0).normal(size=SHAPE)
    affine = grid(oblique=oblique)
    for order in all_orders():
        other, other_affine = stored(data, affine, order)
        back = order_onto(other.shape, other_affine, SHAPE, affine)
        assert back is not None and np.array_equal(reorder(other, back), data)


def test_another_grid_has_no_order():
    flipped = grid()
    flipped[0, 0] *= -1  # another place in the world, not another order
    assert order_onto(SHAPE, flipped, SHAPE, grid()) is None
    assert order_onto((7, 9, 5), grid(), SHAPE, grid()) is None


def refusal(tmp_path, shape, affine):
    with pytest.raises(InputError) as error:
        check_grid(Header(shape, affine, tmp_path / "mask.nii"), Header(SHAPE, grid(), tmp_path / "field.nii"), "mask")
    return str(error.value)


def test_messages_name_both_files(tmp_path):
    message = refusal(tmp_path, (7, 9, 5), grid())
    assert "mask.nii: the mask is 7x9x5 voxels, field.nii is 7x9x6" in message
    moved = grid()
    moved[0, 3] += 2
    message = refusal(tmp_path, SHAPE, moved)
    assert "the mask and field.nii have two affines that disagree (by up to 2 mm)" in message
