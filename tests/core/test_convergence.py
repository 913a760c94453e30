import math

import numpy as np
import pytest

from napari_sti.core.convergence import IterationsLeft
from napari_sti.core.progress import Step


def told(values, total=0):
    """What is left after each of these convergences, iterations counted from one."""
    left = IterationsLeft()
    return [left.update(Step(i, total, convergence=value)) for i, value in enumerate(values, 1)]


def test_an_exponential_fall_is_followed_to_one():
    found = told(100 * np.exp(-np.arange(1, 31) / 10), total=1000)
    end = 10 * math.log(100)
    for i, left in enumerate(found, 1):
        if i > 10:
            assert left == pytest.approx(end - i, abs=1e-6)


def test_a_slower_end_is_noticed_and_jumps_do_not_matter():
    rng = np.random.default_rng(0)
    steps = np.arange(1, 101)
    fall = np.where(steps < 20, 8 - steps / 4, 3 - (steps - 20) / 40)  # fast at first; it reaches 1 in iteration 140
    left = told(np.exp(fall + rng.normal(0, 0.3, 100)))[-1]
    assert 25 < left < 60
    plain = (fall[-1]) / ((fall[0] - fall[-1]) / 99)
    assert plain < 0.7 * 40, "a line through all points would say far too little"


def test_the_limit_bounds_it_and_is_the_answer_without_a_convergence():
    assert told([None, None], total=10) == [9, 8]
    assert told([None]) == [None]
    assert told(1e6 * np.exp(-np.arange(1, 10) / 50), total=12)[-1] == 3


def test_what_does_not_fall_or_is_no_number_tells_nothing():
    assert told([5.0] * 20)[-1] is None
    assert told([5.0] * 20, total=50)[-1] == 30, "no headway: the limit ends it"
    assert told(np.exp(np.arange(20)))[-1] is None
    assert told([math.inf, math.nan, 0.0, -1.0] * 5) == [None] * 20
    assert told([math.inf] * 20, total=30)[-1] == 10


def test_nothing_is_said_before_a_slope_is_believed():
    found = told(np.exp(8 - np.arange(1, 30) / 10), total=1000)
    assert found[:8] == [None] * 8
    assert found[-1] == pytest.approx(51, abs=1e-6)


def test_at_the_end_nothing_is_left():
    assert told(np.exp(-np.arange(1, 21) / 5))[-1] == 0


def test_a_new_stage_begins_anew():
    left = IterationsLeft()
    for i in range(1, 20):
        left.update(Step(i, 100, convergence=math.exp(5 - i / 10)))
    assert left.update(Step(1, 100, convergence=50.0)) is None
    assert left.update(Step(0, 100)) == 100


def test_saying_the_same_iteration_twice_changes_nothing():
    once, twice = IterationsLeft(), IterationsLeft()
    for i in range(1, 20):
        step = Step(i, 100, convergence=math.exp(5 - i / 10))
        twice.update(step)
        assert once.update(step) == twice.update(step)
