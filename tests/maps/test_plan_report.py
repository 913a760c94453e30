"""What is read off a plan: words, thresholds, table, CSV, JSON."""

import csv
import io
import json

import numpy as np
import pytest

from napari_sti.maps.head_tilt import direction_of
from napari_sti.maps.next_tilt import at_offset, plan
from napari_sti.maps.orientation_worth import KGrid, orientation_worth
from napari_sti.maps.plan_report import (
    amplification_text,
    angle_sentence,
    as_csv,
    as_mapping,
    condition_sentence,
    known_sentence,
    next_sentence,
    table,
    verdict,
)
from napari_sti.simulate.tilts import b0_directions

GRID = KGrid((9, 10, 7), (1, 1, 2))


def ring(count, degrees, *, straight=True):
    turn = np.arange(count) * 2 * np.pi / count
    around = at_offset(degrees * np.cos(turn), degrees * np.sin(turn))
    return np.concatenate([[[0, 0, 1.0]], around]) if straight else around


@pytest.mark.parametrize(
    "dirs, word",
    [(ring(6, 60), "good"), (ring(6, 30), "fair"), (ring(6, 10), "poor"), (ring(9, 30, straight=False), "open")],
)
def test_words_for_condition_numbers(dirs, word):
    assert verdict(orientation_worth(dirs, GRID)) == word


@pytest.mark.parametrize("count, degrees", [(5, 15), (6, 20), (6, 30), (11, 40), (16, 50)])
def test_why_the_words_begin_where_they_do(count, degrees):
    """Noise of MSA is about (condition number) x sqrt(6/N) times that of the field."""
    worth = orientation_worth(b0_directions(count + 1, max_tilt=degrees))
    rule = worth.condition.median * np.sqrt(6 / worth.orientations)
    assert worth.msa_amplification == pytest.approx(rule, rel=0.15)


def test_sentences_for_a_determined_set():
    worth = orientation_worth(ring(6, 30), GRID)
    said = condition_sentence(worth)
    assert said.startswith(f"Condition number {worth.condition.median:.1f}: fair.") and "5.1 is the best" in said
    assert known_sentence(worth).endswith("of 6 at a field noise of 0.001 ppm.")


@pytest.mark.parametrize(
    "dirs, sentence",
    [
        ([[0, 0, 1]], "1 orientation determines 1 of the six combinations of the tensor at every k."),
        (ring(2, 20), "3 orientations determine 3 of the six combinations of the tensor at every k."),
        (
            [[0, 0, 1]] * 3,
            "3 orientations determine 1 of the six combinations of the tensor at every k (some are alike).",
        ),
    ],
)
def test_sentences_for_few(dirs, sentence):
    assert condition_sentence(orientation_worth(dirs, GRID)) == sentence


def test_sentence_for_a_cone_says_how_to_mend_it():
    said = condition_sentence(orientation_worth(ring(8, 30, straight=False), GRID))
    assert "determine only 5 of the six" in said and "add one of another tilt" in said


def test_angle_is_only_given_where_it_means_something():
    quiet, loud = (orientation_worth(ring(6, 40), GRID, noise=noise) for noise in (2e-4, 4e-3))
    assert f"by about {quiet.pev_spread:.0f}° in a single voxel" in angle_sentence(quiet)
    voxels = int(np.ceil((loud.pev_spread / 25) ** 2))
    assert loud.pev_spread > 25 and f"averaged over {voxels} voxels" in angle_sentence(loud)
    assert angle_sentence(orientation_worth(ring(2, 20), GRID)) == ""


def test_table_holds_what_was_predicted():
    worth = orientation_worth(ring(6, 30), GRID, noise=0.002)
    rows = {row.key: row for row in table(worth)}
    assert list(rows) == ["xx", "xy", "xz", "yy", "yz", "zz", "mms", "msa"]
    assert rows["yz"].amplification == pytest.approx(worth.amplification[4])
    assert rows["yz"].error == pytest.approx(0.002 * worth.amplification[4])
    assert rows["yz"].title == "front-back × up-down" and rows["mms"].name == "MMS"
    assert 0 < rows["msa"].known < rows["mms"].known < 1


def test_next_sentence_says_what_grows():
    few, many = (plan(ring(n, 25), GRID, steps=1) for n in (2, 7))
    assert "combinations determined 3 → 4" in next_sentence(few.next_tilts[0], few.worth)
    assert "noise of MSA ×" in next_sentence(many.next_tilts[0], many.worth)


def test_numbers_have_three_digits():
    shown = [amplification_text(v) for v in (0.1234, 7.856, 12.34, 245.6, 2.5e7, np.nan, np.inf)]
    assert shown == ["0.12", "7.86", "12.3", "246", "2.5e+07", "–", "–"]


def test_csv_has_every_stage():
    found = plan(ring(2, 25), GRID, steps=2)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert {r["orientations"] for r in rows} == {"3", "4", "5"} and len(rows) == 24
    assert rows[0]["component"] == "xx" and rows[0]["noise_amplification"] == ""
    assert float(rows[0]["known"]) == pytest.approx(found.worth.known_share[0], rel=1e-5)


def test_json_is_json_and_whole():
    found = plan(direction_of([0, 20, -20], [0, 5, 0]), GRID, steps=1)
    text = json.dumps(as_mapping(found, name="head", grid=GRID, grid_known=False), allow_nan=False)
    read = json.loads(text)
    assert read["orientations"][1]["words"] == "20° nod forward (chin to chest), 5° lean to the left"
    assert read["orientations"][1]["nod_forward_degrees"] == pytest.approx(20)
    assert read["now"]["condition"] == {"median": None, "most": None, "worst": None}
    assert read["next"][0]["then"]["orientations"] == 4 and read["grid"]["assumed"] is True
    assert np.array(read["gain_map"]["gain_of_six"]).shape == (len(read["gain_map"]["degrees"]),) * 2
