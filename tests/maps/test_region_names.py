"""Tables of names in the forms in which they lie beside segmentations."""

import json

import pytest

from napari_sti.core.errors import InputError
from napari_sti.maps.region_names import names_beside, read_names

FORMS = {
    "plain.txt": "# my regions\n1 left thalamus\n2\tright thalamus\n\n0 background\n",
    "freesurfer.lut": "#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n"
    "1 left thalamus 0 118 14 0\n2 right thalamus 0 1 2 0\n",
    "snap.label": '# ITK-SNAP\n0 0 0 0 0 0 0 "Clear Label"\n'
    '1 255 0 0 1 1 1 "left thalamus"\n2 0 9 0 1 1 1 "right thalamus"\n',
    "bids.tsv": "index\tname\tcolor\n1\tleft thalamus\t#ff0000\n2\tright thalamus\t#00ff00\n",
    "table.csv": "Label,Volume,Name\n1,33.2,left thalamus\n2,31.1,right thalamus\n",
    "flat.json": json.dumps({"0": "none", "1": "left thalamus", "2": "right thalamus"}),
    "turned.json": json.dumps({"labels": {"left thalamus": 1, "right thalamus": 2}}),
    "list.json": json.dumps([{"index": 1, "name": "left thalamus"}, {"index": 2, "name": "right thalamus"}]),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form(tmp_path, name):
    path = tmp_path / name
    path.write_text(FORMS[name], encoding="utf-8-sig")
    assert read_names(path) == {1: "left thalamus", 2: "right thalamus"}


def test_the_table_beside_the_file_is_found(tmp_path):
    assert names_beside(tmp_path / "seg.nii.gz") is None
    (tmp_path / "seg.txt").write_text("1 one\n")
    assert names_beside(tmp_path / "seg.nii.gz") == tmp_path / "seg.txt"
    (tmp_path / "seg.json").write_text('{"EchoTime": 0.02, "Manufacturer": "x"}')
    assert names_beside(tmp_path / "seg.nii.gz") == tmp_path / "seg.txt", "a sidecar of a scanner names no regions"
    (tmp_path / "seg.tsv").write_text("index\tname\n1\teins\n")
    assert names_beside(tmp_path / "seg.nii") == tmp_path / "seg.tsv"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("no.txt", "nothing of the kind\n", "no names of labels were found in this table"),
        ("broken.json", "{", "broken JSON"),
        ("empty.tsv", "", "no names of labels"),
    ],
)
def test_what_holds_no_names_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        read_names(tmp_path / name)


def test_a_missing_or_binary_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_names(tmp_path / "not-there.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a text file"):
        read_names(tmp_path / "binary.txt")
