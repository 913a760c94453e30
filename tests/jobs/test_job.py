import json
from dataclasses import replace
from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.study import read_study, write_study
from napari_sti.jobs.job import Job, check_job, from_mapping, read_job, to_mapping, write_job


def test_a_job_survives_its_file(tmp_path):
    job = Job(
        study=tmp_path / "data" / "study.yaml",
        method="stiimag",
        params={"lam": 0.001, "note": None},
        device="cuda:1",
        frame="ras",
        out=tmp_path / "run",
        name="Kopf 1 ünd",
        start=tmp_path / "earlier",
    )
    path = write_job(job)
    assert path == tmp_path / "run" / "job.json"
    assert read_job(path) == job
    assert read_job(path.parent) == job
    assert [p.name for p in path.parent.iterdir()] == ["job.json"]


def test_paths_are_relative_to_the_file_and_out_is_its_folder(tmp_path):
    (tmp_path / "job.json").write_text('{"study": "sub/study.yaml"}')
    job = read_job(tmp_path / "job.json")
    assert job.study == tmp_path / "sub" / "study.yaml"
    assert job.out == tmp_path
    assert job.kind == "recon"


def test_a_moved_run_folder_still_points_into_itself(tmp_path):
    folder = tmp_path / "before"
    write_job(Job(study=folder / "study.yaml", out=folder))
    assert json.loads((folder / "job.json").read_text())["study"] == "study.yaml"
    moved = folder.rename(tmp_path / "after")
    assert read_job(moved).study == moved / "study.yaml"
    assert read_job(moved).out == moved


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"studi": "a"}, "unknown key 'studi'; did you mean 'study'?"),
        ({"study": "a", "xyzzy": 1}, "unknown key 'xyzzy'; known are kind, study"),
        (
            {"kind": "guess", "study": "a"},
            "kind of job 'guess' is not known; use one of recon, trust, sample, simulate, train",
        ),
        ({"kind": "trust"}, "names no study"),
        ({"kind": "trust", "study": "a", "start": "b"}, "a job of the kind trust begins at no other result; leave the"),
        ({"study": "a", "start": 3}, "the start of the job is not a path"),
        ({"kind": "recon"}, "names no study"),
        ({"study": 3}, "the study of the job is not a path"),
        ({"study": "a", "device": "gpu"}, "device 'gpu' is not known; use one of auto, cpu"),
        ({"study": "a", "frame": "mni"}, "mni"),
        ({"study": "a", "params": [1]}, "no names with values"),
        ({"study": "a", "name": 3}, "the name of the job is not a text"),
        ({"study": "a", "format": 7}, "format 7, known is 1; update napari-sti"),
    ],
)
def test_a_wrong_job_file_is_refused_in_a_sentence(tmp_path, values, sentence):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError) as caught:
        read_job(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_broken_and_missing_files(tmp_path):
    with pytest.raises(InputError, match="no such job file"):
        read_job(tmp_path / "none.json")
    (tmp_path / "a.json").write_text('{"kind": \n oops}')
    with pytest.raises(InputError, match=r"not valid JSON .* in line 2"):
        read_job(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(InputError, match=r"holds no object"):
        read_job(tmp_path / "b.json")


def test_parameters_have_to_be_plain():
    with pytest.raises(InputError, match="not all plain values"):
        Job(study=Path("a"), out=Path("b"), params={"x": float("nan")})


def test_only_the_sample_needs_no_folder(tmp_path):
    assert from_mapping({"kind": "sample"}, tmp_path).out is None
    with pytest.raises(InputError, match="no output folder"):
        Job(kind="simulate")
    with pytest.raises(InputError, match="no output folder"):
        write_job(Job(kind="sample"))


def test_an_unwritable_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        write_job(Job(kind="simulate", out=tmp_path / "file" / "run"))


def test_what_can_fail_early_is_checked_early(tmp_path, study):
    out = tmp_path / "run"
    check_job(Job(study=study, out=out))
    with pytest.raises(InputError, match="nowhere"):
        check_job(Job(study=tmp_path / "nowhere.yaml", out=out))
    with pytest.raises(InputError, match="stiimag"):
        check_job(Job(study=study, method="stimag", out=out))
    with pytest.raises(InputError, match="'lamm'"):
        check_job(Job(study=study, params={"lamm": 1}, out=out))
    with pytest.raises(InputError, match="the only one is 'oblique'"):
        check_job(Job(kind="sample", params={"tilt": 3}))
    with pytest.raises(InputError, match="is not known"):
        check_job(Job(kind="simulate", params={"orientatoins": 3}, out=out))
    assert not out.exists()


def test_values_hold_the_format(tmp_path):
    assert to_mapping(Job(kind="sample"))["format"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f'{{"study": "a", "params": {{"lam": {"9" * 5000}}}}}', "holds a number of thousands of digits"),
        ('{"study": "~nosuchuser/y"}', "no home folder is known for the study '~nosuchuser/y' of the job"),
        ('{"study": "a\\u0000b"}', "the study of the job is not a path"),
        ('{"study": "a", "kind": "%s"}' % ("x" * 9000), "the kind of job 'xxxx"),
        ("[" * 100_000, "too many brackets inside each other"),
    ],
)
def test_hostile_job_files_are_refused_in_a_short_sentence(tmp_path, text, sentence):
    path = tmp_path / "job.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_job(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and sentence in message and len(message) < 500


def test_a_name_that_no_file_can_have():
    with pytest.raises(InputError):
        read_job("x" * 400)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_folder_in_which_even_root_may_not_write():
    with pytest.raises(InputError, match="the folder is not writable"):
        write_job(Job(kind="simulate", out=Path("/proc/self")))


def test_files_without_a_start_still_load_and_its_path_is_relative_to_the_file(tmp_path):
    (tmp_path / "job.json").write_text('{"format": 1, "study": "study.yaml"}')
    assert read_job(tmp_path / "job.json").start is None
    (tmp_path / "job.json").write_text('{"study": "study.yaml", "start": "../earlier"}')
    assert read_job(tmp_path / "job.json").start == tmp_path.parent / "earlier"


def test_a_start_is_checked_before_anything_is_read(tmp_path, study, odd):
    nothing = tmp_path / "nothing"
    with pytest.raises(
        InputError, match=r"holds no finished result.*; choose the folder of a run that is done"
    ) as caught:
        check_job(Job(study=study, method="continuing", out=tmp_path, start=nothing))
    assert "nothing" in str(caught.value)
    with pytest.raises(InputError, match="Odd does not iterate from a first estimate; leave the start out"):
        check_job(Job(study=study, method="slow", out=tmp_path, start=nothing))


def test_trust_needs_an_orientation_to_spare(tmp_path, study, odd):
    check_job(Job(kind="trust", study=study, method="slow", out=tmp_path))
    alone = replace(read_study(study), orientations=read_study(study).orientations[:1])
    write_study(alone, tmp_path / "alone.yaml")
    with pytest.raises(InputError, match="leaving one orientation out needs at least 2 orientations with Odd"):
        check_job(Job(kind="trust", study=tmp_path / "alone.yaml", method="slow", out=tmp_path))
