import pytest

from napari_sti.core.errors import InputError
from napari_sti.viz import numbers


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0214, "ppm", "0.021 ppm"),
        (-0.0214, "ppm", "−0.021 ppm"),
        (0.0214, "ppb", "21.4 ppb"),
        (0.0, "ppm", "0.000 ppm"),
        (-0.0, "ppm", "0.000 ppm"),
        (0.00033, "ppm", "0.00033 ppm"),
        (3e-6, "ppm", "3.0e−06 ppm"),
        (-3e-6, "ppb", "−0.0030 ppb"),
        (float("nan"), "ppm", "no value"),
    ],
)
def test_susceptibility_keeps_small_values(value, unit, text):
    assert numbers.susceptibility(value, unit) == text


def test_places_and_directions_have_the_letters_of_the_body():
    assert numbers.world([12.04, -34.5, 0]) == "R 12.0  P 34.5  S 0.0 mm"
    assert numbers.direction([-0.71, -0.7, 0.05]) == "R 0.71  A 0.70  I 0.05"
    assert numbers.direction([0, 0, -1.0]) == "R 0.00  A 0.00  S 1.00"
    assert numbers.direction([0, 0, 0]) == "none"


def test_ticks_are_round_and_have_the_same_decimals():
    assert numbers.ticks(-0.1, 0.1) == [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert numbers.tick_labels([-0.1, -0.05, 0.0, 0.05, 0.1]) == ["−0.10", "−0.05", "0", "0.05", "0.10"]
    assert numbers.tick_labels(numbers.ticks(0, 0.0003)) == ["0", "0.0001", "0.0002", "0.0003"]
    assert numbers.ticks(1, 1) == [1]
    assert numbers.ticks(0, 4095)[-1] <= 4095


@pytest.mark.parametrize(("value", "limit"), [(0.0291, 0.03), (0.1, 0.1), (0.101, 0.15), (7.0, 8.0), (0, 1.0)])
def test_limits_are_rounded_up(value, limit):
    assert numbers.nice_limit(value) == pytest.approx(limit)


def test_only_ppm_and_ppb():
    with pytest.raises(InputError, match="values cannot be written in 'Hz'; use ppm or ppb"):
        numbers.check_unit("Hz")
