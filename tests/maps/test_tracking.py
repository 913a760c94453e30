"""Streamlines against circles and lines that are known, in every order of storage, and against dipy's tracker."""

import time

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.fibre_field import FibreField, fibres_of, open_fibres
from napari_sti.maps.tracking import TrackParams, track, track_replicates
from napari_sti.maps.tract_spread import tangent_width
from tests.shared_data import shared

SHAPE = (41, 37, 9)
CENTRE = np.array([20.0, 18.0, 4.0])
BESIDE = CENTRE + np.array((9.0, 0, 0))
"""18 mm from the axis of the ring."""
OBLIQUE = np.array([[1.1, -0.3, 0.2], [0.35, 0.9, -0.25], [-0.1, 0.3, 1.0]])


def affine_of(size=(2.0, 2.0, 3.0)):
    q, _ = np.linalg.qr(OBLIQUE)
    affine = np.eye(4)
    affine[:3, :3] = q * size
    affine[:3, 3] = (7, -11, 3)
    return affine


def ring(size=(2.0, 2.0, 3.0), signs=True):
    """Directions around the third axis, circles in mm, each voxel with a sign of its own."""
    affine = affine_of(size)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1) - CENTRE
    x, y = index[..., 0] * size[0], index[..., 1] * size[1]
    direction = np.stack([-y, x, np.zeros_like(x)], -1)
    length = np.linalg.norm(direction, axis=-1)
    direction = np.where(length[..., None] > 0, direction / np.maximum(length, 1e-9)[..., None], 0)
    if signs:
        direction *= np.random.default_rng(3).choice([-1, 1], SHAPE)[..., None]
    radius = np.hypot(x, y)
    mask = (radius > 8) & (radius < 30)
    anisotropy = np.where(mask, 0.04, 0)
    direction = np.where(mask[..., None], direction, 0)
    return FibreField(direction.astype(np.float32), anisotropy.astype(np.float32), mask, affine)


def stored_otherwise(field, orientation):
    """The same field in another order of storage, as a tensor goes through it."""
    v, a = field.directions, field.anisotropy
    chi = frames.from_matrix(a[..., None, None] * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3))
    return fibres_of(TensorField(chi, field.affine, field.mask).reordered(orientation))


def test_a_circle_is_closed_and_keeps_its_radius():
    field = ring()
    seed = field.world(BESIDE)
    params = TrackParams(floor=0.01, step=0.5, max_length=2 * np.pi * 18)
    found = track(field, seed, params)
    places = (field.voxels(found.points) - CENTRE) * (2, 2, 3)
    assert np.abs(np.hypot(places[:, 0], places[:, 1]) - 18).max() < 0.15
    assert np.abs(places[:, 2]).max() < 1e-3
    assert found.lengths[0] == pytest.approx(2 * np.pi * 18, rel=0.01)
    assert np.linalg.norm(found.points[0] - found.points[-1]) < 1


def test_midpoint_drifts_less_than_euler():
    field = ring()
    seed = field.world(BESIDE)
    away = {}
    for integration in ("euler", "midpoint"):
        params = TrackParams(floor=0.01, step=2.0, max_length=100, integration=integration)
        places = (field.voxels(track(field, seed, params).points) - CENTRE) * (2, 2, 3)
        away[integration] = np.abs(np.hypot(places[:, 0], places[:, 1]) - 18).max()
    assert away["euler"] > 2 and away["midpoint"] < 0.5


@pytest.mark.parametrize(
    "orientation", [[[2, -1], [0, 1], [1, -1]], [[1, 1], [0, 1], [2, -1]], [[0, -1], [1, 1], [2, 1]]]
)
def test_orders_of_storage_and_oblique_affines_make_no_difference(orientation):
    field = ring()
    other = stored_otherwise(field, np.array(orientation, float))
    assert not np.allclose(other.affine, field.affine)
    seeds = field.world(CENTRE + np.array([[6.0, 1, 0], [-7, 3, 2], [0.3, 8.2, -1.4]]))
    params = TrackParams(floor=0.01, max_length=60)
    one, two = track(field, seeds, params), track(other, seeds, params)
    assert len(one) == len(two) == 3
    for i in range(3):
        a, b = one.line(i), two.line(i)
        b = b if np.linalg.norm(a[0] - b[0]) < np.linalg.norm(a[0] - b[-1]) else b[::-1]
        assert len(a) == len(b) and np.abs(a - b).max() < 0.01


def test_directions_of_the_world_are_followed_whatever_the_axes():
    """A tensor given in RAS whose fibres run to the right: streamlines run to the right in mm."""
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[..., 0] = 0.04
    field = fibres_of(TensorField(chi, affine_of(), frame="ras"))
    found = track(field, field.world(CENTRE), TrackParams(min_length=5))
    extent = found.line(0)[-1] - found.line(0)[0]
    assert abs(extent[0]) > 10 and np.abs(extent[1:]).max() < 1e-3


def test_it_is_what_dipys_tracker_finds():
    from dipy.direction.peaks import PeaksAndMetrics
    from dipy.tracking.local_tracking import LocalTracking
    from dipy.tracking.stopping_criterion import ThresholdStoppingCriterion

    field = ring(size=(2.0, 2.0, 2.0))
    seeds = field.world(CENTRE + np.array([[6.0, 1, 0], [-7, 3, 2], [0.3, 8.2, -1.4], [5, 5, 1]]))
    peaks = PeaksAndMetrics()
    # dipy takes directions from a list: here every voxel has one of its own, so that nothing is rounded.
    v = field.directions.astype(np.float64).reshape(-1, 3)
    v[~v.any(1)] = (0, 0, 1)
    peaks.sphere = type("Directions", (), {"vertices": v})()
    peaks.peak_indices = np.arange(len(v)).reshape(*SHAPE, 1)
    peaks.peak_values = field.anisotropy.astype(np.float64)[..., None]
    peaks.peak_dirs = v.reshape(*SHAPE, 1, 3)
    peaks.ang_thr, peaks.qa_thr = 60, 0.0
    stop = ThresholdStoppingCriterion(field.anisotropy.astype(np.float64), 0.02)
    theirs = list(LocalTracking(peaks, stop, seeds, field.affine, step_size=0.5, maxlen=60, max_cross=1))
    params = TrackParams(floor=0.02, step=0.5, integration="euler", max_length=80, min_length=0)
    ours = track(field, seeds, params)
    assert len(theirs) == len(ours) == 4
    for i, line in enumerate(theirs):
        mine = ours.line(i)
        # They may end at other steps; wherever both go, they go the same way.
        distance = np.linalg.norm(np.asarray(line)[:, None] - mine[None], axis=-1).min(axis=1)
        assert np.median(distance) < 0.01 and (distance < 0.05).mean() > 0.6


def literal(field, seeds, step, floor, cosine, most):
    """The same as a Python loop: one streamline after the other, one step after the other."""
    size = frames.voxel_size(field.affine)
    lines = []
    for seed in field.voxels(seeds):
        halves = []
        first = field.directions[tuple(np.rint(seed).astype(int))].astype(float)
        for sign in (1, -1):
            place, heading, line = seed.copy(), sign * first, []
            while len(line) < most:
                low = np.floor(place).astype(int)
                if (low < 0).any() or (low + 1 >= field.shape).any():
                    break
                part, mean, rest = place - low, np.zeros(3), 0.0
                for corner in np.ndindex(2, 2, 2):
                    weight = np.prod([p if c else 1 - p for p, c in zip(part, corner, strict=True)])
                    at = tuple(low + corner)
                    vector = field.directions[at]
                    mean += weight * (vector if vector @ heading > 0 else -vector)
                    rest += weight * field.anisotropy[at]
                length = np.linalg.norm(mean)
                if rest < floor or length < 1e-6 or mean @ heading / length < cosine:
                    break
                heading = mean / length
                line.append(place)
                place = place + step * heading / size
            halves.append(line)
        lines.append(np.array(halves[1][:0:-1] + halves[0]))
    return lines


def test_it_follows_a_literal_loop_and_is_ten_times_faster():
    field = ring()
    rng = np.random.default_rng(0)
    radius = np.hypot(*(2 * (np.argwhere(field.mask) - CENTRE)[:, :2].T))
    inner = np.argwhere(field.mask)[(radius > 12) & (radius < 24)]
    seeds = field.world(inner[rng.choice(len(inner), 3000)])
    params = TrackParams(floor=0.02, step=1.0, angle=60, integration="euler", max_length=40, min_length=0)
    few = 12
    begin = time.process_time()
    slow = literal(field, seeds[:few], 1.0, 0.02, 0.5, 20)
    slow_each = (time.process_time() - begin) / sum(map(len, slow))
    begin = time.process_time()
    fast = track(field, seeds, params)
    fast_each = (time.process_time() - begin) / len(fast.points)
    for seed, line in zip(seeds, slow, strict=False):
        if len(line) < 3:
            continue
        near = [fast.line(i) for i in range(60) if np.linalg.norm(fast.line(i) - seed, axis=1).min() < 1e-3]
        assert near
        mm = field.world(line)
        distance = min(np.linalg.norm(mm[:, None] - one[None], axis=-1).min(1)[2:-2].max(initial=0) for one in near)
        assert distance < 0.02
    assert slow_each > 10 * fast_each, (slow_each, fast_each)


def test_stops_at_floor_angle_mask_and_length():
    field = ring()
    seed = field.world(BESIDE)
    whole = TrackParams(floor=0.01, max_length=100)
    assert track(field, seed, whole).lengths[0] == pytest.approx(100, abs=2)
    assert not len(track(field, seed, TrackParams(floor=0.05)))
    assert not len(track(field, seed, TrackParams(floor=0.01, step=8.0, angle=5)))
    half = np.arange(SHAPE[1])[None, :, None] > CENTRE[1] - 3
    found = track(field, seed, whole, mask=np.broadcast_to(half, SHAPE))
    assert 40 < found.lengths[0] < 90
    assert (field.voxels(found.points)[:, 1] > CENTRE[1] - 3).all()
    assert not len(track(field, seed, TrackParams(floor=0.01, max_length=100, min_length=150)))


def test_nothing_where_there_is_nothing():
    field = ring()
    outside = np.array([[500.0, 500, 500], *field.world(CENTRE[None])])  # far away, and in the hole of the ring
    assert not len(track(field, outside, TrackParams()))
    with pytest.raises(InputError, match="there is no seed"):
        track(field, np.zeros((0, 3)))
    empty = FibreField(field.directions * 0, field.anisotropy * 0, field.mask & False, field.affine, name="empty")
    with pytest.raises(InputError, match="empty holds no direction"):
        track(empty, field.world(CENTRE))


def test_voxels_that_are_not_finite_end_a_streamline():
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[..., 0] = 0.04
    chi[30] = np.nan
    field = fibres_of(TensorField(chi, np.diag([2.0, 2, 3, 1])))
    found = track(field, field.world(CENTRE), TrackParams(min_length=5))
    assert np.isfinite(found.points).all() and field.voxels(found.points)[:, 0].max() < 30


def test_it_can_be_cancelled():
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        track(ring(), ring().world(BESIDE), progress=stop)


def with_spread(degrees):
    field = ring()
    spread = np.full(SHAPE, degrees, np.float32)
    return FibreField(field.directions, field.anisotropy, field.mask, field.affine, spread=spread)


def test_directions_drawn_from_the_spread():
    seed = ring().world(BESIDE)
    drawn = TrackParams(floor=0.01, sampling="spread", per_seed=50, max_length=30, min_length=10)
    with pytest.raises(InputError, match=r"has no spread.*napari-sti trust"):
        track(ring(), seed, drawn)
    one, again = track(with_spread(6.0), seed, drawn), track(with_spread(6.0), seed, drawn)
    assert np.array_equal(one.points, again.points), "the same seed draws the same"
    assert len(one) > 30 and "leave-one-out" in one.provenance["spread"]["what"]
    ends = [
        float(np.std([t.line(i)[-1] for i in range(len(t))], axis=0).max())
        for t in (one, track(with_spread(0.0), seed, drawn))
    ]
    assert ends[0] > 0.3 and ends[1] < 1e-3


@pytest.mark.parametrize("degrees", [1.0, 12.0, 35.0, 54.0])
def test_drawn_directions_have_the_spread_that_was_asked_for(degrees):
    rng = np.random.default_rng(1)
    width = float(tangent_width(np.array([degrees]))[0])
    lean2 = (width**2) * (rng.standard_normal((400_000, 2)) ** 2).sum(1)
    sine2 = lean2 / (1 + lean2)
    assert np.degrees(np.arcsin(np.sqrt(sine2.mean()))) == pytest.approx(degrees, rel=0.01)
    assert tangent_width(np.array([np.nan]))[0] == tangent_width(np.array([90.0]))[0]


def test_replicates_are_followed_one_by_one():
    field, seed = ring(), ring().world(BESIDE)
    found = track_replicates([field, field, field], seed, TrackParams(floor=0.01))
    assert len(found) == 3 and found.provenance["replicates"] == 3
    moved = FibreField(field.directions[1:], field.anisotropy[1:], field.mask[1:], field.affine, name="other")
    with pytest.raises(InputError, match="different grids"):
        track_replicates([field, moved], seed)


def test_a_real_dti_gives_the_corpus_callosum():
    v1, fa = shared("data/dti_brain/V1.nii.gz"), shared("data/dti_brain/FA.nii.gz")
    field, notes = open_fibres(v1, fa=fa, frame="fsl")
    assert notes == () and field.measure == "FA" and field.floor() == 0.2
    inside = np.argwhere((field.anisotropy > 0.75) & (np.abs(field.directions[..., 0]) > 0.95))
    found = track(field, field.world(inside[:: len(inside) // 40]))
    assert len(found) > 20
    ends = np.array([[line[0, 0], line[-1, 0]] for line in found.lines()])
    assert (np.sign(ends[:, 0]) != np.sign(ends[:, 1])).mean() > 0.6, "fibres cross from left to right"
