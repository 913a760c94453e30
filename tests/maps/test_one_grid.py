"""Volumes of any storage order on one grid; the sentences where that is not possible."""

from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import Volume
from napari_sti.maps.one_grid import Grid

SHAPE = (5, 4, 6)
AFFINE = np.diag([-2.0, 1.5, 3, 1])
GRID = Grid(SHAPE, AFFINE, "first")
ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


def test_volumes_come_into_its_order():
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    values[1, 1, 1] = np.nan
    moved = Volume(frames.reorder_volume(values, ORDER), frames.reorder_affine(AFFINE, ORDER, SHAPE), Path("m.nii"))
    np.testing.assert_array_equal(GRID.volume(moved, "map"), np.nan_to_num(values))
    np.testing.assert_array_equal(GRID.mask(moved, "mask"), np.nan_to_num(values) > 0.5)
    assert GRID.volume(None, "map") is None and GRID.mask(None, "mask") is None and GRID.labels(None) is None


def test_tensors_come_into_its_axes():
    chi = np.random.default_rng(0).normal(size=(*SHAPE, 6)).astype(np.float32)
    tensor = TensorField(chi, AFFINE)
    found = GRID.tensor(tensor.reordered(ORDER).in_frame("lps"), "second")
    np.testing.assert_allclose(found.chi, chi, atol=1e-6)
    assert found.frame == "voxel" and found.affine is not tensor.affine
    np.testing.assert_array_equal(found.affine, AFFINE)


def test_other_grids_are_refused():
    other = Volume(np.zeros((5, 4, 7), np.float32), AFFINE, Path("x/brain.nii.gz"))
    with pytest.raises(InputError, match=r"^the mask brain.nii.gz and first lie on different grids \(5x4x7 and 5x4x6"):
        GRID.mask(other, "mask")
    turned = Volume(np.zeros(SHAPE, np.float32), np.diag([2.0, 1.5, 3, 1]), Path("brain.nii.gz"))
    with pytest.raises(InputError, match="first lie on different grids; resample both"):
        GRID.mask(turned, "mask")


def test_labels_are_whole_numbers():
    values = np.zeros(SHAPE, np.float32)
    values[0, 0] = 3
    assert GRID.labels(Volume(values, AFFINE, Path("l.nii"))).max() == 3
    with pytest.raises(InputError, match=r"^l\.nii: the regions are not whole numbers; give one whole number"):
        GRID.labels(Volume(values * 0.5, AFFINE, Path("l.nii")))
