"""V1 and FA of a DTI fit as a reference: the frame is stated, in every storage order, and doubted where it must be."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.dti import DtiReference, read_dti, transform_words
from tests.shared_data import shared

SHAPE = (13, 12, 11)
PLAIN = np.diag([2.0, 2.0, 2.5, 1.0])


def oblique():
    """Stored as A, L, S with voxels of 2 x 1.9 x 2.1 mm, turned by 17 degrees about the world's x axis."""
    c, s = np.cos(np.radians(17)), np.sin(np.radians(17))
    axes = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * (2.0, 1.9, 2.1), (20, -14, -9)
    return affine


OBLIQUE = oblique()


def bundles(affine, shape=SHAPE):
    """Directions (RAS) and FA of two straight bundles, along i + j and along j + k of the voxels."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1).astype(float)
    directions, fa = np.zeros((*shape, 3)), np.zeros(shape)
    for start, along in (((0, 0, 3), (1, 1, 0)), ((9, 1, 1), (0, 1, 1))):
        step = np.array(along) / np.sqrt(2)
        away = index - start
        inside = np.linalg.norm(away - (away @ step)[..., None] * step, axis=-1) < 1.2
        world = affine[:3, :3] @ along
        directions[inside], fa[inside] = world / np.linalg.norm(world), 0.6
    directions[fa == 0] = (0, 0, 1)
    return directions, fa


def write(folder, directions, fa, affine):
    for name, data in (("V1", directions), ("FA", fa)):
        nib.save(nib.Nifti1Image(data.astype(np.float32), affine), folder / f"{name}.nii.gz")
    return folder / "V1.nii.gz", folder / "FA.nii.gz"


@pytest.mark.parametrize("affine", [PLAIN, np.diag([-2.0, 2, 2.5, 1]), OBLIQUE], ids=["det>0", "LAS", "oblique"])
@pytest.mark.parametrize("frame", frames.FRAMES)
def test_every_frame_gives_the_same_directions(tmp_path, affine, frame):
    ras, fa = bundles(affine)
    stored = frames.rotate_vectors(ras, frames.between("ras", frame, affine))
    dti = read_dti(*write(tmp_path, stored, fa, affine), frame=frame)
    back = frames.rotate_vectors(dti.directions, frames.between("voxel", "ras", affine))
    np.testing.assert_allclose(np.abs(np.sum(back * ras, -1)), 1, atol=1e-5)
    assert dti.coherence.as_stored_is_best and dti.warning == "" and dti.share_of_best == 1


def test_a_wrong_frame_is_told(tmp_path):
    ras, fa = bundles(PLAIN)
    files = write(tmp_path, frames.rotate_vectors(ras, frames.between("ras", "voxel", PLAIN)), fa, PLAIN)
    dti = read_dti(*files, frame="fsl")  # det > 0: the first component is negated
    assert dti.share_of_best < 0.9
    assert dti.warning.startswith("The directions of V1, read as fsl, run along the bundles less well")
    assert "after flipping x of the voxel axes" in dti.warning


def test_the_frame_must_be_stated(tmp_path):
    ras, fa = bundles(PLAIN)
    files = write(tmp_path, ras, fa, PLAIN)
    with pytest.raises(InputError, match="axes of these directions are stated nowhere; state the frame; FSL's dtifit"):
        read_dti(*files)
    with pytest.raises(InputError, match="the frame 'scanner' is not known"):
        read_dti(*files, frame="scanner")


def test_fa_in_another_storage_order(tmp_path):
    ras, fa = bundles(PLAIN)
    v1, fa_file = write(tmp_path, ras, fa, PLAIN)
    rng = np.random.default_rng(0)
    fa = fa * rng.uniform(0.5, 1, fa.shape)
    turned = nib.Nifti1Image(fa.astype(np.float32), PLAIN).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    nib.save(turned, fa_file)
    np.testing.assert_allclose(read_dti(v1, fa_file, frame="ras").fa, fa, atol=1e-6)


def test_what_is_no_dti_is_refused(tmp_path):
    ras, fa = bundles(PLAIN)
    v1, fa_file = write(tmp_path, ras, fa, PLAIN)
    with pytest.raises(InputError, match="give the FA as well"):
        read_dti(v1, None, frame="ras")
    with pytest.raises(InputError, match="no fractional anisotropy; give the FA of the same fit"):
        nib.save(nib.Nifti1Image((fa * 900).astype(np.float32), PLAIN), fa_file)
        read_dti(v1, fa_file, frame="ras")
    write(tmp_path, ras * fa[..., None], fa, PLAIN)
    with pytest.raises(InputError, match=r"length of 0\.6 instead of 1; give V1, not V1 times FA"):
        read_dti(v1, fa_file, frame="ras")
    write(tmp_path, ras * 0, fa, PLAIN)
    with pytest.raises(InputError, match="there is no direction in it"):
        read_dti(v1, fa_file, frame="ras")
    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, 6), np.float32), PLAIN), v1)
    with pytest.raises(InputError, match="6 volumes and directions have 3"):
        read_dti(v1, fa_file, frame="ras")


def test_nan_is_no_direction(tmp_path):
    ras, fa = bundles(PLAIN)
    ras[3, 3, 3] = np.nan
    fa[4, 4, 4] = np.nan
    dti = read_dti(*write(tmp_path, ras, fa, PLAIN), frame="ras")
    assert not dti.mask[3, 3, 3] and dti.fa[3, 3, 3] == 0 and dti.fa[4, 4, 4] == 0
    assert np.isfinite(dti.directions).all()


def test_reordering_keeps_every_direction_in_its_place(tmp_path):
    ras, fa = bundles(OBLIQUE)
    dti = read_dti(*write(tmp_path, ras, fa, OBLIQUE), frame="ras")
    moved = dti.reordered(np.array([[2, 1], [1, -1], [0, -1.0]]))
    assert isinstance(moved, DtiReference) and moved.shape == (11, 12, 13)
    index = np.array([4, 7, 5])
    there = np.rint(np.linalg.inv(moved.affine) @ OBLIQUE @ [*index, 1]).astype(int)[:3]
    expected = ras[tuple(index)]
    found = frames.rotate_vectors(moved.directions[tuple(there)], frames.between("voxel", "ras", moved.affine))
    assert abs(expected @ found) == pytest.approx(1, abs=1e-5)


def test_words_of_transforms():
    assert transform_words(np.eye(3)) == "no change"
    assert transform_words(np.diag([1, -1, -1])) == "flipping x"
    assert transform_words(np.diag([1, -1, 1])) == "flipping y"
    swapped = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    assert transform_words(swapped) == "taking y, x, -z for x, y, z"


def test_a_real_dti_is_best_as_fsl_stores_it():
    dti = read_dti(shared("data/dti_brain/V1.nii.gz"), shared("data/dti_brain/FA.nii.gz"), frame="fsl")
    assert dti.warning == "" and dti.coherence.as_stored_is_best
    wrong = read_dti(shared("data/dti_brain/V1.nii.gz"), shared("data/dti_brain/FA.nii.gz"), frame="ras")
    assert wrong.share_of_best < 0.86 and "flipping x" in wrong.warning
