"""Titles that are too long lose what they have in common, not what tells them apart."""

import pytest

from napari_sti.evaluate.figure_titles import fitted_titles


def shorter(titles, letters):
    return fitted_titles(titles, lambda text: len(text) <= letters)


def test_titles_that_fit_stay_as_they_are():
    titles = ["stiimag 1, MSA", "stiimag 1, MMS", ""]
    assert shorter(titles, 20) == titles


def test_what_all_begin_with_is_left_out():
    titles = [f"simulated brain stiimag, {what}" for what in ("PEV colour", "MSA", "MMS")]
    assert shorter(titles, 15) == ["…PEV colour", "…MSA", "…MMS"]
    runs = [f"simulated brain, {run}, PEV colour" for run in ("stiimag 1", "deepsti 2")]
    assert shorter(runs, 24) == ["…stiimag 1, PEV colour", "…deepsti 2, PEV colour"]


def test_then_what_all_end_with():
    runs = [f"simulated brain, {run}, PEV colour" for run in ("stiimag 1", "deepsti 2")]
    assert shorter(runs, 14) == ["…stiimag 1…", "…deepsti 2…"]


def test_only_those_that_do_not_fit_are_shortened():
    assert shorter(["brain MSA", "brain principal direction"], 20) == ["brain MSA", "…principal direction"]


@pytest.mark.parametrize("letters", range(3, 40))
def test_nothing_is_wider_than_its_panel_and_both_ends_are_left(letters):
    titles = ["a very long name of a single run, MSA", "another one that is different"]
    found = shorter(titles, letters)
    assert all(len(title) <= letters for title in found)
    alone = shorter(titles[:1] * 2, letters)
    assert alone[0] == alone[1] and (letters >= 37 or "…" in alone[0])
    if letters > 8:
        assert alone[0].startswith("a v") and alone[0].endswith("MSA")
