"""Edges: how many there are, where, and that flips do not move them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.recon.morphology import edge_weights, morphology_of
from tests.recon.dense import measured

SIZE = (0.9, 1.3, 2.1)


def image(shape: tuple[int, int, int] = (11, 13, 9)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    return gaussian_filter(rng.normal(size=shape), 1), (place**2).sum(0) < 0.8


def pairs_inside(mask: np.ndarray) -> np.ndarray:
    inside = np.zeros((3, *mask.shape), bool)
    for axis in range(3):
        moved = np.roll(mask, -1, axis)
        moved.swapaxes(0, axis)[-1] = False
        inside[axis] = mask & moved
    return inside


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_the_share_of_edges_is_as_asked(share: float) -> None:
    chi, mask = image()
    weights = edge_weights(chi, mask, SIZE, share=share)
    inside = pairs_inside(mask)
    # The flattest pair of all is never steeper than the limit, which is its own steepness.
    assert abs((~weights)[inside].mean() - share) <= 1.5 / inside.sum()


def test_edges_are_where_the_image_is_steepest_per_mm() -> None:
    chi, mask = image()
    weights = edge_weights(chi, mask, SIZE, share=0.3, smooth_mm=0)
    inside = pairs_inside(mask)
    steep = np.stack([np.abs(np.roll(chi, -1, a) - chi) / SIZE[a] for a in range(3)])
    assert steep[inside & ~weights].min() > steep[inside & weights].max()


def test_a_step_is_an_edge_and_the_flat_is_not() -> None:
    mask = np.ones((8, 6, 5), bool)
    step = np.zeros(mask.shape)
    step[4:] = 1
    weights = edge_weights(step, mask, SIZE, smooth_mm=0)
    assert not weights[0, 3].any()
    assert weights[0, :3].all()
    assert weights[0, 4:7].all()
    assert weights[1, :, :-1].all()
    assert weights[2, :, :, :-1].all()
    assert edge_weights(np.ones_like(step), mask, SIZE)[0, :-1].all()


def test_pairs_across_the_border_are_edges_and_none_leaves_the_grid() -> None:
    chi, mask = image()
    weights = edge_weights(chi, mask, SIZE, share=0)
    across = np.stack([mask ^ np.roll(mask, -1, axis) for axis in range(3)])
    for axis in range(3):
        last = weights[axis].swapaxes(0, axis)[-1]
        assert not last.any()
        kept = np.arange(mask.shape[axis]) < mask.shape[axis] - 1
        np.testing.assert_array_equal(weights[axis].swapaxes(0, axis)[:-1], ~across[axis].swapaxes(0, axis)[kept])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flips_and_other_orders_of_axes_keep_every_edge(axis: int) -> None:
    chi, mask = image()
    weights = edge_weights(chi, mask, SIZE)
    flipped = edge_weights(np.flip(chi, axis), np.flip(mask, axis), SIZE)
    expected = np.flip(weights, axis + 1).copy()
    # A pair is named after its first voxel, which is the other one now.
    expected[axis] = np.roll(expected[axis], -1, axis)
    np.testing.assert_array_equal(flipped, expected)
    order = [1, 2, 0]
    turned = edge_weights(chi.transpose(order), mask.transpose(order), tuple(SIZE[a] for a in order))
    np.testing.assert_array_equal(turned, weights[order].transpose(0, *(a + 1 for a in order)))


def test_what_lies_outside_the_mask_does_not_matter() -> None:
    chi, mask = image()
    other = np.where(mask, chi, np.nan)
    np.testing.assert_array_equal(edge_weights(chi, mask, SIZE), edge_weights(other, mask, SIZE))
    with pytest.raises(InputError, match="the image whose edges are wanted has NaN or infinite values; set them to 0"):
        edge_weights(np.full_like(chi, np.nan), mask, SIZE)


def test_a_mask_without_pairs_has_no_edges_inside() -> None:
    mask = np.zeros((4, 5, 3), bool)
    assert edge_weights(np.ones(mask.shape), mask, SIZE)[:, :-1, :-1, :-1].all()
    mask[1, 1, 1] = True
    assert edge_weights(np.ones(mask.shape), mask, SIZE).sum() == 3 * 60 - 15 - 12 - 20 - 6


@pytest.mark.parametrize(("count", "expected"), [(1, "edge_qsm"), (2, "edge_qsm"), (3, "cosmos")])
def test_the_best_source_that_there_is_is_taken(count: int, expected: str) -> None:
    given = measured((6, 7, 5), count)
    chi, name = morphology_of(given)
    assert name == expected
    assert chi.shape == given.shape
    assert chi.any()
    assert not chi[~given.mask].any()
    qsm = np.random.default_rng(0).normal(size=given.shape).astype(np.float32)
    found, name = morphology_of(replace(given, qsm=qsm))
    assert name == "qsm"
    np.testing.assert_array_equal(found, np.where(given.mask, qsm, 0))
    assert morphology_of(given, "tkd")[1] == "tkd"


def test_the_same_direction_three_times_is_one() -> None:
    given = measured((6, 7, 5), 3)
    assert morphology_of(replace(given, b0_dirs=[[0, 0, 1.0]] * 3))[1] == "edge_qsm"


def test_sources_that_are_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="the source of edges 'star' is not known; use one of auto, qsm"):
        morphology_of(measured((4, 5, 3), 1), "star")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no susceptibility map \(qsm\); add one"):
        morphology_of(measured((4, 5, 3), 1), "qsm")
    with pytest.raises(InputError, match="needs at least 2 orientations"):
        morphology_of(measured((4, 5, 3), 1), "cosmos")


def test_progress_is_preparation_and_can_be_cancelled() -> None:
    steps: list[Step] = []
    morphology_of(measured((6, 7, 5), 3), progress=steps.append)
    assert {s.iteration for s in steps} == {0}
    assert steps[0].message.startswith("Finding edges: COSMOS")

    def leave(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        morphology_of(measured((6, 7, 5), 3), progress=leave)
