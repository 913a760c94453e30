import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.b0 import read_direction, read_directions
from tests.shared_data import shared


def text(tmp_path, content):
    path = tmp_path / "b0.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "0.1\n-0.2\n0.97",  # no end of the last line, as in real files
        "0.1\n-0.2\n0.97\n\n",
        "0.1 -0.2 0.97",
        "1e-1,\t-2.0e-1, 9.7e-01\r\n",
        "# B0, LPS\n[0.1; -0.2; 0.97]",
        b"\xef\xbb\xbf0.1 -0.2 0.97",
    ],
)
def test_one_direction(tmp_path, content):
    assert read_direction(text(tmp_path, content)) == (0.1, -0.2, 0.97)


def test_several_by_rows_and_by_columns(tmp_path):
    rows = np.random.default_rng(0).normal(size=(4, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for table in (rows, rows.T):
        path = text(tmp_path, "\n".join(" ".join(f"{v:.9f}" for v in line) for line in table))
        assert np.allclose(read_directions(path), rows, atol=1e-8)


def test_three_by_three_is_read_the_way_that_gives_unit_vectors(tmp_path):
    rows = np.array([[0, 0, 1], [0, 0.6, 0.8], [0.6, 0, 0.8]])
    for table in (rows, rows.T):
        path = text(tmp_path, "\n".join(" ".join(map(str, line)) for line in table))
        assert np.array_equal(read_directions(path), rows)


def refusal(path, function=read_directions):
    with pytest.raises(InputError) as error:
        function(path)
    assert str(error.value).startswith(str(path))
    return str(error.value)


def test_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.txt")
    assert "is empty" in refusal(text(tmp_path, "# nothing\n"))
    assert "line 2 ('north') is not made of numbers" in refusal(text(tmp_path, "0 0 1\nnorth\n"))
    assert "different numbers of values" in refusal(text(tmp_path, "0 0 1\n0 1\n"))
    assert "2 numbers on 2 lines" in refusal(text(tmp_path, "0\n1\n"))
    assert "8 numbers on 2 lines" in refusal(text(tmp_path, "0 0 1 0\n0 0 1 0\n"))
    assert "no text file" in refusal(text(tmp_path, b"\x1f\x8b\x08\xff\xfe\x00"))
    assert "2 B0 directions where one is expected" in refusal(text(tmp_path, "0 0 1\n0 1 0\n"), read_direction)


def test_a_rotation_matrix_could_be_read_both_ways(tmp_path):
    path = text(tmp_path, "0 1 0\n0 0 1\n1 0 0\n")
    assert "by rows or by columns, and both are possible" in refusal(path)


def test_real_files():
    folder = shared("data/b0_dirs")
    vectors = np.array([read_direction(path) for path in sorted(folder.glob("*.txt"))])
    assert vectors.shape == (20, 3) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.median(np.degrees(np.arccos(vectors[:, 2]))) == pytest.approx(12, abs=3)
