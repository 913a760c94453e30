"""Formulas: where they are broken into terms, and that they never ask for width."""

import pytest

from napari_sti.recon.registry import methods
from napari_sti.widgets.formula import Formula, as_html, terms


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("½ ‖A x − y‖² + ½ λ ‖x‖²", [("", "½ ‖A x − y‖²"), ("+", "½ λ ‖x‖²")]),
        ("a + β (b + c − d) − e", [("", "a"), ("+", "β (b + c − d)"), ("−", "e")]),
        ("|a + b| + |c|", [("", "|a + b|"), ("+", "|c|")]),
        ("− a + b", [("", "− a"), ("+", "b")]),
        ("x-y + z", [("", "x-y"), ("+", "z")]),
        ("", []),
        ("one", [("", "one")]),
    ],
)
def test_terms_are_split_outside_of_brackets_and_norms(body, expected):
    assert terms(body) == expected


def test_subscripts_and_what_holds_besides():
    text = as_html("min over χ:  ‖w_G ∇χ‖² + Σ_(a<b) M_WM χ_ab,   χ = ½ (X + Xᵀ)")
    assert text.startswith("<div>min over χ:</div>")
    assert "w<sub>G</sub>" in text and "Σ<sub>a&lt;b</sub>" in text and "M<sub>WM</sub> χ<sub>ab</sub>" in text
    assert text.endswith("<div><small>χ = ½ (X + Xᵀ)</small></div>")


@pytest.mark.parametrize("method", list(methods().values()), ids=lambda method: method.id)
def test_nothing_of_any_formula_is_lost(method):
    import re

    plain = re.sub("<[^>]*>", "", as_html(method.formula)).replace("&lt;", "<").replace("&gt;", ">")

    def letters(text):
        return re.sub(r"[\s:;,_(){}]", "", text)

    assert letters(plain) == letters(method.formula)


def test_it_wraps_in_a_narrow_place_and_grows_downwards(qtbot):
    label = Formula()
    qtbot.addWidget(label)
    label.setValue("min over χ:  " + " + ".join(f"‖A_{i} χ − δ_{i}‖²" for i in range(9)) + " + " + "x " * 80)
    assert label.sizePolicy().horizontalPolicy().name == "Ignored"
    assert label.heightForWidth(200) > label.heightForWidth(900) > 9 * label.fontMetrics().height()
    assert label.value().startswith("min over")
