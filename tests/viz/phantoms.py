"""Small tensors and acquisitions with known content, for the tests of the display."""

import itertools

import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField

SHAPE = (9, 11, 8)
SIZE = (2.0, 1.5, 3.0)


def ras_affine(shape=SHAPE, size=SIZE, centre=(3.0, -18.0, 12.0)):
    """An affine parallel to the world whose volume has its centre at `centre`."""
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = np.array(centre) - np.array(size) * (np.array(shape) - 1) / 2
    return affine


def turned(affine, shape, degrees, axis=0):
    """The same volume turned about its centre: an oblique scan."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    rotation[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    out = np.array(affine)
    middle = (np.array(shape) - 1) / 2
    centre = affine[:3, :3] @ middle + affine[:3, 3]
    out[:3, :3] = rotation @ affine[:3, :3]
    out[:3, 3] = centre - out[:3, :3] @ middle
    return out


def tensor(mms, msa, pev_ras, affine, mask=None, **keywords):
    """Tensor field in voxel axes with the given maps; directions are given in RAS."""
    v = np.asarray(pev_ras, float)
    v = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
    isotropic = np.asarray(mms) - np.asarray(msa) / 3
    matrix = (
        isotropic[..., None, None] * np.eye(3) + np.asarray(msa)[..., None, None] * v[..., :, None] * v[..., None, :]
    )
    return TensorField(frames.from_matrix(matrix), affine, mask=mask, frame="ras", **keywords).in_frame("voxel")


def marked_tensor(affine=None, shape=SHAPE):
    """Different values in every voxel, bundles along the three world axes, an empty corner outside the mask."""
    affine = ras_affine(shape) if affine is None else affine
    rng = np.random.default_rng(3)
    mms = rng.uniform(-0.05, 0.05, shape)
    msa = rng.uniform(0.004, 0.01, shape)
    pev = rng.normal(size=(*shape, 3))
    mask = np.ones(shape, bool)
    mask[:2, :2, :2] = False
    for axis, index in enumerate([(slice(2, 7), 5, 4), (4, slice(3, 9), 2), (6, 8, slice(2, 7))]):
        msa[index], pev[index] = 0.03, np.eye(3)[axis]
    return tensor(mms, msa, pev, affine, mask, name="truth", provenance={"method": "stiimag", "simulated": True})


def all_orders():
    """The 48 orders of storage as orientations (3, 2)."""
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            yield np.array(list(zip(axes, flips, strict=True)), float)


def acquisition(affine=None, shape=SHAPE, *, simulated=True, **keywords):
    """Two orientations, tilted by 30 degrees."""
    rng = np.random.default_rng(5)
    mask = np.zeros(shape, bool)
    mask[1:-1, 1:-1, 1:-1] = True
    field = rng.normal(0, 0.05, (2, *shape))
    dirs = np.array([[0, 0, 1.0], [0, 0.5, np.sqrt(0.75)]])
    affine = ras_affine(shape) if affine is None else affine
    return Acquisition(field, dirs, mask, affine, b0=7.0, frame="ras", name="head", simulated=simulated, **keywords)
