"""``napari-sti evaluate`` as a person types it, at a tiny size."""

import pytest

from napari_sti.cli import main
from napari_sti.evaluate.records import read_records

WORDS = ["evaluate", "--quick", "--voxel-size", "9.5", "--brains", "sample", "--seeds", "1", "--device", "cpu"]
TINY = [*WORDS, "--methods", "stiimag", "--orientations", "1", "-o"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "evaluation"
    assert main([*TINY, str(folder)]) == 0
    return folder


def mistake(capsys, *words):
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_it_writes_lines_table_and_pictures(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "evaluation.csv",
        "evaluation.md",
        "curves-sample-30dB-40deg.png",
        "directions-sample.png",
        "tensors",
    }
    floor, record = read_records(folder / "evaluation.csv")
    assert record.status == "done" and record.iterations > 1 and record.device == "cpu" and record.seconds > 0
    assert record.cpu_seconds > 0 and 10 < record.memory_mb < 1000
    assert 20 < record.scores.angle_mean < 70 and floor.scores.mms_error_percent == 100
    page = (folder / "evaluation.md").read_text(encoding="utf-8")
    assert "| STIimag |" in page and "*all-zero tensor*" in page


def test_the_same_command_goes_on_and_runs_nothing_again(folder, capsys):
    before = (folder / "evaluation.csv").read_bytes()
    assert main([*TINY, str(folder)]) == 0
    assert (folder / "evaluation.csv").read_bytes() == before
    assert "evaluation.md" in capsys.readouterr().out


def test_an_interrupt_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_sti.evaluate.run.reconstruct", interrupted)
    assert main([*TINY, str(tmp_path / "out")]) == 130
    assert "stopped; the same command goes on from here" in capsys.readouterr().err
    assert len(read_records(tmp_path / "out" / "evaluation.csv")) == 1  # the floor


def test_mistakes_are_one_line(tmp_path, capsys):
    out = tmp_path / "out"
    assert "write 1-6 12" in mistake(capsys, *WORDS, "--orientations", "six", "-o", out)
    assert "--snr loud is not a list of numbers" in mistake(capsys, *WORDS, "--snr", "loud", "-o", out)
    assert "did you mean 'stiimag'?" in mistake(capsys, *WORDS, "--methods", "stimag", "-o", out)
    assert "use sample or dti" in mistake(capsys, *WORDS, "--brains", "mouse", "-o", out)
    assert "dti_brain/FA.nii.gz" in mistake(capsys, *WORDS, "--real-data", tmp_path, "-o", out)
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    assert "is not empty" in mistake(capsys, *WORDS, "-o", tmp_path / "full")


def test_overwrite_starts_anew_and_leaves_other_files(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "evaluation.csv").write_text("something else\n")
    (out / "mine.txt").write_text("keep")

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_sti.evaluate.run.reconstruct", interrupted)
    assert main([*TINY, str(out)]) == 2
    assert main([*TINY, str(out), "--overwrite"]) == 130
    assert len(read_records(out / "evaluation.csv")) == 1 and (out / "mine.txt").read_text() == "keep"


def test_numbers_and_ranges():
    from napari_sti.cli.commands.evaluate import _whole_numbers

    assert _whole_numbers(["1-3", "12"]) == (1, 2, 3, 12) and _whole_numbers(["1,3"]) == (1, 3)
    assert _whole_numbers(None) is None


def test_quick_leaves_out_what_was_trained_for_other_voxels():
    from napari_sti.cli.commands.evaluate import _usual

    assert "deepsti" in _usual(quick=False)
    assert "deepsti" not in _usual(quick=True)
    assert "stiimag" in _usual(quick=True)


def test_separations_are_evaluated_and_options_of_the_other_kind_are_refused(tmp_path, capsys):
    few = ["--methods", "closed_form", "--dr-cases", "consistent", "--orientations", "1", "--chi", "truth"]
    words = ["evaluate", "--separation", "--quick", "--voxel-size", "9.5", "--device", "cpu", *few]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "separations.csv",
        "separations.md",
        "separations.png",
    }
    line = mistake(capsys, *words, "--max-tilt", "30", "-o", tmp_path / "other")
    assert "--max-tilt belongs to the evaluation of reconstructions; leave it out" in line
    line = mistake(capsys, *WORDS, "--chi", "truth", "-o", tmp_path / "other")
    assert "--chi belongs to the evaluation of separations; add --separation, or leave it out" in line
    line = mistake(capsys, *words, "--snr", "30", "20", "-o", tmp_path / "other")
    assert "separations are evaluated at one noise level of the field maps; give one value of --snr" in line
