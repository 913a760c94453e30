"""Replicates in two bytes a number: what they keep of direction and anisotropy, and what they refuse."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.replicates import HEADROOM, LARGEST, VOXEL_BYTES, Keeper, from_volume
from napari_sti.core.tensor_field import TensorField

SHAPE = (7, 5, 6)
AFFINE = np.array([[0, -2.0, 0, 3], [1.5, 0, 0, -4], [0, 0, 2.5, 1], [0, 0, 0, 1]])


def tensor(seed=0, msa=0.03):
    rng = np.random.default_rng(seed)
    v = rng.standard_normal((*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    size = msa * rng.uniform(0.05, 1, SHAPE)[..., None, None]
    chi = frames.from_matrix(size * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3))
    mask = rng.uniform(size=SHAPE) < 0.7
    return TensorField(chi * mask[..., None], AFFINE, mask)


def test_directions_and_anisotropy_are_kept_closely():
    full = tensor()
    keeper = Keeper(full, 2)
    other = tensor(1)
    keeper.add(full, "a")
    keeper.add(TensorField(other.chi, AFFINE, full.mask, frame="voxel").in_frame("ras"), "b")
    kept = keeper.kept()
    assert len(kept) == 2 and kept.labels == ("a", "b") and kept.nbytes == 2 * VOXEL_BYTES * full.mask.sum()
    directions, msa = kept.unpacked(0)
    sine = np.linalg.norm(np.cross(directions.astype(float), full.pev[full.mask].astype(float)), axis=1)
    assert 0 < np.degrees(sine).max() < 0.12
    np.testing.assert_allclose(msa, full.msa[full.mask], atol=2 * kept.slope)
    turned = np.abs(np.einsum("nc,nc->n", kept.unpacked(1)[0], other.pev[full.mask]))
    assert turned[other.msa[full.mask] > 0.002].min() > 0.99999, "in voxel axes, whatever the frame of the run"


def test_nan_and_giants_keep_to_themselves():
    full = tensor()
    keeper = Keeper(full, 1)
    chi = np.array(full.chi)
    first, second = np.argwhere(full.mask)[:2]
    chi[tuple(first)] = np.nan
    chi[tuple(second)] *= 1e4
    keeper.add(TensorField(chi, AFFINE, full.mask), "a")
    directions, msa = keeper.kept().unpacked(0)
    assert not directions[0].any() and msa[0] == 0
    top = HEADROOM * np.percentile(full.msa[full.mask], 99)
    assert msa[1] == pytest.approx(top, rel=1e-3) and abs(directions[1] @ full.pev[tuple(second)]) > 0.9999
    assert np.abs(keeper.kept().vectors).max() <= LARGEST


def test_an_isotropic_result_keeps_nothing():
    isotropic = TensorField(np.full((*SHAPE, 6), (1, 0, 0, 1, 0, 1.0)) * 0.01, AFFINE)
    keeper = Keeper(isotropic, 3)
    keeper.add(isotropic, "a")
    assert keeper.kept() is None


def test_a_volume_and_back_and_a_mend():
    full = tensor()
    keeper = Keeper(full, 2)
    for seed in (0, 1):
        keeper.add(tensor(seed), str(seed))
    kept = keeper.kept()
    volume = kept.volume()
    assert volume.shape == (*SHAPE, 6) and not volume[~full.mask].any()
    back = from_volume(volume, kept.slope, AFFINE, kept.labels)
    np.testing.assert_array_equal(back.volume(), volume)
    mend = np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]])
    turned = kept.mended(mend)
    np.testing.assert_array_equal(turned.vectors[1], np.rint(kept.vectors[1] @ mend.T))
    np.testing.assert_array_equal(turned.mended(mend.T).vectors, kept.vectors)
    with pytest.raises(InputError, match="3 replicates have 9 volumes, and the file has"):
        from_volume(volume, 1.0, AFFINE, ("a", "b", "c"))
