"""The fibre coherence index finds flips and swaps, in made fields and in a real brain."""

import itertools

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.coherence import coherence_index, coherence_table
from tests.shared_data import shared


def brute_force(directions, anisotropy, voxel_size=(1, 1, 1), angle=30.0):
    """The definition, word for word."""
    total = 0.0
    for u in np.ndindex(anisotropy.shape):
        for offset in itertools.product((-1, 0, 1), repeat=3):
            v = tuple(np.add(u, offset))
            if not any(offset) or any(i < 0 or i >= n for i, n in zip(v, anisotropy.shape, strict=True)):
                continue
            if not (anisotropy[u] > 0 and anisotropy[v] > 0):
                continue
            line = np.array(offset) * voxel_size
            line = line / np.linalg.norm(line)
            if all(abs(directions[w] @ line) > np.cos(np.radians(angle)) for w in (u, v)):
                total += anisotropy[u] + anisotropy[v]
    return total


def random_field(shape, seed=0):
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((*shape, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions, rng.uniform(0.1, 1, shape)


@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (1, 1.5, 3)])
@pytest.mark.parametrize("angle", [20.0, 30.0, 50.0])
def test_is_the_published_definition(voxel_size, angle):
    directions, anisotropy = random_field((5, 4, 6))
    anisotropy[anisotropy < 0.3] = 0
    index = coherence_index(directions, anisotropy, voxel_size=voxel_size, angle=angle)
    assert index == pytest.approx(brute_force(directions, anisotropy, voxel_size, angle), rel=1e-5)


def test_length_sign_and_background_do_not_matter():
    directions, anisotropy = random_field((6, 5, 4), seed=1)
    index = coherence_index(directions, anisotropy)
    flips = np.random.default_rng(2).choice([-2.0, 0.5], anisotropy.shape)[..., None]
    padding = ((2, 1), (0, 3), (1, 1))
    padded = np.pad(directions * flips, (*padding, (0, 0)), constant_values=np.nan)
    assert coherence_index(padded, np.pad(anisotropy, padding)) == pytest.approx(index, rel=1e-6)
    assert coherence_index(padded, np.pad(anisotropy, padding, constant_values=1)) == pytest.approx(index, rel=1e-6)


def test_the_threshold_leaves_voxels_out():
    directions, anisotropy = random_field((6, 5, 7), seed=3)
    kept = np.where(anisotropy > 0.5, anisotropy, 0)
    assert coherence_index(directions, anisotropy, threshold=0.5) == coherence_index(directions, kept)


def helix(shape=(25, 21, 23)):
    """A thin bundle that winds around a tilted axis: no flip or swap of the axes leaves its directions as they are."""
    turn = np.linspace(0, 4 * np.pi, 4000)
    along, first, second = np.linalg.qr(np.array([[1, 0.2, 0.1], [0.5, 1, 0.3], [0.3, 0.1, 1]]))[0].T
    middle = (np.array(shape) - 1) / 2
    path = middle + 6 * (np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second)
    path += ((turn / (4 * np.pi) - 0.5) * 12)[:, None] * along
    directions, anisotropy = np.zeros((*shape, 3)), np.zeros(shape)
    voxels = tuple(np.rint(path).astype(int).T)
    tangent = np.gradient(path, axis=0)
    directions[voxels] = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
    anisotropy[voxels] = 1
    return directions, anisotropy


def test_the_table_holds_every_flip_and_swap_once():
    table = coherence_table(*helix())
    np.testing.assert_array_equal(table.transforms[0], np.eye(3))
    both = {tuple(t.ravel()) for t in table.transforms} | {tuple((-t).ravel()) for t in table.transforms}
    assert len(both) == 48
    for transform in table.transforms:
        np.testing.assert_array_equal(transform @ transform.T, np.eye(3))


def test_the_table_is_the_index_after_each_transform():
    directions, anisotropy = random_field((5, 6, 4), seed=4)
    table = coherence_table(directions, anisotropy, voxel_size=(1, 2, 1.5), angle=40)
    for transform, index in zip(table.transforms, table.index, strict=True):
        turned = frames.rotate_vectors(directions, transform)
        assert index == pytest.approx(coherence_index(turned, anisotropy, voxel_size=(1, 2, 1.5), angle=40), rel=1e-6)


def test_finds_how_to_mend_any_flip_or_swap():
    directions, anisotropy = helix()
    table = coherence_table(directions, anisotropy)
    assert table.as_stored_is_best and table.relative[0] == 1 and np.sort(table.relative)[-2] < 0.95
    for transform in table.transforms[1:]:
        wrong = coherence_table(frames.rotate_vectors(directions, transform), anisotropy)
        assert not wrong.as_stored_is_best
        mended = wrong.best @ transform
        assert np.allclose(mended, np.eye(3)) or np.allclose(mended, -np.eye(3))


def test_bad_input_is_named():
    directions, anisotropy = random_field((4, 4, 4))
    with pytest.raises(InputError, match="on one grid"):
        coherence_index(directions, anisotropy[1:])
    with pytest.raises(InputError, match="no anisotropic voxel with a direction; check the mask"):
        coherence_index(directions, 0 * anisotropy)
    with pytest.raises(InputError, match="no anisotropic voxel with a direction"):
        coherence_table(0 * directions, anisotropy)


# ---- a real brain -----------------------------------------------------------------------------------------------

NOISE = 0.3
"""FA up to which a direction of this scan is mostly noise."""


@pytest.fixture(scope="module")
def brain():
    from napari_sti.io.nifti import read_volume

    fa = read_volume(shared("data/dti_brain/FA.nii.gz"))
    v1 = read_volume(shared("data/dti_brain/V1.nii.gz"), dims=4, what="directions")
    directions = frames.rotate_vectors(v1.data, frames.between("fsl", "voxel", v1.affine))
    return np.asarray(fa.data, np.float32), np.asarray(directions, np.float32), fa.affine


def test_a_real_brain_read_by_us_fits_best_as_it_is(brain):
    fa, directions, affine = brain
    table = coherence_table(directions, fa, voxel_size=frames.voxel_size(affine), threshold=NOISE)
    assert table.as_stored_is_best
    assert np.sort(table.relative)[-2] <= 0.85


def test_reordering_a_real_brain_keeps_its_coherence(brain):
    """Through the tensor: reorder the axes, take its principal directions, and they still run along the bundles."""
    fa, directions, affine = brain
    box = tuple(slice(n // 4, 3 * n // 4 + 1) for n in fa.shape)
    fa, directions = fa[box], directions[box]
    chi = frames.from_matrix(fa[..., None, None] * directions[..., :, None] * directions[..., None, :])
    tensor = TensorField(chi, affine, mask=fa > NOISE)
    stored = coherence_index(directions, fa, threshold=NOISE)
    assert coherence_index(tensor.pev, tensor.msa, threshold=NOISE) == pytest.approx(stored, rel=1e-4)
    assert frames.axis_codes(tensor.canonical().affine) == "RAS"
    orders = [
        np.column_stack([order, signs])
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]
    for moved in [tensor.canonical(), *(tensor.reordered(np.array(order, float)) for order in orders[::7])]:
        assert coherence_index(moved.pev, moved.msa, threshold=NOISE) == pytest.approx(stored, rel=1e-4)
