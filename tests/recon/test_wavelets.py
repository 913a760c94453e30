"""The wavelet transform: orthonormal, exact inverse, vanishing moments, the values of PyWavelets, and its prox."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.recon import wavelet_levels
from napari_sti.recon.wavelet_filters import WAVELETS, decomposition_filter, level_matrix, padded_shape
from napari_sti.recon.wavelet_levels import shrink
from napari_sti.recon.wavelets import SparseWavelets, WaveletTransform

EVERY = pytest.mark.parametrize("wavelet", WAVELETS)
ANY_WAY = pytest.mark.usefixtures("way")
GRIDS = [((8, 16, 24), 3), ((4, 12, 8), 2), ((2, 6, 10), 1), ((8, 1, 16), 3), ((1, 1, 8), 2), ((1, 1, 1), 2)]


@pytest.fixture(params=["matrices", "steps", "steps in pieces"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large volumes are transformed in another way than small ones: both ways have to hold everywhere."""
    monkeypatch.setattr(wavelet_levels, "SMALL", 1 << 30 if request.param == "matrices" else 0)
    if request.param == "steps in pieces":
        monkeypatch.setattr(wavelet_levels, "CACHED", 200)


def random(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def forward(transform: WaveletTransform, volume: torch.Tensor) -> torch.Tensor:
    return transform.forward(volume)


def inverse(transform: WaveletTransform, coefficients: torch.Tensor) -> torch.Tensor:
    return transform.inverse(coefficients)


def is_detail(shape: tuple[int, ...], levels: int) -> torch.Tensor:
    details = torch.ones(shape, dtype=torch.bool)
    details[tuple(slice(0, max(1, n // 2**levels)) for n in shape)] = False
    return details


def vanishing(wavelet: str) -> int:
    return len(decomposition_filter(wavelet)) // 2


# ---- filters ----------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("n", [2, 4, 6, 16, 34])
def test_a_level_is_orthonormal_even_where_the_filter_is_longer_than_the_axis(wavelet: str, n: int) -> None:
    matrix = level_matrix(n, wavelet)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), atol=1e-10)


@EVERY
def test_details_of_polynomials_vanish(wavelet: str) -> None:
    n, moments = 64, vanishing(wavelet)
    details = level_matrix(n, wavelet)[n // 2 :]
    inside = slice(moments, n // 2 - moments)  # away from where the polynomial is wrapped around
    x = np.linspace(-1, 1, n)
    for power in range(moments):
        assert np.abs(details[inside] @ x**power).max() < 1e-6, power
    assert np.abs(details[inside] @ x**moments).max() > 1e-12


def test_filters_are_those_of_the_tables() -> None:
    third = math.sqrt(3)
    db2 = np.array([1 - third, 3 - third, 3 + third, 1 + third]) / (4 * math.sqrt(2))
    np.testing.assert_allclose(decomposition_filter("db2"), db2, atol=1e-12)
    np.testing.assert_allclose(decomposition_filter("haar"), [math.sqrt(0.5)] * 2, atol=1e-12)
    # Daubechies, Ten Lectures on Wavelets, tables 6.1 and 6.3, which list them to 12 digits.
    db4 = [-0.010597401785, 0.032883011667, 0.030841381836, -0.187034811719]
    np.testing.assert_allclose(decomposition_filter("db4")[:4], db4, atol=1e-11)
    sym4 = [-0.075765714789, -0.029635527646, 0.497618667633, 0.803738751806]
    np.testing.assert_allclose(decomposition_filter("sym4")[:4], sym4, atol=1e-11)


def test_unknown_wavelets_are_refused() -> None:
    with pytest.raises(InputError, match=r"the wavelet 'db99' is not known; use one of haar, db2"):
        decomposition_filter("db99")


# ---- transform --------------------------------------------------------------------------------------------------


@ANY_WAY
@EVERY
@pytest.mark.parametrize(("shape", "levels"), GRIDS)
def test_reconstruction_is_perfect_and_keeps_inner_products(
    wavelet: str, shape: tuple[int, int, int], levels: int
) -> None:
    transform = WaveletTransform(shape, wavelet, levels, dtype=torch.float64)
    x, y = random(shape), random(shape, 1)
    wx, wy = forward(transform, x), forward(transform, y)
    torch.testing.assert_close(inverse(transform, wx), x, rtol=0, atol=1e-10)
    assert float((wx * wy).sum()) == pytest.approx(float((x * y).sum()), abs=1e-8)


@ANY_WAY
def test_is_the_pyramid_of_separate_levels() -> None:
    shape = (8, 4, 12)
    x = random(shape)
    found = forward(WaveletTransform(shape, "db3", 2, dtype=torch.float64), x)
    expected = x.numpy().copy()
    for corner in ((8, 4, 12), (4, 2, 6)):
        where = tuple(slice(0, n) for n in corner)
        for axis, n in enumerate(corner):
            part = np.tensordot(level_matrix(n, "db3"), expected[where], (1, axis))
            expected[where] = np.moveaxis(part, 0, axis)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@ANY_WAY
def test_a_long_axis_is_cut_into_blocks_and_gives_the_same() -> None:
    shape = (72, 4, 46)  # halves of 36, cut into blocks of nine, and of 23, which cannot be cut
    x = random(shape)
    transform = WaveletTransform(shape, "db4", 1, dtype=torch.float64)
    found = forward(transform, x)
    matrices = [level_matrix(n, "db4") for n in shape]
    np.testing.assert_allclose(found.numpy(), np.einsum("ai,bj,ck,ijk->abc", *matrices, x.numpy()), atol=1e-12)
    torch.testing.assert_close(inverse(transform, found), x, rtol=0, atol=1e-10)


@ANY_WAY
@pytest.mark.parametrize("wavelet", ["haar", "db3", "db4", "db8"])
@pytest.mark.parametrize(("shape", "levels"), [((48, 80, 36), 2), ((8, 1, 40), 3), ((1, 68, 34), 1)])
def test_every_level_is_the_matrix_on_long_axes_too(shape: tuple[int, int, int], levels: int, wavelet: str) -> None:
    transform = WaveletTransform(shape, wavelet, levels, dtype=torch.float64)
    x = random(shape)
    expected = x.numpy().copy()
    for level in range(levels):
        corner = tuple(max(1, n >> level) for n in shape)
        where = tuple(slice(0, n) for n in corner)
        matrices = [level_matrix(n, wavelet) for n in corner]
        expected[where] = np.einsum("ai,bj,ck,ijk->abc", *matrices, expected[where], optimize=True)
    np.testing.assert_allclose(forward(transform, x).numpy(), expected, atol=1e-11)
    torch.testing.assert_close(inverse(transform, torch.from_numpy(expected)), x, rtol=0, atol=1e-10)


def test_one_transform_serves_several_threads() -> None:
    shape = (48, 16, 8)
    prox = SparseWavelets(shape, 0.3, "db4", 3, dtype=torch.float64)
    rows = torch.stack([random(shape, seed) for seed in range(8)])
    expected, values = rows.clone(), [0.0] * 8
    alone = [prox(row, 1.0) for row in expected]

    def one(index: int) -> None:
        values[index] = prox(rows[index], 1.0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(8)))
    assert values == pytest.approx(alone)
    torch.testing.assert_close(rows, expected)


@ANY_WAY
def test_single_precision_loses_little() -> None:
    shape = (16, 24, 40)
    transform = WaveletTransform(shape, "db4", 3)
    x = random(shape).float()
    assert float((inverse(transform, forward(transform, x)) - x).abs().max()) < 1e-5


@ANY_WAY
@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym4", "sym6"])
def test_agrees_with_pywavelets(wavelet: str) -> None:
    pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed")
    shape = (16, 24, 32)
    x = random(shape)
    listed = pywt.wavedecn(x.numpy(), wavelet, mode="periodization", level=2)
    expected, _ = pywt.coeffs_to_array(listed)
    found = forward(WaveletTransform(shape, wavelet, 2, dtype=torch.float64), x)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def test_row_convention_is_that_of_periodization() -> None:
    # out[k] = Σ_j filter[j] x[2k + L/2 − j], written out.
    x = np.random.default_rng(0).normal(size=10)
    low = decomposition_filter("db3")
    high = np.array([(-1) ** (j + 1) * low[5 - j] for j in range(6)])
    found = level_matrix(10, "db3") @ x
    for k in range(5):
        assert found[k] == pytest.approx(sum(low[j] * x[(2 * k + 3 - j) % 10] for j in range(6)))
        assert found[5 + k] == pytest.approx(sum(high[j] * x[(2 * k + 3 - j) % 10] for j in range(6)))


def test_padding_is_to_what_can_be_halved() -> None:
    assert padded_shape((182, 218, 182), 3) == (184, 224, 184)
    assert padded_shape((7, 1, 8), 2) == (8, 1, 8)
    with pytest.raises(InputError, match=r"a grid of 7x8x8 voxels cannot be halved 2 times; pad it to 8x8x8"):
        WaveletTransform((7, 8, 8), "db4", 2)


# ---- prox -------------------------------------------------------------------------------------------------------


@ANY_WAY
@pytest.mark.parametrize(("shape", "levels"), GRIDS)
@pytest.mark.parametrize("curvature", [0.3, 2.0])
def test_prox_minimises_what_it_says(shape: tuple[int, int, int], levels: int, curvature: float) -> None:
    weight = 0.4
    prox = SparseWavelets(shape, weight, "db2", levels, dtype=torch.float64)
    transform = WaveletTransform(shape, "db2", levels, dtype=torch.float64)
    z = random(shape)
    u = z.clone()
    value = prox(u, curvature)
    wz, wu = forward(transform, z), forward(transform, u)
    assert value == pytest.approx(weight * float(wu.abs().sum()))
    # Each coefficient on its own: the best of a fine grid around its own value, by brute force; averages as well.
    averages = ~is_detail(shape, levels)
    chosen = [*zip(wz.flatten().tolist()[:12], wu.flatten().tolist(), strict=False)]
    for before, after in [*chosen, *zip(wz[averages].tolist()[:3], wu[averages].tolist(), strict=False)]:
        tried = np.linspace(-20, 20, 200001)
        best = tried[np.argmin(0.5 * curvature * (tried - before) ** 2 + weight * np.abs(tried))]
        assert after == pytest.approx(best, abs=4e-4)


@ANY_WAY
def test_prox_of_weight_zero_changes_nothing() -> None:
    x = random((8, 8, 8))
    before = x.clone()
    assert SparseWavelets((8, 8, 8), 0.0, dtype=torch.float64)(x, 1.0) == 0
    assert torch.equal(x, before)


def test_shrinking_works_in_pieces() -> None:
    x = random((50, 40, 40))
    expected = torch.sign(x) * (x.abs() - 0.3).clamp(min=0)
    assert shrink(x, 0.3) == pytest.approx(float(expected.abs().sum()))
    torch.testing.assert_close(x, expected)


# ---- levels -----------------------------------------------------------------------------------------------------


@ANY_WAY
def test_averages_of_a_level_are_what_the_next_is_made_of() -> None:
    shape, wavelet = (12, 8, 20), "db4"
    x = random(shape)
    expected = x.numpy()
    for axis, n in enumerate(shape):
        expected = np.moveaxis(np.tensordot(level_matrix(n, wavelet)[: n // 2], expected, (1, axis)), 0, axis)
    level = wavelet_levels.make_level(shape, wavelet, (0, 0, 0), torch.device("cpu"), torch.float64)
    volume, averages = x.clone(), torch.empty(6, 4, 10, dtype=torch.float64)
    assert level.there(volume, averages, 0.0) == 0.0
    moved = [-place for place in level.following]
    np.testing.assert_allclose(np.roll(averages.numpy(), moved, (0, 1, 2)), expected, atol=1e-12)
    level.back(volume, averages)
    torch.testing.assert_close(volume, x)


def test_large_volumes_on_the_cpu_go_in_steps_and_small_ones_by_matrices() -> None:
    def kind(shape: tuple[int, int, int]) -> str:
        return type(wavelet_levels.make_level(shape, "db4", (0, 0, 0), torch.device("cpu"), torch.float32)).__name__

    assert [kind((96, 112, 80)), kind((24, 28, 20))] == ["StepLevel", "MatrixLevel"]


def test_a_large_volume_agrees_with_pywavelets() -> None:
    pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed")
    shape = (72, 64, 40)  # the finest level in steps, the others by matrices
    x = random(shape)
    expected, _ = pywt.coeffs_to_array(pywt.wavedecn(x.numpy(), "db4", mode="periodization", level=3))
    found = forward(WaveletTransform(shape, "db4", 3, dtype=torch.float64), x)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
