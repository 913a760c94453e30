"""Segmentations: read, refused, and brought to other grids."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.region_labels import Labels, OtherGridError, nearest, read_labels
from tests.viz.phantoms import all_orders, ras_affine, turned

SHAPE = (9, 11, 8)
AFFINE = ras_affine(SHAPE)


def blocks():
    data = np.zeros(SHAPE, np.int16)
    data[1:5, 2:9, 1:4], data[5:8, 2:9, 1:4], data[1:8, 2:9, 5:7] = 1, 2, 7
    return data


def save(path, data, affine=AFFINE):
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def test_read_with_names(tmp_path):
    path = save(tmp_path / "seg.nii.gz", blocks().astype(np.float32))
    (tmp_path / "seg.tsv").write_text("index\tname\n1\tleft\n2\tright\n")
    (tmp_path / "other.txt").write_text("7 top\n")
    found = read_labels(path)
    np.testing.assert_array_equal(found.data, blocks())
    assert found.names == {1: "left", 2: "right"} and "seg.tsv" in found.notes[0]
    assert read_labels(path, tmp_path / "other.txt").names == {7: "top"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d * 0, "marks no voxel: all are 0; choose another file"),
        (lambda d: d * 0.5, "not whole numbers; give one whole number for each region"),
        (lambda d: d * -1, "labels below 0"),
        (lambda d: d * (1 << 24), "cannot be told apart"),
        (lambda d: np.arange(d.size).reshape(d.shape) % 6000, "more than a segmentation has"),
    ],
)
def test_what_is_no_segmentation_is_refused(tmp_path, change, said):
    data = change(np.pad(blocks().astype(np.float32), ((0, 9), (0, 9), (0, 9))))
    path = save(tmp_path / "bad.nii.gz", data.astype(np.float32))
    with pytest.raises(InputError, match=said) as error:
        read_labels(path)
    assert "bad.nii.gz" in str(error.value)


def test_nan_counts_to_no_region_and_is_told(tmp_path):
    data = blocks().astype(np.float32)
    data[2, 3, 2] = np.nan
    found = read_labels(save(tmp_path / "nan.nii.gz", data))
    assert found.data[2, 3, 2] == 0 and found.data[3, 3, 2] == 1
    assert "1 voxels of nan.nii.gz are NaN or infinite" in found.notes[0]


def test_drawn_labels_without_a_voxel_are_refused():
    with pytest.raises(InputError, match="the layer mine marks no voxel; draw a region"):
        Labels(np.zeros(SHAPE, int), AFFINE, source="the layer mine")
    with pytest.raises(InputError, match="no volume of whole numbers"):
        Labels(np.ones(SHAPE), AFFINE)


@pytest.mark.parametrize("orientation", list(all_orders())[::7])
def test_another_order_on_the_same_grid_needs_no_asking(orientation):
    stored = frames.reorder_volume(blocks(), orientation)
    affine = frames.reorder_affine(AFFINE, orientation, SHAPE)
    found = Labels(np.ascontiguousarray(stored), affine).on_grid(SHAPE, AFFINE)
    np.testing.assert_array_equal(found, blocks())


def test_another_grid_is_asked_about_and_then_resampled():
    fine = np.repeat(np.repeat(np.repeat(blocks(), 2, 0), 2, 1), 2, 2)
    affine = AFFINE @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    labels = Labels(fine, affine, source="fine.nii.gz")
    with pytest.raises(OtherGridError, match=r"fine.nii.gz lies on another grid \(18x22x16 voxels of 1x0.75x1.5 mm\)"):
        labels.on_grid(SHAPE, AFFINE)
    np.testing.assert_array_equal(labels.on_grid(SHAPE, AFFINE, resample=True), blocks())
    coarse = Labels(blocks(), AFFINE).on_grid(fine.shape, affine, resample=True)
    np.testing.assert_array_equal(coarse, fine)


def test_resampling_keeps_places_when_turned():
    there = turned(AFFINE, SHAPE, 25, axis=1)
    found = nearest(blocks(), AFFINE, SHAPE, there)
    for voxel in np.argwhere(found)[::7]:
        place = there[:3, :3] @ voxel + there[:3, 3]
        index = np.linalg.solve(AFFINE[:3, :3], place - AFFINE[:3, 3])
        assert blocks()[tuple(np.floor(index + 0.5).astype(int))] == found[tuple(voxel)]
    assert set(np.unique(found)) == {0, 1, 2, 7}


def test_labels_of_another_head_are_refused():
    far = AFFINE.copy()
    far[:3, 3] += 500
    with pytest.raises(InputError, match="no label of the labels lies in the result"):
        Labels(blocks(), far).on_grid(SHAPE, AFFINE, resample=True)
