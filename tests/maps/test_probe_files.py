"""Probes as text, JSON and CSV."""

import csv
import json
from io import StringIO

import numpy as np
import pytest

from napari_sti.maps.probe import FieldsHere, Probeable, probe_places, probeable
from napari_sti.maps.probe_files import probe_text, probe_values, probes_csv
from tests.viz.phantoms import acquisition, marked_tensor


@pytest.fixture(scope="module")
def rows():
    from dataclasses import replace

    from napari_sti.maps.predicted_field import field_tensor

    tensor = marked_tensor()
    one = probeable("one", tensor)
    two = replace(probeable("two", marked_tensor()), study=acquisition(), form=field_tensor(tensor.chi, tensor.affine))
    places = [tensor.affine[:3, :3] @ np.array(v) + tensor.affine[:3, 3] for v in ((4, 6, 2), (0, 0, 0))]
    return probe_places([one, two], places)


def test_csv_has_a_line_for_each_place_and_result(rows):
    found = list(csv.DictReader(StringIO(probes_csv(rows))))
    assert [(row["probe"], row["result"]) for row in found] == [("1", "one"), ("1", "two"), ("2", "one"), ("2", "two")]
    assert [row["where"] for row in found] == ["inside"] * 2 + ["outside the mask"] * 2
    first, second = found[0], found[1]
    assert (int(first["voxel_i"]), int(first["voxel_j"]), int(first["voxel_k"])) == (4, 6, 2)
    assert float(first["msa_ppm"]) == pytest.approx(0.03, abs=1e-6)
    assert float(first["chi_AA_ppm"]) == pytest.approx(rows[0][0].chi[1, 1], rel=1e-6)
    assert abs(float(first["pev_A"])) == pytest.approx(1, abs=1e-4)
    assert first["measured_1_ppm"] == "" and first["misfit_ppm"] == ""
    assert float(second["measured_2_ppm"]) == pytest.approx(rows[0][1].fields.measured[1], rel=1e-6)
    assert float(second["predicted_1_ppm"]) == pytest.approx(rows[0][1].fields.predicted[0], rel=1e-6)
    assert found[2]["mms_ppm"] == "" and found[2]["pev_R"] == ""


def test_values_fit_in_json(rows):
    values = json.loads(json.dumps([probe_values(probe) for row in rows for probe in row], allow_nan=False))
    assert values[0]["voxel"] == [4, 6, 2] and values[0]["fields"] is None and values[0]["frame"] == "ras"
    assert len(values[1]["fields"]) == 2 and values[1]["fields"][1]["tilt_deg"] == pytest.approx(30, abs=1e-3)
    assert values[2]["mms_ppm"] is None and values[2]["where"] == "outside the mask"


def test_text_says_what_counts(rows):
    text = probe_text(rows[0][1])
    assert "voxel (4, 6, 2) of its file" in text and "MSA 0.03000 ppm" in text
    assert "direction R 0.000 A 1.000 S 0.000" in text.replace("-0.000", "0.000")
    assert "orientation 2    30.0°" in text and "misfit" in text
    assert probe_text(rows[1][0]).endswith("outside the mask")


def test_misfit_leaves_out_what_was_not_measured():
    nan = np.nan
    dirs, tilts = np.tile([0, 0, 1.0], (3, 1)), np.zeros(3)
    fields = FieldsHere(("a", "b", "c"), tilts, dirs, np.array([1.0, nan, 3]), np.array([1.0, 2.0, 1.0]))
    assert fields.misfit == pytest.approx(np.sqrt(2))
    unknown = FieldsHere(("a", "b", "c"), tilts, dirs, np.full(3, nan), np.zeros(3))
    assert np.isnan(unknown.misfit)


def test_an_isotropic_voxel_has_no_direction():
    chi = np.zeros((3, 3, 3, 6), np.float32)
    chi[..., [0, 3, 5]] = 0.02
    found = Probeable("iso", chi, np.ones((3, 3, 3), bool), np.eye(4)).at((1, 1, 1))
    assert "direction: none" in probe_text(found) and found.msa == 0
