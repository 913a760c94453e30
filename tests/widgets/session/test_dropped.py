"""Files are known by ending and name; B0 directions find their orientations."""

from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.study import Study
from napari_sti.widgets.session.dropped import add_directions, add_to, sort_out, stem


def test_roles_by_name():
    names = """phase_ori10.nii.gz phase_ori2.nii.gz mask.nii.gz wm_mask.nii csf.nii.gz mag1.nii.gz a.doc
        sub_r2prime.nii.gz qsm.nii.gz T1_bet.nii.gz b0_1.txt study.sti.yaml phase_ori2.json"""
    found = sort_out(names.split())
    assert [p.name for p in found.fields] == ["phase_ori2.nii.gz", "phase_ori10.nii.gz"]
    assert {role: [p.name for p in paths] for role, paths in found.roles.items()} == {
        "mask": ["mask.nii.gz", "T1_bet.nii.gz"],
        "wm_mask": ["wm_mask.nii"],
        "csf_mask": ["csf.nii.gz"],
        "magnitude": ["mag1.nii.gz"],
        "r2prime": ["sub_r2prime.nii.gz"],
        "qsm": ["qsm.nii.gz"],
    }
    assert [p.name for p in found.directions] == ["b0_1.txt"]
    assert [p.name for p in found.studies] == ["study.sti.yaml"], "a sidecar beside its image is no study"
    assert [p.name for p in found.unknown] == ["a.doc"]


@pytest.mark.parametrize("name", ["magnetic_field.nii.gz", "csfield.nii.gz", "fieldr20.nii.gz"])
def test_words_inside_words_are_no_roles(name):
    assert sort_out([name]).fields == [Path(name)]


def test_stem():
    assert stem(Path("a.b.nii.gz")) == "a.b" and stem(Path("a.json")) == "a"


def test_a_folder_is_opened(files):
    found = sort_out([files])
    assert len(found.fields) == 3 and len(found.directions) == 3 and "mask" in found.roles
    (files / "study.yaml").write_text("name: x")
    assert [p.name for p in sort_out([files]).studies] == ["study.yaml"]


def test_everything_at_once_makes_a_study(files):
    study = add_to(Study(), sort_out([files]))
    assert [o.field.name for o in study.orientations] == ["ori1.nii.gz", "ori2.nii.gz", "ori3.nii.gz"]
    assert [o.b0_dir.name for o in study.orientations] == ["b0_1.txt", "b0_2.txt", "b0_3.txt"]
    assert study.mask.name == "brain_mask.nii.gz"
    assert add_to(study, sort_out([files])).orientations == study.orientations, "the same files again add nothing"


def test_one_text_file_for_all(files, study):
    table = files / "all.txt"
    table.write_text("0 0 1\n0 0.6 0.8\n0.6 0 0.8\n1 0 0\n")
    with pytest.raises(InputError, match="4 B0 directions for 3 orientations; add the field maps first"):
        add_directions(study, [table])
    table.write_text("0.1 0 0.995\n0 0.6 0.8\n0.6 0 0.8\n")
    filled = add_directions(study, [table])
    assert [o.b0_dir for o in filled.orientations][1] == (0.0, 0.6, 0.8)
    assert {o.frame for o in filled.orientations} == {"lps"}


def test_selected_rows_only(files, study):
    filled = add_directions(study, [files / "b0_1.txt"], rows=[2])
    assert [o.b0_dir.name for o in filled.orientations] == ["b0_1.txt", "b0_2.txt", "b0_1.txt"]
