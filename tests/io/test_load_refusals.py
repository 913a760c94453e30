"""Studies that cannot be loaded, or only with a warning: one sentence that names the file."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from napari_sti.io.load import load
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.io.study import Orientation
from tests.io.studies import (
    SHAPE,
    acquisition,
    ball,
    change,
    grid,
    refusal,
    tensor,
    write_study_files,
)
from tests.shared_data import shared


def test_shapes_that_differ(tmp_path):
    study = write_study_files(tmp_path)
    write_volume(tmp_path / "mask.nii.gz", ball((7, 9, 5)), grid(), overwrite=True)
    assert "mask.nii.gz: the mask is 7x9x5 voxels, field1.nii.gz is 7x9x6" in refusal(study)
    write_volume(tmp_path / "field2.nii.gz", np.ones((8, 9, 6)), grid(), overwrite=True)
    assert "field2.nii.gz: the field is 8x9x6 voxels, field1.nii.gz is 7x9x6" in refusal(study)


def test_affines_that_disagree(tmp_path):
    study = write_study_files(tmp_path)
    data = read_volume(tmp_path / "field2.nii.gz").data
    write_volume(tmp_path / "field2.nii.gz", data, grid(oblique=True), overwrite=True)
    assert "the field and field1.nii.gz have two affines that disagree" in refusal(study)


def test_missing_files_and_masks(tmp_path):
    study = write_study_files(tmp_path)
    assert "gone.nii: the file of the mask does not exist" in refusal(replace(study, mask=tmp_path / "gone.nii"))
    assert "the study has no brain mask; add a mask" in refusal(replace(study, mask=None))
    assert "gone.txt: the file of the B0 direction does not exist" in refusal(
        change(study, 0, b0_dir=tmp_path / "gone.txt")
    )


def test_units_and_frames_that_are_not_stated(tmp_path):
    study = write_study_files(tmp_path)
    message = refusal(change(study, 0, units=None))
    assert f"{tmp_path}/field1.nii.gz: the unit of the field is not stated; state units" in message
    assert "the frame of the B0 direction of orientation 1 is not stated" in refusal(change(study, 0, frame=None))
    assert "needs the field strength" in refusal(replace(change(study, 0, units="Hz"), tesla=None))
    assert "needs the echo time" in refusal(change(study, 0, units="rad"))
    assert "looks like milliseconds; give te in seconds, for example 0.02" in refusal(
        change(study, 0, units="rad", te=20.0)
    )
    assert "B0 of 3000 T is implausible" in refusal(replace(study, tesla=3000.0))


@pytest.mark.parametrize(
    ("direction", "says"),
    [
        ((0.0, 0.0, 0.0), "orientation 2 is zero"),
        ((0.0, 0.0, 2.0), "orientation 2 has length 2 instead of 1"),
        ((0.0, float("nan"), 1.0), "orientation 2 is not finite"),
        (None, "orientation 2 has no B0 direction"),
    ],
)
def test_wrong_directions(tmp_path, direction, says):
    assert says in refusal(change(write_study_files(tmp_path), 1, b0_dir=direction))


def test_two_resampled_images_cannot_both_tell_b0(tmp_path):
    study = change(change(write_study_files(tmp_path), 0, b0_dir="affine"), 1, b0_dir="affine")
    assert "have been resampled, and their affine no longer tells it" in refusal(study)


@pytest.mark.parametrize("unit", [("Hz", None), ("rad", 0.003), ("rad", 0.3), ("ppm", None)])
@pytest.mark.parametrize("tesla", [1.5, 3.0, 7.0, 11.7])
@pytest.mark.parametrize("shift", [0, -4096])
def test_phase_in_scanner_units(tmp_path, unit, tesla, shift):
    study = write_study_files(tmp_path, n=1)
    phase = np.random.default_rng(0).integers(0, 4096, SHAPE).astype(np.int16) * (1 if shift == 0 else 2) + shift
    write_volume(tmp_path / "field1.nii.gz", phase, grid(), overwrite=True)
    message = refusal(replace(change(study, 0, units=unit[0], te=unit[1]), tesla=tesla))
    assert "field1.nii.gz: the field holds whole numbers" in message and "arbitrary scanner units" in message


@pytest.mark.parametrize("te", [None, 0.003])
def test_real_raw_phase_is_refused(tmp_path, te):
    phase = shared("data/gre_brain/sub-fieldmap_phase1.nii.gz")
    raw = read_volume(phase)
    write_volume(tmp_path / "mask.nii.gz", raw.data > -1, raw.affine)
    study = replace(_one(phase, tmp_path / "mask.nii.gz"), tesla=7.0)
    study = change(study, 0, units="Hz" if te is None else "rad", te=te)
    assert "sub-fieldmap_phase1.nii.gz: the field holds whole numbers from 0 to 4095" in refusal(study)


def _one(field, mask):
    from napari_sti.io.study import Study

    return Study(orientations=(Orientation(field, "affine", None, "Hz"),), mask=mask, tesla=3.0)


def test_implausible_values(tmp_path):
    study = write_study_files(tmp_path, n=1, factor=2000)
    assert "field1.nii.gz: the field reaches" in refusal(study) and "far more than any brain" in refusal(study)


def test_suspicious_values_give_warnings(tmp_path):
    small = load(write_study_files(tmp_path, n=1, factor=1e-3))
    assert "field1.nii.gz reaches only" in small.warnings[0] and "check its unit" in small.warnings[0]
    wrapped = np.angle(np.exp(1j * np.linspace(0, 20, SHAPE[1])))[None, :, None] * np.ones(SHAPE)
    write_volume(tmp_path / "w.nii.gz", wrapped, grid())
    write_volume(tmp_path / "r2.nii.gz", np.full(SHAPE, 0.01), grid())
    study = change(_study_of(tmp_path), 0, te=0.02)
    found = load(replace(study, r2prime=(tmp_path / "r2.nii.gz",))).warnings
    assert any("as phase does that was not unwrapped" in warning for warning in found)
    assert any("R2' may be in 1/ms" in warning for warning in found)


def _study_of(folder):
    study = _one(folder / "w.nii.gz", folder / "mask.nii.gz")
    return change(study, 0, units="rad")


def test_bad_values_name_the_file(tmp_path):
    study = write_study_files(tmp_path)
    data = read_volume(tmp_path / "field2.nii.gz").data.copy()
    data[3, 4, 3] = np.nan
    data[3, 4, 2] = np.inf
    write_volume(tmp_path / "field2.nii.gz", data, grid(), overwrite=True)
    assert f"{tmp_path}/field2.nii.gz: the field has 2 NaN or infinite values inside the mask" in refusal(study)
    write_volume(tmp_path / "field2.nii.gz", np.zeros(SHAPE), grid(), overwrite=True)
    assert f"{tmp_path}/field2.nii.gz: the field is zero everywhere" in refusal(study)
    write_volume(tmp_path / "mask.nii.gz", np.zeros(SHAPE), grid(), overwrite=True)
    assert f"{tmp_path}/mask.nii.gz: the mask is empty" in refusal(study)


def test_complex_and_four_dimensional_fields(tmp_path):
    study = write_study_files(tmp_path)
    nibabel.Nifti1Image(np.ones(SHAPE, np.complex64), grid()).to_filename(tmp_path / "c.nii")
    assert "holds complex values" in refusal(change(study, 0, field=tmp_path / "c.nii"))
    write_volume(tmp_path / "four.nii", np.ones((*SHAPE, 3)), grid())
    assert "four.nii: the field has 4 dimensions" in refusal(change(study, 0, field=tmp_path / "four.nii"))


def test_no_orientation_in_the_header(tmp_path):
    study = write_study_files(tmp_path, n=1)
    for name in ("field1", "mask"):
        nibabel.Nifti1Image(read_volume(tmp_path / f"{name}.nii.gz").data, None).to_filename(
            tmp_path / f"{name}.nii.gz"
        )
    assert "states no orientation, so that B0 directions in ras have no meaning" in refusal(study)
    assert "cannot be taken from it" in refusal(change(study, 0, b0_dir="affine"))
    loaded = load(change(study, 0, frame="voxel"))
    assert "does not state its orientation" in loaded.warnings[0]


def test_a_tensor_without_a_frame(tmp_path):
    study = write_study_files(tmp_path)
    write_volume(tmp_path / "chi.nii.gz", tensor().chi, grid())
    study = replace(study, reference_tensor=tmp_path / "chi.nii.gz")
    assert "chi.nii.gz: the frame of the tensor's components is not stated" in refusal(study)
    assert load(replace(study, reference_frame="voxel")).reference_tensor is not None


def test_fields_far_larger_than_those_of_a_brain_are_noticed(tmp_path):
    study = write_study_files(tmp_path)
    write_volume(study.orientations[0].field, acquisition().field[0] * 40, grid(), overwrite=True)
    assert any("field1.nii.gz" in warning and "unit" in warning for warning in load(study).warnings)
