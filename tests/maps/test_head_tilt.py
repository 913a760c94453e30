"""Words of tilts against explicit rotations of a head."""

import numpy as np
import pytest

from napari_sti.maps.head_tilt import direction_of, in_words, nod_and_lean, tilt, upward

B0 = np.array([0.0, 0.0, 1.0])
EYES = {"right": 0, "front": 1, "top": 2}


def turned_head(axis, towards, degrees):
    """Axes of a head (columns: right, front, top, in the scanner) turned so that its top moves `towards`."""
    axis, towards = np.asarray(axis, float), np.asarray(towards, float)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    a = np.radians(degrees)
    rotation = np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross  # Rodrigues
    if rotation[:, 2] @ towards < 0:
        rotation = rotation.T
    assert rotation[:, 2] @ towards == pytest.approx(np.sin(a)), "the top went where it was to go"
    assert np.linalg.det(rotation) == pytest.approx(1)
    return rotation


@pytest.mark.parametrize(
    "axis, towards, words",
    [
        ([0, 1, 0], [1, 0, 0], "20° lean to the right"),
        ([0, 1, 0], [-1, 0, 0], "20° lean to the left"),
        ([1, 0, 0], [0, 1, 0], "20° nod forward (chin to chest)"),
        ([1, 0, 0], [0, -1, 0], "20° nod back (chin up)"),
    ],
)
def test_words_say_where_the_top_of_the_head_goes(axis, towards, words):
    head = turned_head(axis, towards, 20)
    b0_in_head = head.T @ B0  # components of the fixed field along the head's own axes
    assert in_words(b0_in_head) == words


def test_chin_comes_down_in_a_nod_forward():
    """The chin, in front of and below the ears, must move towards the chest: down and back."""
    head = turned_head([1, 0, 0], [0, 1, 0], 20)
    chin = np.array([0, 0.07, -0.09])
    before, after = chin, head @ chin
    assert after[1] < before[1] and after[2] < before[2]
    assert "chin to chest" in in_words(head.T @ B0)


def test_left_ear_comes_down_in_a_lean_to_the_left():
    head = turned_head([0, 1, 0], [-1, 0, 0], 15)
    left_ear = np.array([-0.07, 0, 0])
    assert (head @ left_ear)[2] < 0
    assert in_words(head.T @ B0) == "15° lean to the left"


def test_turning_the_head_changes_nothing():
    head = turned_head([1, 0, 0], [0, 1, 0], 12)
    a = np.radians(35)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])  # about the scanner's z
    np.testing.assert_allclose((turn @ head).T @ B0, head.T @ B0, atol=1e-15)


def test_lean_first_then_nod_about_the_own_ears():
    lean = turned_head([0, 1, 0], [-1, 0, 0], 25)  # to the left
    nod = turned_head([1, 0, 0], [0, 1, 0], 12)  # in the head's own axes, so that it stands to the right
    b0 = (lean @ nod).T @ B0
    np.testing.assert_allclose(nod_and_lean(b0), (12, 25), atol=1e-9)
    np.testing.assert_allclose(direction_of(12, 25), b0, atol=1e-12)
    assert in_words(b0) == "12° nod forward (chin to chest), 25° lean to the left"
    assert float(tilt(b0)) == pytest.approx(np.degrees(np.arccos(np.cos(np.radians(12)) * np.cos(np.radians(25)))))


def test_there_and_back_for_many():
    rng = np.random.default_rng(0)
    d = rng.normal(size=(200, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    np.testing.assert_allclose(direction_of(*nod_and_lean(d)), upward(d), atol=1e-12)
    np.testing.assert_allclose(tilt(d), np.degrees(np.arccos(np.abs(d[:, 2]))), atol=1e-5)


def test_opposite_directions_are_the_same_tilt():
    d = direction_of(-30, 10)
    assert in_words(-d) == in_words(d) == "30° nod back (chin up), 10° lean to the left"
    assert in_words([0, 0, -1]) == in_words([0.001, 0, 1]) == "head straight"
