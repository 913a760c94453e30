"""Colours of directions: axes, brightness, limits, and the key."""

import itertools
import time

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.colour import colour_key, msa_limits, pev_colour, tensor_colour

AXES = np.eye(3, dtype=np.float32)


def test_each_world_axis_has_its_colour_whatever_the_sign():
    for sign in (1, -1):
        painted = pev_colour(sign * AXES, np.full(3, 0.05), 0.0, 0.05)
        assert painted.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]] and painted.dtype == np.uint8


def test_brightness_is_a_clipped_ramp():
    msa = np.array([-1, 0.0, 0.01, 0.02, 0.03, 0.04, 9])
    red = pev_colour(np.tile(AXES[0], (7, 1)), msa, 0.01, 0.03)[:, 0]
    assert red.tolist() == [0, 0, 0, 128, 255, 255, 255]


def test_nothing_is_painted_without_a_number_or_a_direction():
    pev = np.array([[1, 0, 0], [np.nan, 0, 0], [0, 0, 0]], np.float32)
    with np.errstate(all="raise"):
        painted = pev_colour(pev, np.array([np.nan, 0.05, 0.05]), 0.0, 0.05)
    assert not painted.any()


def test_a_ceiling_at_the_floor_is_a_step():
    assert pev_colour(AXES, np.array([0.019, 0.02, 0.021]), 0.02, 0.02).max(-1).tolist() == [0, 0, 255]


@pytest.mark.parametrize("shape", [(), (0,), (5,), (4, 5, 6), (2, 3, 4, 5)])
def test_any_shape_and_order_of_memory(shape):
    rng = np.random.default_rng(0)
    pev, msa = rng.standard_normal((*shape, 3)).astype(np.float32), rng.random(shape).astype(np.float32)
    pev /= np.linalg.norm(pev, axis=-1, keepdims=True)
    painted = pev_colour(pev, msa, 0.1, 0.9)
    expected = np.abs(pev) * np.clip((msa - 0.1) / 0.8, 0, 1)[..., None] * 255
    np.testing.assert_allclose(painted, expected, atol=0.51)
    np.testing.assert_array_equal(pev_colour(np.asfortranarray(pev), np.asfortranarray(msa), 0.1, 0.9), painted)


def test_limits_by_default():
    msa = np.linspace(0, 0.05, 1001)
    pev = np.tile(AXES[2], (1001, 1))
    np.testing.assert_array_equal(pev_colour(pev, msa), pev_colour(pev, msa, *msa_limits(msa)))
    np.testing.assert_array_equal(pev_colour(pev, msa, ceiling=0.02), pev_colour(pev, msa, msa_limits(msa)[0], 0.02))


def test_limits_are_robust_and_short():
    rng = np.random.default_rng(1)
    msa = rng.uniform(0, 0.06, (20, 21, 22))
    msa[0, 0, :5] = [9, np.nan, np.inf, 5, 7]
    mask = np.ones(msa.shape, bool)
    floor, ceiling = msa_limits(msa, mask)
    assert ceiling == pytest.approx(0.059, abs=0.001) and floor == pytest.approx(0.0059, abs=0.0001)
    assert len(f"{ceiling:.15g}") <= 5
    mask[10:] = False
    msa[10:] = 100
    assert msa_limits(msa, mask)[1] == pytest.approx(0.059, abs=0.002)


def test_limits_of_nothing():
    nothing = np.zeros((3, 4, 5))
    assert msa_limits(nothing) == msa_limits(nothing, nothing > 0) == msa_limits(nothing, nothing == 0) == (0.0, 1e-3)
    assert msa_limits(np.full(3, 1e-9)) == pytest.approx((1e-10, 1e-9))


def affines():
    turn = np.radians(35)
    oblique = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            for rotation in (np.eye(3), oblique):
                affine = np.eye(4)
                affine[:3, :3] = rotation @ np.eye(3)[:, list(order)] @ np.diag(signs) @ np.diag([1, 2, 3])
                yield affine


@pytest.mark.parametrize("frame", ["voxel", "ras", "lps", "fsl"])
def test_a_fibre_has_the_colour_of_its_place_in_the_world_in_every_storage_order(frame):
    direction = np.array([0.8, 0.1, 0.59])
    direction /= np.linalg.norm(direction)
    world = frames.from_matrix(0.05 * np.outer(direction, direction))
    expected = np.rint(np.abs(direction) * 255)
    mask = np.ones((2, 1, 2), bool)
    mask[0, 0, 0] = False
    for affine in affines():
        chi = frames.rotate_tensors(world, frames.between("ras", frame, affine))
        tensor = TensorField(np.broadcast_to(chi, (2, 1, 2, 6)), affine, mask=mask, frame=frame)
        painted = tensor_colour(tensor, 0.0, 0.05)
        np.testing.assert_allclose(painted[1, 0, 1], expected, atol=1)
        assert not painted[0, 0, 0].any()
    assert tensor_colour(tensor).any()


def test_fast_enough_to_follow_a_slider():
    rng = np.random.default_rng(2)
    pev = rng.standard_normal((100, 100, 100, 3)).astype(np.float32)
    msa = rng.random((100, 100, 100)).astype(np.float32)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        pev_colour(pev, msa, 0.1, 0.9)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3  # ten times what it takes alone: other work may share the machine


def test_the_key_shows_the_axes_of_the_view():
    # Coronal, radiological: the patient's left on the right of the screen, up is up, the viewer in front.
    key = colour_key([[-1, 0, 0], [0, 0, 1], [0, 1, 0]], size=65)
    assert key.shape == (65, 65, 4) and key.dtype == np.uint8
    np.testing.assert_allclose(key[32, 32], [0, 255, 0, 255], atol=1)  # at the viewer: front-back, green
    np.testing.assert_allclose(key[32, 64, :3], [255, 0, 0], atol=1)  # right rim: left-right, red
    np.testing.assert_allclose(key[0, 32, :3], [0, 0, 255], atol=1)  # top rim: up-down, blue
    assert not key[[0, 0, -1, -1], [0, -1, 0, -1], 3].any()


def test_the_key_is_the_colour_of_its_directions_in_an_oblique_view():
    rng = np.random.default_rng(3)
    axes, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    key = colour_key(axes, size=101)
    for row, column in ((50, 50), (20, 60), (77, 41)):
        right, up = (column - 50) / 50, (50 - row) / 50
        direction = np.array([right, up, np.sqrt(1 - right**2 - up**2)]) @ axes
        np.testing.assert_allclose(key[row, column, :3], np.abs(direction) * 255, atol=1)


def test_the_edge_of_the_key_is_smooth_and_has_no_seam():
    key = colour_key(np.eye(3), size=64)
    edge = key[..., 3]
    partly = (edge > 0) & (edge < 255)
    assert 100 < partly.sum() < 400
    np.testing.assert_allclose(np.linalg.norm(key[partly][:, :3].astype(float), axis=-1), 255, atol=3)
    np.testing.assert_array_equal(edge, edge[::-1, ::-1])
