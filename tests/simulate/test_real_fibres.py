"""The brain with real fibres: directions land where they were measured; what is invented is called so."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.metrics import pev_angle
from napari_sti.simulate.phantom import scan
from napari_sti.simulate.real_fibres import (
    MSA_LARGEST,
    MSA_PER_FA,
    find_real_data,
    load_diffusion,
    real_directions,
    real_fibre_phantom,
)
from tests.shared_data import shared


@pytest.fixture(scope="module")
def folder():
    return shared("data/dti_brain/FA.nii.gz").parents[1]


@pytest.fixture(scope="module")
def brain(folder):
    return real_fibre_phantom(folder, 4.4)


def test_measured_directions_follow_the_bundles_after_all_conversions(brain):
    """The index is 1.00 as stored and at most 0.87 after any flip or swap; so it has to be in the phantom."""
    fine, coarse = brain.source, brain.truth
    for tensor, others in ((fine, 0.9), (coarse, 0.85)):
        table = coherence_table(tensor.pev, tensor.msa, voxel_size=tensor.voxel_size, threshold=0.015)
        assert table.as_stored_is_best
        assert np.sort(table.relative)[-2] < others


def test_directions_and_anisotropy_are_those_of_the_scan(brain, folder):
    scan_, source = load_diffusion(folder / "dti_brain"), brain.source
    offset = np.round(np.linalg.inv(source.affine) @ scan_.affine[:, 3])[:3].astype(int)
    inner = tuple(slice(o, o + n) for o, n in zip(offset, scan_.fa.shape, strict=True))
    msa, pev = source.msa[inner], source.pev[inner]
    strong = msa > 0.02
    assert strong.sum() > 20000
    assert pev_angle(pev[strong], scan_.v1[strong]).max() < 0.5
    full = strong & (scan_.fa > 0.4)
    ratio = msa[full] / scan_.fa[full]
    assert np.median(ratio) == pytest.approx(MSA_PER_FA, rel=1e-3) and msa.max() <= MSA_LARGEST


def test_the_tensor_is_cylindrical_and_of_typical_size(brain):
    from napari_sti.core.eigen import eigenvalues

    values = eigenvalues(brain.source.chi[brain.source.msa > 0.02])
    np.testing.assert_allclose(values[:, 1], values[:, 2], atol=1e-5)
    mms = brain.truth.mms
    assert -0.05 < mms[brain.wm_mask].mean() < -0.01 and mms.max() > 0.06
    assert 0.2 < brain.wm_mask.sum() / brain.mask.sum() < 0.5 and brain.csf_mask.sum() > 10
    assert not (brain.wm_mask & brain.csf_mask).any()
    assert any("invented" in remark for remark in brain.truth.provenance["remarks"])


def test_there_is_an_empty_rim_and_the_place_in_the_world_is_kept(brain, folder):
    mask = np.argwhere(brain.mask)
    rim = np.minimum(mask.min(0), np.array(brain.mask.shape) - 1 - mask.max(0)) * brain.truth.voxel_size
    assert rim.min() > 8
    image = nib.load(folder / "dti_brain" / "FA.nii.gz")
    found = np.argwhere(image.get_fdata() > 0)
    world = image.affine[:3, :3] @ found.mean(0) + image.affine[:3, 3]
    here = brain.truth.affine[:3, :3] @ mask.mean(0) + brain.truth.affine[:3, 3]
    np.testing.assert_allclose(here, world, atol=1.0)
    assert frames.axis_codes(brain.truth.affine) == "LAS"


def test_voxels_are_multiples_of_those_of_the_scan(folder):
    phantom = real_fibre_phantom(folder, 7.0)
    assert phantom.truth.voxel_size == pytest.approx((6.6,) * 3, rel=1e-5) and phantom.factor == 3
    assert phantom.source.voxel_size == pytest.approx((2.2,) * 3, rel=1e-5)
    crime = real_fibre_phantom(folder, 7.0, finer=False)
    np.testing.assert_array_equal(crime.truth.chi, phantom.truth.chi)
    assert crime.source is crime.truth


def test_it_can_be_scanned_along_real_directions(brain, folder):
    dirs = real_directions(folder, 3, max_tilt=90, seed=0)
    study = scan(brain, dirs, snr=30, seed=0)
    assert study.simulated and study.n_orientations == 3 and study.name == "brain with real fibres"
    np.testing.assert_allclose(study.b0_dirs, dirs * (-1, 1, 1), atol=1e-6)  # stored LAS


def test_real_directions_are_unit_tilted_little_and_nested(folder):
    shared("data/b0_dirs")
    twelve, six = (real_directions(folder, n, max_tilt=90, seed=3) for n in (12, 6))
    np.testing.assert_allclose(np.linalg.norm(twelve, axis=1), 1)
    np.testing.assert_array_equal(twelve[:6], six)
    tilt = np.degrees(np.arccos(np.abs(twelve[:, 2])))
    assert tilt[0] == tilt.min() and tilt.max() < 40
    assert not np.array_equal(six, real_directions(folder, 6, max_tilt=90, seed=4))
    small = real_directions(folder, 8, max_tilt=15, seed=0)
    assert np.degrees(np.arccos(np.abs(small[:, 2]))).max() <= 15
    # The files are LPS, and so is what their head frame means: front and right change their signs.
    first = np.loadtxt(folder / "b0_dirs" / "Sub001_ori1.txt")
    everything = real_directions(folder, 20, max_tilt=90, seed=0)
    assert np.abs(everything - first / np.linalg.norm(first) * (-1, -1, 1)).max(1).min() < 1e-6
    with pytest.raises(InputError, match=r"\d+ real head orientations are tilted by at most 5 degrees and 9 are asked"):
        real_directions(folder, 9, max_tilt=5, seed=0)


def test_without_the_folder_there_are_none(tmp_path, monkeypatch):
    assert real_directions(None, 3, max_tilt=90, seed=0) is None
    assert real_directions(tmp_path, 3, max_tilt=90, seed=0) is None
    monkeypatch.setenv("NAPARI_STI_SHARED", str(tmp_path))
    assert find_real_data() is None
    with pytest.raises(InputError, match=r"dti_brain/FA.nii.gz and dti_brain/V1.nii.gz are not there; give the folder"):
        find_real_data(tmp_path)


def bundle_scan(folder, flip=False):
    """A made-up scan with a ring of fibres in each of the three planes, as dtifit would write it."""
    shape = (44, 43, 42)
    place = np.stack(np.indices(shape), -1) - (21.0, 21.0, 20.0)
    fa, v1 = np.full(shape, 0.1, np.float32), np.zeros((*shape, 3), np.float32)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        radius = np.maximum(np.hypot(place[..., a], place[..., b]), 1)
        ring = (abs(radius - 14) < 2.5) & (abs(place[..., c]) < 3)
        fa[ring], v1[ring] = 0.7, 0
        v1[ring, a], v1[ring, b] = (-place[..., b] / radius)[ring], (place[..., a] / radius)[ring]
    if flip:
        v1[..., 0] *= -1
    affine = np.diag([-3.0, 3, 3, 1])  # a negative determinant: FSL's vectors are then those of the voxels
    (folder / "dti_brain").mkdir()
    for name, data in (("FA", fa), ("V1", v1)):
        nib.save(nib.Nifti1Image(data, affine), folder / "dti_brain" / f"{name}.nii.gz")


def test_scans_are_found_and_flipped_ones_refused(tmp_path, monkeypatch):
    good, bad = tmp_path / "data", tmp_path / "bad"
    for path, flip in ((good, False), (bad, True)):
        path.mkdir()
        bundle_scan(path, flip)
    monkeypatch.setenv("NAPARI_STI_SHARED", str(tmp_path))
    assert find_real_data() == good and find_real_data(tmp_path) == good and find_real_data(good) == good
    assert load_diffusion(good / "dti_brain").fa.max() == pytest.approx(0.7)
    with pytest.raises(InputError, match=r"V1.nii.gz: the directions do not follow the bundles: .*; give V1 as FSL's"):
        load_diffusion(bad / "dti_brain")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 3)), np.eye(4)), bad / "dti_brain" / "V1.nii.gz")
    with pytest.raises(InputError, match=r"V1 has the shape \(4, 4, 4, 3\) and FA \(44, 43, 42\); give a pair"):
        load_diffusion(bad / "dti_brain")
