"""Progress is a plain callable that may raise to cancel."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Step, silent


def count(progress, total=5):
    """What a method does."""
    for i in range(total):
        progress(Step(i + 1, total, residual=1 / (i + 1)))
    return total


def test_every_iteration_is_reported_in_order():
    steps = []
    assert count(steps.append) == 5
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5] and steps[-1].residual == 0.2


def test_nobody_has_to_listen():
    assert count(silent) == 5


def test_whoever_listens_can_cancel():
    seen = []

    def until_two(step):
        seen.append(step)
        if step.iteration == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        count(until_two)
    assert len(seen) == 2


def test_a_preview_is_made_only_when_somebody_looks():
    made = []
    step = Step(1, preview=lambda: made.append(1) or np.zeros((2, 2, 2, 6), np.float32))
    assert not made
    assert step.preview().shape == (2, 2, 2, 6) and made == [1]


def test_steps_do_not_change():
    step = Step(3)
    assert (step.total, step.residual, step.message, step.preview) == (0, None, "", None)
    with pytest.raises(FrozenInstanceError):
        step.iteration = 4
