"""Tensors beside a reference: the same numbers in every storage order and frame, the same voxels for all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import Volume
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.comparison import FibreScores, compare
from napari_sti.maps.dti import DtiReference

SHAPE = (13, 12, 15)
ORDER = np.array([[2, -1], [0, 1], [1, -1.0]])


def oblique():
    """Stored as A, L, S with voxels of 2 x 1.9 x 2.1 mm, turned by 17 degrees about the world's x axis."""
    c, s = np.cos(np.radians(17)), np.sin(np.radians(17))
    axes = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * (2.0, 1.9, 2.1), (20, -14, -9)
    return affine


AFFINE = oblique()


def make(seed=0, noise=0.0, affine=AFFINE, name="tensor"):
    """Random fibres of MSA 0.03 ppm in half of the volume, 0.005 elsewhere; noise on top."""
    rng = np.random.default_rng(7)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    msa = np.where(np.arange(SHAPE[0])[:, None, None] < 6, 0.03, 0.005) * np.ones(SHAPE)
    chi = frames.from_matrix(msa[..., None, None] * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3))
    chi = chi + noise * np.random.default_rng(seed).normal(size=chi.shape)
    mask = np.zeros(SHAPE, bool)
    mask[1:-1, 1:-1, 2:-1] = True
    return TensorField(chi * mask[..., None], affine, mask, provenance={"simulated": True}, name=name)


def eigen(chi):
    """MSA and principal direction of one tensor, by LAPACK."""
    values, vectors = np.linalg.eigh(frames.to_matrix(chi.astype(float)))
    return values[..., 2] - values[..., :2].mean(-1), vectors[..., 2]


def test_angles_are_those_of_lapack():
    truth, result = make(), make(1, 0.004)
    found = compare({"a": result}, truth, reference_name="truth")
    expected_msa, expected = eigen(truth.chi)
    _, directions = eigen(result.chi)
    angle = np.degrees(np.arccos(np.clip(np.abs((expected * directions).sum(-1)), 0, 1)))
    counted = truth.mask & (expected_msa > 0.015)
    assert found.counted.sum() == counted.sum() == found.scores["a"].angle_voxels > 300
    back = found.angle_map_like("a", result)
    np.testing.assert_allclose(back[counted], angle[counted], atol=0.02)
    assert np.isnan(back[~counted]).all()
    assert found.scores["a"].angle_mean == pytest.approx(angle[counted].mean(), abs=0.01)
    assert found.scores["a"].angle_median == pytest.approx(np.median(angle[counted]), abs=0.02)
    assert found.scores["a"].under_15 == pytest.approx((angle[counted] < 15).mean(), abs=2e-3)
    squared = ((truth.chi - result.chi)[truth.mask].astype(float) ** 2).mean()
    assert squared > 1e-6 and found.scores["a"].voxels == truth.mask.sum()


def test_numbers_do_not_depend_on_storage_and_frame():
    truth, result = make(), make(1, 0.004)
    plain = compare({"a": result}, truth)
    for other in (result.reordered(ORDER), result.in_frame("lps"), result.reordered(ORDER).in_frame("fsl")):
        mixed = compare({"a": other}, truth.reordered(ORDER[::-1].copy()).in_frame("ras"))
        for key in ("psnr", "ssim", "ecse", "wpsnr", "mse", "mms_error", "msa_error", "angle_mean", "under_30"):
            expected = getattr(plain.scores["a"], key)
            assert getattr(mixed.scores["a"], key) == pytest.approx(expected, rel=1e-4), key
        there = mixed.angle_map_like("a", result)
        np.testing.assert_allclose(there, plain.angle_map_like("a", result), atol=0.05)


def test_all_are_compared_in_the_same_voxels():
    truth = make()
    smaller = make(1, 0.004)
    mask = smaller.mask.copy()
    mask[:4] = False
    smaller = replace(smaller, mask=mask)
    broken = make(2, 0.004)
    chi = broken.chi.copy()
    chi[5, 5, 5, 2] = np.nan
    found = compare({"small": smaller, "broken": replace(broken, chi=chi)}, truth)
    assert found.mask.sum() == mask.sum() - 1
    assert {scores.voxels for scores in found.scores.values()} == {int(mask.sum()) - 1}
    assert found.notes == ("broken is NaN or infinite in 1 voxels, which were left out for all.",)
    given = Volume(np.zeros(SHAPE, np.float32), AFFINE, Path("m.nii"))
    given.data[4, 4, 4:8] = 1
    assert compare({"a": smaller}, truth, mask=given).mask.sum() == 4
    with pytest.raises(InputError, match="no voxel inside the masks of all"):
        compare({"a": replace(truth, mask=mask)}, replace(truth, mask=~mask))


def test_another_grid_is_refused_in_one_sentence():
    truth = make()
    cut = TensorField(truth.chi[:, :-1], AFFINE, truth.mask[:, :-1])
    with pytest.raises(InputError) as said:
        compare({"mine": cut, "yours": truth}, truth, reference_name="truth")
    assert str(said.value) == (
        "yours and mine lie on different grids (13x12x15 and 11x13x15 voxels); resample both to one grid first."
    )
    moved = AFFINE.copy()
    moved[:3, 3] += 3
    with pytest.raises(InputError, match=r"^truth and mine lie on different grids; resample both"):
        compare({"mine": truth}, replace(truth, affine=moved), reference_name="truth")


def test_white_matter_and_regions():
    truth, result = make(), make(1, 0.004)
    labels = np.zeros(SHAPE, np.float32)
    labels[:, :6], labels[:, 6:] = 1, 4
    white = np.zeros(SHAPE, np.float32)
    white[2:5] = 1
    turned = frames.reorder_volume(labels, ORDER)
    found = compare(
        {"a": result},
        truth,
        white=Volume(white, AFFINE, Path("wm.nii")),
        labels=Volume(turned, frames.reorder_affine(AFFINE, ORDER, SHAPE), Path("l.nii")),
        names={4: "back"},
    )
    assert list(found.regions) == ["region 1", "back"]
    parts = [found.regions[name]["a"].voxels for name in found.regions]
    assert sum(parts) == found.scores["a"].voxels and parts[0] == truth.mask[:, :6].sum()
    assert found.counted.sum() == (truth.mask & (white > 0)).sum() == found.scores["a"].angle_voxels
    with pytest.raises(InputError, match=r"l\.nii: the regions are not whole numbers"):
        compare({"a": result}, truth, labels=Volume(labels / 2, AFFINE, Path("l.nii")))


def test_an_isotropic_result_has_no_angles():
    truth = make()
    flat = np.zeros_like(truth.chi)
    flat[..., [0, 3, 5]] = 0.01
    found = compare({"cosmos": replace(truth, chi=flat * truth.mask[..., None])}, truth)
    scores = found.scores["cosmos"]
    assert np.isnan(scores.msa_error) and np.isnan(scores.msa_error_percent), "it claims no anisotropy to be judged by"
    assert np.isfinite(scores.mms_error)
    assert np.isnan(scores.angle_mean) and np.isnan(found.angle_maps["cosmos"]).all()
    assert found.notes == ("cosmos is isotropic: it has no directions, and no angles.",)


def test_a_weak_reference_has_no_angles():
    truth = make()
    weak = replace(truth, chi=truth.chi * 0.1)
    found = compare({"a": make(1, 0.004)}, weak, reference_name="truth")
    assert found.counted.sum() == 0
    assert found.notes == ("No angle counts: nowhere the MSA of truth exceeds 0.015 ppm.",)


def dti_of(tensor, frame="voxel"):
    fa = np.clip(tensor.msa / 0.05, 0, 1).astype(np.float32)
    table = coherence_table(tensor.pev, fa)
    return DtiReference(tensor.pev, fa, tensor.affine, frame, table, "DTI")


def test_beside_a_dti_only_directions_are_scored():
    truth, result = make(), make(1, 0.004)
    found = compare({"a": result.reordered(ORDER)}, dti_of(truth), reference_name="DTI")
    scores = found.scores["a"]
    assert isinstance(scores, FibreScores)
    assert [column.key for column in found.columns][-1] == "fa_correlation" and len(found.columns) == 5
    counted = truth.mask & (truth.msa / 0.05 > 0.2)
    plain = compare({"a": result}, truth)
    back, expected = found.angle_map_like("a", result), plain.angle_map_like("a", result)
    np.testing.assert_allclose(back[counted], expected[counted], atol=0.05)
    assert np.isnan(back[~counted]).all() and scores.angle_voxels == counted.sum()
    correlation = np.corrcoef(result.msa[truth.mask], np.clip(truth.msa / 0.05, 0, 1)[truth.mask])[0, 1]
    assert scores.fa_correlation == pytest.approx(correlation, abs=1e-4)
    assert found.where == "the FA of DTI exceeds 0.2"
    labels = np.zeros(SHAPE, np.float32)
    labels[:5], labels[5:] = 1, 2
    parts = compare({"a": result}, dti_of(truth), labels=Volume(labels, AFFINE, Path("l")), names={2: "rest"}).regions
    assert list(parts) == ["region 1", "rest"]
    assert parts["region 1"]["a"].angle_voxels == counted[:5].sum()
    assert parts["region 1"]["a"].angle_mean == pytest.approx(expected[:5][counted[:5]].mean(), abs=0.05)


def test_a_flipped_dti_is_told():
    along = np.array([1, 1, 1]) / np.sqrt(3)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), -1)
    inside = np.linalg.norm(index - (index @ along)[..., None] * along, axis=-1) < 1.5
    v = np.where(inside[..., None], along, (0, 0, 1.0))
    fa = np.where(inside, 0.6, 0).astype(np.float32)
    wrong = (v * (-1, 1, 1)).astype(np.float32)
    dti = DtiReference(wrong, fa, np.eye(4), "fsl", coherence_table(wrong, fa), "DTI")
    tensor = TensorField(frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :]), np.eye(4))
    found = compare({"a": tensor}, dti, reference_name="DTI")
    assert len(found.notes) == 1 and "after flipping x" in found.notes[0]
    assert "its frame is probably another one, and the angles then mean nothing" in found.notes[0]


def test_it_can_be_stopped():
    def stop(step):
        if step.iteration == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        compare({"a": make(1, 0.004), "b": make(2, 0.004)}, make(), progress=stop)
    with pytest.raises(InputError, match="nothing to compare"):
        compare({}, make())
