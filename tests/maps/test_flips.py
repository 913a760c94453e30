"""Flips and swaps are found in made and in real directions, mended without rounding, recorded, and undone."""

import itertools

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import read_volume
from napari_sti.maps.dti import read_dti
from napari_sti.maps.flips import (
    MENDS,
    direction_floor,
    find_flip,
    find_flip_of_tensor,
    fitting_frame,
    mend_text,
    mended,
    parse_mend,
    undoing,
)
from tests.maps import bundled
from tests.shared_data import shared


def all_48():
    """Every signed permutation of three axes."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            yield np.diag(signs)[:, list(order)].T


def same_to_a_line(found, expected):
    return np.array_equal(found, expected) or np.array_equal(found, -expected)


def test_names_the_mend_of_all_48():
    directions, strength = bundled.bundles()
    for wrong in all_48():
        found = find_flip(directions @ wrong.T, strength, voxel_size=bundled.SIZE)
        assert found.clear
        assert same_to_a_line(found.mend @ wrong, np.eye(3)), mend_text(wrong)
        assert found.needed == (not same_to_a_line(wrong, np.eye(3)))


def test_names_the_mend_of_all_48_of_a_real_brain():
    """V1 of FSL's dtifit, read as FSL writes it, is left alone; every flip and swap of it is named."""
    fa = read_volume(shared("data/dti_brain/FA.nii.gz"))
    v1 = read_volume(shared("data/dti_brain/V1.nii.gz"), dims=4, what="V1")
    directions = frames.rotate_vectors(v1.data, frames.between("fsl", "voxel", v1.affine))
    part = tuple(slice(n // 5, 4 * n // 5) for n in fa.data.shape)  # the middle: the same answer in a fifth of the time
    directions, anisotropy = directions[part], fa.data[part]
    size = frames.voxel_size(fa.affine)
    named = {}
    for wrong in all_48():
        key = max(tuple(wrong.ravel()), tuple(-wrong.ravel()))
        if key not in named:  # v and -v are the same line: see the test below
            named[key] = find_flip(directions @ wrong.T.astype(np.float32), anisotropy, voxel_size=size, floor=0.3)
        found = named[key]
        assert found.clear and same_to_a_line(found.mend @ wrong, np.eye(3)), mend_text(wrong)
        assert found.needed == (not same_to_a_line(wrong, np.eye(3)))
    assert len(named) == 24


def test_the_sign_of_all_directions_means_nothing():
    directions, strength = bundled.bundles()
    both = [find_flip(sign * directions, strength, voxel_size=bundled.SIZE).table.index for sign in (1, -1)]
    np.testing.assert_array_equal(*both)


def test_noise_is_told_to_say_nothing():
    rng = np.random.default_rng(0)
    found = find_flip(rng.normal(size=(14, 13, 12, 3)), np.ones((14, 13, 12)))
    assert not found.clear and not found.needed
    np.testing.assert_array_equal(found.mend, np.eye(3))
    assert "cannot tell whether their axes are right" in found.sentence


@pytest.mark.parametrize("code", ["LAS", "RAS", "PIR"])
def test_a_flipped_tensor_is_found_and_mended(code):
    right = bundled.tensor(code)
    assert not find_flip_of_tensor(right).needed
    wrong = mended(right, parse_mend("x,-z,y"))
    found = find_flip_of_tensor(wrong)
    assert found.needed and "less well as stored" in found.sentence
    back = mended(wrong, found.mend)
    np.testing.assert_array_equal(back.chi, right.chi)


def test_a_mend_is_recorded_and_undone_to_the_last_bit():
    right = bundled.tensor()
    chi = right.chi.copy()
    chi[9, 9, 9, 2] = np.nan
    right = TensorField(chi, right.affine, right.mask, provenance={"method": "x", "remarks": ["kept"]})
    once = mended(right, parse_mend("y,-x,z"), why="because", source={"path": "a", "sha256": "b"})
    twice = mended(once, parse_mend("-x,z,y"))
    (first, second) = twice.provenance[MENDS]
    assert first["mend"] == "y,-x,z" and first["inverse"] == "-y,x,z" and first["why"] == "because"
    assert first["of"] == {"path": "a", "sha256": "b"} and second["mend"] == "-x,z,y"
    assert [said for said in twice.provenance["remarks"] if "mended" in said] == twice.provenance["remarks"][1:]
    back = mended(twice, undoing(twice))
    np.testing.assert_array_equal(back.chi, right.chi)
    assert back.provenance["remarks"] == ["kept"] and len(back.provenance[MENDS]) == 3
    assert right.provenance == {"method": "x", "remarks": ["kept"]}
    with pytest.raises(InputError, match="no mend was applied to this result"):
        undoing(right)


def test_permuting_is_rotating_without_rounding():
    rng = np.random.default_rng(4)
    chi = rng.normal(size=(3, 4, 6))
    for permutation in all_48():
        turned = frames.permute_tensors(chi, permutation)
        np.testing.assert_allclose(turned, frames.rotate_tensors(chi, permutation), atol=1e-12)
        np.testing.assert_array_equal(frames.permute_tensors(turned, permutation.T), chi)


@pytest.mark.parametrize("text", ["x,y", "x,x,z", "a,b,c", "", "--x,y,z", "x y z"])
def test_what_is_no_mend_is_refused(text):
    with pytest.raises(InputError, match="does not name each of the axes x, y, z once; write it like x,-y,z"):
        parse_mend(text)


def test_mends_are_written_and_read():
    for matrix in all_48():
        np.testing.assert_array_equal(parse_mend(mend_text(matrix)), matrix)
    np.testing.assert_array_equal(parse_mend(" X, +Y , -z"), np.diag([1, 1, -1]))


def test_the_floor_follows_weak_results():
    assert direction_floor(bundled.tensor(msa=0.03)) == 0.015
    assert 0 <= direction_floor(bundled.tensor(msa=0.004)) < 0.004


@pytest.mark.parametrize("code", ["LAS", "RAS"])
@pytest.mark.parametrize(("written", "told"), [("fsl", "fsl"), ("fsl", "ras"), ("ras", "fsl"), ("ras", "lps")])
def test_the_frame_of_a_dti_is_doubted_where_another_fits(tmp_path, code, written, told):
    """FSL's convention depends on the handedness of the file; MRtrix writes RAS."""
    dti = read_dti(*bundled.write_dti(tmp_path, code, written), frame=told)
    grid = bundled.affine(code)
    turned = frames.between(written, "voxel", grid) @ frames.between("voxel", told, grid)
    right = same_to_a_line(np.round(turned), np.eye(3))
    frame, better = fitting_frame(dti)
    assert (frame == told) == right and (better > 1.02) == (not right)
    true = np.round(frames.between(frame, "voxel", grid) @ frames.between("voxel", written, grid))
    assert same_to_a_line(true, np.eye(3))
