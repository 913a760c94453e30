"""``napari-sti plan``: what is printed, written, and refused."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.io.study import write_study
from tests.io.studies import grid, write_study_files
from tests.shared_data import shared


@pytest.fixture
def study(tmp_path):
    made = write_study_files(tmp_path, n=3, affine=grid(oblique=True), name="head 7")
    write_study(made, tmp_path / "study.sti.yaml")
    return tmp_path / "study.sti.yaml"


@pytest.fixture
def texts(tmp_path):
    file = tmp_path / "dirs.txt"
    file.write_text("0 0 1\n0 0.5 0.8660254\n0.5 0 0.8660254\n0 -0.5 0.8660254\n")
    return file


def test_prints_orientations_table_and_advice(study, capsys):
    assert main(["plan", str(study), "--max-tilt", "30"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("head 7: 3 orientations (grid 7 x 9 x 6, 1.5 x 0.9 x 2 mm)")
    # (0, 0, 1), (0.3, 0, 1) and (-0.1, 0.4, 1) in RAS
    assert "   1  tilt  0.0°  head straight" in out
    assert "   2  tilt 16.7°  17° lean to the left" in out
    assert "   3  tilt 22.4°  22° nod back (chin up), 5° lean to the right" in out
    assert "3 orientations determine 3 of the six combinations" in out
    assert "χ xx" in out and "MSA" in out and "Next, orientation 4: " in out


def test_table_has_numbers_once_six_are_determined(tmp_path, capsys):
    turn = np.arange(6) * np.pi / 3
    rows = [(0, 0, 1), *((0.5 * np.cos(a), 0.5 * np.sin(a), 0.75**0.5) for a in turn)]
    (tmp_path / "seven.txt").write_text("\n".join(" ".join(f"{v:.9f}" for v in row) for row in rows))
    assert main(["plan", str(tmp_path / "seven.txt"), "--frame", "ras", "--noise", "0.0002", "--next", "2"]) == 0
    out = capsys.readouterr()
    assert not out.err, "the frame was stated"
    assert "Condition number 16.9: fair." in out.out and "assumed" in out.out
    assert "Next, orientation 9: " in out.out and "Noise turns the PEV of a fibre of 0.015 ppm MSA by about " in out.out
    line = next(row for row in out.out.splitlines() if row.startswith("MMS"))
    assert "x 4." in line and "0.001 ppm" in line


def test_text_files_are_lps_unless_stated(texts, capsys):
    assert main(["plan", str(texts)]) == 0
    said = capsys.readouterr()
    assert "read as LPS" in said.err
    assert "   2  tilt 30.0°  30° nod forward (chin to chest)" in said.out
    assert "   3  tilt 30.0°  30° lean to the right" in said.out
    assert main(["plan", str(texts), "--frame", "ras"]) == 0
    said = capsys.readouterr().out
    assert "   2  tilt 30.0°  30° nod back (chin up)" in said and "   3  tilt 30.0°  30° lean to the left" in said


def test_real_directions_of_one_person(capsys):
    files = sorted(shared("data/b0_dirs").glob("Sub001_*.txt"))
    assert len(files) > 3 and main(["plan", *map(str, files), "--next", "3"]) == 0
    out = capsys.readouterr().out
    assert f"{len(files)} orientations determine {len(files)} of the six" in out and out.count("Next, orientation") == 3


def test_writes_json_csv_and_figure(study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["plan", str(study), "--next", "2", "-o", str(out)]) == 0
    content = json.loads((out / "plan.json").read_text())
    assert content["name"] == "head 7" and len(content["next"]) == 2 and content["grid"]["assumed"] is False
    with open(out / "plan.csv") as file:
        assert len(list(csv.DictReader(file))) == 24
    assert (out / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert f"plan.json, plan.csv and plan.png in {out}" in capsys.readouterr().out
    assert main(["plan", str(study), "-o", str(out)]) == 2
    assert str(out) in capsys.readouterr().err
    assert main(["plan", str(study), "-o", str(out), "--overwrite"]) == 0


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--max-tilt", "0"], "the largest tilt is 0 degrees"),
        (["--noise", "-1"], "the noise of the field is -1 ppm"),
        (["--next", "50"], "50 further tilts were asked for"),
        (["--frame", "voxel"], "invalid choice: 'voxel'"),
        (["--voxel-size", "1", "0", "1"], "a voxel size is not positive"),
    ],
)
def test_bad_options_are_refused(texts, capsys, words, sentence):
    assert main(["plan", str(texts), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_study_without_a_direction_is_refused(study, capsys, tmp_path):
    from napari_sti.io.study import read_study

    good = read_study(study)
    first, *rest = good.orientations
    write_study(replace(good, orientations=(replace(first, b0_dir=None), *rest)), tmp_path / "bad.yaml")
    assert main(["plan", str(tmp_path / "bad.yaml")]) == 2
    assert "orientation 1 has no B0 direction; state a vector" in capsys.readouterr().err
    write_study(replace(good, orientations=(), qsm=good.mask, r2prime=(good.mask,)), tmp_path / "none.yaml")
    assert main(["plan", str(tmp_path / "none.yaml")]) == 2
    assert "the study has no orientations; add field maps" in capsys.readouterr().err


def test_studies_and_texts_do_not_mix(study, texts, capsys):
    assert main(["plan", str(study), str(texts)]) == 2
    assert "a study and other files were given together" in capsys.readouterr().err
    assert main(["plan", str(study), "--frame", "ras"]) == 2
    assert "a study states its own; leave them out" in capsys.readouterr().err


def test_neither_torch_nor_napari_is_loaded(texts):
    code = (
        "import sys; from napari_sti.cli import main; "
        f"main(['plan', {str(texts)!r}]); print('loaded', [n for n in ('torch', 'napari', 'qtpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr
