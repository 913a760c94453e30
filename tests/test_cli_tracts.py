"""``napari-sti tracts`` and ``napari-sti figure`` from a shell: files, figures, and one line for a mistake."""

import json

import numpy as np
import pytest

from napari_sti.cli import main
from napari_sti.cli.commands.tracts import PARAMETERS
from napari_sti.core.params import describe
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.io.results import FurtherMap, save_result
from napari_sti.io.tracts import load_tracts
from napari_sti.maps.tracking import TrackParams

SHAPE, AFFINE = (21, 17, 13), np.array([[-2.0, 0, 0, 20], [0, 2, 0, -16], [0, 0, 2.5, -15], [0, 0, 0, 1]])


@pytest.fixture
def result(tmp_path):
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[2:-2, 2:-2, 2:-2, 0] = 0.03
    spread = FurtherMap(np.full(SHAPE, 4, np.float32), "degrees", "spread")
    about = {"leave_one_out": {"jackknife_factor": 2.0}}
    save_result(TensorField(chi, AFFINE, provenance=about), tmp_path / "run", further={"pev_spread": spread})
    return tmp_path / "run"


def said(capsys):
    lines = capsys.readouterr()
    return lines.out, lines.err.strip().splitlines()[-1] if lines.err.strip() else ""


def test_from_a_place_a_region_and_everywhere(result, tmp_path, capsys):
    seeds = np.zeros(SHAPE, np.float32)
    seeds[10, 8, 6], seeds[10, 5, 6] = 1, 2
    write_volume(tmp_path / "seeds.nii.gz", seeds, AFFINE, overwrite=False, description="labels")
    run = ["tracts", str(result)]
    assert main([*run, "--at", "0", "0", "0", "--radius", "3", "-o", str(tmp_path / "a.trk")]) == 0
    out, _ = said(capsys)
    assert "streamlines of" in out and "stopped below MSA" in out
    where = ["--seeds", str(tmp_path / "seeds.nii.gz"), "--label", "2"]
    assert main([*run, *where, "--beside", str(tmp_path / "a.trk"), "-o", str(tmp_path / "b.trx")]) == 0
    assert "Dice with a: 0." in said(capsys)[0]
    (line,) = load_tracts(tmp_path / "b.trx").lines()
    assert np.ptp(line[:, 0]) > 20 and np.abs(line[:, 1] - (AFFINE[1, 1] * 5 + AFFINE[1, 3])).max() < 1e-3
    assert main([*run, "--most", "30", "-p", "min_length=5", "-o", str(tmp_path / "c.tck")]) == 0
    told = json.loads((tmp_path / "c.tck.json").read_text())
    assert told["count"] == 30 and told["provenance"]["params"]["min_length"] == 5
    assert told["provenance"]["source"][0]["sha256"]


def test_drawn_and_replicated(result, tmp_path):
    at = ["--at", "0", "0", "0", "--radius", "1.1"]
    drawn = ["-p", "sampling=spread", "-p", "per_seed=5"]
    assert main(["tracts", str(result), *at, *drawn, "-o", str(tmp_path / "a.tck")]) == 0
    told = json.loads((tmp_path / "a.tck.json").read_text())["provenance"]
    assert told["spread"]["scale"] == 2.0, "the jackknife factor that the run states"
    assert main(["tracts", str(result), str(result), *at, "-o", str(tmp_path / "b.tck")]) == 0
    assert json.loads((tmp_path / "b.tck.json").read_text())["provenance"]["replicates"] == 2


def test_over_kept_replicates_with_their_density(tmp_path, capsys):
    from tests.maps.test_replicate_fields import saved

    run = ["tracts", str(saved(tmp_path / "beam")), "--replicates", "--most", "40", "-p", "min_length=5"]
    assert main([*run, "--density", str(tmp_path / "d.nii.gz"), "-o", str(tmp_path / "a.trk")]) == 0
    assert "5 replicates, deviations times 2" in said(capsys)[0]
    assert json.loads((tmp_path / "a.trk.json").read_text())["provenance"]["counts"] == [40] * 5
    share = read_volume(tmp_path / "d.nii.gz").data
    assert 0 < share.max() <= 1
    assert main([*run, "--density", str(tmp_path / "d.nii.gz"), "-o", str(tmp_path / "b.trk")]) == 2
    assert "d.nii.gz: this file exists already" in said(capsys)[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--replicates", "-o", "a.trk"], "keeps no replicates; make it with 'napari-sti trust'"),
        (["--density", "d.img", "-o", "a.trk"], "the density is a NIfTI file"),
        (["-o", "a.vtk"], "not kept as .vtk"),
        (["-p", "angel=3", "-o", "a.trk"], "did you mean 'angle'"),
        (["--at", "0", "0", "0", "--seeds", "x", "-o", "a.trk"], "--at and --seeds were both given"),
        (["--at", "900", "0", "0", "-o", "a.trk"], "no streamline is long enough"),
        (["--most", "0", "-o", "a.trk"], "leaves no seed"),
        (["-o", "none/a.trk"], "its folder does not exist"),
    ],
)
def test_mistakes(result, words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tracts", str(result), *words]) == 2
    assert expected in said(capsys)[1]


def test_the_help_names_every_parameter():
    assert tuple(p.name for p in describe(TrackParams)) == PARAMETERS


def test_figures(result, tmp_path, capsys):
    out = tmp_path / "f.png"
    run = ["figure", str(result), "--map", "pev_colour", "pev_spread", "--plane", "axial", "coronal", "--dpi", "60"]
    assert main([*run, "-o", str(out), "--save-file", str(tmp_path / "f.json")]) == 0 and out.stat().st_size > 5000
    assert main([*run, "-o", str(out)]) == 2
    assert "exists already" in said(capsys)[1]
    assert main(["figure", str(tmp_path / "f.json"), "--title", "again", "-o", str(tmp_path / "g.pdf")]) == 0
    assert main([*run, "--slice", "1", "-o", str(tmp_path / "h.png")]) == 2
    assert "one slice for each plane" in said(capsys)[1]


def test_a_broken_workspace_is_said_before_a_window_opens(tmp_path, monkeypatch):
    from napari_sti.core.errors import InputError
    from napari_sti.widgets.app import check_readable

    path = tmp_path / "w.sti-workspace.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="no workspace of napari-sti"):
        check_readable([path])
    check_readable([tmp_path / "a.trk"])
