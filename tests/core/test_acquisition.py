"""An acquisition is checked when it is made, holds ppm and voxel axes, and never changes."""

import dataclasses

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition, check_directions
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField

SHAPE = (5, 4, 6)
AFFINE = np.array([[-1.2, 0, 0, 4], [0, 0, 2.0, -5], [0, 0.9, 0, 6], [0, 0, 0, 1]])
TILTED = np.array([0, np.sin(0.4), np.cos(0.4)])


def field(n=2, seed=0):
    return np.random.default_rng(seed).normal(0, 0.03, (n, *SHAPE)).astype(np.float32)


def mask():
    m = np.zeros(SHAPE, np.uint8)
    m[1:4, 1:3, 1:5] = 1
    return m


def make(**changes):
    values = dict(field=field(), b0_dirs=[(0, 0, 1), TILTED], mask=mask(), affine=AFFINE)
    return Acquisition(**{**values, **changes})


def tensor(affine=AFFINE, shape=SHAPE):
    return TensorField(np.zeros((*shape, 6)), affine)


# ---- what it holds ----------------------------------------------------------------------------------------------


def test_holds_what_it_was_given():
    a = make(name="mine", b0=7, simulated=True, labels=["up", "tilted"], inputs=[{"role": "mask"}])
    assert (a.shape, a.n_orientations, a.name, a.b0, a.simulated) == (SHAPE, 2, "mine", 7, True)
    assert (a.units, a.frame, a.labels, a.inputs) == ("ppm", "voxel", ("up", "tilted"), ({"role": "mask"},))
    np.testing.assert_allclose(a.voxel_size, (1.2, 0.9, 2.0))
    np.testing.assert_allclose(a.tilts, [0, np.degrees(0.4)])
    assert a.field.dtype == np.float32 and a.mask.dtype == bool and a.b0_dirs.dtype == np.float64
    inside = mask() > 0
    np.testing.assert_array_equal(a.field[:, inside], field()[:, inside])
    assert not a.field[:, ~inside].any() and a.warnings == ()
    assert make().labels == ("orientation 1", "orientation 2")


@pytest.mark.parametrize("frame", frames.FRAMES)
def test_directions_come_to_voxel_axes_from_every_frame(frame):
    dirs = np.array([(0, 0, 1), TILTED])
    given = frames.rotate_vectors(dirs, frames.between("voxel", frame, AFFINE))
    a = make(b0_dirs=given, frame=frame.upper())
    np.testing.assert_allclose(a.b0_dirs, dirs, atol=1e-12)
    assert a.frame == "voxel"


@pytest.mark.parametrize(
    ("units", "per_ppm", "more"),
    [
        ("ppm", 1.0, {}),
        ("Hz", 3 * 42.57747892, dict(b0=3)),
        ("rad", 2 * np.pi * 0.02 * 3 * 42.57747892, dict(b0=3, te=0.02)),
        ("HZ", 7 * 42.57747892, dict(b0=7)),
    ],
)
def test_every_unit_becomes_ppm(units, per_ppm, more):
    a = make(field=field() * per_ppm, units=units, **more)
    np.testing.assert_allclose(a.field, make().field, rtol=1e-5)
    assert a.units == "ppm"


def test_one_volume_is_one_orientation():
    a = make(field=field()[0], b0_dirs=(0, 0, 1))
    assert a.field.shape == (1, *SHAPE) and a.b0_dirs.shape == (1, 3)


def test_whole_numbers_and_other_types_are_numbers():
    hertz = np.random.default_rng(1).integers(-9, 9, (2, *SHAPE)).astype(np.int16)
    a = make(field=hertz, units="Hz", b0=3, mask=mask().astype(float))
    np.testing.assert_allclose(a.field[:, a.mask], (hertz / 127.73243676)[:, a.mask], rtol=1e-6)
    assert make(field=field().astype(">f8")).field.dtype == np.float32


def test_what_lies_outside_the_mask_does_not_matter():
    spoilt = field()
    spoilt[:, mask() == 0] = np.nan
    np.testing.assert_array_equal(make(field=spoilt).field, make().field)
    loose = mask().astype(float)
    loose[0] = np.nan
    np.testing.assert_array_equal(make(mask=loose).mask, make().mask)


def test_images_beside_the_field():
    rng = np.random.default_rng(2)
    r2, qsm = rng.normal(5, 9, SHAPE), rng.normal(0, 0.05, SHAPE)
    a = make(magnitude=rng.random(SHAPE), r2prime=r2, qsm=qsm, wm_mask=mask() * 2, csf_mask=np.zeros(SHAPE))
    assert a.magnitude.shape == (1, *SHAPE) and a.magnitude.dtype == np.float32
    np.testing.assert_allclose(a.r2prime[0], np.where(mask(), np.maximum(r2, 0), 0), rtol=1e-6)
    np.testing.assert_allclose(a.qsm, np.where(mask(), qsm, 0), rtol=1e-6)
    assert a.wm_mask.dtype == bool and a.wm_mask.sum() == mask().sum() and not a.csf_mask.any()


def test_a_study_without_field_maps():
    a = make(field=None, b0_dirs=[(0, 0, 1)], qsm=field()[0])
    assert a.field is None and a.n_orientations == 1


def test_directions_that_are_nearly_unit_are_normalised_with_a_warning():
    a = make(b0_dirs=[(0, 0, 1.01), TILTED])
    np.testing.assert_allclose(np.linalg.norm(a.b0_dirs, axis=1), 1, rtol=1e-12)
    assert a.warnings == ("The B0 direction of orientation 1 has length 1.0100 and was normalised.",)
    assert make(b0_dirs=[(0, 0, 1.00001), TILTED]).warnings == ()
    assert make(warnings=("Mind.",)).warnings == ("Mind.",)


# ---- immutability -----------------------------------------------------------------------------------------------


def full():
    images = dict(magnitude=field(1), r2prime=field(1, 1) + 9, qsm=field(1, 2)[0], wm_mask=mask(), csf_mask=mask())
    return dict(field=field(), b0_dirs=np.array([(0, 0, 1), TILTED]), mask=mask(), affine=AFFINE.copy(), **images)


@pytest.mark.parametrize("name", list(full()))
def test_no_array_can_be_written(name):
    a = make(**full())
    with pytest.raises(ValueError, match="read-only"):
        getattr(a, name)[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(a, name, None)


@pytest.mark.parametrize("dtype", [None, "of the result"])
@pytest.mark.parametrize("name", list(full()))
def test_nothing_is_shared_with_the_caller(name, dtype):
    """Neither later writes of the caller leak in, nor is the caller's array changed or made read-only."""
    given = full()
    if dtype:  # no conversion would be needed, and none may be relied on
        given = {key: np.array(value, dtype=getattr(make(**given), key).dtype) for key, value in given.items()}
    before = {key: value.copy() for key, value in given.items()}
    a = make(**given)
    held = getattr(a, name).copy()
    np.testing.assert_array_equal(given[name], before[name])
    given[name][...] = 0
    np.testing.assert_array_equal(getattr(a, name), held)


def test_a_changed_copy_is_checked_again():
    a = make(units="Hz", b0=3, field=field() * 128)
    smaller = mask()
    smaller[1] = 0
    b = dataclasses.replace(a, mask=smaller, name="smaller")
    np.testing.assert_array_equal(b.field[:, smaller > 0], a.field[:, smaller > 0])
    np.testing.assert_array_equal(b.b0_dirs, a.b0_dirs)
    assert b.name == "smaller" and not b.field[:, 1].any()
    with pytest.raises(InputError, match="the mask is empty"):
        dataclasses.replace(a, mask=np.zeros(SHAPE))


# ---- bad input --------------------------------------------------------------------------------------------------


def spoilt(value, n=1):
    f = field()
    f[n, 2, 2, 2:4] = value
    return f


BAD = {
    "mask of another shape": (
        dict(field=field()[:, 1:]),
        r"the field is 4x4x6 voxels and the mask 5x4x6; bring both to",
    ),
    "one volume of another shape": (dict(field=np.zeros((2, 5, 4))), r"the field is 2x5x4 voxels and the mask 5x4x6"),
    "orientations that differ": (
        dict(field=[field()[0], field()[1, 1:]]),
        r"the volumes of the field differ in shape; bring all to the same grid",
    ),
    "too few dimensions": (
        dict(field=np.zeros((4, 4))),
        r"the field has the shape 4x4; give \(orientations, x, y, z\)",
    ),
    "too many dimensions": (dict(field=field()[None]), r"the field has the shape 1x2x5x4x6; give"),
    "no orientation": (dict(field=field()[:0]), r"the field has the shape 0x5x4x6"),
    "complex": (dict(field=field() * 1j), r"the field is complex; give real values \(for phase data: the unwrapped"),
    "complex magnitude": (dict(magnitude=field()[0] * 1j), r"the magnitude is complex"),
    "RGB": (
        dict(field=np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]), b0_dirs=[(0, 0, 1)]),
        r"the field is not made of numbers \(RGB, perhaps\); give one real value per voxel",
    ),
    "RGB mask": (dict(mask=np.zeros(SHAPE, [("R", "u1")])), r"the mask is not made of numbers"),
    "NaN inside": (
        dict(field=spoilt(np.nan)),
        r"the field of orientation 2 has 2 NaN or infinite values inside the mask; ",
    ),
    "Inf inside": (
        dict(field=spoilt(np.inf, 0)),
        r"the field of orientation 1 has 2 NaN or infinite values inside the mask; ",
    ),
    "all zero": (dict(field=0 * field()), r"the field of orientation 1 is zero everywhere inside the mask; check"),
    "empty mask": (dict(mask=0 * mask()), r"the mask is empty; give a mask that is not zero inside the brain"),
    "mask of NaN": (dict(mask=np.full(SHAPE, np.nan)), r"the mask is empty"),
    "flat mask": (dict(mask=mask()[0]), r"the mask has 2 dimensions instead of 3; give one volume"),
    "mask with volumes": (dict(mask=mask()[..., None]), r"the mask has 4 dimensions instead of 3"),
    "white matter elsewhere": (dict(wm_mask=mask()[1:]), r"the wm mask is 4x4x6 voxels, the mask 5x4x6; bring both"),
    "CSF with volumes": (dict(csf_mask=mask()[None]), r"the csf mask has 4 dimensions instead of 3"),
    "too few directions": (dict(b0_dirs=[(0, 0, 1)]), r"2 field maps but 1 B0 directions; give one direction for each"),
    "too many directions": (dict(b0_dirs=np.eye(3)), r"2 field maps but 3 B0 directions"),
    "two numbers": (dict(b0_dirs=[(0, 1), (1, 0)]), r"the B0 directions have the shape 2x2; give three numbers"),
    "ragged": (dict(b0_dirs=[(0, 0, 1), (0, 1)]), r"the B0 directions are not all vectors of three numbers; give x, y"),
    "words": (dict(b0_dirs=["up", "down"]), r"not all vectors of three numbers"),
    "no direction": (dict(b0_dirs=[]), r"the B0 directions have the shape 0; give three"),
    "zero direction": (
        dict(b0_dirs=[(0, 0, 1), (0, 0, 0)]),
        r"the B0 direction of orientation 2 is zero; give a unit vector",
    ),
    "NaN direction": (dict(b0_dirs=[(0, np.nan, 1), TILTED]), r"the B0 direction of orientation 1 is not finite"),
    "long direction": (
        dict(b0_dirs=[(0, 0, 3), TILTED]),
        r"the B0 direction of orientation 1 has length 3 instead of 1",
    ),
    "unknown frame": (dict(frame="scanner"), r"the frame 'scanner' is not known; use one of voxel, ras, lps, fsl"),
    "unknown unit": (dict(units="T"), r"the unit 'T' of the field is not known; use one of ppm, Hz or rad"),
    "Hz without B0": (dict(units="Hz"), r"a field in Hz needs the field strength; state B0 in tesla"),
    "rad without TE": (dict(units="rad", b0=3), r"a field in radians needs the echo time; state te in seconds"),
    "TE in ms": (
        dict(units="rad", b0=3, te=20),
        r"an echo time of 20 s is implausible and looks like milliseconds; .*0\.02",
    ),
    "B0 in MHz": (dict(b0=123.2), r"B0 of 123\.2 T is implausible; give the field strength in tesla"),
    "Hz read as ppm": (
        dict(field=field() * 3000),
        r"the field of orientation 1 reaches .* ppm when read as ppm, far more",
    ),
    "divided twice": (dict(units="Hz", b0=3, field=field() / 1e5), r"far less than any brain; state the true unit"),
    "scanner units": (
        dict(field=np.random.default_rng(3).integers(0, 4096, (2, *SHAPE)), units="rad", b0=3, te=0.02),
        r"the field of orientation 1 .*arbitrary scanner units",
    ),
    "sheared": (
        dict(affine=AFFINE @ np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])),
        r"the affine is sheared \(two axes .* degrees apart instead of 90\); resample the image",
    ),
    "no affine": (dict(affine=np.eye(3)), r"the affine is not a finite 4x4 matrix; rewrite the header"),
    "labels": (dict(labels=["one"]), r"1 labels for 2 orientations; give one each"),
    "two susceptibility maps": (dict(qsm=field()), r"the qsm has 2 volumes; give one susceptibility map"),
    "NaN in the susceptibility": (dict(qsm=spoilt(np.nan)[1]), r"the qsm has 2 NaN or infinite values inside the mask"),
    "NaN in R2'": (dict(r2prime=spoilt(np.nan)), r"R2' has 2 NaN or infinite values inside the mask"),
    "reference of another shape": (
        dict(reference_tensor=tensor(shape=(5, 4, 5))),
        r"the reference tensor is 5x4x5 voxels, the mask 5x4x6; resample it",
    ),
    "two affines that disagree": (
        dict(reference_tensor=tensor(AFFINE @ np.diag([1, 1, 1.2, 1]))),
        r"the affine of the reference tensor disagrees with that of the study \(by up to 2 mm\); resample it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_mended(name):
    changes, message = BAD[name]
    with pytest.raises(InputError, match=message) as caught:
        make(**changes)
    text = str(caught.value)
    assert "\n" not in text and text.endswith((".", "?")) and "; " in text  # one sentence with its mend


def test_a_reference_on_the_same_grid_up_to_rounding():
    assert make(reference_tensor=tensor(AFFINE.astype(np.float32).astype(float) + 1e-4)).reference_tensor is not None


def test_directions_alone():
    dirs, warnings = check_directions([0, 0, -1])
    assert dirs.tolist() == [[0, 0, -1]] and warnings == ()
    dirs, warnings = check_directions(np.array([(0.0, 0.99, 0.0), (1, 0, 0)], np.float32))
    assert len(warnings) == 1 and dirs.dtype == np.float64
