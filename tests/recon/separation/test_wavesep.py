"""WaveSep: the published results, any size, the minimum that it states, and R2 found on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separation import SeparationInput
from napari_sti.recon.separation.wavesep import WaveSep, WaveSepParams, safe_step
from napari_sti.recon.sources.run import deepest
from tests.recon.separation.given import ellipsoid, scalar_input, sources, tensor_input

CONFORMANCE = Path(__file__).parents[2] / "conformance"
METHOD = WaveSep()
SIX = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def published(name: str) -> tuple[SeparationInput, dict[str, np.ndarray]]:
    """What the published program was given, negative rates included, and what it gave."""
    data = dict(np.load(CONFORMANCE / f"wavesep_{name}.npz"))
    h = data.get("b0_dirs", np.array([[0, 0, 1.0]]))
    acquisition = Acquisition(None, h, data["mask"], np.eye(4))
    rates = np.moveaxis(data["r2prime"], -1, 0).astype(np.float32)
    chi = data["qsm" if name == "qsm" else "sti"].astype(np.float32)
    dr = float(data.get("dr", data.get("dr_pos")))
    return SeparationInput(acquisition, rates, h, relaxation(dr), chi), data


def range_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.ptp(expected))


def test_scalar_agrees_with_the_published_program() -> None:
    given, data = published("qsm")
    found = METHOD.run(given, WaveSepParams())
    assert len(found.provenance["iterations"]) == int(data["n_iterations"])
    assert range_error(found.chi_pos, data["chi_pos"]) < 1e-5
    assert range_error(found.chi_neg, data["chi_neg"]) < 1e-5


def test_tensor_agrees_with_the_published_program() -> None:
    given, data = published("sti")
    found = METHOD.run(given, WaveSepParams())
    assert len(found.provenance["iterations"]) == int(data["n_iterations"])
    assert range_error(found.chi_pos, data["chi_pos"]) < 1e-5
    assert range_error(found.chi_neg_tensor.chi, data["chi_neg"]) < 1e-5


@pytest.mark.parametrize("shape", [(15, 18, 17), (16, 20, 22), (21, 16, 1)])
def test_scalar_of_any_size_is_that_of_the_padded_volume(shape: tuple[int, int, int]) -> None:
    literal = pytest.importorskip("benchmarks.literal_separation", reason="PyWavelets is not installed")
    given = scalar_input(2, shape=shape, noise=0.01, dr=(114.0, 80.0))
    levels = deepest(shape, "db4")
    pads = [(0, -n % 2**levels if n > 1 else 0) for n in shape]
    chi, mask = np.pad(given.chi, pads), np.pad(given.acquisition.mask, pads)
    rates = np.pad(given.rates, [(0, 0), *pads])

    def step(x: np.ndarray) -> np.ndarray:
        return literal.scalar_step(x, chi, rates, mask, (114.0, 80.0), 0.2, 0.02, "db4", levels)

    if shape[2] == 1:
        chi, mask, rates = (a[..., 0] for a in (chi, mask, rates))  # axes of one voxel are not transformed
        literal.AXES = (0, 1)
    try:
        expected, count = literal.iterate(step, np.zeros((2, *chi.shape)), 1e-3)
    finally:
        literal.AXES = (0, 1, 2)
    expected = expected.reshape(2, *(n + p for n, (_, p) in zip(shape, pads, strict=True)))
    inside = tuple(slice(0, n) for n in shape)
    found = METHOD.run(given, WaveSepParams())
    assert len(found.provenance["iterations"]) == count
    assert found.chi_pos.shape == shape
    assert range_error(found.chi_pos, expected[0][inside]) < 1e-5
    assert range_error(found.chi_neg, expected[1][inside]) < 1e-5


@pytest.mark.parametrize(("shape", "orientations"), [((15, 18, 17), 1), ((16, 14, 20), 4)])
def test_tensor_of_any_size_is_that_of_the_padded_volume(shape: tuple[int, int, int], orientations: int) -> None:
    literal = pytest.importorskip("benchmarks.literal_separation", reason="PyWavelets is not installed")
    given = tensor_input(orientations, shape=shape, noise=0.01)
    levels = deepest(shape, "db4")
    pads = [(0, -n % 2**levels) for n in shape]
    chi = np.pad(np.moveaxis(given.chi, -1, 0), [(0, 0), *pads])
    rates, mask = np.pad(given.rates, [(0, 0), *pads]), np.pad(given.acquisition.mask, pads)

    def step(x: np.ndarray) -> np.ndarray:
        return literal.tensor_step(x, chi, rates, mask, given.b0_dirs, 114.0, 0.2, (0.01, 0.001), "db4", levels)

    expected, count = literal.iterate(step, np.zeros((7, *mask.shape)), 5e-3)
    inside = tuple(slice(0, n) for n in shape)
    found = METHOD.run(given, WaveSepParams())
    assert len(found.provenance["iterations"]) == count
    assert range_error(found.chi_pos, expected[0][inside]) < 1e-5
    tensor = np.moveaxis(expected[1:], 0, -1)[inside]
    assert range_error(found.chi_neg_tensor.chi, tensor) < 1e-5


@pytest.mark.parametrize("shape", [(13, 20, 15), (32, 36, 28), (64, 61, 77), (7, 9, 8), (96, 112, 80), (50, 1, 60)])
def test_levels_are_those_of_pywavelets(shape: tuple[int, int, int]) -> None:
    pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed")
    expected = pywt.dwtn_max_level([n for n in shape if n > 1], "db4")
    assert deepest(shape, "db4") == max(1, expected)


# ---- the stated functional, by brute force ----------------------------------------------------------------------


def wavelet_matrix(shape: tuple[int, int, int]) -> np.ndarray:
    """W of one level as a dense matrix."""
    from napari_sti.recon.wavelet_filters import level_matrix

    x, y, z = (level_matrix(n, "db4") for n in shape)
    return np.kron(np.kron(x, y), z)


def functional(given: SeparationInput, pos: np.ndarray, neg: np.ndarray, lam: tuple[float, float]) -> float:
    """As it is stated, written out in double precision."""
    w = wavelet_matrix(pos.shape)
    dr = given.relaxation
    if neg.ndim == 3:
        misfit = np.sum((pos + neg - given.chi) ** 2)
        rates = np.mean([np.sum((pos - dr.neg / dr.pos * neg - r / dr.pos) ** 2) for r in given.rates])
        sparse = lam[1] * np.abs(w @ neg.ravel()).sum()
    else:
        full = neg - given.chi
        full[..., [0, 3, 5]] += pos[..., None]
        twice = np.array([1, 2, 2, 1, 2, 1])
        misfit = np.sum(twice * full**2)
        along = [np.array([h[a] * h[b] * (1 if a == b else 2) for a, b in SIX]) for h in given.b0_dirs]
        pairs = zip(along, given.rates, strict=True)
        rates = np.mean([np.sum((pos - neg @ a - r / dr.pos) ** 2) for a, r in pairs])
        sparse = lam[1] * sum(t * np.abs(w @ neg[..., c].ravel()).sum() for c, t in enumerate(twice))
    return float(0.5 * misfit + 0.5 * rates + lam[0] * np.abs(w @ pos.ravel()).sum() + sparse)


def test_scalar_minimum_is_that_of_a_general_solver() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    shape = (4, 2, 4)
    given = scalar_input(2, shape=shape, noise=0.02, dr=(114.0, 90.0))
    mask = np.ones(shape, bool)
    mask[0, 0, 0] = False
    rng = np.random.default_rng(0)
    chi, rates = 0.05 * rng.normal(size=shape) * mask, np.abs(rng.normal(0, 8, size=(2, *shape))) * mask
    acquisition = Acquisition(None, given.b0_dirs, mask, np.eye(4))
    given = replace(given, acquisition=acquisition, chi=chi.astype(np.float32), rates=rates.astype(np.float32))
    params = WaveSepParams(lam_pos=0.01, lam_neg=0.02, scheme="exact", tol=0.0, max_iterations=2000, levels=1)
    found = METHOD.run(given, params)
    lam = (0.01, 0.02)
    reached = functional(given, found.chi_pos.astype(float), found.chi_neg.astype(float), lam)
    assert found.provenance["functional"] == pytest.approx(reached, rel=1e-4)
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(reached, rel=1e-3)
    # Magnitudes of both sources inside the mask, and bounds t >= |W x| of their coefficients: a smooth problem.
    inside, n = np.flatnonzero(mask), mask.size
    w = wavelet_matrix(shape)[:, inside]
    count = len(inside)

    def unpack(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.split(u[: 2 * count], 2)

    scale = np.array([lam[0]] * n + [lam[1]] * n)
    ratio, mean = 90 / 114, rates.mean(0).ravel()[inside] / 114

    def value(u: np.ndarray) -> tuple[float, np.ndarray]:
        p, m = unpack(u)
        a, b = p - m - chi.ravel()[inside], p + ratio * m - mean
        gradient = np.concatenate([a + b, -a + ratio * b, scale])
        return 0.5 * a @ a + 0.5 * b @ b + scale @ u[2 * count :], gradient

    both = np.kron(np.eye(2), w)
    eye = np.eye(2 * n)
    rows = np.block([[-both, eye], [both, eye]])
    start = np.concatenate([np.full(2 * count, 0.01), np.full(2 * n, 0.2)])
    solved = optimize.minimize(
        value,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0, None)] * len(start),
        constraints={"type": "ineq", "fun": lambda u: rows @ u, "jac": lambda u: rows},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    p, m = unpack(solved.x)
    assert solved.success
    np.testing.assert_allclose(found.chi_pos.ravel()[inside], p, atol=2e-4)
    np.testing.assert_allclose(found.chi_neg.ravel()[inside], -m, atol=2e-4)
    best = np.zeros((2, n))
    best[:, inside] = p, -m
    assert reached <= functional(given, *best.reshape(2, *shape), lam) * (1 + 1e-4)


def test_no_allowed_tensor_is_better_than_the_minimum() -> None:
    shape = (4, 4, 2)
    given = tensor_input(3, shape=shape, noise=0.02)
    lam = (0.01, 0.005)
    params = WaveSepParams(lam_pos=lam[0], lam_neg=lam[1], scheme="exact", tol=0.0, max_iterations=1500, levels=1)
    found = METHOD.run(given, params)
    pos, neg = found.chi_pos.astype(float), found.chi_neg_tensor.chi.astype(float)
    reached = functional(given, pos, neg, lam)
    assert found.provenance["functional"] == pytest.approx(reached, rel=1e-4)
    # The functional is convex: it is least if it grows towards every other point that is allowed.
    rng = np.random.default_rng(0)
    mask = given.acquisition.mask
    for scale in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(60):
            other = np.maximum(pos + scale * 0.1 * rng.normal(size=shape), 0) * mask
            tensor = allowed(neg + scale * 0.1 * rng.normal(size=neg.shape)) * mask[..., None]
            for t in (0.01, 0.1, 1.0):
                mixed = functional(given, pos + t * (other - pos), neg + t * (tensor - neg), lam)
                assert mixed >= reached * (1 - 1e-6)
    for candidate in (METHOD.run(given, WaveSepParams(lam_pos=lam[0], lam_neg=lam[1], levels=1)), closed(given)):
        theirs = functional(given, candidate.chi_pos.astype(float), candidate.chi_neg_tensor.chi.astype(float), lam)
        assert theirs >= reached


def closed(given: SeparationInput):
    from napari_sti.recon.separation.closed_form import ClosedForm, ClosedFormParams

    return ClosedForm().run(given, ClosedFormParams())


def allowed(six: np.ndarray) -> np.ndarray:
    matrices = np.zeros((*six.shape[:-1], 3, 3))
    for c, (a, b) in enumerate(SIX):
        matrices[..., a, b] = matrices[..., b, a] = six[..., c]
    values, vectors = np.linalg.eigh(matrices)
    found = (vectors * np.minimum(values, 0)[..., None, :]) @ vectors.swapaxes(-1, -2)
    return np.stack([found[..., a, b] for a, b in SIX], -1)


def test_both_schemes_find_nearly_the_same() -> None:
    given = scalar_input(shape=(18, 16, 20), noise=0.01)
    one, other = (METHOD.run(given, WaveSepParams(scheme=s)) for s in ("published", "exact"))
    values = [r.provenance["functional"] for r in (one, other)]
    assert values[1] < values[0] < 1.15 * values[1]


# ---- what it is for ---------------------------------------------------------------------------------------------


def test_signs_mask_and_objective() -> None:
    given = tensor_input(2, shape=(14, 15, 16), noise=0.02)
    found = METHOD.run(given, WaveSepParams())
    outside = ~given.acquisition.mask
    assert (found.chi_pos >= 0).all() and (found.chi_neg <= 0).all()
    assert not found.chi_pos[outside].any() and not found.chi_neg_tensor.chi[outside].any()
    from napari_sti.core.eigen import eigenvalues

    assert eigenvalues(found.chi_neg_tensor.chi).max() < 1e-7
    values = [r["objective"] for r in found.provenance["iterations"]]
    assert values[-1] < values[0] and np.isfinite(values).all()


def test_r2_is_found_from_r2star() -> None:
    pos, _ = sources((16, 16, 16))
    given = tensor_input(4, shape=(16, 16, 16))
    mask = ellipsoid((16, 16, 16))
    r2 = np.where(mask, 13 + 3 * np.linspace(-1, 1, 16)[:, None, None], 0).astype(np.float32)
    star = replace(given, rates=given.rates + r2, rates_hold_r2=True)
    found = METHOD.run(star, WaveSepParams(lam_pos=1e-4, lam_neg=1e-4, lam_r2=1e-4, tol=1e-5, max_iterations=300))
    r2_error = np.abs(found.further["r2"] - r2)[mask].mean()
    assert r2_error < 2.0  # Hz; the spread of R2 about its typical value alone is 1.6
    assert np.corrcoef(found.chi_pos[mask], pos[mask])[0, 1] > 0.95
    assert any("R2 was not measured" in remark for remark in METHOD.remarks(star))


def test_a_step_that_diverges_is_refused() -> None:
    given = scalar_input(dr=(114.0, 1140.0))
    with pytest.raises(InputError, match=r"with these constants a step of 0.2 diverges; set step below 0.0\d+, or"):
        METHOD.run(given, WaveSepParams())
    assert safe_step(0.0, 10.0) == pytest.approx(0.18)
    assert METHOD.run(given, WaveSepParams(step=0.0)).chi_pos.any()
