"""The numpy form of the forward operator against the operator itself."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.predicted_field import field_along, field_tensor

SHAPES = [(8, 9, 7), (7, 6, 8), (8, 6, 4), (1, 5, 6), (9, 2, 3)]
"""Odd, even and thin: Nyquist planes along none, some and all axes."""


def some(shape, seed=0, n=5):
    rng = np.random.default_rng(seed)
    dirs = rng.normal(size=(n, 3))
    chi = rng.normal(0, 0.02, (*shape, 6)).astype(np.float32)
    return chi, np.diag([1.0, 2.0, 3.0, 1.0]), dirs / np.linalg.norm(dirs, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_fields_as_the_operator(shape):
    from napari_sti.recon.forward import simulate_field

    chi, affine, dirs = some(shape)
    expected = simulate_field(chi, affine, dirs)
    found = np.moveaxis(field_along(field_tensor(chi, affine), dirs), -1, 0)
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_one_direction_or_many_and_either_sign():
    chi, affine, dirs = some((5, 4, 6))
    form = field_tensor(chi, affine)
    many = field_along(form[2, 1, 3], dirs)
    assert many.shape == (5,)
    np.testing.assert_allclose([field_along(form[2, 1, 3], -d[None])[0] for d in dirs], many)


def test_the_field_turns_with_the_axes():
    chi, affine, dirs = some((7, 5, 3))  # odd: on Nyquist planes the sign of a product is a convention
    turn = np.array([[0, 1.0, 0], [-1, 0, 0], [0, 0, 1]])
    moved = frames.rotate_tensors(np.ascontiguousarray(chi.transpose(1, 0, 2, 3)[:, ::-1]), turn)
    there = field_along(field_tensor(moved, np.diag([2.0, 1.0, 3.0, 1.0])), dirs @ turn.T)
    here = field_along(field_tensor(chi, affine), dirs)
    np.testing.assert_allclose(there[:, ::-1].transpose(1, 0, 2, 3), here, atol=1e-7)


def test_an_isotropic_ball_is_seen_from_outside_as_a_dipole():
    """Inside of a homogeneous ball the field is 0 (Lorentz); above it positive, beside it half as much, negative."""
    n = 41
    grid = np.stack(np.meshgrid(*[np.arange(n) - n // 2] * 3, indexing="ij"))
    ball = (np.linalg.norm(grid, axis=0) < 4.5).astype(np.float32)
    chi = np.zeros((n, n, n, 6), np.float32)
    chi[..., [0, 3, 5]] = ball[..., None]
    field = field_along(field_tensor(chi, np.eye(4)), [[0, 0, 1]])[..., 0]
    middle = n // 2
    expected = ball.sum() / (4 * np.pi) * 2 / 9**3
    assert field[middle, middle, middle + 9] == pytest.approx(expected, rel=0.1)
    assert field[middle + 9, middle, middle] == pytest.approx(-expected / 2, rel=0.15)
    assert abs(field[middle, middle, middle]) < 0.02


def test_what_is_no_number_counts_as_nothing():
    chi, affine, dirs = some((5, 4, 6))
    chi[1, 2, 3, 0], chi[0, 0, 0, 4] = np.nan, np.inf
    clean = np.where(np.isfinite(chi), chi, np.float32(0))
    np.testing.assert_array_equal(field_tensor(chi, affine), field_tensor(clean, affine))
    assert np.isfinite(field_along(field_tensor(chi, affine), dirs)).all()


def test_five_components_are_refused():
    with pytest.raises(InputError, match="does not have six components per voxel; give"):
        field_tensor(np.zeros((3, 3, 3, 5)), np.eye(4))
