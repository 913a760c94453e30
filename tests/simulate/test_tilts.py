import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.frames import tilt_degrees
from napari_sti.simulate.tilts import HEAD_TILT_QUANTILES, b0_directions
from tests.shared_data import shared


def tilt_from_rest(dirs):
    return np.degrees(np.arccos(np.clip(dirs[:, 2], -1, 1)))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 8, 12, 20])
@pytest.mark.parametrize("mode", ["spread", "head"])
@pytest.mark.parametrize("max_tilt", [0.0, 10.0, 60.0])
def test_unit_vectors_within_the_largest_tilt(count, mode, max_tilt):
    dirs = b0_directions(count, mode=mode, max_tilt=max_tilt, seed=3)
    assert dirs.shape == (count, 3)
    np.testing.assert_allclose(np.linalg.norm(dirs, axis=1), 1, atol=1e-6)
    assert tilt_from_rest(dirs).max() <= max_tilt + 0.05


def test_spread_starts_at_rest_and_reaches_the_largest_tilt():
    dirs = b0_directions(7, max_tilt=60)
    np.testing.assert_array_equal(dirs[0], [0, 0, 1])
    np.testing.assert_allclose(tilt_degrees(dirs)[1:], 60, atol=1e-4)
    apart = np.degrees(np.arccos(np.clip(np.abs(dirs @ dirs.T), 0, 1)))[np.triu_indices(7, 1)]
    assert apart.min() > 50


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 9, 20])
def test_spread_directions_differ_from_each_other(count):
    dirs = b0_directions(count, max_tilt=40)
    apart = np.degrees(np.arccos(np.clip(np.abs(dirs @ dirs.T), 0, 1)))[np.triu_indices(count, 1)]
    assert apart.min() > 10


@pytest.mark.parametrize("count", [6, 7, 12])
def test_spread_directions_determine_the_tensor(count):
    """The six products of each direction are independent where six directions are well spread."""
    x, y, z = b0_directions(count, max_tilt=60).T
    products = np.stack([x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z], -1)
    assert np.linalg.cond(products) < 50


def test_head_tilts_are_distributed_like_the_stated_real_ones():
    tilts = np.concatenate([tilt_from_rest(b0_directions(20, mode="head", seed=s)) for s in range(100)])
    for probability, degrees in HEAD_TILT_QUANTILES[1:-1]:
        assert np.quantile(tilts, probability) == pytest.approx(degrees, abs=1)
    assert 30 < tilts.max() <= 37


def test_heads_nod_more_than_they_lean_and_begin_at_rest():
    dirs = np.stack([b0_directions(7, mode="head", seed=s) for s in range(100)])
    lean, nod, _ = np.sqrt((dirs**2).mean((0, 1)))
    assert 1.3 < nod / lean < 2.5
    for session in dirs:
        assert np.argmin(tilt_from_rest(session)) == 0


def test_head_tilts_are_like_the_real_directions_at_hand():
    real = np.stack([np.loadtxt(f).ravel() for f in sorted(shared("data/b0_dirs").glob("*.txt"))])
    ours = np.concatenate([b0_directions(20, mode="head", seed=s) for s in range(50)])
    for probability in (0.5, 0.9):
        expected = np.quantile(tilt_from_rest(real), probability)
        assert np.quantile(tilt_from_rest(ours), probability) == pytest.approx(expected, abs=2)
    assert np.sqrt((real**2).mean(0))[1] == pytest.approx(np.sqrt((ours**2).mean(0))[1], rel=0.25)


def test_the_seed_decides():
    again = [b0_directions(7, mode="head", seed=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(again[0], again[1])
    assert not np.allclose(again[0], again[2])


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="'sideways' are not known; use one of head, spread"):
        b0_directions(3, mode="sideways")
