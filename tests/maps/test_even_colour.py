"""Colours of directions that are equally light, and those with a part left out."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_sti.maps.colour import colour_key, dimmed_colour, pev_colour, window_share
from napari_sti.maps.even_colour import full_even_colour


@pytest.fixture
def directions():
    v = np.random.default_rng(3).normal(size=(500, 3))
    return np.concatenate([np.eye(3), v / np.linalg.norm(v, axis=1, keepdims=True)])


def lightness(rgb):
    return rgb2lab(rgb[None] / 255.0)[0, :, 0]


def test_every_direction_is_equally_light(directions):
    ones = np.ones(len(directions))
    even = lightness(pev_colour(directions, ones, 0, 1, even=True))
    usual = lightness(pev_colour(directions, ones, 0, 1))
    assert np.ptp(even) < 12 < 40 < np.ptp(usual), "up-down is much darker in the usual colours"


def test_even_colours_keep_the_usual_hues(directions):
    red, green, blue = pev_colour(np.eye(3), np.ones(3), 0, 1, even=True).astype(int)
    assert red.argmax() == 0 and green.argmax() == 1 and blue.argmax() == 2
    flipped = pev_colour(-directions, np.ones(len(directions)), 0, 1, even=True)
    np.testing.assert_array_equal(flipped, pev_colour(directions, np.ones(len(directions)), 0, 1, even=True))


def test_brightness_rises_with_the_map_and_nan_is_black():
    v = np.tile([0.6, 0.8, 0.0], (5, 1))
    values = np.array([np.nan, 0.0, 0.3, 0.6, 1.0])
    light = lightness(pev_colour(v, values, 0.0, 1.0, even=True))
    assert light[0] == light[1] == 0 and (np.diff(light[1:]) > 5).all()


@pytest.mark.parametrize("even", [False, True])
def test_a_suppressed_axis_takes_no_part_in_the_colour(even):
    v = np.array([[1.0, 0, 0], [0, 1, 0], [0.6, 0.8, 0]])
    colours = pev_colour(v, np.ones(3), 0, 1, suppress=(True, False, False), even=even).astype(int)
    full = pev_colour(v, np.ones(3), 0, 1, even=even).astype(int)
    assert not colours[0].any()
    np.testing.assert_array_equal(colours[1], full[1])
    assert colours[2].argmax() == 1 and colours[2, 0] < full[2, 0]


def test_share_of_the_window():
    np.testing.assert_allclose(window_share(np.array([-1, 0.0, 0.5, 2, np.nan]), 0, 1), [0, 0, 0.5, 1, 0])
    np.testing.assert_array_equal(window_share(np.array([0.1, 0.3]), 0.2, 0.2), [0, 1])


def test_one_two_and_many_axes_are_painted_alike():
    v = np.random.default_rng(0).normal(size=(4, 3, 2, 3)).astype(np.float32)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    msa = np.random.default_rng(1).uniform(size=(4, 3, 2)).astype(np.float32)
    whole = pev_colour(v, msa, 0, 1)
    np.testing.assert_array_equal(whole.reshape(-1, 3), pev_colour(v.reshape(-1, 3), msa.ravel(), 0, 1))
    np.testing.assert_array_equal(whole[1, 2, 1], pev_colour(v[1, 2, 1], msa[1, 2, 1], 0, 1))


def test_the_key_shows_what_is_painted():
    key = colour_key(np.eye(3), size=41, even=True, suppress=(False, False, True))
    assert key[20, 39, :3].argmax() == 0 and key[1, 20, :3].argmax() == 1
    assert not key[20, 20, :3].any(), "up-down is left out"


def test_a_new_window_of_known_colours_is_that_of_the_directions():
    rng = np.random.default_rng(5)
    v = rng.normal(size=(3, 40, 3)).astype(np.float32)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    v[0, 0], v[0, 1], v[0, 2] = 0, np.nan, (0, 0, 1)
    values = rng.uniform(0, 0.05, (3, 40)).astype(np.float32)
    values[1, 0] = np.nan
    for window in ((0.0, 0.04), (0.01, 0.03), (0.02, 0.02)):
        wanted = pev_colour(v, values, *window, even=True)
        np.testing.assert_array_equal(dimmed_colour(full_even_colour(v), values, *window), wanted)
