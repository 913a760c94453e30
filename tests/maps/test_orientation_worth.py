"""What orientations are worth: closed forms against dense algebra, and predictions against simulated noise."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.orientation_worth import (
    PRIOR_ANISOTROPY,
    PRIOR_MMS,
    KGrid,
    frequencies,
    kernel,
    kernel_inverse,
    orientation_worth,
    posterior,
    prior_precision,
    rows,
)

SHAPE, SIZE = (8, 9, 6), (1.5, 0.9, 2.2)
UNIT_LENGTH = np.array([1, 2, 2, 1, 2, 1]) ** 0.5


def unit(vectors):
    vectors = np.asarray(vectors, float)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def head_dirs(count=7, seed=4, tilt=0.6):
    rng = np.random.default_rng(seed)
    return unit(np.c_[rng.normal(0, tilt, (count, 2)), np.ones(count)])


def cone(count=8, tilt=30.0):
    turn, a = np.arange(count) * 2 * np.pi / count + 0.3, np.radians(tilt)
    return np.stack([np.sin(a) * np.cos(turn), np.sin(a) * np.sin(turn), np.full(count, np.cos(a))], -1)


def literal_rows(h, n):
    """The six kernels of one orientation at one k, as the papers write them."""
    b = h @ n
    x, y, z = h
    a, c, d = n
    return np.array(
        [
            x * x / 3 - b * a * x,
            2 * x * y / 3 - b * (a * y + c * x),
            2 * x * z / 3 - b * (a * z + d * x),
            y * y / 3 - b * c * y,
            2 * y * z / 3 - b * (c * z + d * y),
            z * z / 3 - b * d * z,
        ]
    )


def literal(dirs, n):
    return np.array([literal_rows(h, n) for h in dirs])


def literal_grid(shape, size):
    """k/|k| (X, Y, Z, 3), and where it counts: not at 0, not on Nyquist planes."""
    axes = [np.fft.fftfreq(n, d) for n, d in zip(shape, size, strict=True)]
    k = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    counts = np.linalg.norm(k, axis=-1) > 0
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            counts[(slice(None),) * axis + (n // 2,)] = False
    return unit(np.where(counts[..., None], k, 1)), counts


# ---- closed forms -----------------------------------------------------------------------------------------------


def test_kernels_are_those_of_the_papers():
    rng = np.random.default_rng(0)
    n, dirs = unit(rng.normal(size=(20, 3))), head_dirs()
    ours = rows(dirs) @ kernel(n) * UNIT_LENGTH
    np.testing.assert_allclose(ours, [literal(dirs, direction) for direction in n], atol=1e-14)


def test_inverse_kernel_is_the_inverse():
    n = unit(np.random.default_rng(1).normal(size=(50, 3)))
    np.testing.assert_allclose(kernel(n) @ kernel_inverse(n), np.broadcast_to(np.eye(6), (50, 6, 6)), atol=1e-13)


def test_condition_numbers_are_those_of_a_dense_svd():
    grid, dirs = KGrid(SHAPE, SIZE), head_dirs()
    n, _ = frequencies(grid)
    dense = [np.linalg.cond(literal(dirs, direction) / UNIT_LENGTH) for direction in n]
    found = orientation_worth(dirs, grid).condition
    np.testing.assert_allclose(found, np.percentile(dense, (50, 90, 100)), rtol=1e-7)
    assert found.median < found.most < found.worst


def test_remaining_covariance_is_that_of_a_dense_inverse():
    dirs, n = head_dirs(3), unit([[1, 2, -3]])
    d = literal(dirs, n[0]) / UNIT_LENGTH
    dense = np.linalg.inv(d.T @ d / 0.002**2 + prior_precision())
    np.testing.assert_allclose(posterior(dirs, n, 0.002)[0], dense, rtol=1e-10)


def test_best_possible_condition_number():
    """The six axes of an icosahedron are as good as the whole sphere: 5.1, the floor for the words in the window."""
    g = (1 + 5**0.5) / 2
    axes = unit([[0, 1, g], [0, 1, -g], [1, g, 0], [1, -g, 0], [g, 0, 1], [-g, 0, 1]])
    np.testing.assert_allclose(orientation_worth(axes).condition, 5.08, atol=0.005)


# ---- the grid of k ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 9, 5), (8, 9, 6), (4, 1, 5), (1, 1, 3)])
def test_small_grids_are_taken_whole(shape):
    n, share = frequencies(KGrid(shape, SIZE))
    directions, counts = literal_grid(shape, SIZE)
    both = np.concatenate([n, -n])
    key = lambda v: sorted(map(tuple, np.round(v, 9) + 0.0))  # noqa: E731
    assert key(both) == key(directions[counts])
    assert share == pytest.approx(counts.sum() / counts.size)


def test_large_grids_are_represented():
    """Thick slices: the noise from 2048 frequencies is that from all, within half a percent."""
    shape, size, dirs = (40, 36, 18), (0.9, 0.9, 3.0), head_dirs()
    n, counts = literal_grid(shape, size)
    inverse = kernel_inverse(n[counts])
    every = (inverse @ np.linalg.inv(rows(dirs).T @ rows(dirs)) @ inverse).sum(axis=0) / counts.size
    worth = orientation_worth(dirs, KGrid(shape, size))
    np.testing.assert_allclose(worth.amplification, np.sqrt(np.diag(every)) / UNIT_LENGTH, rtol=5e-3)
    cubic = orientation_worth(dirs, KGrid(shape, (1, 1, 1)))
    assert not np.allclose(worth.amplification, cubic.amplification, rtol=0.02), "voxel sizes must enter"


# ---- predicted against simulated noise -----------------------------------------------------------------------------


def noise_of_least_squares(dirs, shape, size, repeats, sigma=0.003, seed=5):
    """Tensors (repeats, X, Y, Z, 6) that white noise alone makes, solved literally at every k."""
    n, counts = literal_grid(shape, size)
    inverse = np.zeros((*shape, 6, len(dirs)))
    for place in zip(*np.nonzero(counts), strict=True):
        inverse[place] = np.linalg.pinv(literal(dirs, n[place]))
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(repeats):
        y = rng.normal(0, sigma, (len(dirs), *shape))
        spectra = np.moveaxis(np.fft.fftn(y, axes=(1, 2, 3), norm="ortho"), 0, -1)
        x = np.fft.ifftn((inverse @ spectra[..., None])[..., 0], axes=(0, 1, 2), norm="ortho")
        assert abs(x.imag).max() < 1e-12 * abs(x.real).max() + 1e-12
        out.append(x.real)
    return np.array(out)


@pytest.fixture(scope="module")
def simulated():
    dirs, sigma = head_dirs(7), 0.003
    return dirs, sigma, noise_of_least_squares(dirs, SHAPE, SIZE, 600, sigma)


def test_noise_of_every_component_is_as_predicted(simulated):
    dirs, sigma, chi = simulated
    worth = orientation_worth(dirs, KGrid(SHAPE, SIZE))
    np.testing.assert_allclose(chi.std(axis=(0, 1, 2, 3)) / sigma, worth.amplification, rtol=0.01)
    assert worth.amplification.max() > 1.5 * worth.amplification.min(), "or the test could not tell them apart"


def test_noise_of_mms_is_as_predicted(simulated):
    dirs, sigma, chi = simulated
    mms = chi[..., [0, 3, 5]].mean(axis=-1)
    assert mms.std() / sigma == pytest.approx(orientation_worth(dirs, KGrid(SHAPE, SIZE)).mms_amplification, rel=0.01)


def test_noise_of_msa_and_angle_is_as_predicted(simulated):
    """Noise small against the anisotropy, on fibres in all directions."""
    dirs, sigma, chi = simulated
    factor, msa, mms = 1e-3, 0.015, -0.01
    fibres = unit(np.random.default_rng(6).normal(size=(*chi.shape[:-1], 3)))
    true = msa * fibres[..., :, None] * fibres[..., None, :] + (mms - msa / 3) * np.eye(3)
    values, vectors = np.linalg.eigh(true + frames.to_matrix(chi * factor))
    worth = orientation_worth(dirs, KGrid(SHAPE, SIZE), noise=sigma * factor, msa=msa)
    found = values[..., 2] - (values[..., 0] + values[..., 1]) / 2
    # First order: second-order bias of MSA is far smaller than its spread here.
    assert (found - msa).std() == pytest.approx(worth.msa_amplification * sigma * factor, rel=0.02)
    sine = np.linalg.norm(np.cross(vectors[..., 2], fibres), axis=-1)
    spread = np.degrees(np.sqrt(np.mean(np.arcsin(sine) ** 2)))
    assert spread == pytest.approx(worth.pev_spread, rel=0.02)
    assert 0.01 < worth.pev_spread < 2


@pytest.mark.parametrize("degrees, more", [(10, 1.05), (25, 1.21)])
def test_where_the_angle_of_first_order_ends(degrees, more):
    """What the documentation says of larger angles."""
    dirs, rng = head_dirs(7, tilt=0.9), np.random.default_rng(11)
    small = orientation_worth(dirs)
    worth = orientation_worth(dirs, noise=small.noise * degrees / small.pev_spread)
    noise = worth.noise * rng.multivariate_normal(np.zeros(6), worth.covariance, 20000) / UNIT_LENGTH
    fibres = unit(rng.normal(size=(20000, 3)))
    tensors = worth.msa * fibres[:, :, None] * fibres[:, None, :] + frames.to_matrix(noise)
    cosine = np.abs(np.sum(np.linalg.eigh(tensors)[1][..., 2] * fibres, axis=-1))
    angle = np.degrees(np.sqrt(np.mean(np.arccos(np.clip(cosine, 0, 1)) ** 2)))
    assert angle == pytest.approx(more * degrees, rel=0.05) and worth.pev_spread == pytest.approx(degrees)


def test_prediction_is_met_by_sti_kspace():
    """The method itself, on a grid with even, odd and stretched axes, stored with permuted and flipped axes."""
    from napari_sti.core.acquisition import Acquisition
    from napari_sti.recon.reconstruct import reconstruct

    shape, sigma = (24, 21, 16), 0.002
    affine = np.array([[0, 0, -2.0, 9], [1.1, 0, 0, -7], [0, 1.5, 0, 3], [0, 0, 0, 1]])
    dirs = head_dirs(8)
    field = np.random.default_rng(10).normal(0, sigma, (8, *shape)).astype(np.float32)
    study = Acquisition(field, dirs, np.ones(shape, bool), affine, frame="ras")
    chi = reconstruct(study, "sti_kspace", device="cpu").in_frame("ras").chi
    worth = orientation_worth(dirs, KGrid.from_affine(shape, affine))
    np.testing.assert_allclose(chi.std(axis=(0, 1, 2)) / sigma, worth.amplification, rtol=0.04)
    assert worth.amplification.max() > 1.3 * worth.amplification.min()


def test_remaining_error_is_that_of_the_best_linear_estimate():
    """Few orientations: tensors drawn from the prior, measured with noise, estimated at every k."""
    dirs, sigma = head_dirs(3), 0.002
    rng = np.random.default_rng(7)
    n, _ = frequencies(KGrid(SHAPE, SIZE))
    root = np.linalg.cholesky(np.linalg.inv(prior_precision()))
    error = np.zeros(6)
    for direction in n:
        d = literal(dirs, direction) / UNIT_LENGTH
        x = root @ rng.normal(size=(6, 400))
        y = d @ x + rng.normal(0, sigma, (3, 400))
        estimate = np.linalg.solve(d.T @ d / sigma**2 + prior_precision(), d.T @ y / sigma**2)
        error += np.mean((estimate - x) ** 2, axis=1) / len(n)
    worth = orientation_worth(dirs, KGrid(SHAPE, SIZE), noise=sigma)
    np.testing.assert_allclose(np.diag(worth.remaining), error, rtol=0.03)


def test_prior_has_the_published_spreads():
    prior = np.linalg.inv(prior_precision())
    spread = np.sqrt(np.diag(prior)) / UNIT_LENGTH
    np.testing.assert_allclose(spread, [0.0296, 0.0055, 0.0055, 0.0296, 0.0055, 0.0296], rtol=0.02)
    assert PRIOR_MMS > PRIOR_ANISOTROPY


# ---- degenerate sets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_fewer_than_six_determine_as_many_as_there_are(count):
    worth = orientation_worth(head_dirs(count), KGrid(SHAPE, SIZE))
    assert worth.rank == count == worth.distinct and not worth.determined
    assert np.isnan(worth.amplification).all() and np.isnan(worth.mms_amplification) and np.isnan(worth.pev_spread)
    assert worth.condition == (np.inf, np.inf, np.inf)
    assert 0 < worth.known < count


def test_a_cone_never_determines_the_tensor():
    """However many directions of one tilt there are; one inside the cone mends it."""
    assert orientation_worth(cone(12)).rank == 5
    mended = orientation_worth([*cone(12), [0, 0, 1]])
    assert mended.rank == 6 and np.isfinite(mended.condition.worst)


def test_rank_is_the_same_at_every_k():
    n = unit(np.random.default_rng(8).normal(size=(30, 3)))
    assert {np.linalg.matrix_rank(literal(cone(9), direction), tol=1e-9) for direction in n} == {5}


def test_repeated_directions_add_no_rank_but_less_noise():
    once, twice = head_dirs(7), np.concatenate([head_dirs(7), -head_dirs(7)])
    a, b = orientation_worth(once, KGrid(SHAPE, SIZE)), orientation_worth(twice, KGrid(SHAPE, SIZE))
    assert (b.rank, b.distinct, b.orientations) == (6, 7, 14)
    np.testing.assert_allclose(b.amplification, a.amplification / np.sqrt(2))
    np.testing.assert_allclose(b.condition, a.condition, rtol=1e-6)
    assert orientation_worth(np.repeat(head_dirs(1), 9, 0)).rank == 1


def test_more_is_never_worse():
    dirs = head_dirs(9)
    worths = [orientation_worth(dirs[: n + 1], KGrid(SHAPE, SIZE)) for n in range(9)]
    known = [w.known for w in worths]
    assert all(b > a for a, b in itertools.pairwise(known)) and known[-1] < 6
    assert np.all(worths[8].amplification <= worths[6].amplification)
    assert np.all((worths[2].known_share > 0) & (worths[2].known_share < 1))


# ---- frames -----------------------------------------------------------------------------------------------------


def random_rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


@pytest.mark.parametrize("count", [3, 7])
def test_turning_everything_turns_the_answer(count):
    dirs, q = head_dirs(count), random_rotation(9)
    still = orientation_worth(dirs, KGrid(SHAPE, SIZE))
    turned = orientation_worth(dirs @ q.T, KGrid(SHAPE, SIZE, axes=tuple(map(tuple, q))))
    basis = frames.tensor_rotation(q) * UNIT_LENGTH[:, None] / UNIT_LENGTH  # in coordinates of unit length
    np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(turned.remaining, basis @ still.remaining @ basis.T, rtol=1e-6, atol=1e-12)
    assert turned.known == pytest.approx(still.known)
    np.testing.assert_allclose(turned.condition, still.condition, rtol=1e-6)
    if count == 7:
        np.testing.assert_allclose(turned.covariance, basis @ still.covariance @ basis.T, rtol=1e-6, atol=1e-9)
        assert turned.pev_spread == pytest.approx(still.pev_spread)


def test_storage_order_does_not_matter():
    """The same scan stored in another order of axes, directions in RAS."""
    affine = np.diag([*SIZE, 1.0])
    orientation = np.array([[2, -1], [0, 1], [1, -1.0]])
    other = frames.reorder_affine(affine, orientation, SHAPE)
    shape = (SHAPE[1], SHAPE[2], SHAPE[0])
    one = orientation_worth(head_dirs(), KGrid.from_affine(SHAPE, affine))
    two = orientation_worth(head_dirs(), KGrid.from_affine(shape, other))
    np.testing.assert_allclose(one.amplification, two.amplification)


# ---- what is refused --------------------------------------------------------------------------------------------


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="the noise of the field is 0 ppm; give a positive number in ppm"):
        orientation_worth(head_dirs(), noise=0)
    with pytest.raises(InputError, match="the anisotropy is nan ppm"):
        orientation_worth(head_dirs(), msa=np.nan)
    with pytest.raises(InputError, match="orientation 2 has length 2 instead of 1"):
        orientation_worth([[0, 0, 1], [0, 0, 2]])
    with pytest.raises(InputError, match="a grid of 1x1x1 voxels has no frequencies; give a larger volume"):
        orientation_worth(head_dirs(), KGrid((1, 1, 1)))
    with pytest.raises(InputError, match="the grid 0x4x4 has no voxels"):
        orientation_worth(head_dirs(), KGrid((0, 4, 4)))


def test_torch_stays_out():
    code = "import sys, napari_sti.maps.next_tilt; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
