"""Constants and rates: presets with their sources, and what cannot be in Hz."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import (
    PRESETS,
    check_rates,
    negatives_remark,
    r2prime_from,
    relaxation,
    strength_remark,
    without_negatives,
)

MASK = np.ones((4, 3, 2), bool)


def test_presets_have_sources_and_the_theory_grows_with_the_field() -> None:
    assert all(preset.source for preset in PRESETS.values())
    assert relaxation("114").pos == relaxation(114).neg == 114
    assert relaxation("137").source.startswith("chi-separation")
    assert relaxation("theory", tesla=3.0).pos == pytest.approx(323.52)  # the published start of APART-QSM at 3 T
    fibres = relaxation("theory-fibres", tesla=7.0)
    assert fibres.neg == pytest.approx(133.77 * 2 / 3 * 7) and not fibres.equal
    assert "7 T" in fibres.source


def test_the_theory_is_that_of_static_dephasing() -> None:
    gamma = 2 * np.pi * 42.57747892  # rad/s per ppm and tesla
    assert relaxation("theory", tesla=1.0).pos == pytest.approx(2 * np.pi / (9 * np.sqrt(3)) * gamma, rel=1e-4)
    assert relaxation("theory-fibres", tesla=1.0).neg == pytest.approx(gamma / 2 * 2 / 3, rel=1e-4)


def test_stated_constants() -> None:
    both = relaxation(100, 50)
    assert (both.pos, both.neg, both.equal) == (100, 50, False)
    assert str(both) == "Dr = 100 (+) and 50 (-) Hz/ppm (as stated)"
    assert str(relaxation(99.5)) == "Dr = 99.5 Hz/ppm (as stated)"


@pytest.mark.parametrize(
    ("dr", "dr_neg", "sentence"),
    [
        (0, None, r"Dr\+ = 0 Hz/ppm is not positive; give a constant such as 114"),
        (-114, None, r"Dr\+ = -114 Hz/ppm is not positive"),
        (114, 0, r"Dr- = 0 Hz/ppm is not positive"),
        (114, -5, r"Dr- = -5 Hz/ppm is not positive"),
        (float("nan"), None, "is not positive"),
        (0.114, None, r"Dr\+ = 0.114 Hz/ppm is far from that of any tissue; give it in Hz per ppm, such as 114"),
        ("shin", None, r"Dr\+ = 'shin' is neither a number nor a preset; give Hz/ppm, or one of 114, 137, theory"),
        (
            "theory",
            None,
            "Dr from the theory needs the field strength and the study states none; state it",
        ),
    ],
)
def test_wrong_constants_are_refused(dr: object, dr_neg: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        relaxation(dr, dr_neg)


def test_a_constant_of_another_field_strength_is_said() -> None:
    assert strength_remark(relaxation("114"), 3.0) == ()
    assert strength_remark(relaxation(114.5), 7.0) == ()  # stated by the person, who knows why
    (said,) = strength_remark(relaxation("137"), 7.0)
    assert said.startswith("Dr = 137 Hz/ppm was found at 3 T and the study is at 7 T") and "320 Hz/ppm" in said


def test_rates_in_other_units_are_refused() -> None:
    rates = np.random.default_rng(0).uniform(1, 20, 500)
    check_rates(rates, "R2'")
    with pytest.raises(InputError, match=r"R2' reaches only 0.02 and is expected in Hz \(1/s\); this looks like 1/ms"):
        check_rates(rates / 1000, "R2'")
    with pytest.raises(InputError, match=r"R2\* reaches 1.98e\+04 Hz, far more than any brain; give a rate in Hz"):
        check_rates(rates * 1000, "R2*")


def test_swapped_maps_are_refused() -> None:
    star, r2 = np.full((2, 4, 3, 2), 30.0), np.full((4, 3, 2), 14.0)
    np.testing.assert_allclose(r2prime_from(star, r2, MASK), 16)
    np.testing.assert_allclose(r2prime_from(star, 13.0, MASK), 17)
    with pytest.raises(InputError, match=r"R2\* is below R2 in 100 % of the mask, and it cannot be; check that"):
        r2prime_from(r2[None], star[0], MASK)


def test_negatives_are_set_to_zero_and_counted() -> None:
    rates = np.ones((2, 4, 3, 2), np.float32)
    rates[0, 0, 0, 0], rates[1, 1, 1, 1], mask = -2, -3, MASK.copy()
    mask[1, 1, 1] = False
    kept, count = without_negatives(rates, mask)
    assert count == 1 and kept.min() == 0 and not kept[:, ~mask].any()
    (said,) = negatives_remark(count, rates, mask)
    assert said == "1 negative values of R2' (2.2 % of the mask) were set to 0."
    assert negatives_remark(0, rates, mask) == ()
