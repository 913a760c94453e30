"""The canonical grid: the same numbers whatever the storage order, and everything comes back to its place."""

import itertools

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.canonical import CanonicalGrid

SHAPE = (5, 6, 4)


def ras_study() -> Acquisition:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(np.eye(3) + 0.15 * rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.diag(turn))
    affine = np.eye(4)
    affine[:3, :3] = turn * [1.0, 1.3, 2.0]
    affine[:3, 3] = [-7, 3, 11]
    h = rng.normal(size=(2, 3))
    mask = rng.random(SHAPE) < 0.6
    field = rng.normal(0, 0.01, (2, *SHAPE))
    return Acquisition(field, h / np.linalg.norm(h, axis=1, keepdims=True), mask, affine)


def stored(study: Acquisition, order: tuple[int, ...], flips: tuple[int, ...]) -> Acquisition:
    """The same study in another storage order."""
    move = np.array([order, flips], float).T
    assert study.field is not None
    return Acquisition(
        frames.reorder_volume(study.field, move, first_axis=1),
        frames.rotate_vectors(study.b0_dirs, frames.reordering_matrix(move)),
        frames.reorder_volume(study.mask, move),
        frames.reorder_affine(study.affine, move, study.shape),
    )


ORDERS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_every_storage_order_gives_the_same_grid(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    study = ras_study()
    expected, found = CanonicalGrid(study), CanonicalGrid(stored(study, order, flips))
    assert found.shape == expected.shape == SHAPE
    np.testing.assert_allclose(found.voxel_size, expected.voxel_size)
    np.testing.assert_allclose(found.b0_dirs, expected.b0_dirs, atol=1e-12)
    np.testing.assert_array_equal(found.mask, expected.mask)


@pytest.mark.parametrize(("order", "flips"), ORDERS[::5])
def test_fields_and_tensors_go_there_and_back(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    first = ras_study()
    study = stored(first, order, flips)
    grid = CanonicalGrid(study, lambda shape: (shape[0] + 3, shape[1], shape[2] + 2))
    assert grid.shape == (8, 6, 6)
    assert study.field is not None
    assert first.field is not None
    placed = grid.place_volumes(study.field)
    np.testing.assert_array_equal(placed[:, :5, :, :4], first.field)
    assert not placed[:, 5:].any()
    assert not placed[..., 4:].any()
    assert not grid.mask[5:].any()
    chi = np.random.default_rng(1).normal(size=(*study.shape, 6)).astype(np.float32)
    there = grid.place_tensor(chi)
    # The tensor field knows by itself how its components turn with the axes.
    expected = TensorField(chi, study.affine).canonical().chi
    np.testing.assert_allclose(np.moveaxis(there[:, :5, :, :4], 0, -1), expected, atol=1e-6)
    np.testing.assert_array_equal(grid.take_tensor(there), chi * study.mask[..., None])
