"""Small studies and volumes on awkward grids, for the tests of reading and writing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.load import load
from napari_sti.io.nifti import write_volume
from napari_sti.io.study import Orientation, Study

SHAPE = (7, 9, 6)
SIZE = (1.5, 0.9, 2.0)


def rotation(degrees=(20.0, -10.0, 35.0)):
    x, y, z = np.radians(degrees)
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    return (
        np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    )


def grid(*, oblique=False):
    affine = np.eye(4)
    affine[:3, :3] = (rotation() if oblique else np.eye(3)) @ np.diag(SIZE)
    affine[:3, 3] = (-11.0, 7.5, 3.25)
    return affine


def ball(shape=SHAPE):
    i, j, k = np.indices(shape)
    centre = [(n - 1) / 2 for n in shape]
    mask = sum(((x - c) / (n / 2)) ** 2 for x, c, n in zip((i, j, k), centre, shape, strict=True)) < 0.9
    mask[0] = False  # no symmetry
    return mask


def acquisition(*, affine=None, n=3, seed=0, **more):
    rng = np.random.default_rng(seed)
    affine = grid() if affine is None else affine
    directions = np.array([[0, 0, 1], [0.3, 0, 1], [-0.1, 0.4, 1], [0.2, -0.2, 1]])[:n]
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    field = rng.normal(0, 0.05, (n, *SHAPE)).astype(np.float32)
    given = {"field": field, "b0_dirs": directions, "mask": ball(), "affine": affine, "b0": 3.0, "frame": "ras"}
    return Acquisition(**{**given, **more})


def tensor(*, affine=None, seed=1, **more):
    rng = np.random.default_rng(seed)
    chi = rng.normal(0, 0.02, (*SHAPE, 6)).astype(np.float32)
    return TensorField(chi, grid() if affine is None else affine, mask=ball(), **more)


def all_orders():
    """The 48 orders of storage as (3, 2) orientations."""
    from itertools import permutations, product

    return [
        np.array(list(zip(order, flips, strict=True)), float)
        for order in permutations(range(3))
        for flips in product((1, -1), repeat=3)
    ]


def stored(volume, affine, orientation):
    """A volume and its affine in another order of storage."""
    shape = volume.shape[:3]
    return frames.reorder_volume(volume, orientation), frames.reorder_affine(affine, orientation, shape)


def write_study_files(folder: Path, *, n=2, affine=None, factor=1.0, **more) -> Study:
    """Write fields and a mask and return the study that names them, in ppm and RAS."""
    affine = grid() if affine is None else affine
    data = acquisition(affine=affine, n=n)
    orientations = []
    for i in range(n):
        path = folder / f"field{i + 1}.nii.gz"
        write_volume(path, data.field[i] * factor, affine)
        world = frames.rotate_vectors(data.b0_dirs[i], frames.between("voxel", "ras", affine))
        orientations.append(Orientation(path, tuple(map(float, world)), "ras", "ppm"))
    write_volume(folder / "mask.nii.gz", data.mask, affine)
    return Study(**{"orientations": tuple(orientations), "mask": folder / "mask.nii.gz", "tesla": 3.0, **more})


def refusal(study):
    """The one sentence with which a study is refused."""
    with pytest.raises(InputError) as error:
        load(study)
    message = str(error.value)
    assert "\n" not in message and message.endswith((".", "?"))
    return message


def change(study, index, **more):
    """A study whose orientation of this number is another one."""
    orientations = list(study.orientations)
    orientations[index] = replace(orientations[index], **more)
    return replace(study, orientations=tuple(orientations))
