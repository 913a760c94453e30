"""A tensor with its frame: maps, frames, reorders, and immutability."""

import itertools
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField

SHAPE = (4, 3, 5)
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])


def affine_of(order=(0, 1, 2), signs=(1, 1, 1), turn=TURN):
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.eye(3)[:, list(order)] @ np.diag(signs) @ np.diag([1, 1.5, 2.5])
    affine[:3, 3] = (5, -3, 11)
    return affine


def make(**changes):
    rng = np.random.default_rng(0)
    values = dict(
        chi=rng.normal(0, 0.03, (*SHAPE, 6)).astype(np.float32),
        affine=affine_of(),
        mask=rng.random(SHAPE) > 0.3,
        provenance={"method": "test"},
        name="made",
    )
    return TensorField(**{**values, **changes})


def test_holds_what_it_was_given():
    t = make()
    assert t.shape == SHAPE and t.frame == "voxel" and t.order == ("xx", "xy", "xz", "yy", "yz", "zz")
    np.testing.assert_allclose(t.voxel_size, (1, 1.5, 2.5))
    assert t.chi.dtype == np.float32 and t.mask.dtype == bool and t.provenance == {"method": "test"}
    assert make(mask=None).mask.all() and make(frame="LPS").frame == "lps"
    mask = np.zeros(SHAPE)
    mask[0, 0, 0], mask[1, 1, 1] = 7, np.nan
    assert make(mask=mask).mask.sum() == 1


def test_maps_are_those_of_the_matrices():
    t = make()
    values, vectors = np.linalg.eigh(frames.to_matrix(t.chi.astype(float)))
    np.testing.assert_allclose(t.mms[t.mask], values.mean(-1)[t.mask], atol=1e-8)
    np.testing.assert_allclose(t.msa[t.mask], (values[..., 2] - values[..., :2].mean(-1))[t.mask], rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(t.pev * vectors[..., 2], -1))[t.mask], 1, atol=1e-6)
    for array in (t.mms, t.msa, t.pev):
        assert not array[~t.mask].any() and array.dtype == np.float32
    assert t.pev is t.pev  # computed once


def test_numbers_that_are_none_are_kept():
    chi = make().chi.copy()
    chi[0, 0, 0, 2] = np.nan
    t = make(chi=chi, mask=None)
    assert np.isnan(t.chi[0, 0, 0, 2]) and np.isnan(t.msa[0, 0, 0]) and not t.pev[0, 0, 0].any()


def test_cannot_be_changed():
    t = make()
    for array in (t.chi, t.mask, t.affine, t.mms, t.msa, t.pev):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        t.chi = 0


@pytest.mark.parametrize("name", ["chi", "mask", "affine"])
def test_does_not_share_with_the_caller(name):
    given = {"chi": np.zeros((*SHAPE, 6), np.float32), "mask": np.ones(SHAPE, bool), "affine": affine_of()}
    t = make(**given)
    before = getattr(t, name).copy()
    given[name][...] = given[name] + 1 if name != "mask" else False  # the caller may still write
    np.testing.assert_array_equal(getattr(t, name), before)
    source = {"method": "test"}
    made = make(provenance=source)
    source["method"] = "changed"
    assert made.provenance["method"] == "test"


@pytest.mark.parametrize("frame", frames.FRAMES)
def test_frames_keep_the_direction_in_the_world(frame):
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            t = make(affine=affine_of(order, signs))
            moved = t.in_frame(frame)
            assert moved.frame == frame and moved.name == t.name and moved.provenance == t.provenance
            np.testing.assert_allclose(moved.msa, t.msa, atol=1e-7)
            q = frames.between("voxel", frame, t.affine)
            expected = q @ frames.to_matrix(t.chi.astype(float)) @ q.T
            np.testing.assert_allclose(frames.to_matrix(moved.chi), expected, atol=1e-7)
            np.testing.assert_allclose(moved.in_frame("voxel").chi, t.chi, atol=1e-7)


def test_the_same_frame_is_the_same_object():
    t = make(frame="ras")
    assert t.in_frame("ras") is t
    with pytest.raises(InputError, match="the frame 'world' is not known"):
        t.in_frame("world")


@pytest.mark.parametrize("frame", frames.FRAMES)
def test_reordering_keeps_every_tensor_at_its_place_in_the_world(frame):
    """In all 48 orders: at each voxel the world's tensor is what it was at the same place."""
    t = make(frame=frame)
    world = t.in_frame("ras").chi
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            orientation = np.column_stack([axes, signs]).astype(float)
            moved = t.reordered(orientation)
            assert moved.frame == frame
            indices = np.argwhere(np.ones(moved.shape, bool))
            places = indices @ moved.affine[:3, :3].T + moved.affine[:3, 3]
            back = np.rint((places - t.affine[:3, 3]) @ np.linalg.inv(t.affine[:3, :3]).T).astype(int)
            there = moved.in_frame("ras").chi[tuple(indices.T)]
            np.testing.assert_allclose(there, world[tuple(back.T)], atol=1e-7)
            np.testing.assert_array_equal(moved.mask[tuple(indices.T)], t.mask[tuple(back.T)])


def test_canonical_is_the_nearest_ras_order_and_the_same_from_every_storage():
    base = make(affine=affine_of())
    assert frames.axis_codes(base.affine) == "RAS"
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            moved = base.reordered(np.column_stack([axes, signs]).astype(float)).canonical()
            np.testing.assert_allclose(moved.affine, base.affine, atol=1e-9)
            np.testing.assert_allclose(moved.chi, base.chi, atol=1e-7)
            np.testing.assert_allclose(moved.msa, base.msa, atol=1e-7)


def test_travels_between_processes():
    t = make()
    again = pickle.loads(pickle.dumps(t))
    np.testing.assert_array_equal(again.chi, t.chi)
    assert again.provenance == t.provenance and again.frame == t.frame


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(chi=np.zeros((4, 3, 5, 5))), r"a tensor of shape 4x3x5x5 does not have six components per voxel; give"),
        (dict(chi=np.zeros((4, 3, 6))), r"a tensor of shape 4x3x6 does not have six components"),
        (dict(chi=np.zeros((*SHAPE, 6), complex)), r"the tensor is not made of real numbers; give six real"),
        (dict(mask=np.ones((3, 3, 5))), r"the mask has the shape \(3, 3, 5\) and the tensor \(4, 3, 5\); bring both"),
        (dict(affine=np.eye(3)), r"the affine is not a finite 4x4 matrix"),
        (dict(affine=np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])), r"the affine is sheared"),
        (dict(frame="scanner"), r"the frame 'scanner' is not known"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)
