import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.study import Orientation, Study, read_studies, read_study, write_study
from tests.io.studies import write_study_files


def study_file(folder, text, name="study.sti.yaml"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        read_study(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and message.endswith((".", "?"))
    return message


# ---- our own form -----------------------------------------------------------------------------------------------


def test_flat_form(tmp_path):
    study = read_study(
        study_file(
            tmp_path,
            """
            name: head 1
            tesla: 7
            units: rad
            te: 2e-2          # YAML leaves this a text
            frame: ras
            field: [a.nii.gz, sub/b.nii]
            b0_dirs: [[0, 0, 1], b.txt]
            mask: ../mask.nii.gz
            wm_mask: wm.nii.gz
            csf_mask: /elsewhere/csf.nii.gz
            magnitude: mag.nii.gz
            r2prime: [r1.nii, r2.nii]
            reference_tensor: chi.nii.gz
            reference_tensor_frame: LPS
            simulated: true
            """,
        )
    )
    first, second = study.orientations
    assert first == Orientation(tmp_path / "a.nii.gz", (0.0, 0.0, 1.0), "ras", "rad", 0.02)
    assert second == Orientation(tmp_path / "sub/b.nii", tmp_path / "b.txt", "ras", "rad", 0.02)
    assert (study.name, study.tesla, study.simulated) == ("head 1", 7.0, True)
    assert study.mask == tmp_path.parent / "mask.nii.gz" and study.csf_mask == Path("/elsewhere/csf.nii.gz")
    assert study.magnitude == (tmp_path / "mag.nii.gz",) and len(study.r2prime) == 2
    assert study.reference_tensor == tmp_path / "chi.nii.gz" and study.reference_frame == "lps"
    assert study.path == tmp_path / "study.sti.yaml" and study.published is None


def test_orientations_may_differ_in_everything(tmp_path):
    study = read_study(
        study_file(
            tmp_path,
            """
            units: ppm
            orientations:
            - {field: a.nii.gz, b0_dir: affine, label: straight}
            - {field: b.nii.gz, b0_dir: [0, 0.6, 0.8], frame: voxel, units: Hz}
            - {field: c.nii.gz, b0_dir: c.txt, units: rad, te: 0.01}
            - {phase: d.nii.gz, H0: d.txt}
            """,
        )
    )
    a, b, c, d = study.orientations
    assert (a.b0_dir, a.units, a.label, a.frame) == ("affine", "ppm", "straight", None)
    assert (b.b0_dir, b.units, b.frame) == ((0.0, 0.6, 0.8), "Hz", "voxel")
    assert (c.b0_dir, c.units, c.te, c.frame) == (tmp_path / "c.txt", "rad", 0.01, None)
    assert (d.field, d.units) == (tmp_path / "d.nii.gz", "ppm")  # stated for all


def test_lists_of_units_and_one_text_file_for_all(tmp_path):
    (tmp_path / "dirs.txt").write_text("0 0 1\n0 0.6 0.8")
    study = read_study(
        study_file(tmp_path, "field: [a.nii, b.nii]\nb0_dirs: dirs.txt\nunits: [Hz, ppm]\nte: [null, 0.1]\n")
    )
    assert [o.units for o in study.orientations] == ["Hz", "ppm"] and study.orientations[1].te == 0.1
    assert study.orientations[1].b0_dir == (0.0, 0.6, 0.8) and study.orientations[1].frame == "lps"


def test_the_unit_of_a_field_is_not_guessed(tmp_path):
    study = read_study(study_file(tmp_path, "field: a.nii.gz\nb0_dirs: [0, 0, 1]\n"))
    assert study.orientations == (Orientation(tmp_path / "a.nii.gz", (0.0, 0.0, 1.0), None, None),)
    assert study.name == "study"


def test_json_and_folders(tmp_path):
    content = {"field": ["a.nii"], "b0_dirs": ["affine"], "units": "ppm", "mask": "m.nii"}
    (tmp_path / "study.json").write_text(json.dumps(content))
    study = read_study(tmp_path)
    assert study.orientations[0].b0_dir == "affine" and study.mask == tmp_path / "m.nii"


# ---- published forms --------------------------------------------------------------------------------------------

DEEPSTI = """
- name: Subject_2ori
  tesla: 7
  phase:
  - data/sub/one_phase.nii.gz
  - data/sub/two_phase.nii.gz
  H0:
  - data/sub/one_ang.txt
  - data/sub/two_ang.txt
  mask: data/sub/mask.nii.gz
  gt: data/sub/tensor.nii.gz

- name: Subject_1ori
  tesla: 7
  phase:
  - data/sub/one_phase.nii.gz
  H0:
  - data/sub/one_ang.txt
  mask: data/sub/mask.nii.gz
"""

WAVESEP = """
# for the separation of a tensor
- name: "example"
  output_folder: experiments/example/
  sti_fn: data/sti.nii.gz
  R2p_fn_list:
  - data/one_R2p.nii.gz
  - data/two_R2p.nii.gz
  mask_fn: data/mask.nii.gz
  H0_fn_list:
  - data/one_ang.txt
  - data/two_ang.txt
  params_fn: data/params.json
  gt_xp_fn: data/xp.nii.gz
  gt_xn_sti_fn:   # remove if not available
"""


def test_deepsti(tmp_path):
    path = study_file(tmp_path, DEEPSTI, "example.yml")
    study = read_study(path)
    assert study.published == "DeepSTI" and study.name == "Subject_2ori" and study.tesla == 7
    assert study.orientations[1] == Orientation(
        tmp_path / "data/sub/two_phase.nii.gz", tmp_path / "data/sub/two_ang.txt", None, "Hz"
    )
    assert study.reference_tensor == tmp_path / "data/sub/tensor.nii.gz" and study.reference_frame == "voxel"
    assert study.warnings == (
        "example.yml lists 2 cases (Subject_2ori, Subject_1ori); the first is taken "
        "(write example.yml#NAME for another).",
    )


def test_one_case_of_several(tmp_path):
    path = study_file(tmp_path, DEEPSTI, "example.yml")
    assert len(read_studies(path)) == 2
    by_argument, by_name = read_study(path, case="Subject_1ori"), read_study(f"{path}#Subject_1ori")
    assert by_argument == by_name and len(by_name.orientations) == 1 and by_name.warnings == ()
    assert read_study(by_name.path) == by_name  # a job that keeps the path runs the same case
    with pytest.raises(InputError, match="no case 'x'; it has Subject_2ori, Subject_1ori"):
        read_study(path, case="x")


def test_published_paths_are_found_from_where_the_program_was_started(tmp_path):
    # Their files lie in data/yml and name data/sub/..., relative to the folder above both.
    path = study_file(tmp_path, DEEPSTI, "data/yml/demo.yml")
    phase = tmp_path / "data/sub/one_phase.nii.gz"
    phase.parent.mkdir(parents=True)
    phase.touch()
    assert read_study(path).orientations[0].field == phase


def test_stated_keys_win_over_the_published_defaults(tmp_path):
    text = "phase: [a.nii]\nH0: [[0, 0.6, 0.8]]\nunits: ppm\nframe: voxel\nmask: [m.nii, m.nii]\n"
    study = read_study(study_file(tmp_path, text))
    assert study.orientations == (Orientation(tmp_path / "a.nii", (0.0, 0.6, 0.8), "voxel", "ppm"),)
    assert study.mask == tmp_path / "m.nii"


def test_wavesep(tmp_path):
    study = read_study(study_file(tmp_path, WAVESEP, "example_sti.yml"))
    assert study.published == "WaveSep" and study.for_separation and not study.has_fields
    assert study.reference_tensor == tmp_path / "data/sti.nii.gz" and study.reference_frame == "voxel"
    assert study.r2prime == (tmp_path / "data/one_R2p.nii.gz", tmp_path / "data/two_R2p.nii.gz")
    assert study.mask == tmp_path / "data/mask.nii.gz"
    assert [o.b0_dir for o in study.orientations] == [tmp_path / "data/one_ang.txt", tmp_path / "data/two_ang.txt"]
    assert dict(study.more)["params_fn"] == str(tmp_path / "data/params.json")
    assert "gt_xn_sti_fn" not in dict(study.more)


# ---- what is refused --------------------------------------------------------------------------------------------


def test_unknown_keys_are_named_with_the_nearest(tmp_path):
    assert "the key 'wm_maks' is not known; did you mean 'wm_mask'?" in refusal(
        study_file(tmp_path, "wm_maks: a.nii\n")
    )
    assert "'Tesla' is not known; did you mean 'tesla'?" in refusal(study_file(tmp_path, "Tesla: 3\n"))
    assert "'xyzzy' is not known; known are name" in refusal(study_file(tmp_path, "xyzzy: 3\n"))
    inner = study_file(tmp_path, "orientations:\n- {field: a.nii, b0_dirs: affine}\n")
    assert "'b0_dirs' is not known; did you mean 'b0_dir'?" in refusal(inner)


def test_broken_yaml_tells_the_line(tmp_path):
    assert "broken YAML in line 3" in refusal(study_file(tmp_path, "name: a\ntesla: 3\n\tmask: m.nii\n"))
    assert "broken YAML in line" in refusal(study_file(tmp_path, "field: [a.nii, b.nii\nmask: m.nii\n"))
    assert "broken YAML in line 2: the key 'tesla' is given twice" in refusal(
        study_file(tmp_path, "tesla: 3\ntesla: 7\n")
    )


def test_broken_json_tells_the_line(tmp_path):
    assert "broken JSON in line 2" in refusal(study_file(tmp_path, '{"name": "a",\n "tesla" 3}', "a.json"))


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system ['touch OWNED']", "name: !!python/name:os.system", "name: !Thing {a: 1}"],
)
def test_object_construction_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    message = refusal(study_file(tmp_path, text + "\n"))
    assert "asks for object construction" in message and "in line 1, which is never done" in message
    assert not (tmp_path / "OWNED").exists()


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "empty"), (b"just words", "empty"), (b"\x00\x01\xff", "not a text")]
)
def test_no_study_at_all(tmp_path, content, says):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    assert says in refusal(path)


def test_missing_file_and_folder(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "none.yaml")
    assert "holds no study file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("field: [a.nii, b.nii, c.nii]\nb0_dirs: [[0,0,1], [0,1,0]]", "3 field maps but 2 B0 directions"),
        ("field: [a.nii]\nb0_dirs: [[0, 1]]", "the B0 direction of orientation 1 has 2 numbers instead of 3"),
        ("field: [a.nii]\nb0_dirs: [0, 1]", "the B0 direction has 2 numbers instead of 3"),
        ("field: [a.nii]\nb0_dirs: [[0, up, 1]]", "give three numbers (x, y, z), a text file, or affine"),
        ("tesla: three", "give a number instead of 'three'"),
        ("tesla: true", "give a number instead of True"),
        ("field: [a.nii, b.nii]\nunits: [ppm]\nb0_dirs: affine", "'units' has 1 value for 2 orientations"),
        ("field: a.nii\nunits: gauss\nb0_dirs: affine", "the unit 'gauss' of the field is not known"),
        ("field: a.nii\nframe: ijk\nb0_dirs: affine", "the frame 'ijk' is not known"),
        ("field: 7", "the value of 'field' is not right; give the path of a file"),
        ("simulated: perhaps", "write true or false"),
        ("field: a.nii\nphase: b.nii", "'field' and 'phase' mean the same"),
        ("mask: a.nii\nmask_fn: b.nii", "'mask_fn' and 'mask' mean the same"),
        ("mask: [a.nii, b.nii]", "2 different brain masks"),
        ("orientations: a.nii", "the value of 'orientations' is not right"),
        ("orientations: []\nfield: a.nii", "both 'orientations' and 'field' are given"),
    ],
)
def test_wrong_values(tmp_path, text, says):
    assert says in refusal(study_file(tmp_path, text + "\n"))


# ---- written and read again -------------------------------------------------------------------------------------


def without_place(study):
    return replace(study, path=None)


@pytest.mark.parametrize("name", ["study.sti.yaml", "study.json"])
def test_round_trip(tmp_path, name):
    study = Study(
        name="Kopf 1 (ü)",
        orientations=(
            Orientation(tmp_path / "a.nii.gz", (0.1, -0.2, 0.9746794344808963), "ras", "rad", 0.02, "first: one"),
            Orientation(tmp_path / "b.nii.gz", tmp_path / "b.txt", None, "rad", 0.02),
            Orientation(Path("/elsewhere/c.nii.gz"), "affine", None, "ppm"),
        ),
        mask=tmp_path / "mask.nii.gz",
        tesla=2.89,
        wm_mask=tmp_path / "wm.nii.gz",
        magnitude=(tmp_path / "m1.nii", tmp_path / "m2.nii"),
        r2prime=(tmp_path / "r.nii",),
        qsm=tmp_path / "qsm.nii",
        reference_tensor=tmp_path / "chi.nii.gz",
        reference_frame="fsl",
        simulated=True,
    )
    write_study(study, tmp_path / name)
    assert without_place(read_study(tmp_path / name)) == study
    assert str(tmp_path) not in (tmp_path / name).read_text()  # relative, and can be moved


@pytest.mark.parametrize("text", [DEEPSTI, WAVESEP])
def test_published_studies_are_rewritten_in_our_form(tmp_path, text):
    study = replace(read_study(study_file(tmp_path, text, "a.yml")), warnings=())
    write_study(study, tmp_path / "b.yaml")
    again = read_study(tmp_path / "b.yaml")
    assert replace(again, path=study.path, published=study.published) == study


def test_an_existing_study_is_kept(tmp_path):
    study = write_study_files(tmp_path)
    write_study(study, tmp_path / "a.yaml")
    with pytest.raises(InputError, match="exists already"):
        write_study(study, tmp_path / "a.yaml")
    write_study(study, tmp_path / "a.yaml", overwrite=True)


# ---- problems before loading ------------------------------------------------------------------------------------


def test_a_complete_study_has_no_problems(tmp_path):
    assert write_study_files(tmp_path).problems() == ()


def test_problems_are_all_told_and_bound_to_their_orientation(tmp_path):
    good = write_study_files(tmp_path, n=3)
    a, b, c = good.orientations
    study = replace(
        good,
        orientations=(
            replace(a, units=None),
            replace(b, field=tmp_path / "gone.nii.gz"),
            replace(c, frame=None, units="Hz"),
        ),
        mask=None,
        tesla=None,
    )
    found = [(p.orientation, p.text) for p in study.problems()]
    assert (0, "field1.nii.gz: the unit of the field is not stated") in found
    assert (1, "gone.nii.gz: the file of the field does not exist") in found
    assert (2, "the frame of the B0 direction of orientation 3 is not stated") in found
    assert (2, "a field in Hz needs the field strength") in found
    assert (None, "the study has no brain mask") in found
    assert len(found) == 5 and all(p.mend for p in study.problems())


def test_nothing_at_all():
    texts = [p.text for p in Study().problems()]
    assert texts == ["the study has no field maps", "the study has no brain mask"]
