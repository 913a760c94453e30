"""Numbers and overlap of streamlines, counted by hand."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.tracts import Tracts, from_lines
from napari_sti.maps.fibre_field import FibreField
from napari_sti.maps.tract_scores import numbers_of, overlap, share_outside, visits
from napari_sti.maps.tract_seeds import at_most, seeds_around, seeds_everywhere, seeds_in

SHAPE = (11, 7, 5)
PERMUTED = np.array([[0, -2.0, 0, 30], [0, 0, 3.0, -9], [1.5, 0, 0, 4], [0, 0, 0, 1]])


def along(*voxels):
    return np.array(voxels, float) @ PERMUTED[:3, :3].T + PERMUTED[:3, 3]


def test_numbers():
    tracts = from_lines([[(0, 0, 0), (3, 4, 0)], [(0, 0, 0), (0, 0, 1), (0, 0, 3)], [(9, 9, 9)]])
    numbers = numbers_of(tracts)
    assert (numbers.count, numbers.longest, numbers.shortest, numbers.median) == (3, 5, 0, 3)
    assert numbers.total == 8
    none = numbers_of(from_lines([]))
    assert none.count == 0 and np.isnan(none.mean)
    assert len(tracts.chosen([True, False, True])) == 2
    assert np.array_equal(tracts.chosen([1]).points, tracts.line(1))


def test_visits_count_a_streamline_once_in_a_voxel():
    there_and_back = along((1, 2, 2), (6, 2, 2), (1, 2, 2))
    across = along((3, 0, 2), (3, 6, 2))
    count = visits(from_lines([there_and_back, across]), PERMUTED, SHAPE)
    expected = np.zeros(SHAPE, int)
    expected[1:7, 2, 2] += 1
    expected[3, :, 2] += 1
    assert np.array_equal(count, expected)
    outside = from_lines([along((-20, 2, 2), (-15, 2, 2))])
    assert not visits(outside, PERMUTED, SHAPE).any()
    assert share_outside(outside, PERMUTED, SHAPE) == 1 and share_outside(from_lines([]), PERMUTED, SHAPE) == 0


def test_overlap():
    a = from_lines([along((0, 2, 2), (5, 2, 2))])  # 6 voxels
    b = from_lines([along((3, 2, 2), (10, 2, 2))])  # 8 voxels, 3 of them shared
    found = overlap(a, b, PERMUTED, SHAPE)
    assert (found.only_first, found.both, found.only_second) == (3, 3, 5)
    assert found.dice == pytest.approx(6 / 14) and found.weighted_dice == pytest.approx(6 / 14)
    assert found.overlap == pytest.approx(3 / 8) and found.overreach == pytest.approx(3 / 8)
    assert overlap(a, a, PERMUTED, SHAPE).dice == 1
    assert np.isnan(overlap(from_lines([]), from_lines([]), PERMUTED, SHAPE).dice)


def test_broken_sets_are_refused():
    with pytest.raises(InputError, match="where each of them ends"):
        Tracts(np.zeros((4, 3)), np.array([0, 3]))
    with pytest.raises(InputError, match="not finite"):
        from_lines([[(0, 0, np.nan), (1, 1, 1)]])


def test_seeds():
    region = np.zeros(SHAPE, bool)
    region[2, 3, 4] = region[5, 1, 0] = True
    assert np.allclose(seeds_in(region, PERMUTED), along((2, 3, 4), (5, 1, 0)))
    many = seeds_in(region, PERMUTED, per_voxel=20, seed=4)
    index = (many - PERMUTED[:3, 3]) @ np.linalg.inv(PERMUTED[:3, :3]).T
    assert len(many) == 40 and {tuple(i) for i in np.rint(index).astype(int)} == {(2, 3, 4), (5, 1, 0)}
    ball = seeds_around((1, 2, 3), 4.0, 2.0)
    assert (np.linalg.norm(ball - (1, 2, 3), axis=1) <= 4).all() and [1, 2, 3] in ball.tolist() and len(ball) == 33
    for radius, spacing in ((0, 1), (1, 0), (np.nan, 1)):
        with pytest.raises(InputError, match="has no size"):
            seeds_around((0, 0, 0), radius, spacing)
    with pytest.raises(InputError, match="holds too many"):
        seeds_around((0, 0, 0), 100, 0.5)
    field = FibreField(np.zeros((*SHAPE, 3), np.float32), region * np.float32(0.02), region, PERMUTED)
    assert len(seeds_everywhere(field, 0.01)) == 2 and not len(seeds_everywhere(field, 0.03))
    chosen = at_most(ball, 10)
    assert len(chosen) == 10 and np.array_equal(chosen, at_most(ball, 10)) and len(at_most(ball, 99)) == 33
