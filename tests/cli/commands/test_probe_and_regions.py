"""``napari-sti probe`` and ``napari-sti regions``: what they say and write, and what they refuse."""

import csv
import json

import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import save_result
from napari_sti.io.save import save_acquisition
from tests.viz.phantoms import SHAPE, acquisition, marked_tensor


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    tensor = marked_tensor()
    save_result(tensor, folder / "one")
    save_result(tensor.reordered(np.array([[1, -1], [2, 1], [0, -1.0]])), folder / "two", frame="lps")
    save_acquisition(acquisition(), folder / "study")
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:9], labels[5:8, 2:9] = 1, 2
    write_volume(folder / "seg.nii.gz", labels, tensor.affine)
    (folder / "seg.tsv").write_text("index\tname\n1\tleft\n2\tright\n")
    write_volume(folder / "empty.nii.gz", labels * 0, tensor.affine)
    other = tensor.affine @ np.diag([0.5, 1, 1, 1])
    write_volume(folder / "fine.nii.gz", np.repeat(labels, 2, axis=0), other)
    return folder


PLACE = "2.8,-17,4"


def test_probe_as_text(data, capsys):
    assert main(["probe", str(data / "one"), str(data / "two"), "--at", PLACE]) == 0
    said = capsys.readouterr()
    assert "one: R 2.8, A -17.0, S 4.0 mm = voxel (4, 6, 1) of its file" in said.out
    assert "two: R 2.8, A -17.0, S 4.0 mm = voxel (6, 4, 6) of its file" in said.out
    assert "does not say which study file" in said.err


def test_probe_as_json_with_fields(data, capsys, tmp_path):
    study, table = str(data / "study" / "study.yaml"), tmp_path / "probes.csv"
    words = ["probe", str(data / "one"), str(data / "two"), "--at", PLACE, "--at", "L 2 P 20 S 6", "--study", study]
    assert main([*words, "--json", "--csv", str(table)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [(v["result"], v["where"]) for v in values] == [(n, "inside") for n in ("one", "two", "one", "two")]
    np.testing.assert_allclose(values[0]["chi_ppm"], values[1]["chi_ppm"], atol=1e-7)
    assert len(values[0]["fields"]) == 2 and values[0]["fields"][1]["tilt_deg"] == pytest.approx(30, abs=1e-3)
    for a, b in zip(values[0]["fields"], values[1]["fields"], strict=True):
        assert a["measured_ppm"] == b["measured_ppm"] != 0
        assert a["predicted_ppm"] == pytest.approx(b["predicted_ppm"], abs=1e-5)
    with open(table, newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 4
    assert main([*words, "--csv", str(table)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_probe_of_a_place_below_zero(data, capsys):
    assert main(["probe", str(data / "one"), "--at", "-2,-20,6"]) == 0
    assert "R -2.0, A -20.0, S 6.0 mm" in capsys.readouterr().out


def test_what_probe_refuses(data, capsys):
    assert main(["probe", str(data / "one"), "--at", "here"]) == 2
    assert "'here' is not a place; give R, A and S in mm" in capsys.readouterr().err
    assert main(["probe", str(data), "--at", PLACE]) == 2
    assert "holds no finished result" in capsys.readouterr().err


def test_regions_of_two_results(data, capsys, tmp_path):
    out = tmp_path / "out"
    words = ["regions", str(data / "one"), str(data / "two"), "--labels", str(data / "seg.nii.gz"), "-o", str(out)]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "| left | one |" in said.out and "Names of regions are from seg.tsv" in said.err
    with open(out / "regions.csv", newline="") as stream:
        rows = {(r["region"], r["result"], r["map"]): r for r in csv.DictReader(stream)}
    assert {key[2] for key in rows} == {"mms", "msa", "pev_dispersion"}
    for region in ("left", "right"):
        for key in ("mms", "msa", "pev_dispersion"):
            one, two = (float(rows[region, name, key]["mean"]) for name in ("one", "two"))
            assert one == pytest.approx(two, rel=1e-4)
    assert main(words) == 2
    assert "not empty" in capsys.readouterr().err


def test_what_regions_refuses(data, capsys, tmp_path):
    words = ["regions", str(data / "one"), "-o", str(tmp_path / "out"), "--labels"]
    assert main([*words, str(data / "empty.nii.gz")]) == 2
    assert "empty.nii.gz: this segmentation marks no voxel" in capsys.readouterr().err
    assert main([*words, str(data / "fine.nii.gz")]) == 2
    said = capsys.readouterr().err
    assert "lies on another grid (18x11x8 voxels" in said and "pass --resample" in said
    assert not (tmp_path / "out").exists()
    assert main([*words, str(data / "fine.nii.gz"), "--resample"]) == 0
