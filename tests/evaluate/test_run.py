"""Evaluations go on where they were, and one broken method does not stop the others."""

import math

import pytest

from napari_sti.core.errors import Cancelled
from napari_sti.evaluate.design import Design
from napari_sti.evaluate.records import DONE, FAILED, FLOOR, REFUSED, read_records
from napari_sti.evaluate.run import CSV, evaluate, shown_tensors, simulate_study
from tests.evaluate import odd_methods
from tests.evaluate.odd_methods import Broken, Half

METHODS = ("half", "flat", "picky", "broken", "fussy")


def design(**changes):
    wanted = dict(methods=METHODS, orientations=(1, 3), snr=(30.0,), max_tilt=(40.0,), seeds=1, voxel_size=9.5)
    return Design(**{**wanted, "device": "cpu", **changes})


@pytest.fixture(autouse=True)
def odd(monkeypatch):
    odd_methods.install(monkeypatch)


def by_method(outcome, n):
    return {r.cell.method: r for r in outcome.records if r.cell.study.orientations == n}


def test_every_cell_becomes_a_line(tmp_path):
    outcome = evaluate(design(), tmp_path)
    one, three, floor = by_method(outcome, 1), by_method(outcome, 3), by_method(outcome, 0)[FLOOR]
    assert {m: r.status for m, r in one.items()} == {
        "half": DONE,
        "flat": DONE,
        "picky": REFUSED,
        "broken": FAILED,
        "fussy": REFUSED,
    }
    assert three["picky"].status == DONE and three["picky"].scores.psnr == math.inf
    assert one["half"].scores.angle_mean == pytest.approx(0, abs=0.1) and one["half"].scores.under_15 == 1
    assert one["half"].scores.msa_error_percent == pytest.approx(50, abs=0.1)
    assert math.isnan(one["flat"].scores.angle_mean) and one["flat"].scores.mms_error_percent < 0.1
    assert one["half"].iterations == 3 and one["half"].seconds >= 0 and one["half"].tilts == "spread"
    assert "needs at least 3 orientations" in one["picky"].message
    assert one["broken"].message == "ZeroDivisionError: cannot divide, at all"
    assert one["fussy"].message == "the fluid mask is empty; draw one."
    assert floor.scores.mms_error_percent == 100 and math.isnan(floor.scores.ecse)
    assert len(read_records(tmp_path / CSV)) == 11


def test_what_is_there_is_not_run_again_but_what_failed_is(tmp_path):
    first = evaluate(design(orientations=(1,)), tmp_path)
    second = evaluate(design(), tmp_path)
    assert Half.calls == [1, 3] and Broken.calls == [1, 1, 3]
    assert [r.key for r in second.records if r.cell.study.orientations < 2] == [r.key for r in first.records]
    evaluate(design(methods=("half",)), tmp_path)
    assert Half.calls == [1, 3]


def test_a_method_with_other_defaults_is_run_again(tmp_path, monkeypatch):
    evaluate(design(methods=("half",), orientations=(1,)), tmp_path)
    monkeypatch.setattr(Half, "Params", type("Other", (odd_methods.OddParams,), {}))
    evaluate(design(methods=("half",), orientations=(1,)), tmp_path)
    assert Half.calls == [1]
    monkeypatch.setattr(Half, "Params", odd_methods.StrongParams)
    evaluate(design(methods=("half",), orientations=(1,)), tmp_path)
    assert Half.calls == [1, 1]


def test_cancelled_evaluations_keep_their_lines_and_go_on(tmp_path):
    seen = []

    def stop(step):
        seen.append(step)
        if step.iteration == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(design(), tmp_path, progress=stop)
    assert {step.total for step in seen} == {11} and len(read_records(tmp_path / CSV)) == 3
    rest = []
    evaluate(design(), tmp_path, progress=rest.append)
    assert {step.total for step in rest} == {8} and rest[-1].iteration == 8
    assert any("half, sample brain, 3 orientations, 30 dB, 40°, seed 0" in step.message for step in rest)


def test_tensors_of_the_first_condition_are_kept_for_the_picture(tmp_path):
    outcome = evaluate(design(snr=(30.0, 20.0), methods=("half", "picky")), tmp_path)
    shown = shown_tensors(outcome, "sample")
    assert shown["picky"][1] == "needs 3 orientations"
    truth = simulate_study(next(iter(outcome.design.studies())), outcome.design).reference_tensor
    assert abs(shown["half"][3].chi - truth.chi / 2).max() < 1e-6
    assert len(list((tmp_path / "tensors").glob("*.nii.gz"))) == 3  # not those of 20 dB
    for file in (tmp_path / "tensors").iterdir():
        file.unlink()
    assert shown_tensors(outcome, "sample")["half"][3] == "tensor not kept"


def test_small_scans_take_one_thread_and_give_the_others_back(tmp_path, monkeypatch):
    import torch

    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(Half, "answer", lambda self, a: seen.append(torch.get_num_threads()) or a.reference_tensor.chi)
    torch.set_num_threads(2)
    try:
        evaluate(design(methods=("half",), orientations=(1,)), tmp_path)
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_finer_grids_and_seeds_make_other_scans():
    studies = {}
    for finer in (True, False):
        for seed in (0, 1):
            wanted = design(finer=finer, seeds=2)
            study = next(s for s in wanted.studies() if s.seed == seed)
            studies[finer, seed] = simulate_study(study, wanted).field
    shape = studies[True, 0].shape
    assert all(field.shape == shape for field in studies.values())
    assert abs(studies[True, 0] - studies[True, 1]).max() > 0
    # The same brain: fields of the two grids are alike, but not the same.
    a, b = studies[True, 0].ravel(), studies[False, 0].ravel()
    assert 0.9 < (a @ b) / (a @ a) ** 0.5 / (b @ b) ** 0.5 < 0.9999
