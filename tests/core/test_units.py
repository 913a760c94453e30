"""Units are stated, converted once, and refused when they cannot be right."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.units import (
    GYROMAGNETIC_RATIO,
    parse_field_unit,
    ppm_per_unit,
)
from napari_sti.core.values import check_plausible, check_scanner_units


@pytest.mark.parametrize(
    ("text", "unit"), [("ppm", "ppm"), (" PPM", "ppm"), ("hz", "Hz"), ("Hz", "Hz"), ("radians", "rad"), ("RAD", "rad")]
)
def test_units_are_read_as_people_write_them(text, unit):
    assert parse_field_unit(text) == unit


@pytest.mark.parametrize("text", ["ppb", "T", "", None, "a.u."])
def test_an_unknown_unit_is_named(text):
    with pytest.raises(InputError, match=r"the unit .* of the field is not known; use one of ppm, Hz or rad"):
        parse_field_unit(text)


def test_conversion():
    assert ppm_per_unit("ppm") == 1
    # One ppm of the proton frequency at 3 T is 127.7 Hz; in 20 ms that makes 2.554 turns.
    assert 127.73243676 * ppm_per_unit("Hz", b0=3) == pytest.approx(1)
    assert 2 * np.pi * 127.73243676 * 0.02 * ppm_per_unit("rad", b0=3, te=0.02) == pytest.approx(1)
    assert GYROMAGNETIC_RATIO == 42.57747892


@pytest.mark.parametrize("unit", ["Hz", "rad"])
def test_the_field_strength_has_to_be_stated(unit):
    with pytest.raises(InputError, match=f"a field in {unit} needs the field strength; state B0 in tesla"):
        ppm_per_unit(unit, te=0.02)


def test_the_echo_time_has_to_be_stated():
    with pytest.raises(InputError, match="a field in radians needs the echo time; state te in seconds"):
        ppm_per_unit("rad", b0=3)


@pytest.mark.parametrize(("te", "mend"), [(20, "0.02"), (4.9, "0.0049"), (12.5, "0.0125")])
def test_an_echo_time_in_milliseconds_is_recognised(te, mend):
    with pytest.raises(
        InputError, match=rf"an echo time of {te:g} s .* looks like milliseconds; .* for example {mend}\.$"
    ):
        ppm_per_unit("rad", b0=3, te=te)


@pytest.mark.parametrize("te", [0, -0.02, float("nan"), float("inf")])
def test_an_echo_time_has_to_be_positive(te):
    with pytest.raises(InputError, match=r"the echo time .* is not positive; give te in seconds"):
        ppm_per_unit("rad", b0=3, te=te)


@pytest.mark.parametrize("b0", [0, -3, 3000, 123.2e6, float("nan")])
def test_a_field_strength_that_no_scanner_has(b0):
    with pytest.raises(InputError, match=r"B0 of .* T is implausible; give the field strength in tesla"):
        ppm_per_unit("Hz", b0=b0)


@pytest.mark.parametrize("b0", [0.064, 1.5, 3, 7, 9.4, 21.1])
def test_field_strengths_that_scanners_have(b0):
    assert ppm_per_unit("Hz", b0=b0) > 0


def test_a_field_far_too_large_or_small_is_refused():
    rng = np.random.default_rng(0)
    local = rng.normal(0, 0.03, 1000)
    check_plausible(local, "ppm")
    with pytest.raises(InputError, match=r"the field reaches .* ppm when read as ppm, far more than any brain"):
        check_plausible(local * 1e3, "ppm")
    with pytest.raises(InputError, match=r"far less than any brain; state the true unit"):
        check_plausible(local * 1e-6, "ppm")
    check_plausible(np.zeros(0), "ppm")


def test_a_few_bright_voxels_are_no_wrong_unit():
    values = np.full(1000, 0.02)
    values[:5] = 300
    check_plausible(values, "ppm")


@pytest.mark.parametrize("unit", ["Hz", "rad", "ppm"])
@pytest.mark.parametrize(("low", "high"), [(0, 4095), (-4096, 4095)])
def test_phase_in_scanner_units_is_recognised(unit, low, high):
    values = np.random.default_rng(1).integers(low, high, 5000).astype(np.int16)
    for given in (values, values.astype(np.float32)):
        with pytest.raises(
            InputError, match=rf"whole numbers from .*: phase in arbitrary scanner units, not {unit}; .*unwrap"
        ):
            check_scanner_units(given, unit)


def test_fields_are_not_taken_for_scanner_units():
    rng = np.random.default_rng(2)
    check_scanner_units(rng.integers(-40, 60, 1000), "Hz")  # rounded to whole Hz
    check_scanner_units(rng.normal(0, 900, 1000), "Hz")
    check_scanner_units(np.zeros(0), "Hz")
