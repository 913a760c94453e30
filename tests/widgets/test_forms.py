"""Forms show what the dataclass declares and give back exactly what they were given."""

import dataclasses
from dataclasses import dataclass

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_sti.core.params import param
from napari_sti.recon.registry import methods
from napari_sti.widgets.forms import ParamsForm, tooltip


@dataclass(frozen=True)
class Params:
    """One of each kind."""

    lam: float = param(1e-6, label="Ridge", help="Weight of the ridge.", low=0)
    tol: float | None = param(None, label="Tolerance", help="Relative.", low=0, high=1)
    echo: float = param(0.02, label="Echo", help="Echo time.", unit="s", low=0, high=0.5)
    iterations: int = param(100, label="Iterations", help="Most of them.", low=1, high=5000)
    start: int | None = param(None, label="Start", help="Start.", advanced=True)
    precise: bool = param(False, label="Precise", help="Double precision.")
    solver: str = param("lsqr", label="Solver", help="Which one.", choices=("lsqr", "cgls"), advanced=True)
    tag: str = param("", label="Tag", help="Any text.")


ODD = Params(
    lam=3.3e-9, tol=1.2345678901234e-5, echo=0.0123456, iterations=4999, start=-3, precise=True, solver="cgls", tag="a"
)


@pytest.fixture
def form(qtbot):
    widget = ParamsForm(Params)
    qtbot.addWidget(widget)
    return widget


def test_starts_with_the_defaults(form):
    assert form.value() == Params()


@pytest.mark.parametrize("params", [Params(), ODD, Params(lam=0.0, tol=0.0), Params(echo=0.005, lam=1e300)])
def test_gives_back_exactly_what_it_was_given(form, params):
    form.setValue(params)
    assert form.value() == params


@pytest.mark.parametrize("method", methods().values(), ids=list(methods()))
def test_round_trip_of_every_registered_method(qtbot, method):
    form = ParamsForm(method.Params)
    qtbot.addWidget(form)
    assert form.value() == method.Params()
    changed = {}
    for name, editor in form.editors.items():
        p = editor.parameter
        if p.kind is float:
            low, high = p.low if p.low is not None else 0.0, p.high if p.high is not None else 1.0
            changed[name] = low + (high - low) * 1.2345e-7
        elif p.kind is int:
            changed[name] = int(p.low or 0) + 1
        elif p.kind is bool:
            changed[name] = not p.default
        elif p.choices:
            changed[name] = p.choices[-1]
    params = dataclasses.replace(method.Params(), **changed)
    form.setValue(params)
    assert form.value() == params


def test_says_when_something_changes(form, qtbot):
    with qtbot.waitSignal(form.valueChanged):
        form.editors["iterations"].box.setValue(7)
    assert form.value().iterations == 7


def test_an_optional_parameter_can_be_unstated(form):
    editor = form.editors["tol"]
    form.show()
    assert editor.value() is None and not editor.box.isEnabled()
    words = editor.findChildren(QLineEdit, options=Qt.FindChildOption.FindChildrenRecursively)
    shown = [line.placeholderText() for line in words if line.isVisible() and not line.text()]
    assert not editor.box.isVisible() and shown == ["automatic"], "no number that does not count"
    editor.stated.setChecked(True)
    assert editor.box.isVisible() and editor.box.isEnabled()
    editor.box.setValue(1e-4)
    assert form.value().tol == 1e-4
    editor.stated.setChecked(False)
    assert form.value().tol is None and not editor.box.isVisible()


def test_units_stand_behind_the_numbers_and_help_in_the_tooltip(form):
    assert form.editors["echo"].box.text() == "0.02 s"
    text = tooltip(form.editors["echo"].parameter)
    assert "Echo time." in text and "default 0.02 s" in text and "at most 0.5 s" in text


def test_advanced_parameters_are_under_more(form):
    form.show()
    assert not form.editors["solver"].isVisible()
    form.more.set_open(True)
    assert form.editors["solver"].isVisible()
