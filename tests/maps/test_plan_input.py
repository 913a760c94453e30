"""Where a plan takes its directions from: studies with odd grids, bare texts, and faults."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.study import Orientation, Study
from napari_sti.maps.orientation_worth import ASSUMED_GRID
from napari_sti.maps.plan_input import from_study, from_texts, is_study
from tests.io.studies import SHAPE, SIZE, grid, write_study_files


@pytest.mark.parametrize("oblique", [False, True])
def test_study_gives_world_directions_and_its_grid(tmp_path, oblique):
    study = write_study_files(tmp_path, n=3, affine=grid(oblique=oblique))
    given = from_study(study)
    np.testing.assert_allclose(given.known, [o.b0_dir for o in study.orientations], atol=1e-6)
    assert given.grid.shape == SHAPE and given.grid_known and not given.faults
    np.testing.assert_allclose(given.grid.voxel_size, SIZE, rtol=1e-5)
    assert np.allclose(given.grid.axes, np.eye(3)) is not oblique


def test_no_image_is_read(tmp_path, monkeypatch):
    study = write_study_files(tmp_path, n=2)
    monkeypatch.setattr("napari_sti.io.nifti._values", None)
    assert len(from_study(study).known) == 2


def test_faults_leave_the_others(tmp_path):
    study = write_study_files(tmp_path, n=3)
    first, second, third = study.orientations
    broken = replace(study, orientations=(first, replace(second, b0_dir=None), replace(third, frame=None)))
    given = from_study(broken)
    assert [d is None for d in given.directions] == [False, True, True] and len(given.known) == 1
    assert "orientation 2 has no B0 direction" in given.faults[0]
    assert "the frame of the B0 direction of orientation 3 is not stated" in given.faults[1]


def test_missing_mask_and_unit_do_not_matter(tmp_path):
    study = write_study_files(tmp_path, n=2)
    bare = replace(study, mask=None, orientations=tuple(replace(o, units=None) for o in study.orientations))
    assert bare.problems() and not from_study(bare).faults


def test_directions_without_any_image(tmp_path):
    """Planning ahead: only vectors, in axes of the world."""
    made = Study(orientations=(Orientation(None, (0.6, 0, 0.8), "lps"), Orientation(None, (0, 0, 1), "voxel")))
    given = from_study(made)
    np.testing.assert_allclose(given.known, [[-0.6, 0, 0.8]])
    assert given.grid == ASSUMED_GRID and not given.grid_known
    assert "voxel axes, and there is no image that says where they point" in given.faults[0]


def test_texts_are_lps_unless_stated(tmp_path):
    one, many = tmp_path / "one.txt", tmp_path / "many.txt"
    one.write_text("0.6 0 0.8\n")
    many.write_text("0 0 1\n0 0.6 0.8\n")
    given = from_texts([one, many])
    np.testing.assert_allclose(given.known, [[-0.6, 0, 0.8], [0, 0, 1], [0, -0.6, 0.8]], atol=1e-12)
    assert "are read as LPS" in given.warnings[0] and given.name == "2 files"
    stated = from_texts([one], frame="ras", voxel_size=(2, 1, 1))
    np.testing.assert_allclose(stated.known, [[0.6, 0, 0.8]])
    assert not stated.warnings and stated.grid.shape == (90, 217, 181) and stated.name == "one"


def test_bad_texts_are_refused_by_name(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("0 0 2\n")
    with pytest.raises(InputError, match=r"bad.txt: the B0 direction of orientation 1 has length 2 instead of 1"):
        from_texts([bad])
    with pytest.raises(InputError, match=r"none.txt: the file of the B0 direction does not exist"):
        from_texts([tmp_path / "none.txt"])
    bad.write_text("0 0 1\n")
    with pytest.raises(InputError, match="a voxel size is not positive; give three edge lengths in mm"):
        from_texts([bad], voxel_size=(1, 0, 1))
    with pytest.raises(InputError, match="is in voxel axes, and there is no image"):
        from_texts([bad], frame="voxel")


def test_what_is_a_study(tmp_path):
    assert is_study(tmp_path) and is_study(tmp_path / "a.YAML") and is_study(tmp_path / "a.json#case")
    assert not is_study(tmp_path / "b0.txt") and not is_study(tmp_path / "H0")
