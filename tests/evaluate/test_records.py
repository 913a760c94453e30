"""Lines of an evaluation survive the disk, and what a kill leaves of them."""

import math
from dataclasses import replace

import pytest

from napari_sti.core.errors import InputError
from napari_sti.evaluate.design import Cell, Study
from napari_sti.evaluate.records import COLUMNS, DONE, FAILED, REFUSED, Record, append_record, read_records
from napari_sti.maps.scores import Scores

STUDY = Study("sample", 4, 27.5, 40.0, 4.5, True, 1)
SCORES = Scores(45.125, math.nan, 0.1, math.inf, 1e-5, 0.01, 30, 0.005, 60, 20, 18, 0.4, 0.8, 100, 90)
GOOD = Record(
    Cell(STUDY, "stiimag"), '{"lam": 0.0, "tol": 0.001}', DONE, "", SCORES, 1.25, 2.5, 17, 40.5, "spread", "cpu", "0.1"
)
BAD = Record(Cell(STUDY, "asti"), "{}", FAILED, 'RuntimeError: "no, never" and more', version="0.1")


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "evaluation.csv"
    assert read_records(path) == []
    for record in (GOOD, BAD, replace(GOOD, cell=Cell(STUDY, "tkd"), iterations=None, status=REFUSED, scores=None)):
        append_record(path, record)
    good, bad, refused = read_records(path)
    assert good.key == GOOD.key and good.cell == GOOD.cell
    assert math.isnan(good.scores.ssim) and good.scores.wpsnr == math.inf and good.scores.angle_voxels == 90
    assert replace(good, scores=None) == replace(GOOD, scores=None)
    assert bad.message == 'RuntimeError: "no, never" and more' and math.isnan(bad.seconds)
    assert refused.status == REFUSED and refused.iterations is None and refused.scores is None
    assert len(path.read_text().splitlines()) == 4


def test_the_last_line_of_a_cell_counts(tmp_path):
    path = tmp_path / "evaluation.csv"
    append_record(path, replace(GOOD, status=FAILED, scores=None))
    append_record(path, GOOD)
    assert [record.status for record in read_records(path)] == [DONE]


def test_a_line_that_a_kill_cut_is_left_out_and_then_replaced(tmp_path):
    path = tmp_path / "evaluation.csv"
    append_record(path, GOOD)
    whole = path.read_text()
    append_record(path, BAD)
    path.write_text(path.read_text()[: len(whole) + 12])
    assert [r.cell.method for r in read_records(path)] == ["stiimag"]
    append_record(path, BAD)
    assert [r.cell.method for r in read_records(path)] == ["stiimag", "asti"]


def test_anything_else_makes_another_cell():
    keys = {GOOD.key}
    for change in (dict(seed=2), dict(snr=20.0), dict(finer=False), dict(orientations=5), dict(voxel_size=4.0)):
        keys.add(replace(GOOD, cell=Cell(replace(STUDY, **change), "stiimag")).key)
    assert len(keys) == 6 and replace(GOOD, params="{}").key not in keys


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "evaluation.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="this is not an evaluation of this version; choose another folder"):
        read_records(path)
    path.write_text(",".join(COLUMNS) + "\n" + ",".join(["x"] * len(COLUMNS)) + "\n")
    with pytest.raises(InputError, match="line 2 cannot be understood; remove it"):
        read_records(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_records(path)
