"""Iterates as files: what was written is read, and what makes no sense is refused in a sentence."""

import json

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.iterates import add_iterate, load_iterate, read_iterates

SHAPE = (5, 4, 6)
AFFINE = np.array([[0, -1.1, 0, 3], [1.4, 0, 0, -4], [0, 0, 2, 5], [0, 0, 0, 1.0]])


def tensor(seed=0):
    chi = np.random.default_rng(seed).normal(0, 0.02, (*SHAPE, 6)).astype(np.float32)
    return TensorField(chi, AFFINE)


def test_round_trip(tmp_path):
    for number in (1, 2):
        add_iterate(tmp_path, tensor(number), number, 4, residual=0.5 / number, step=float("nan"))
    known = read_iterates(tmp_path)
    assert known.total == 4 and [entry.number for entry in known.entries] == [1, 2]
    assert [entry.residual for entry in known.entries] == [0.5, 0.25]
    assert known.entries[0].step is None, "JSON has no NaN"
    mask = np.ones(SHAPE, bool)
    loaded = load_iterate(known, known.entries[1], mask)
    np.testing.assert_array_equal(loaded.chi, tensor(2).chi)
    np.testing.assert_allclose(loaded.affine, AFFINE, atol=1e-6)


def test_a_run_that_begins_anew_forgets_the_later_ones(tmp_path):
    for number in (1, 2, 3, 1):
        add_iterate(tmp_path, tensor(), number, 3)
    assert [entry.number for entry in read_iterates(tmp_path).entries] == [1]


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        "{}",
        '{"total": 1, "frame": "voxel", "iterates": [{"number": 1, "file": "../../secret.nii.gz"}]}',
        '{"total": 1, "frame": "sideways", "iterates": []}',
        '{"total": 1, "frame": "voxel", "iterates": [{"file": "chi_01.nii.gz"}]}',
        "[" * 100_000,
    ],
)
def test_a_list_without_sense_is_refused(tmp_path, content):
    (tmp_path / "iterates").mkdir()
    (tmp_path / "iterates" / "iterates.json").write_text(content)
    with pytest.raises(InputError, match="the list of the iterates cannot be read; run it again"):
        read_iterates(tmp_path)


def test_another_grid_and_missing_files_are_refused(tmp_path):
    path = add_iterate(tmp_path, tensor(), 1, 1)
    known = read_iterates(tmp_path)
    with pytest.raises(InputError, match="lies on another grid than the result"):
        load_iterate(known, known.entries[0], np.ones((5, 4, 7), bool))
    path.unlink()
    with pytest.raises(InputError, match=r"chi_01\.nii\.gz"):
        load_iterate(known, known.entries[0], np.ones(SHAPE, bool))


def test_the_list_is_plain_json(tmp_path):
    add_iterate(tmp_path, tensor(), 1, 2, residual=0.1, step=0.2)
    content = json.loads((tmp_path / "iterates" / "iterates.json").read_text())
    assert content["format"] == "napari-sti iterates" and content["version"] == 1
