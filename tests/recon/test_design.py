"""What B0 directions can tell: the rank of their weights, and which head is upright."""

import numpy as np
import pytest

from napari_sti.recon.design import field_weights, least_tilted, rank
from tests.recon.dense import directions


def ring(count: int, degrees: float) -> np.ndarray:
    """Directions on a cone about the third axis."""
    around, tilt = 2 * np.pi * np.arange(count) / count, np.radians(degrees)
    return np.stack([np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.full(count, np.cos(tilt))], -1)


def test_weights_make_the_quadratic_form() -> None:
    h, q = directions(4), np.random.default_rng(1).normal(size=(3, 3))
    q = q + q.T
    six = q[[0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(field_weights(h) @ six, [d @ q @ d for d in h])


@pytest.mark.parametrize(
    ("h", "expected"),
    [
        (directions(1), 1),
        (directions(5), 5),
        (directions(6), 6),
        (directions(9), 6),
        (np.concatenate([directions(5), -directions(5)]), 5),
        (ring(12, 40), 5),
        (np.concatenate([ring(12, 40), [[0, 0, 1.0]]]), 6),
        (ring(12, 90), 3),
        (np.concatenate([ring(5, 5), [[0, 0, 1.0]]]), 6),
        (np.concatenate([ring(5, 0.2), [[0, 0, 1.0]]]), 3),
    ],
)
def test_rank_counts_what_is_told_apart(h: np.ndarray, expected: int) -> None:
    assert rank(h) == expected


def test_the_least_tilted_head_is_upright_in_the_world_whatever_the_storage() -> None:
    h = np.array([[0.6, 0, 0.8], [0, 0, -1.0], [0, 1.0, 0]])
    assert least_tilted(h, np.eye(4)) == 1
    sagittal = np.zeros((4, 4))  # the second axis points to the feet
    sagittal[2, 1], sagittal[0, 0], sagittal[1, 2], sagittal[3, 3] = -2, 1, 1, 1
    assert least_tilted(h, sagittal) == 2
    assert least_tilted([[0, 0, 1.0], [0, 0, -1.0]], np.eye(4)) == 0
