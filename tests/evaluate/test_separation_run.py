import csv

import pytest

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.evaluate import separation_run
from napari_sti.evaluate.separation_design import SeparationDesign
from napari_sti.evaluate.separation_records import append_separation, read_separations
from napari_sti.evaluate.separation_report import write_separation_report
from napari_sti.evaluate.separation_run import CSV, evaluate_separations

DESIGN = SeparationDesign(
    ("closed_form", "chi_sep"),
    cases=("consistent", "inconsistent"),
    orientations=(1, 2),
    seeds=1,
    chi="truth",
    voxel_size=9.5,
    device="cpu",
)


def written(records):
    """What of records has to survive a file."""
    return [(r.key, r.status, r.form, r.dr_assumed, *(f"{v:.6g}" for v in (r.pos.psnr, r.neg.ssim))) for r in records]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return evaluate_separations(DESIGN, tmp_path_factory.mktemp("separations"))


def test_every_cell_is_a_line_with_both_sources_scored(outcome):
    assert [r.cell for r in outcome.records] == list(DESIGN.cells()) and len(outcome.records) == 8
    for record in outcome.records:
        assert record.status == "done", record.message
        assert 0 < record.pos.nrmse < 2 and 0 < record.neg.nrmse < 2 and record.pos.psnr > 10
        assert record.dr_assumed.startswith("Dr = 114 Hz/ppm (") and record.version and record.device == "cpu"
        assert record.form == ("tensor" if record.cell.method == "closed_form" else "scalar")
    assert written(read_separations(outcome.folder / CSV)) == written(outcome.records)


def test_a_wrong_dr_costs_the_closed_form(outcome):
    found = {(r.cell.case, r.cell.orientations): r for r in outcome.records if r.cell.method == "closed_form"}
    for n in (1, 2):
        assert found["inconsistent", n].pos.nrmse > found["consistent", n].pos.nrmse


def test_what_is_there_is_not_run_again_and_what_was_cut_off_is(outcome, tmp_path, monkeypatch):
    content = (outcome.folder / CSV).read_bytes()
    (tmp_path / CSV).write_bytes(content[:-40])
    run = []
    real = separation_run.separate
    monkeypatch.setattr(separation_run, "separate", lambda *a, **k: run.append(a[1]) or real(*a, **k))
    again = evaluate_separations(DESIGN, tmp_path)
    assert run == ["chi_sep"] and [r.cell for r in again.records] == [r.cell for r in outcome.records]
    with (tmp_path / CSV).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 9


def test_refusals_and_crashes_are_lines_and_cancel_passes(tmp_path, monkeypatch):
    design = SeparationDesign(
        ("closed_form",), cases=("consistent",), orientations=(1,), seeds=1, chi="truth", voxel_size=9.5
    )
    for error, status in ((InputError("cannot be", mend="do not"), "refused"), (ValueError("broken"), "failed")):

        def fail(*args, error=error, **options):
            raise error

        monkeypatch.setattr(separation_run, "separate", fail)
        folder = tmp_path / status
        folder.mkdir()
        (record,) = evaluate_separations(design, folder).records
        assert record.status == status and record.pos is None
        page = write_separation_report(evaluate_separations(design, folder))[0].read_text(encoding="utf-8")
        assert "What did not run" in page and ("cannot be; do not" in page or "ValueError: broken" in page)

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        evaluate_separations(design, tmp_path, progress=stop)


def test_other_files_are_refused(tmp_path):
    (tmp_path / CSV).write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="this is not an evaluation of separations by this version"):
        read_separations(tmp_path / CSV)


def test_lines_can_be_added_to_a_new_file(outcome, tmp_path):
    for record in outcome.records[:2]:
        append_separation(tmp_path / CSV, record)
    assert written(read_separations(tmp_path / CSV)) == written(outcome.records[:2])


def test_the_page_shows_the_floor_and_what_it_means(outcome):
    page, picture = write_separation_report(outcome)
    text = page.read_text(encoding="utf-8")
    assert "Closed form (floor)" in text and "chi-separation, scalar" in text and "**" in text
    assert "R2′ made with Dr = 137, 114 assumed" in text and "given the **true** one with noise" in text
    assert "--dr-cases consistent inconsistent" in text and "simulated" in text
    assert picture.read_bytes().startswith(b"\x89PNG")
