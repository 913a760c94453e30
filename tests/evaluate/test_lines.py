"""Files that grow line by line survive a program that was killed, wherever it was."""

import pytest

from napari_sti.evaluate.lines import append_line, as_number, as_text, read_lines

COLUMNS = ("name", "value")


def read(path):
    return read_lines(path, COLUMNS, lambda line: (line["name"], as_number(line["value"])), lambda r: r[0], "a list")


@pytest.mark.parametrize("left", ["", "nam", "name,value\n", "name,value\na,1\n", "name,value\na,1\nb,"])
def test_a_cut_line_is_replaced_and_headings_are_written_once(tmp_path, left):
    path = tmp_path / "lines.csv"
    path.write_text(left)
    append_line(path, COLUMNS, ("b", as_text(2.5)))
    kept = [("a", 1.0)] if "a,1\n" in left else []
    assert read(path) == [*kept, ("b", 2.5)]
    assert path.read_text().count("name,value\n") == 1


def test_the_last_line_of_a_cell_counts(tmp_path):
    path = tmp_path / "lines.csv"
    for value in (1.0, float("nan"), 3.0):
        append_line(path, COLUMNS, ("a", as_text(value)))
    assert read(path) == [("a", 3.0)]
