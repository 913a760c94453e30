from dataclasses import fields, replace

import pytest

from napari_sti.evaluate.design import Cell, Study
from napari_sti.evaluate.records import Record, append_record
from napari_sti.maps.scores import Scores
from tools import held_back_page as tool


def record(method, orientations, seed, angle):
    study = Study(brain="dti", orientations=orientations, snr=20, max_tilt=40, voxel_size=2.2, finer=True, seed=seed)
    scores = replace(Scores(**{f.name: 1 for f in fields(Scores)}), angle_mean=angle)
    return Record(Cell(study, method), "{}", "done", scores=scores)


@pytest.fixture
def records():
    return [
        record("stiimag", 1, 0, 40.0),
        record("stiimag", 1, 1, 44.0),
        record("deepsti", 1, 0, 30.0),
        record("deepsti", 2, 0, 50.0),
        record("stiimag", 2, 0, 35.0),
        record("zero", 0, 0, float("nan")),
        record("cosmos", 2, 0, float("nan")),
    ]


def test_methods_by_orientations_with_the_best_of_each_column(records):
    angles = tool.tables(records).split("**ECSE**")[0].splitlines()
    assert angles[2] == "| orientations | 1 | 2 |"
    assert angles[4:6] == ["| DeepSTI | **30.0** | 50.0 |", "| STIimag | 42.0 ± 2.8 | **35.0** |"]
    assert tool.tables(records).endswith("Seeds of head tilts and noise: DeepSTI 1, STIimag 2.")


def test_what_was_not_run_has_a_dash(records):
    assert "| DeepSTI | **30.0** | – |" in tool.tables(
        [r for r in records if r.cell.study.orientations != 2] + records[4:5]
    )


def test_runs_of_several_folders_come_together(records, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"mine\n{tool.BEGIN}\nold\n{tool.END}\nalso mine\n")
    monkeypatch.setattr(tool, "PAGE", page)
    for number, part in enumerate((records[:3], records[1:5])):
        (tmp_path / str(number)).mkdir()
        for one in part:
            append_record(tmp_path / str(number) / "evaluation.csv", one)
    tool.main([str(tmp_path / "0"), str(tmp_path / "1")])
    written = page.read_text()
    assert written.startswith("mine\n") and written.endswith("\nalso mine\n") and "old" not in written
    assert "| DeepSTI | **30.0** | 50.0 |" in written and "| STIimag | 42.0 ± 2.8 |" in written
