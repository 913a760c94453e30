"""Pairs of values are counted where they are, and brushed voxels are those that were counted."""

import numpy as np
import pytest

from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.maps.joint_histogram import brushed, joint_histogram

SHAPE = (5, 4, 6)
RNG = np.random.default_rng(0)


def field() -> SeparatedField:
    mask = RNG.random(SHAPE) < 0.7
    pos, neg = (RNG.random(SHAPE).astype(np.float32) * top for top in (0.1, 0.05))
    return SeparatedField(pos, -neg, np.diag([1.0, 2, 3, 1]), relaxation(114), mask)


def test_counts_every_voxel_of_the_mask_once() -> None:
    found = field()
    histogram = joint_histogram(found, bins=10, limits=(0.08, 0.05))
    assert histogram.counts.sum() == histogram.voxels == found.mask.sum()
    one = np.argwhere(found.mask & (found.chi_pos < 0.08))[0]
    i = int(found.chi_pos[tuple(one)] / 0.008)
    j = int(found.chi_neg_magnitude[tuple(one)] / 0.005)
    assert histogram.counts[i, j] >= 1 and histogram.pos_edges[-1] == pytest.approx(0.08)


@pytest.mark.parametrize("bins", [3, 10])
def test_a_brush_takes_what_its_bins_count(bins: int) -> None:
    found = field()
    histogram = joint_histogram(found, bins=bins, limits=(0.08, 0.03))
    for i in (0, 1, bins - 1):
        for j in (0, bins - 1):
            pos, neg = histogram.pos_edges[i : i + 2], histogram.neg_edges[j : j + 2]
            chosen = brushed(found, tuple(pos), tuple(neg), shown=histogram)
            assert chosen.sum() == histogram.counts[i, j] and not (chosen & ~found.mask).any()
    everything = brushed(found, (0, 0.08), (0, 0.03), shown=histogram)
    assert everything.sum() == found.mask.sum(), "what lies beyond the axes is in their last bins"
    assert brushed(found, (0, 0.08), (0, 0.03)).sum() < found.mask.sum()


def test_nothing_in_the_mask_is_no_fault() -> None:
    zeros = np.zeros(SHAPE, np.float32)
    found = SeparatedField(zeros, zeros, np.eye(4), relaxation(114), np.zeros(SHAPE, bool))
    histogram = joint_histogram(found)
    assert histogram.counts.sum() == 0 and histogram.pos_edges[-1] > 0
