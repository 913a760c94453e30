"""The way in to source separation: where its inputs come from, and what it says of wrong ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_sti
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import save_result, save_tensor
from napari_sti.io.save import save_acquisition
from napari_sti.recon.separate import separate
from tests.recon.separation.given import SHAPE
from tests.recon.test_separation_registry import study


def without(given: Acquisition, *names: str, **changed: object) -> Acquisition:
    return replace(given, te=None, **{**dict.fromkeys(names), **changed})


def closed(given: object, **more: object):
    return separate(given, "closed_form", device="cpu", **more)


# ---- where inputs come from -------------------------------------------------------------------------------------


def test_is_a_public_name() -> None:
    assert napari_sti.separate is separate
    assert "separate" in napari_sti.__all__


def test_arrays_files_and_studies_give_the_same(tmp_path: Path) -> None:
    given = study()
    expected = closed(given)
    assert expected.provenance["chi"] == {"from": "the study's susceptibility map (qsm)", "form": "scalar"}
    file = save_acquisition(given, tmp_path / "study")
    write_volume(tmp_path / "chi.nii.gz", given.qsm, given.affine)
    for i, rate in enumerate(given.r2prime):
        write_volume(tmp_path / f"r2p{i}.nii.gz", rate, given.affine)
    rates = [tmp_path / f"r2p{i}.nii.gz" for i in range(2)]
    bare = without(given, "qsm", "r2prime")
    for found in (
        closed(str(file)),
        closed(bare, chi=given.qsm, r2prime=given.r2prime),
        closed(bare, chi=tmp_path / "chi.nii.gz", r2prime=rates),
    ):
        np.testing.assert_allclose(found.chi_pos, expected.chi_pos, atol=1e-6)
    assert {entry["role"] for entry in found.provenance["inputs"]} >= {"chi", "R2'"}
    assert all(len(entry["sha256"]) == 64 for entry in found.provenance["inputs"])


def test_files_stored_in_another_order_land_in_the_same_place(tmp_path: Path) -> None:
    given, other = study("tensor", oblique=True), study("tensor", order="PIL", oblique=True)
    expected = closed(given)
    save_tensor(other.reference_tensor.in_frame("lps"), tmp_path / "chi.nii.gz")
    rates = []
    for i, rate in enumerate(other.r2prime):
        rates.append(tmp_path / f"{i}.nii.gz")
        write_volume(rates[-1], rate, other.affine)
    found = closed(without(given, "reference_tensor", "r2prime"), chi=tmp_path / "chi.nii.gz", r2prime=rates)
    np.testing.assert_allclose(found.chi_pos, expected.chi_pos, atol=1e-6)
    np.testing.assert_allclose(found.chi_neg_tensor.chi, expected.chi_neg_tensor.chi, atol=1e-5)


def test_a_reconstruction_can_be_separated(tmp_path: Path) -> None:
    given = study("tensor", 3)
    expected = closed(given)
    save_result(given.reference_tensor, tmp_path / "run", frame="ras")
    bare = without(given, "reference_tensor")
    for chi in (tmp_path / "run", tmp_path / "run" / "result.json", tmp_path / "run" / "chi.nii.gz"):
        np.testing.assert_allclose(closed(bare, chi=chi).chi_pos, expected.chi_pos, atol=1e-6)
    np.testing.assert_allclose(closed(bare, chi=given.reference_tensor).chi_pos, expected.chi_pos, atol=1e-6)
    assert any("the truth of a simulation" in remark for remark in expected.provenance["remarks"])


def test_a_study_of_the_published_program_is_separated_as_it_is(tmp_path: Path) -> None:
    given = study("tensor", 2)
    write_volume(tmp_path / "sti.nii.gz", given.reference_tensor.chi, given.affine)
    write_volume(tmp_path / "mask.nii.gz", given.mask, given.affine)
    for i, rate in enumerate(given.r2prime):
        write_volume(tmp_path / f"r2p{i}.nii.gz", rate, given.affine)
        lps = given.b0_dirs[i] * [-1, -1, 1]
        (tmp_path / f"h{i}.txt").write_text(" ".join(map(str, lps)))
    lines = ["sti_fn: sti.nii.gz", "R2p_fn_list: [r2p0.nii.gz, r2p1.nii.gz]", "mask_fn: mask.nii.gz"]
    (tmp_path / "case.yml").write_text("\n".join([*lines, "H0_fn_list: [h0.txt, h1.txt]"]))
    np.testing.assert_allclose(closed(tmp_path / "case.yml").chi_pos, closed(given).chi_pos, atol=1e-6)


def test_r2prime_is_made_of_r2star_and_r2() -> None:
    given = study()
    r2 = np.where(given.mask, 14 + np.linspace(-2, 2, SHAPE[0])[:, None, None], 0).astype(np.float32)
    bare = without(given, "r2prime")
    expected = closed(given)
    found = closed(bare, r2star=given.r2prime + r2, r2=r2)
    np.testing.assert_allclose(found.chi_pos, expected.chi_pos, atol=1e-5)
    assert found.provenance["rates"] == {"from": "R2* and R2", "negatives_set_to_zero": 0}
    of_study = without(bare, r2star=given.r2prime + r2, r2=r2)
    np.testing.assert_allclose(closed(of_study).chi_pos, expected.chi_pos, atol=1e-5)


def test_a_constant_r2_is_used_only_when_asked_for_and_said() -> None:
    given = study()
    star = without(given, "r2prime", r2star=given.r2prime + 13)
    found = closed(star, constant_r2=13)
    np.testing.assert_allclose(found.chi_pos, closed(given).chi_pos, atol=1e-5)
    assert found.provenance["rates"]["constant_r2_hz"] == 13
    assert any("less a constant R2 of 13 Hz, as was asked for" in r for r in found.provenance["remarks"])
    with pytest.raises(InputError, match=r"needs R2' and was given R2\* alone; give R2 as well, state a constant R2"):
        closed(star)


def test_r2_is_found_where_only_r2star_is_given() -> None:
    given = study("tensor", 4)
    found = separate(without(given, "r2prime", r2star=given.r2prime + 14), "wavesep", device="cpu", max_iterations=20)
    assert found.further["r2"][given.mask].mean() == pytest.approx(13, abs=5)
    assert found.closed_form.provenance["remarks"] == ["The closed form takes the R2 that the method found from R2*."]
    assert found.closed_form.chi_pos.max() > 0 and "rms_difference_chi_pos_ppm" in found.provenance["closed_form"]
    assert any("R2 was not measured" in remark for remark in found.provenance["remarks"])


def test_negative_rates_are_counted() -> None:
    given = study()
    rates = given.r2prime.copy()
    inside = np.argwhere(given.mask)[:5]
    rates[0][tuple(inside.T)] = -3
    for found in (closed(given, r2prime=rates), closed(without(given, r2prime=rates))):
        said = [remark for remark in found.provenance["remarks"] if "negative values of R2'" in remark]
        assert len(said) == 1 and said[0].startswith("5 negative values of R2'")
    assert closed(given, r2prime=rates).provenance["rates"]["negatives_set_to_zero"] == 5


def test_one_map_for_many_orientations() -> None:
    scalar, tensor = study("scalar", 3), study("tensor", 3)
    one = without(scalar, r2prime=scalar.r2prime[:1])
    assert closed(one).chi_pos.any()
    single = without(tensor, r2prime=tensor.r2prime[1:2])
    with pytest.raises(InputError, match=r"one map of R2' for 3 orientations, and that of a tensor depends on the dir"):
        closed(single)
    found = closed(single, r2_orientation=2)
    np.testing.assert_allclose(found.provenance["b0_dirs"]["vectors"], [tensor.b0_dirs[1]], atol=1e-5)
    with pytest.raises(InputError, match="the study has 3 orientations and no orientation 4; count them from 1"):
        closed(single, r2_orientation=4)


def test_presets_of_dr_follow_the_field_strength() -> None:
    found = closed(without(study(), b0=7.0), dr="theory")
    assert found.relaxation.pos == pytest.approx(107.84 * 7)
    said = closed(without(study(), b0=7.0)).provenance["remarks"]
    assert any("was found at 3 T and the study is at 7 T" in remark for remark in said)


def test_progress_says_what_stands_beside() -> None:
    steps: list[Step] = []
    separate(study(), "wavesep", device="cpu", progress=steps.append, max_iterations=3)
    assert [s.iteration for s in steps[:3]] == [1, 2, 3]
    assert all(s.objective is not None for s in steps[:3])
    assert steps[-1].message == "Splitting in closed form beside it"
    assert steps[0].preview().shape == (*SHAPE, 2)


# ---- wrong inputs -----------------------------------------------------------------------------------------------


def sentence(given: object, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        closed(given, **more)
    return str(caught.value)


def test_rates_in_other_units() -> None:
    given = study()
    assert "R2' reaches only 0.0" in sentence(without(given, r2prime=given.r2prime / 1000))
    assert "this looks like 1/ms; multiply it by 1000." in sentence(given, r2prime=given.r2prime / 1000)
    assert "R2* reaches only 0.0" in sentence(given, r2star=given.r2prime / 1000, constant_r2=13)
    assert "far more than any brain" in sentence(given, r2prime=given.r2prime * 1000)


def test_swapped_and_contradictory_rates() -> None:
    given = study()
    r2, star = np.full(SHAPE, 14.0), given.r2prime + 14
    assert "check that the two are not swapped" in sentence(given, r2star=r2, r2=star[0])
    assert "both R2' and R2* are stated; state one of them" in sentence(given, r2star=star, r2prime=star, r2=r2)
    assert "both a map of R2 and a constant R2" in sentence(given, r2star=star, r2=r2, constant_r2=13)
    assert "a constant R2 is stated, and R2' is given already" in sentence(given, constant_r2=13)
    assert "a constant R2 of 0.013 Hz is not that of a brain" in sentence(given, r2star=star, constant_r2=0.013)
    assert "neither R2' nor R2*; add r2prime [Hz]" in sentence(without(given, "r2prime"))
    assert "R2' is zero everywhere inside the mask" in sentence(given, r2star=np.full(SHAPE, 13.0), constant_r2=13)


def test_susceptibility_in_ppb() -> None:
    given = study()
    said = sentence(without(given, qsm=given.qsm * 1000))
    assert said.startswith("the susceptibility reaches ") and said.endswith("this looks like ppb; divide it by 1000.")
    tensor = study("tensor")
    assert "looks like ppb" in sentence(tensor, chi=tensor.reference_tensor.chi * 1000)


@pytest.mark.parametrize("dr", [0, -114])
def test_constants_that_are_not_positive(dr: float) -> None:
    assert f"Dr+ = {dr} Hz/ppm is not positive" in sentence(study(), dr=dr)
    assert f"Dr- = {dr} Hz/ppm is not positive" in sentence(study(), dr_neg=dr)


def test_tensors_need_one_dr() -> None:
    said = sentence(study("tensor"), dr=114, dr_neg=90)
    assert "needs Dr+ = Dr- for a tensor and was given 114 and 90 Hz/ppm; give one Dr for both." in said


def test_shapes_masks_and_frames_that_differ(tmp_path: Path) -> None:
    given = study("tensor")
    assert "the susceptibility is 4x4x4 and the study 9x7x11 voxels" in sentence(given, chi=np.ones((4, 4, 4)))
    assert "R2' is 1x4x4x4 and the study 9x7x11 voxels" in sentence(given, r2prime=np.ones((4, 4, 4)))
    elsewhere = TensorField(given.reference_tensor.chi, given.affine + np.diag([0, 0, 0.7, 0]), given.mask)
    assert "lies on another grid than the study" in sentence(given, chi=elsewhere)
    write_volume(tmp_path / "chi.nii.gz", np.ones((*SHAPE, 6)), given.affine + np.diag([0, 0, 0.7, 0]))
    assert "lies on another grid than the study" in sentence(given, chi=tmp_path / "chi.nii.gz", frame="ras")
    write_volume(tmp_path / "r2p.nii.gz", np.full((4, 4, 4), 9.0), given.affine)
    said = sentence(given, r2prime=tmp_path / "r2p.nii.gz")
    assert said.startswith(str(tmp_path / "r2p.nii.gz")) and "the R2' map is 4x4x4 voxels, tiny is 9x7x11" in said


def test_a_frame_that_is_stated_nowhere_is_asked_for(tmp_path: Path) -> None:
    given = study("tensor", oblique=True)
    path = tmp_path / "chi.nii.gz"
    write_volume(path, given.reference_tensor.in_frame("lps").chi, given.affine)
    said = sentence(given, chi=path)
    assert "the frame of the tensor's components is not stated; state it: voxel, ras, lps or fsl" in said
    right = closed(given, chi=path, frame="lps")
    np.testing.assert_allclose(right.chi_neg_tensor.chi, closed(given).chi_neg_tensor.chi, atol=1e-5)


def test_the_order_of_a_sidecar_is_followed(tmp_path: Path) -> None:
    import json

    given = study("tensor")
    path = tmp_path / "chi.nii.gz"
    save_tensor(given.reference_tensor, path)
    other = ["xx", "yy", "zz", "xy", "xz", "yz"]
    places = [["xx", "xy", "xz", "yy", "yz", "zz"].index(name) for name in other]
    write_volume(path, given.reference_tensor.chi[..., places], given.affine, overwrite=True)
    sidecar = json.loads((tmp_path / "chi.json").read_text())
    (tmp_path / "chi.json").write_text(json.dumps({**sidecar, "order": other}))
    np.testing.assert_allclose(closed(given, chi=path).chi_pos, closed(given).chi_pos, atol=1e-6)


def test_two_susceptibilities_are_asked_about() -> None:
    given = study("tensor")
    both = without(given, qsm=given.reference_tensor.mms)
    assert "has both a susceptibility map and a tensor; state which: chi = qsm or chi = tensor" in sentence(both)
    assert closed(both, chi="qsm").chi_neg_tensor is None
    assert closed(both, chi="tensor").chi_neg_tensor is not None
    assert "no susceptibility, scalar or tensor, to separate" in sentence(without(given, "reference_tensor"))
    assert "no susceptibility map (qsm); add one" in sentence(given, chi="qsm")
    assert "no tensor to separate" in sentence(study(), chi="tensor")


def test_values_that_are_not_finite() -> None:
    given = study()
    chi = given.qsm.copy()
    chi[tuple(np.argwhere(given.mask)[0])] = np.nan
    assert "the susceptibility has 1 NaN or infinite value inside the mask" in sentence(given, chi=chi)
    chi = np.where(given.mask, given.qsm, np.nan)  # outside nobody looks
    np.testing.assert_array_equal(closed(given, chi=chi).chi_pos, closed(given).chi_pos)


def test_wrong_parameters_are_named() -> None:
    assert "the parameter 'lam' is not known" in sentence(study(), lam=1)
