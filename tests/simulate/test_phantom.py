"""Two grids of one brain: voxels average what lies in them, and nothing moves."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.forward import simulate_field
from napari_sti.simulate.landmarks import LANDMARKS
from napari_sti.simulate.phantom import block_mean, make_phantom, repeated, sample_phantom, scan
from napari_sti.simulate.tilts import b0_directions

SIZE = (8.0, 7.0, 9.0)


@pytest.fixture(scope="module")
def brain():
    return sample_phantom(SIZE, 2)


def centre_of_mass(volume, affine):
    index = np.argwhere(volume > 0)
    return affine[:3, :3] @ np.average(index, axis=0, weights=volume[volume > 0]) + affine[:3, 3]


def test_both_grids_lie_at_one_place(brain):
    assert brain.truth.voxel_size == pytest.approx(SIZE)
    assert brain.source.voxel_size == pytest.approx([s / 2 for s in SIZE])
    coarse = centre_of_mass(brain.mask.astype(float), brain.truth.affine)
    fine = centre_of_mass(np.asarray(brain.source.mask, float), brain.source.affine)
    np.testing.assert_allclose(coarse, fine, atol=0.3)
    inside = brain.truth.chi[brain.mask].mean(0)
    blocks = repeated(brain.mask, 2)
    np.testing.assert_allclose(inside, brain.source.chi[blocks].mean(0), atol=1e-7)
    assert not brain.source.chi[~blocks].any() and not brain.truth.chi[~brain.mask].any()


def test_fibres_are_those_of_the_brain(brain):
    ras = brain.truth.in_frame("ras")
    landmark = LANDMARKS["corpus callosum, body"]
    index = tuple(np.round(np.linalg.inv(ras.affine) @ [*landmark.position, 1])[:3].astype(int))
    assert np.argmax(np.abs(ras.pev[index])) == 0
    assert brain.truth.provenance["simulated"] is True


def test_the_field_is_the_average_of_the_finer_one(brain):
    dirs = b0_directions(3, max_tilt=40)
    study = scan(brain, dirs, snr=120, seed=0)
    turned = frames.rotate_vectors(dirs, frames.between("ras", "voxel", study.affine))
    np.testing.assert_allclose(study.b0_dirs, turned, atol=1e-6)
    fine = simulate_field(brain.source.chi, brain.source.affine, turned)
    x, y, z = np.argwhere(brain.mask)[1000]
    cube = fine[1, 2 * x : 2 * x + 2, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2]
    assert study.field[1, x, y, z] == pytest.approx(cube.mean(), abs=1e-6)
    assert study.simulated and not study.field[:, ~brain.mask].any()
    assert study.wm_mask.any() and study.csf_mask.any() and not (study.wm_mask & study.csf_mask).any()
    # Not what the formula gives on the grid of the study: that would be the inverse crime.
    crime = simulate_field(brain.truth.chi, study.affine, study.b0_dirs, study.mask)
    differ = np.linalg.norm((crime - study.field)[:, brain.mask]) / np.linalg.norm(study.field[:, brain.mask])
    assert 0.03 < differ < 0.5


def test_noise_is_as_asked_for_and_belongs_to_the_seed(brain):
    dirs = b0_directions(2, max_tilt=30)
    clean, a, b = (scan(brain, dirs, snr=snr, seed=seed).field for snr, seed in ((120, 0), (20, 0), (20, 1)))
    inside = np.broadcast_to(brain.mask, a.shape)
    for noisy in (a, b):
        snr = 10 * np.log10(np.mean(clean[inside] ** 2) / np.mean((noisy - clean)[inside] ** 2))
        assert snr == pytest.approx(20, abs=0.3)
    assert not np.array_equal(a, b)


def test_one_grid_is_its_own_source():
    phantom = sample_phantom((10.0, 10.0, 10.0), 1)
    assert phantom.source is phantom.truth and phantom.factor == 1


def test_an_oblique_tensor_keeps_its_place():
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (10, -20, 15), degrees=True).as_matrix() * (-1, 2, 1.5)
    affine[:3, 3] = (5, -7, 9)
    rng = np.random.default_rng(0)
    mask = np.zeros((6, 12, 9), bool)
    mask[:3, 6:, 3:6] = True
    source = TensorField(rng.normal(size=(*mask.shape, 6)) * mask[..., None], affine, mask)
    phantom = make_phantom(source, 3, mask, np.zeros_like(mask), mask)
    assert phantom.mask.sum() == 2 and phantom.wm_mask.sum() == 2 and not phantom.csf_mask.any()
    np.testing.assert_allclose(phantom.truth.chi[0, 2, 1], source.chi[:3, 6:9, 3:6].mean((0, 1, 2)), atol=1e-6)
    middle = phantom.truth.affine @ [0, 2, 1, 1]
    np.testing.assert_allclose(middle, affine @ [1, 7, 4, 1])


def test_blocks_have_to_fit():
    np.testing.assert_allclose(block_mean(np.arange(16.0).reshape(2, 2, 4), 2)[0, 0], [6.5, 8.5])
    with pytest.raises(InputError, match=r"\(3, 4, 4\) voxels cannot be averaged in cubes of 2; pad the volume first"):
        block_mean(np.zeros((3, 4, 4)), 2)
