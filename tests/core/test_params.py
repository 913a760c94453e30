"""Parameters declared once: read from forms and from text, checked, and written back."""

import json
from dataclasses import FrozenInstanceError, dataclass

import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.params import describe, from_mapping, param, param_again, to_mapping


@dataclass(frozen=True)
class Params:
    lam: float = param(0.1, label="λ", help="Ridge.", unit="ppm", low=0.0, high=10.0)
    iterations: int = param(100, label="Iterations", help="At most.", low=1)
    fast: bool = param(True, label="Fast", help="Hurry.")
    start: str = param("zero", label="Start", help="From where.", choices=("zero", "adjoint"), advanced=True)
    tilt: float | None = param(None, label="Tilt", help="If known.", unit="°", high=90.0)
    name: str = param("run", label="Name", help="Any.")


@dataclass(frozen=True)
class Nothing:
    pass


def test_what_forms_and_command_lines_need():
    lam, iterations, fast, start, tilt, name = describe(Params)
    assert (lam.name, lam.kind, lam.default, lam.unit, lam.low, lam.high) == ("lam", float, 0.1, "ppm", 0.0, 10.0)
    assert (iterations.kind, iterations.high, fast.kind, name.kind) == (int, None, bool, str)
    assert start.choices == ("zero", "adjoint") and start.advanced and not lam.advanced
    assert (tilt.kind, tilt.optional, tilt.default, lam.optional) == (float, True, None, False)
    assert describe(Nothing) == ()


def test_text_as_typed_becomes_values():
    params = from_mapping(
        Params, {"lam": "1e-2", "iterations": "25", "fast": "no", "start": "adjoint", "tilt": "12.5", "name": "7"}
    )
    assert params == Params(0.01, 25, False, "adjoint", 12.5, "7")
    assert isinstance(params.iterations, int) and isinstance(params.lam, float)


def test_values_become_their_type():
    params = from_mapping(Params, {"lam": 1, "iterations": 7.0, "tilt": 3})
    assert (params.lam, params.iterations, params.tilt) == (1.0, 7, 3.0)
    assert [type(v) for v in (params.lam, params.iterations, params.tilt)] == [float, int, float]
    assert from_mapping(Params, {}) == Params()


@pytest.mark.parametrize("text", [None, "", "none", " None "])
def test_nothing_stated_is_a_value_of_optional_ones(text):
    assert from_mapping(Params, {"tilt": text}).tilt is None


@pytest.mark.parametrize("word", ["true", "Yes", "ON", "1", True, 1])
def test_words_for_yes(word):
    assert from_mapping(Params, {"fast": word}).fast is True


@pytest.mark.parametrize("word", ["false", "No", "off", "0", False, 0])
def test_words_for_no(word):
    assert from_mapping(Params, {"fast": word}).fast is False


def test_round_trip_through_json():
    params = Params(0.5, 3, False, "adjoint", None, "π")
    assert from_mapping(Params, json.loads(json.dumps(to_mapping(params)))) == params


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Params().lam = 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iteration": 3}, r"the parameter 'iteration' is not known; did you mean 'iterations'\?$"),
        ({"zzz": 3}, r"'zzz' is not known; known are lam, iterations, fast, start, tilt, name\.$"),
        ({"lam": -1}, r"lam = -1 is out of range; give a number from 0 to 10 ppm, such as 0\.1\.$"),
        ({"lam": "11"}, r"lam = 11 is out of range"),
        ({"lam": "much"}, r"lam = 'much' is not a number"),
        ({"lam": "nan"}, r"lam = 'nan' is not a number"),
        ({"lam": float("inf")}, r"lam = inf is not a number"),
        ({"lam": True}, r"lam = True is not a number"),
        ({"lam": [1]}, r"lam = \[1\] is not a number"),
        ({"lam": None}, r"the parameter 'lam' needs a value; its default is 0\.1\.$"),
        ({"iterations": 2.5}, r"iterations = 2\.5 is not a whole number; give a number from 1, such as 100\.$"),
        ({"iterations": 0}, r"iterations = 0 is out of range"),
        ({"fast": "perhaps"}, r"fast = 'perhaps' is neither yes nor no; write true or false\.$"),
        ({"start": "one"}, r"start = 'one' is not known; use one of zero, adjoint\.$"),
        ({"tilt": 91}, r"tilt = 91 is out of range; give a number to 90 °\.$"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        from_mapping(Params, values)


def test_a_method_without_parameters_says_so():
    with pytest.raises(InputError, match="'lam' is not known; this method has none"):
        from_mapping(Nothing, {"lam": 1})


def test_a_parameter_of_a_parent_can_have_another_default():
    @dataclass(frozen=True)
    class Parent:
        rate: float = param(1.0, label="Rate", help="How fast.", unit="Hz", low=0.0, high=2.0)
        steps: int = param(3, label="Steps", help="How many.")

    @dataclass(frozen=True)
    class Child(Parent):
        rate: float = param_again(Parent, "rate", default=0.5, help="How slow.")

    rate, steps = describe(Child)
    assert (rate.name, rate.default, rate.help, rate.unit, rate.high) == ("rate", 0.5, "How slow.", "Hz", 2.0)
    assert steps == describe(Parent)[1] and describe(Parent)[0].default == 1.0
