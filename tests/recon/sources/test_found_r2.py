"""R2 found in turns with the sources: what is minimised over it, what bounds it, and what is said on the way."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.progress import Step, silent
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationInput
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.sources.found_r2 import TypicalR2, less_r2, predicted_rates, separate_with_r2

SHAPE = (12, 9, 11)
AFFINE = np.array([[-2.0, 0, 0, 20], [0, 2, 0, -9], [0, 0, 3, -15], [0, 0, 0, 1]])
DIRS = np.array([(0, 0, 1), (0.6, 0, 0.8)])
DR = 100.0


def given(r2, pos=0.05, orientations=2):
    """Iron everywhere, nothing diamagnetic: R2* = R2 + 5 Hz inside a box."""
    mask = np.zeros(SHAPE, bool)
    mask[2:-2, 2:-2, 1:-1] = True
    rates = np.broadcast_to((r2 + DR * pos) * mask, (orientations, *SHAPE)).astype(np.float32)
    dirs = DIRS[:orientations]
    study = Acquisition(np.full((orientations, *SHAPE), 1e-3, np.float32), dirs, mask, AFFINE, b0=3.0)
    return SeparationInput(study, rates, dirs, relaxation(DR), rates_hold_r2=True)


def fixed(pos, neg=0.0, said=None):
    """A method that finds the same whatever it is given, and keeps what it was given."""

    def separate(given, progress):
        if said is not None:
            said.append(given)
        progress(Step(1, 1, message="network"))
        mask = given.acquisition.mask
        return SeparatedField(pos * mask, -neg * mask, AFFINE, given.relaxation, mask)

    return separate


def test_r2_is_the_weighted_mean_of_what_is_left_and_the_typical_value():
    seen = []
    found = separate_with_r2(fixed(0.02, 0.03, said=seen), given(15.0), TypicalR2(10.0, 0.25, 1), silent)
    inside = found.mask
    # left of R2*: 20 − 100 · 0.05 = 15 Hz, and (15 + 0.25 · 10) / 1.25 = 14
    np.testing.assert_allclose(found.further["r2"][inside], 14.0, atol=1e-3)
    assert not found.further["r2"][~inside].any() and len(seen) == 2 and not seen[0].rates_hold_r2
    np.testing.assert_allclose(seen[0].rates[:, inside], 10.0, atol=1e-3)  # it began at the typical 10 Hz
    np.testing.assert_allclose(seen[1].rates[:, inside], 6.0, atol=1e-3)
    assert found.provenance["r2_rounds"] == [{"turn": 1, "rms_change_hz": pytest.approx(4.0, abs=1e-3)}]


def test_the_total_susceptibility_bounds_it():
    # 0.19 ppm in all bring 19 of the 20 Hz, so that no more than 1 Hz is left for R2.
    found = separate_with_r2(fixed(0.19), given(15.0), TypicalR2(13.0, 1.0, 3), silent)
    np.testing.assert_allclose(found.further["r2"][found.mask], 1.0, atol=1e-3)
    none = separate_with_r2(fixed(0.3), given(15.0), TypicalR2(13.0, 1.0, 1), silent)
    assert not none.further["r2"].any()


def test_where_r2star_is_slow_r2_is_no_more_than_that():
    found = separate_with_r2(fixed(0.0), given(2.0, pos=0.0), TypicalR2(13.0, 0.2, 2), silent)
    np.testing.assert_allclose(found.further["r2"][found.mask], 2.0, atol=1e-3)


def test_rates_of_a_tensor_depend_on_the_direction():
    stated = given(10.0)
    mask = stated.acquisition.mask
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[mask] = [-0.02, 0, 0.01, -0.03, 0, -0.05]
    found = SeparatedField(
        0.01 * mask, None, AFFINE, stated.relaxation, mask, chi_neg_tensor=TensorField(chi, AFFINE, mask)
    )
    rates = predicted_rates(stated, found)[:, mask]
    matrix = np.array([[-0.02, 0, 0.01], [0, -0.03, 0], [0.01, 0, -0.05]])
    np.testing.assert_allclose(rates.T, [[DR * (0.01 - h @ matrix @ h) for h in DIRS]] * mask.sum(), rtol=1e-5)


def test_it_says_which_turn_it_is_and_leaves_no_negative_rates():
    said = []
    separate_with_r2(fixed(0.01), given(15.0), TypicalR2(13.0, 0.2, 1), lambda step: said.append(step.message))
    assert said == [f"turn {k} of 2, R2 in between: network" for k in (1, 2)]
    stated = given(15.0)
    assert less_r2(stated, np.full(SHAPE, 100, np.float32)).rates.min() == 0
    assert not less_r2(replace(stated), np.zeros(SHAPE, np.float32)).rates_hold_r2
