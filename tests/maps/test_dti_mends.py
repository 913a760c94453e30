"""V1 with flipped or swapped components: found in the axes of the file, mended on request, recorded, undone."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.io.nifti import read_volume
from napari_sti.maps.dti import read_dti
from napari_sti.maps.dti_mends import (
    check_mend,
    dti_mend_words,
    find_flip_of_dti,
    mended_dti,
    net_words,
    permuted,
    write_mended_dti,
)
from napari_sti.maps.flips import MENDS, mend_text, parse_mend
from tests.maps import bundled

WRONG = ("x,-y,z", "-x,y,z", "y,x,z", "z,x,-y", "-y,-z,x", "z,-y,x", "-z,-x,-y")
"""Some of the 48, of every kind: one flip, a swap, cycles, and the sign of all."""


def oblique(affine, degrees=9.0):
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    out = np.array(affine)
    out[:3] = turn @ affine[:3]
    return out


def spoil(folder, wrong, code="LAS", frame="fsl", tilted=False):
    """V1 and FA whose components somebody has flipped or swapped in the file; and the numbers as they should be."""
    folder.mkdir(exist_ok=True)
    v1, fa = bundled.write_dti(folder, code, frame)
    grid = oblique(bundled.affine(code)) if tilted else bundled.affine(code)
    directions, strength = bundled.bundles()
    right = frames.rotate_vectors(directions, frames.between("voxel", frame, grid)).astype(np.float32)
    nib.save(nib.Nifti1Image(permuted(right, parse_mend(wrong)), grid), v1)
    nib.save(nib.Nifti1Image(0.7 * strength.astype(np.float32), grid), fa)
    return v1, fa, right


def same_lines(found, right):
    np.testing.assert_allclose(np.abs(np.einsum("...c,...c->...", found, right)), (right**2).sum(-1), atol=1e-5)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("code", "frame", "tilted"), [("LAS", "fsl", False), ("PIR", "ras", True)])
def test_the_mend_of_the_file_is_named(tmp_path, wrong, code, frame, tilted):
    v1, fa, right = spoil(tmp_path, wrong, code, frame, tilted)
    dti = read_dti(v1, fa, frame=frame)
    found = find_flip_of_dti(dti)
    product = found.mend @ parse_mend(wrong)
    assert found.clear and abs(np.trace(product)) == 3, mend_text(found.mend)
    assert found.needed == (wrong != "-x,-y,-z")
    mended = mended_dti(dti, "auto", source={"path": "V1"})
    to_voxel = frames.between(frame, "voxel", dti.affine)
    same_lines(mended.directions, frames.rotate_vectors(right, to_voxel))
    assert mended.coherence.as_stored_is_best and not find_flip_of_dti(mended).needed
    (record,) = mended.mends
    assert record["of"] == {"path": "V1"} and record["why"] == dti_mend_words(found) and record["time"]
    assert net_words(mended) and net_words(mended_dti(mended, "undo")) == ""
    np.testing.assert_allclose(mended_dti(mended, "undo").directions, dti.directions, atol=1e-6)


def test_what_is_right_is_left_alone(tmp_path):
    v1, fa, _ = spoil(tmp_path, "x,y,z")
    dti = read_dti(v1, fa, frame="fsl")
    assert not find_flip_of_dti(dti).needed and mended_dti(dti, "") is dti
    left = mended_dti(dti, "auto")
    assert left.mends == () and "V1 was not mended. The directions of V1 run along" in left.remarks[-1]
    np.testing.assert_array_equal(left.directions, dti.directions)
    with pytest.raises(InputError, match=r"there is nothing to mend \(The directions of V1 run along their"):
        write_mended_dti(v1, fa, "auto", tmp_path / "copy.nii.gz", frame="fsl")


@pytest.mark.parametrize("wrong", ["x,-y,z", "z,x,-y"])
@pytest.mark.parametrize("tilted", [False, True])
def test_a_copy_is_written_recorded_and_undone_to_the_bit(tmp_path, wrong, tilted):
    v1, fa, right = spoil(tmp_path, wrong, "RAS", "ras", tilted)
    before = v1.read_bytes()
    done = write_mended_dti(v1, fa, "auto", tmp_path / "mended" / "V1.nii.gz", frame="ras")
    assert done.path == tmp_path / "mended" / "V1.nii.gz" and v1.read_bytes() == before
    stored = read_volume(done.path, dims=4).data
    assert np.array_equal(stored, right) or np.array_equal(stored, -right), "no rounding, whatever the grid"
    told = json.loads((tmp_path / "mended" / "V1.json").read_text())
    (record,) = told["provenance"][MENDS]
    assert told["frame"] == "ras" and record["of"]["path"] == str(v1) and len(record["of"]["sha256"]) == 64
    assert record["axes"] == "components of the file (ras)" and "less well as stored" in record["why"]
    copy = read_dti(done.path, fa)
    assert copy.frame == "ras" and len(copy.mends) == 1 and not find_flip_of_dti(copy).needed
    write_mended_dti(done.path, None, "undo", tmp_path / "back.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "back.nii.gz", dims=4).data, read_volume(v1, dims=4).data)
    back = json.loads((tmp_path / "back.json").read_text())["provenance"][MENDS]
    assert [one["why"] for one in back][1] == "takes back the mends before it" and len(back) == 2


def test_nothing_is_written_over_the_original(tmp_path):
    v1, fa, _ = spoil(tmp_path, "x,-y,z")
    for target, file in ((v1, "V1"), (fa, "FA"), (v1.with_name("V1.nii"), "V1")):
        with pytest.raises(InputError, match=f"{file}.nii.gz: the mended copy would replace this file"):
            write_mended_dti(v1, fa, "auto", target, frame="fsl", overwrite=True)
    write_mended_dti(v1, fa, "x,-y,z", tmp_path / "copy.nii.gz", frame="fsl")
    with pytest.raises(InputError, match="exists"):
        write_mended_dti(v1, fa, "x,-y,z", tmp_path / "copy.nii.gz", frame="fsl")


def test_what_cannot_be_is_said(tmp_path):
    v1, fa, _ = spoil(tmp_path, "x,-y,z")
    dti = read_dti(v1, fa, frame="fsl")
    with pytest.raises(InputError, match="no mend was applied to this V1, so that none can be undone"):
        mended_dti(dti, "undo")
    with pytest.raises(InputError, match="does not name each of the axes x, y, z once"):
        mended_dti(dti, "x,x,z")
    with pytest.raises(InputError, match="the FA tells which directions count, and is missing"):
        write_mended_dti(v1, None, "auto", tmp_path / "copy.nii.gz", frame="fsl")
    with pytest.raises(InputError, match="stated nowhere"):
        write_mended_dti(v1, None, "x,-y,z", tmp_path / "copy.nii.gz")
    with pytest.raises(InputError, match="the V1 has 3 dimensions"):
        write_mended_dti(fa, None, "x,-y,z", tmp_path / "copy.nii.gz", frame="fsl")
    assert not (tmp_path / "copy.nii.gz").exists()
    assert check_mend(" AUTO ") == "auto" and check_mend("+x, -y ,z") == "x,-y,z" and check_mend("") == ""


def test_nan_and_the_sign_of_zero_survive():
    vectors = np.array([[1, np.nan, 0.0], [0.5, -0.25, 3]], np.float32)
    mend = parse_mend("-z,x,-y")
    np.testing.assert_array_equal(permuted(permuted(vectors, mend), mend.T), vectors)


def test_noise_says_nothing(tmp_path):
    v1, fa, _ = spoil(tmp_path, "x,y,z")
    dti = read_dti(v1, fa, frame="fsl")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(dti.directions.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
    found = find_flip_of_dti(replace(dti, directions=noise, fa=np.full_like(dti.fa, 0.5)))
    assert not found.needed and "cannot tell whether their axes are right" in dti_mend_words(found)
