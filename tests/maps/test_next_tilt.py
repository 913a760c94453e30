"""The next tilt: gains against recomputing everything, symmetry, limits, and sequences."""

import itertools

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.maps.head_tilt import direction_of, tilt
from napari_sti.maps.next_tilt import at_offset, best_direction, gain, gain_map, plan
from napari_sti.maps.orientation_worth import KGrid, orientation_worth

GRID = KGrid((8, 9, 6), (1.5, 0.9, 2.2))
STRAIGHT = [[0, 0, 1]]


@pytest.mark.parametrize("count", [1, 4, 8])
def test_gain_is_what_measuring_it_would_bring(count):
    rng = np.random.default_rng(count)
    dirs = direction_of(*rng.normal(0, 15, (2, count)))
    candidates = direction_of(*rng.normal(0, 20, (2, 5)))
    before = orientation_worth(dirs, GRID, noise=0.002).known
    after = [orientation_worth([*dirs, c], GRID, noise=0.002).known for c in candidates]
    np.testing.assert_allclose(gain(dirs, candidates, GRID, noise=0.002), np.array(after) - before, rtol=1e-8)


def test_gain_also_where_all_lie_on_one_cone():
    turn = np.arange(8) * np.pi / 4
    ring = at_offset(25 * np.cos(turn), 25 * np.sin(turn))
    assert orientation_worth(ring, GRID).rank == 5
    values = gain(ring, [[0, 0, 1], ring[0]], GRID, noise=0.001)
    assert values[0] > 2 * values[1], "the middle of the cone tells far more than a repetition"


def test_best_is_the_best_within_reach():
    dirs = direction_of([0, 25, -20, 0], [0, 0, 0, 18])
    found = best_direction(dirs, GRID, noise=0.001, max_tilt=30)
    assert float(tilt(found)) <= 30 + 1e-9 and np.linalg.norm(found) == pytest.approx(1)
    rng = np.random.default_rng(1)
    angle, turn = 30 * np.sqrt(rng.random(3000)), rng.random(3000) * 2 * np.pi
    others = at_offset(angle * np.cos(turn), angle * np.sin(turn))
    assert gain(dirs, [found], GRID, noise=0.001)[0] >= 0.97 * gain(dirs, others, GRID, noise=0.001).max()


def test_best_goes_to_the_side_that_is_missing():
    """Nods and a lean to the right are there: the left is missing, where B0 has x > 0."""
    dirs = direction_of([0, 25, -20, 0], [0, 0, 0, -18])
    cubic = KGrid((9, 9, 9))
    found = plan(dirs, cubic, max_tilt=35).next_tilts[0]
    assert "lean to the left" in found.words and found.b0_dir[0] > 0.3
    mirrored = plan(dirs * [-1, 1, 1], cubic, max_tilt=35).next_tilts[0]
    assert "lean to the right" in mirrored.words


def test_one_movement_before_two_and_the_easier_first():
    """From a straight head all azimuths are nearly alike, and so are the last two degrees."""
    assert plan(STRAIGHT, KGrid((9, 9, 9)), max_tilt=30).next_tilts[0].words == "28° nod forward (chin to chest)"


def test_sequence_is_greedy_and_adds_up():
    found = plan(STRAIGHT, GRID, max_tilt=35, steps=5)
    known = [found.worth.known, *(t.worth.known for t in found.next_tilts)]
    assert all(b > a for a, b in itertools.pairwise(known))
    assert sum(t.gain for t in found.next_tilts) == pytest.approx(known[-1] - known[0])
    assert [t.worth.rank for t in found.next_tilts] == [2, 3, 4, 5, 6]
    again = plan([*found.worth.b0_dirs, found.next_tilts[0].b0_dir], GRID, max_tilt=35)
    np.testing.assert_allclose(again.next_tilts[0].b0_dir, found.next_tilts[1].b0_dir)
    assert plan(STRAIGHT, GRID, steps=0).next_tilts == ()


def test_a_wider_range_never_gains_less():
    gains = [plan(direction_of([0, 10], [0, 5]), GRID, max_tilt=t).next_tilts[0].gain for t in (5, 15, 30, 60, 90)]
    assert all(b > 0.98 * a for a, b in itertools.pairwise(gains)) and gains[-1] > 2 * gains[0]


def test_map_has_the_right_on_its_first_axis():
    dirs = direction_of([0, 0], [0, -20])  # leans to the right: B0 went left
    found = gain_map(dirs, KGrid((9, 9, 9)), noise=0.001, max_tilt=30)
    i, j = (int(np.abs(found.offsets - v).argmin()) for v in (21.0, 6.0))
    there = at_offset(found.offsets[i], found.offsets[j])
    assert there[0] > 0 and there[1] > 0
    assert found.gain[i, j] == pytest.approx(gain(dirs, [there], KGrid((9, 9, 9)), noise=0.001)[0])
    left = int(np.abs(found.offsets + 21).argmin())
    assert found.gain[i, len(found.offsets) // 2] > 1.2 * found.gain[left, len(found.offsets) // 2]
    assert found.gain.shape == (len(found.offsets),) * 2 and found.offsets[-1] > 30
    assert len(found.within) < found.gain.size


@pytest.mark.parametrize("given", [{"max_tilt": 0}, {"max_tilt": 91}, {"max_tilt": np.nan}])
def test_bad_ranges_are_refused(given):
    with pytest.raises(InputError, match=r"the largest tilt is \S+ degrees; give more than 0 and at most 90"):
        plan(STRAIGHT, GRID, **given)


def test_too_many_are_refused():
    with pytest.raises(InputError, match="99 further tilts were asked for; ask for 0 to 12"):
        plan(STRAIGHT, GRID, steps=99)
