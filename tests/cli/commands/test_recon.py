"""Trained weights on the command line."""

import json
from pathlib import Path

import pytest

from napari_sti.cli import main
from napari_sti.recon import weights
from napari_sti.recon.checkpoint import save_model, save_published
from tests.recon.unrolled.formula import CARD, tiny_model


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "study"
    words = ["--orientations", "2", "--max-tilt", "30", "--voxel-size", "9", "--storage", "PIR", "-o", str(folder)]
    assert main(["simulate", *words]) == 0
    return folder / "study.yaml"


@pytest.fixture(autouse=True)
def _nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "shipped")


def mistake(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_weights_of_a_file(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save_model(tiny_model(2), CARD, tmp_path / "mine.safetensors")
    assert main(["recon", str(study), "-m", "deepsti", "--weights", str(file), "-o", str(tmp_path / "out")]) == 0
    made = json.loads((tmp_path / "out" / "result.json").read_text())["provenance"]
    assert made["weights"]["title"] == CARD["title"]
    assert made["params"]["weights"] == str(file)
    told = capsys.readouterr().err
    assert "voxels of 9 x 9 x 9 mm (they saw 0.9 to 3 mm)" in told  # before the run, not only in the sidecar
    assert "(they saw 0.9 to 3 mm)" in " ".join(made["remarks"])


def test_what_is_wrong_with_weights_is_said_before_the_study_is_read(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    recon = ("recon", "no-such-study.yaml", "-m", "deepsti", "-o", out)
    assert "no weights of the name 'deepsti-compact'; none come with this version" in mistake(capsys, *recon)
    assert "no such file of weights" in mistake(capsys, *recon, "--weights", tmp_path / "no.safetensors")
    (tmp_path / "no.safetensors").write_text("text")
    assert "the weights cannot be used" in mistake(capsys, *recon, "--weights", tmp_path / "no.safetensors")
    assert "given twice" in mistake(capsys, *recon, "--weights", "a", "-p", "weights=b")
    other = save_published(tiny_model(), tmp_path / "tiny.pkl")
    assert main(["recon", str(study), "-m", "deepsti", "--weights", str(other), "-o", str(out)]) == 2
    assert "parameters are missing" in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
