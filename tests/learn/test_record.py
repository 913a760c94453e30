"""metrics.csv: whole after a kill, cut where the saved state is older, widened by new columns."""

import pytest

from napari_sti.core.errors import InputError
from napari_sti.learn.record import Record, read_record


@pytest.fixture
def path(tmp_path):
    """A record of three steps, the last two with a validation."""
    path = tmp_path / "metrics.csv"
    record = Record(path)
    record.write(1, 0.31, {"train/loss": 2.0})
    record.write(2, 0.62, {"train/loss": 1.0})
    record.write(2, 0.7, {"val/angle": 30.5, "val/error": 0.25})
    record.write(3, 0.9, {"train/loss": 0.123456789})
    return path


def test_rows_and_columns(path):
    assert path.read_text().splitlines() == [
        "step,seconds,train/loss,val/angle,val/error",
        "1,0.3,2,,",
        "2,0.6,1,,",
        "2,0.7,,30.5,0.25",
        "3,0.9,0.1234568,,",
    ]
    assert read_record(path)[2] == {"step": 2, "seconds": 0.7, "val/angle": 30.5, "val/error": 0.25}


def test_rows_of_later_steps_are_dropped_when_it_is_taken_up(path):
    record = Record(path, until=2)
    record.write(3, 5.0, {"train/loss": 9.0})
    assert [(row["step"], row.get("train/loss")) for row in read_record(path)] == [(1, 2), (2, 1), (2, None), (3, 9)]
    assert path.read_text().splitlines()[0] == "step,seconds,train/loss,val/angle,val/error"


def test_line_that_was_not_written_to_its_end_is_no_row(path):
    path.write_text(path.read_text() + "4,1.2,0.0")
    assert [row["step"] for row in read_record(path)] == [1, 2, 2, 3]
    Record(path, until=4).write(4, 1.3, {"train/loss": 5.0})
    assert read_record(path)[-1] == {"step": 4, "seconds": 1.3, "train/loss": 5.0}


def test_not_a_number_can_be_written_down(path):
    Record(path, until=9).write(4, 1.0, {"train/loss": float("nan")})
    assert str(read_record(path)[-1]["train/loss"]) == "nan"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\0\n"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(InputError, match="no record of a training"):
        read_record(tmp_path / "metrics.csv")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read; check the path"):
        read_record(tmp_path / "metrics.csv")
