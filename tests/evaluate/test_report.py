import pytest

from napari_sti.evaluate.design import Design
from napari_sti.evaluate.report import short_name, write_report
from napari_sti.evaluate.run import evaluate
from tests.evaluate import odd_methods


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    with pytest.MonkeyPatch.context() as patch:
        odd_methods.install(patch)
        return _page(folder)


def _page(tmp_path):
    design = Design(
        ("half", "flat", "picky", "broken"), (1, 3), (30.0,), (40.0,), 2, ("sample",), 9.5, device="cpu", finer=True
    )
    outcome = evaluate(design, tmp_path)
    written = write_report(outcome)
    assert [p.name for p in written] == ["evaluation.md", "directions-sample.png", "curves-sample-30dB-40deg.png"]
    assert all(p.stat().st_size > 1000 for p in written)
    write_report(outcome)  # again, over the first one
    return written[0].read_text(encoding="utf-8")


def row(page, heading, name):
    table = page.split(f"| {heading} |")[1].split("\n\n")[0]
    return next(line for line in table.splitlines() if line.startswith(f"| {name} |")).split(" | ")


def test_the_page_says_what_was_done_and_what_is_best(page):
    assert "napari-sti evaluate --methods half flat picky broken --orientations 1 3 --snr 30" in page
    assert "means over 2 seeds" in page and "finer grid" in page and "57.3°" in page
    assert "### 30 dB, one untilted, the others tilted by up to 40° all around, voxels of 9.5 mm" in page
    for picture in ("directions-sample.png", "curves-sample-30dB-40deg.png"):
        assert f"]({picture})" in page
    angle, under, ecse = row(page, "1 orientation", "Half")[1:4]
    assert angle.startswith("**0.0** ±") and under.startswith("**100.0** ±") and ecse.startswith("**0.000**")
    assert row(page, "1 orientation", "Flat")[1] == "–" and "**" in row(page, "1 orientation", "Flat")[7]
    flat = row(page, "1 orientation", "Flat")
    assert flat[4] == flat[8] == "–" and "**" not in flat[5]  # isotropic: it competes for the MMS only
    assert row(page, "3 orientations", "Picky")[5] == "**∞**"  # no spread: it is not finite
    assert row(page, "1 orientation", "*all-zero tensor*")[7:9] == ["100.0", "100.0"]
    assert row(page, "1 orientation", "Half")[-2] == "3"  # iterations


def test_what_is_missing_is_explained(page):
    missing = page.split("## What is missing")[1]
    assert "- Picky did not run with 1 orientation: Picky needs at least 3 orientations" in missing
    assert "- Broken **failed** with 1 and 3 orientations: ZeroDivisionError: cannot divide, at all" in missing
    assert row(page, "1 orientation", "Broken")[1:3] == ["–", "–"]


def test_one_grid_is_called_what_it_is(tmp_path, monkeypatch):
    odd_methods.install(monkeypatch)
    design = Design(("flat",), (1,), (30.0,), (40.0,), 1, voxel_size=9.5, finer=False, device="cpu")
    page, *figures = write_report(evaluate(design, tmp_path))
    text = page.read_text(encoding="utf-8")
    assert "**Inverse crime**" in text and "one seed, so that no spread is known" in text
    assert "±" not in text.split("## Sample brain")[1]
    assert [f.name for f in figures] == ["curves-sample-30dB-40deg.png"]  # nothing points anywhere: no picture


def test_short_names():
    assert short_name("stiimag") == "STIimag"
