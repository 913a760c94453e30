"""Masks as files: in the storage order of the study whatever the source's, told apart by their headers."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.io.nifti import write_volume
from napari_sti.maps import tissue_files as files
from tests import onion


@pytest.fixture
def head(tmp_path):
    """A permuted, flipped, oblique study."""
    return onion.write_head(tmp_path / "head", order="PIL", turn=21.0)


def in_ras(path):
    """Values of a file as they lie in the nearest RAS order: the order in which the head was made."""
    image = nib.load(path)
    moved = frames.reorder_volume(np.asarray(image.dataobj), frames.canonical_orientation(image.affine))
    return moved > 0


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_estimate_is_written_on_the_grid_of_the_study(head, tmp_path):
    source = files.study_source(head)
    tissue, grid = files.estimate_masks(head, source, "t1")
    paths = files.write_masks(tmp_path, tissue, grid, head, source)
    csf, _, wm = onion.tissues()
    for name, truth in (("wm_mask", wm), ("csf_mask", csf)):
        image, field = nib.load(paths[name]), nib.load(head.orientations[0].field)
        assert image.shape == field.shape and frames.axis_codes(image.affine) == "PIL"
        np.testing.assert_allclose(image.affine, field.affine, atol=1e-5)
        found = in_ras(paths[name])
        assert (found & ~truth).sum() <= 0.02 * found.sum()
        assert (found & truth).sum() > (0.9 if name == "wm_mask" else 0.4) * truth.sum(), "fluid is conservative"
    said = json.loads((tmp_path / "masks.json").read_text())
    assert said["source"][0]["path"].endswith("t1.nii.gz") and len(said["source"][0]["sha256"]) == 64
    assert said["white_matter_ml"] == pytest.approx(
        in_ras(paths["wm_mask"]).sum() * np.prod(onion.SIZE) / 1e3, abs=1e-3
    )
    assert said["versions"]["scikit-image"] and said["settings"]["bias_mm"] > 0


def test_image_in_another_order_of_the_same_grid(head, tmp_path):
    first = files.estimate_masks(head, files.study_source(head), "t1")[0]
    other = tmp_path / "other.nii.gz"
    write_volume(other, onion.t1_image(), onion.affine(turn=21.0))
    second = files.estimate_masks(head, files.study_source(head, other), "t1")[0]
    assert first.wm.any() and (first.wm == second.wm).all() and (first.csf == second.csf).all()


def test_image_on_another_grid_is_refused(head, tmp_path):
    other = tmp_path / "other.nii.gz"
    write_volume(other, onion.t1_image(), onion.affine(turn=0.0))
    with pytest.raises(InputError, match=r"other.nii.gz: the image and field0.nii.gz have two affines that disagree"):
        files.estimate_masks(head, files.study_source(head, other), "t1")


def test_layer_in_memory_is_a_source(head):
    source = files.Source("my T1", data=onion.t1_image(), affine=onion.affine(turn=21.0))
    first = files.estimate_masks(head, files.study_source(head), "t1")[0]
    assert (files.estimate_masks(head, source, "t1")[0].wm == first.wm).all()
    moved = replace(source, affine=np.diag([2.0, 1.5, 2.5, 1]))
    with pytest.raises(InputError, match="the image 'my T1' does not lie on the grid of field0"):
        files.estimate_masks(head, moved, "t1")


def test_several_volumes_are_averaged(head, tmp_path):
    four = tmp_path / "echoes.nii.gz"
    noise = np.random.default_rng(0).normal(0, 0.2, (*onion.SHAPE, 2)) * (onion.t1_image() > 0)[..., None]
    noise[..., 1] = -noise[..., 0]
    write_volume(four, onion.t1_image()[..., None] + noise, onion.affine(turn=21.0))
    first = files.estimate_masks(head, files.study_source(head), "t1")[0]
    assert dice(files.estimate_masks(head, files.study_source(head, four), "t1")[0].wm, first.wm) > 0.999


def test_constant_image_names_its_file(head, tmp_path):
    flat = tmp_path / "flat.nii.gz"
    write_volume(flat, np.ones(onion.SHAPE), onion.affine(turn=21.0))
    with pytest.raises(InputError, match=r"flat.nii.gz: the image is the same everywhere inside the mask"):
        files.estimate_masks(head, files.study_source(head, flat), "t1")


def test_no_image_and_no_mask(head):
    with pytest.raises(InputError, match="no magnitude image; give a T1 or magnitude image"):
        files.study_source(replace(head, magnitude=()))
    with pytest.raises(InputError, match="no brain mask"):
        files.estimate_masks(replace(head, mask=None), files.study_source(head), "t1")


def test_drawing_comes_out_where_it_was_drawn(head, tmp_path):
    drawn = np.zeros(onion.SHAPE, np.uint8)
    drawn[3, 25, 17] = 1
    files.write_drawing(tmp_path / "wm.nii.gz", drawn, onion.affine(turn=21.0), head, "wm_mask")
    image = nib.load(tmp_path / "wm.nii.gz")
    voxel = np.argwhere(np.asarray(image.dataobj))
    assert len(voxel) == 1 and frames.axis_codes(image.affine) == "PIL"
    np.testing.assert_allclose(image.affine @ [*voxel[0], 1], onion.affine(turn=21.0) @ [3, 25, 17, 1], atol=1e-4)
    with pytest.raises(InputError, match="nothing is drawn yet in the white matter mask"):
        files.write_drawing(tmp_path / "empty.nii.gz", 0 * drawn, onion.affine(turn=21.0), head, "wm_mask")
    with pytest.raises(InputError, match="the drawn CSF mask does not lie on the grid"):
        files.write_drawing(tmp_path / "moved.nii.gz", drawn, onion.affine(), head, "csf_mask")


def test_report_tells_origin_volume_and_faults(head, tmp_path):
    grid = onion.affine(turn=21.0)
    csf, _, wm = onion.tissues()
    write_volume(tmp_path / "wm.nii.gz", wm | csf, grid)
    write_volume(tmp_path / "csf.nii.gz", csf, grid, description="CSF mask, estimated, t1")
    study = replace(head, wm_mask=tmp_path / "wm.nii.gz", csf_mask=tmp_path / "csf.nii.gz")
    report = files.look_at_masks(study)
    assert (report.facts["wm_mask"].origin, report.facts["csf_mask"].origin) == ("file", "estimated")
    assert report.facts["csf_mask"].ml == pytest.approx(csf.sum() * 7.5e-3)
    assert report.facts["csf_mask"].share == pytest.approx(csf.sum() / np.any(onion.tissues(), axis=0).sum())
    assert len(report.sentences) == 1 and "100% of the smaller one" in report.sentences[0]
    assert files.look_at_masks(head).facts == {}


def test_nothing_of_the_study_is_replaced(head):
    folder = head.path.parent
    study = replace(head, wm_mask=folder / "wm_mask.nii.gz", path=None)
    with pytest.raises(InputError, match="would replace this file"):
        files.check_masks_folder(folder, study, ())
    with pytest.raises(InputError, match="would replace this file"):
        files.check_masks_folder(folder, head, ())
    files.check_masks_folder(folder / "masks", head, head.magnitude)
