"""Workspaces: plain values there and back, paths that move with their folder, hostile files."""

import json

import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.workspace import is_workspace, numbers, read_workspace, with_suffix, write_workspace

GOOD = {"runs": [{"name": "a", "folder": "runs/a"}], "layers": [{"name": "x", "visible": True}], "view": {}}


def test_there_and_back_and_moved(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "runs" / "a").mkdir(parents=True)
    inside, outside = str(here / "runs" / "a"), str(tmp_path / "elsewhere" / "b")
    runs = [{"name": "a", "folder": inside}, {"name": "b", "folder": outside}]
    path = write_workspace({"runs": runs, "theme": "dark"}, here / "w.sti-workspace.json")
    assert json.loads(path.read_text())["runs"][0]["folder"] == "runs/a"
    here.rename(there)
    read = read_workspace(there / "w.sti-workspace.json")
    assert [run["folder"] for run in read["runs"]] == [str(there / "runs" / "a"), outside]
    assert read["theme"] == "dark"
    with pytest.raises(InputError, match="exists already"):
        write_workspace({}, there / "w.sti-workspace.json")


def test_names():
    assert with_suffix("a.json").name == with_suffix("a").name == "a.sti-workspace.json"
    assert with_suffix("b.sti-workspace.json").name == "b.sti-workspace.json"
    assert is_workspace("x/B.STI-Workspace.json") and not is_workspace("b.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "no workspace of napari-sti"),
        ({"version": 99}, "version that this program does not know"),
        ({"version": "1"}, "version that this program does not know"),
        ({"runs": {}}, "value of 'runs' is not right"),
        ({"runs": [{"name": "a"}]}, "value of 'runs' is not right"),
        ({"layers": [3]}, "value of 'layers' is not right"),
        ({"theme": 5}, "value of 'theme' is not right"),
        ({"slab": True}, "value of 'slab' is not right"),
    ],
)
def test_hostile_files(tmp_path, change, said):
    path = tmp_path / "w.sti-workspace.json"
    path.write_text(json.dumps({"format": "napari-sti workspace", "version": 1, **GOOD, **change}))
    with pytest.raises(InputError, match=said):
        read_workspace(path)


def test_no_json_and_no_file(tmp_path):
    path = tmp_path / "w.sti-workspace.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_workspace(path)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="broken JSON"):
        read_workspace(path)


def test_unknown_keys_are_left_out(tmp_path):
    path = tmp_path / "w.sti-workspace.json"
    path.write_text(json.dumps({"format": "napari-sti workspace", "version": 1, "run_this": "rm", **GOOD}))
    assert set(read_workspace(path)) == set(GOOD)


def test_numbers():
    assert numbers([1, 2.5], 2) == (1, 2.5)
    for wrong in (None, [1], [1, "a"], [1, True], [1, float("nan")]):
        assert numbers(wrong, 2) is None
