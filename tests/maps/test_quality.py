"""Every part of the quality page against what was put in: flips, noise, an odd orientation, NaN, streaks, a DTI."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.dti import read_dti
from napari_sti.maps.flips import mended, parse_mend
from napari_sti.maps.quality import assess
from napari_sti.maps.quality_fit import data_fit, field_noise
from napari_sti.maps.quality_lines import SECTIONS, percent, ppm, quality_lines
from napari_sti.maps.quality_streaks import streaks
from napari_sti.maps.quality_values import mask_leaks, values_of
from tests.maps import bundled

ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


@pytest.fixture(scope="module")
def truth():
    return bundled.tensor()


@pytest.fixture(scope="module")
def study(truth):
    return bundled.acquisition(truth)


def by_key(quality):
    return {line.key: line for line in quality_lines(quality)}


def test_the_true_tensor_leaves_only_noise(truth, study):
    quality = assess(truth, acquisition=study)
    fit = quality.fit
    assert all(one.rms == pytest.approx(0.0005, rel=0.05) for one in fit.orientations)
    assert all(0.0004 < one.noise < 0.001 for one in fit.orientations), [one.noise for one in fit.orientations]
    assert quality.mended_fit is None and not quality.flips.needed
    lines = by_key(quality)
    assert {line.section for line in lines.values()} == set(SECTIONS)
    assert not lines["residual_noise"].outside and not lines["flips"].outside
    assert lines["rank"].value.startswith("6 of 6, by 7")


def test_the_storage_order_and_frame_change_nothing(truth, study):
    turned = truth.reordered(ORDER).in_frame("lps")
    one, other = assess(truth, acquisition=study), assess(turned, acquisition=study)
    np.testing.assert_allclose(one.fit.residual, other.fit.residual, atol=1e-6)
    assert one.flips.share_of_best == pytest.approx(other.flips.share_of_best, rel=1e-3)
    alone = assess(turned)
    assert alone.tensor.shape == turned.shape and alone.fit is None and alone.worth is None


def test_a_flip_is_told_and_the_data_have_a_word(truth, study):
    quality = assess(mended(truth, parse_mend("x,-y,z")), acquisition=study)
    assert quality.flips.needed and quality.mended_fit.relative < 0.5 * quality.fit.relative
    lines = by_key(quality)
    assert lines["flips"].outside and "after flipping y of the voxel axes" in lines["flips_said"].value
    assert lines["flips_data"].value.endswith("the data agree")


def test_the_orientation_that_fits_worst_is_named(truth, study):
    field = study.field.copy()
    field[4] = study.field[4] * 0.6
    quality = assess(truth, acquisition=replace(study, field=field))
    assert quality.fit.worst == 4 and quality.fit.worst_over_others > 2
    assert by_key(quality)["worst"].value.startswith("5 (")


def test_one_orientation_and_none(truth, study):
    one = Acquisition(study.field[:1], study.b0_dirs[:1], study.mask, study.affine, b0=7.0)
    quality = assess(truth, acquisition=one)
    lines = by_key(quality)
    assert quality.fit.worst == 0 and lines["worst"].value.endswith("of its field")
    assert lines["rank"].outside and lines["rank"].value == "1 of 6, by 1 distinct orientation"
    with pytest.raises(InputError, match="the study has no field maps"):
        data_fit(truth, replace(study, field=None))
    assert assess(truth, acquisition=replace(study, field=None)).fit is None


def test_a_constant_is_told_apart(truth, study):
    shifted = replace(study, field=(study.field + 0.01 * study.mask).astype(np.float32))
    fit = data_fit(truth, shifted)
    assert all(one.offset == pytest.approx(0.01, abs=2e-4) for one in fit.orientations)


def test_nan_is_counted_and_does_not_spread(truth, study):
    chi = truth.chi.copy()
    chi[12, 10, 11], chi[12, 11, 11, 3] = np.nan, np.inf
    broken = replace(truth, chi=chi)
    quality = assess(broken, acquisition=study)
    assert quality.values.not_finite == 2
    assert np.isfinite(quality.fit.residual).all() and not quality.fit.mask[12, 10, 11]
    assert by_key(quality)["not_finite"].outside
    with pytest.raises(InputError, match="no voxel of the tensor is finite inside the mask"):
        assess(replace(truth, chi=np.full_like(chi, np.nan)))


def test_implausible_values_are_counted(truth):
    chi = truth.chi.copy()
    chi[12, 10, 8:12, 0] = 2.0
    chi[5:7, 10, 11] = 0
    values = values_of(replace(truth, chi=chi))
    assert values.beyond_range == 4 and values.beyond_msa >= 4 and values.zero == 2
    assert values.voxels == truth.mask.sum()
    isotropic = values_of(replace(truth, chi=truth.chi * np.array([1, 0, 0, 0, 0, 0]) * 0))
    assert isotropic.isotropic and np.isnan(isotropic.msa_white)


def test_an_isotropic_result_has_no_directions(truth):
    chi = np.zeros_like(truth.chi)
    chi[..., [0, 3, 5]] = 0.02
    quality = assess(replace(truth, chi=chi))
    assert quality.flips is None and by_key(quality)["flips"].value == "isotropic: there are none"


def test_noise_of_a_field(study):
    rng = np.random.default_rng(3)
    x, y, z = np.indices(bundled.SHAPE)
    smooth = 0.01 * np.sin(x / 7 + y / 9) + 0.002 * z
    noisy = smooth + rng.normal(0, 0.003, bundled.SHAPE)
    assert field_noise(noisy, study.mask) == pytest.approx(0.003, rel=0.06)
    assert np.isnan(field_noise(noisy, np.zeros(bundled.SHAPE, bool)))


def test_streaks_along_the_cone_of_an_orientation_are_seen():
    """White noise has none; power put on the cone of one orientation is found there, and only there."""
    rng = np.random.default_rng(5)
    shape, size = (40, 36, 38), (1.0, 1.2, 0.9)
    mask = np.ones(shape, bool)
    dirs = np.array([[0, 0, 1.0], [0, np.sin(0.9), np.cos(0.9)]])
    white = rng.normal(size=shape)
    clean = streaks(white[None], mask, size, dirs)
    low, high = clean.usual
    assert 0.8 < low < 1 < high < 1.25
    k = np.meshgrid(*(np.fft.fftfreq(n, s) for n, s in zip(shape, size, strict=True)), indexing="ij")
    length = np.sqrt(sum(axis**2 for axis in k))
    length[0, 0, 0] = 1
    cosine = (k[1] * dirs[1, 1] + k[2] * dirs[1, 2]) / length
    streaked = np.fft.ifftn(np.fft.fftn(white) * np.where(np.abs(1 / 3 - cosine**2) < 0.1, 1.5, 1)).real
    found = streaks(streaked[None], mask, size, dirs)
    assert found.worst == 1 and found.ratio[1] == pytest.approx(2.25, rel=0.1) and found.rank[1] > 0.98
    assert found.ratio[0] < 1.3
    assert streaks(np.zeros((1, *shape)), mask, size, dirs) is None
    assert streaks(white[None], np.zeros(shape, bool), size, dirs) is None


def test_a_mask_that_leaks(truth):
    ring = truth.mask.copy()
    ring[12, 10, 11] = False
    ring[0, 0, 0] = True
    leaks = mask_leaks(truth, ring)
    voxel_ml = np.prod(truth.voxel_size) / 1000
    assert leaks.pieces == 2 and leaks.loose == pytest.approx(1 / ring.sum())
    assert leaks.holes_ml == pytest.approx(voxel_ml) and leaks.faces == 3
    chi = truth.chi.copy()
    rim = truth.mask & ~ndimage.binary_erosion(truth.mask, iterations=2)
    chi[rim, 0] += 0.1
    bright = mask_leaks(replace(truth, chi=chi), truth.mask)
    assert bright.rim_msa > mask_leaks(truth, truth.mask).rim_msa
    assert len(bright.depths.mm) == len(bright.depths.msa) > 3 and bright.depths.residual is None


@pytest.mark.parametrize("code", ["LAS", "RAS"])
def test_beside_a_dti_in_fsl_convention(truth, study, tmp_path, code):
    """The DTI is stored in the other handedness: the angles are the same."""
    dti = read_dti(*bundled.write_dti(tmp_path, "LAS", "fsl"), frame="fsl")
    stored = truth if code == "LAS" else truth.reordered(np.array([[0, -1], [1, 1], [2, 1.0]]))
    quality = assess(stored, dti=dti)
    scores = quality.fibres.scores
    assert scores.angle_mean < 1 and scores.under_15 == 1 and quality.fibres.fitting_frame == "fsl"
    assert np.isfinite(quality.fibres.angle).sum() == scores.angle_voxels
    assert quality.fibres.angle.shape == stored.shape
    assert not by_key(quality)["angle"].outside
    wrong = assess(stored, dti=read_dti(*bundled.write_dti(tmp_path, "LAS", "fsl"), frame="lps"))
    assert wrong.fibres.scores.angle_mean > 5 and by_key(wrong)["frame"].outside
    assert "fits better" in by_key(wrong)["frame"].value


def test_white_matter_of_the_study_bounds_the_angles(truth, study, tmp_path):
    white = np.zeros(bundled.SHAPE, bool)
    white[:12] = truth.mask[:12]
    dti = read_dti(*bundled.write_dti(tmp_path), frame="fsl")
    quality = assess(truth, acquisition=replace(study, wm_mask=white), dti=dti)
    assert np.isnan(quality.fibres.angle[12:]).all() and quality.fibres.where.endswith("inside the white matter mask")


def test_odd_files_of_a_dti_are_told(truth, tmp_path):
    import nibabel as nib

    v1, fa = bundled.write_dti(tmp_path)
    image = nib.load(fa)
    values = image.get_fdata()
    inside = np.argwhere(values > 0)
    values[tuple(inside[0])], values[tuple(inside[1])] = 1.15, np.nan
    nib.save(nib.Nifti1Image(values.astype(np.float32), image.affine), fa)
    vectors = nib.load(v1).get_fdata()
    vectors[tuple(inside[2])], vectors[tuple(inside[3])] = 0, np.nan
    vectors[tuple(inside[4])] *= 1.4
    nib.save(nib.Nifti1Image(vectors.astype(np.float32), image.affine), v1)
    notes = " ".join(assess(truth, dti=read_dti(v1, fa, frame="fsl")).notes)
    assert "FA.nii.gz exceeds 1 in 1 voxels, where it was taken as 1" in notes
    assert "V1.nii.gz holds no direction in 2 voxels with an FA above 0.2" in notes
    assert "not of length 1 in 1 voxels" in notes


def test_another_grid_is_refused(truth, study, tmp_path):
    small = TensorField(truth.chi[1:], truth.affine, truth.mask[1:], name="small")
    with pytest.raises(InputError, match="small and the study bundles lie on different grids"):
        assess(small, acquisition=study)
    dti = read_dti(*bundled.write_dti(tmp_path), frame="fsl")
    with pytest.raises(InputError, match="lie on different grids"):
        assess(small, dti=replace(dti, name="the DTI"))


def test_cancel_is_heeded(truth):
    class Stop(Exception):
        pass

    def stop(step):
        raise Stop

    with pytest.raises(Stop):
        assess(truth, progress=stop)


def test_numbers_are_readable():
    assert ppm(0.0213) == "0.021 ppm" and ppm(-0.0004) == "\N{MINUS SIGN}0.4 ppb" and ppm(float("nan")) == "not defined"
    assert percent(0.0002) == "under 0.1 %" and percent(0) == "0.0 %" and percent(0.5) == "50.0 %"


def test_no_line_is_a_verdict(truth, study):
    for line in quality_lines(assess(truth, acquisition=study)):
        words = f"{line.title} {line.value} {line.rule}".lower()
        assert not any(word in words.split() for word in ("bad", "wrong", "failed", "passed", "ok")), line
        assert not line.outside or line.rule, line
    assert frames.axis_codes(truth.affine) == "LAS"
