import subprocess
import sys

import nibabel
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.jobs.estimate import estimate, study_size
from napari_sti.jobs.history import new_run_folder
from napari_sti.jobs.job import Job, write_job
from napari_sti.jobs.state import State, write_state


@pytest.fixture(autouse=True)
def no_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_STI_RUNS", str(tmp_path / "runs"))


def test_size_comes_from_headers_alone(study, tmp_path):
    assert study_size(study) == ((7, 6, 5), 2)
    # A mask of 2 GB that is nothing but its header.
    header = nibabel.Nifti1Header()
    header.set_data_shape((1000, 1000, 2000))
    header.set_data_dtype(np.uint8)
    header["magic"], header["vox_offset"] = b"n+1", 352
    (tmp_path / "huge.nii").write_bytes(header.binaryblock + b"\0" * 4)
    (tmp_path / "study.yaml").write_text("name: huge\nmask: huge.nii\n")
    assert study_size(tmp_path / "study.yaml") == ((1000, 1000, 2000), 1)


def test_what_the_panel_shows(study):
    found = estimate(study, "stiimag", {"max_iterations": 5})
    assert found["shape"] == [7, 6, 5]
    assert found["orientations"] == 2
    assert 1e4 < found["bytes"] < 1e9
    assert found["available"] > 1e7
    assert found["enough"]
    assert found["device"] == "cpu"
    assert found["seconds"] is None


def test_devices_are_what_the_worker_said(study):
    devices = [{"name": "cpu", "free": 9}, {"name": "cuda", "free": 1000}]
    found = estimate(study, device="auto", devices=devices)
    assert (found["device"], found["available"], found["enough"]) == ("cuda", 1000, True)
    assert found["moved"] == "Too much for cuda: it will be computed on the CPU, which is slower."
    assert estimate(study, device="cpu", devices=devices)["moved"] == ""
    assert estimate(study, device="auto")["device"] == "cpu"
    assert estimate(study, device="mps", devices=devices)["available"] is None


def test_a_gpu_that_holds_a_part_is_said_to_and_what_nothing_holds_is_not_enough(study, odd, monkeypatch):
    from napari_sti.recon.registry import get_method

    greedy = type(get_method("greedy"))
    monkeypatch.setattr(greedy, "device_bytes", lambda self, *rest: 1_000_000, raising=False)
    devices = [{"name": "cuda", "free": 2_000_000}]
    found = estimate(study, "greedy", {"megabytes": 5}, device="cuda", devices=devices)
    assert found["moved"].startswith("Too much for cuda: the vectors of the solver will stay in main memory")
    assert found["enough"]
    assert not estimate(study, "greedy", {"megabytes": 50_000_000}, device="cuda", devices=devices)["enough"]
    large = [{"name": "cuda", "free": 80_000_000_000}]
    assert estimate(study, "greedy", {"megabytes": 5}, device="cuda", devices=large)["moved"] == ""


def test_a_method_states_more(study, odd):
    small, large = (estimate(study, "greedy", {"megabytes": n})["bytes"] for n in (0, 5000))
    assert large - small > 4.9e9


def test_time_from_earlier_runs(study):
    folder = new_run_folder("a")
    write_job(Job(study=study, out=folder))
    write_state(folder, State(state="done", seconds=30.0, work=7 * 6 * 5 * 2 * 10, device="cpu"))
    assert estimate(study)["seconds"] == pytest.approx(3.0)


def test_trust_takes_as_many_runs_and_keeps_their_sums(study):
    folder = new_run_folder("a")
    write_job(Job(study=study, out=folder))
    write_state(folder, State(state="done", seconds=30.0, work=7 * 6 * 5 * 2 * 10, device="cpu"))
    once, trust = estimate(study), estimate(study, kind="trust")
    assert trust["seconds"] == pytest.approx(2 * once["seconds"]), "once with two, twice with one orientation"
    assert 10 * 8 < (trust["bytes"] - once["bytes"]) / (7 * 6 * 5) < 300


def test_wrong_questions_are_answered_in_a_sentence(study, tmp_path):
    with pytest.raises(InputError, match="did you mean 'stiimag'"):
        estimate(study, "stimag")
    with pytest.raises(InputError, match="is not known"):
        estimate(study, params={"lambda": 1})
    (tmp_path / "study.yaml").write_text("name: none\n")
    with pytest.raises(InputError, match="neither a mask nor a field map"):
        estimate(tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_text("name: none\nmask: away.nii.gz\n")
    with pytest.raises(InputError, match="away"):
        estimate(tmp_path / "study.yaml")
    (tmp_path / "away.nii.gz").write_text("no image")
    with pytest.raises(InputError, match="no NIfTI"):
        estimate(tmp_path / "study.yaml")


def test_the_viewer_never_loads_torch_for_it(study):
    code = (
        "import sys; from napari_sti.jobs.estimate import estimate; from napari_sti.jobs.client import WorkerClient;"
        f"from napari_sti.jobs import history; estimate({str(study)!r});"
        "print('torch' in sys.modules, 'qtpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]
