"""STI in k-space as a method: its minimum, what it refuses, what it recovers."""

import numpy as np
import pytest
import torch

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.reconstruct import reconstruct
from tests.recon.dense import directions, measured
from tests.recon.memory import peak_and_estimate
from tests.recon.orders import every_order_agrees
from tests.recon.test_design import ring

AFFINE = np.diag([0.9, 1.3, 2.1, 1.0])


def matrix(acquisition: Acquisition) -> np.ndarray:
    """Dense matrix (N V, 6 V) of the forward operator without a mask."""
    op = StiOperator(acquisition.shape, acquisition.voxel_size, acquisition.b0_dirs, None, dtype=torch.float64)
    unit = torch.eye(6 * int(np.prod(acquisition.shape)), dtype=torch.float64)
    return torch.stack([op.forward(x.view(6, *acquisition.shape)).flatten() for x in unit], 1).numpy()


@pytest.mark.parametrize("shape", [(3, 5, 1), (4, 3, 2)])
@pytest.mark.parametrize(("count", "lam"), [(6, 0.0), (8, 0.0), (8, 0.003)])
def test_minimises_its_functional(shape: tuple[int, int, int], count: int, lam: float) -> None:
    given = measured(shape, count, whole=True)
    a, y = matrix(given), np.asarray(given.field, np.float64).ravel()
    # Volumes without k = 0 and Nyquist planes: what the minimum is looked for in.
    axes, unit = (2, 3, 4), np.eye(6 * int(np.prod(shape))).reshape(-1, 6, *shape)
    kept = np.ones(shape)
    kept[0, 0, 0] = 0
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            kept.swapaxes(0, axis)[n // 2] = 0
    basis = np.fft.ifftn(kept * np.fft.fftn(unit, axes=axes), axes=axes).real.reshape(len(unit), -1)
    values, vectors = np.linalg.eigh(basis)
    basis = vectors[:, values > 0.5]
    ab = a @ basis
    expected = basis @ np.linalg.solve(ab.T @ ab + lam * np.eye(ab.shape[1]), ab.T @ y)
    found = reconstruct(given, "sti_kspace", device="cpu", lam=lam)
    chi = np.moveaxis(found.chi, -1, 0).ravel()
    np.testing.assert_allclose(chi, expected, atol=2e-5 * np.abs(expected).max())
    last = found.provenance["iterations"][-1]
    misfit = float(np.sum((a @ expected - y) ** 2))
    assert last["objective"] == pytest.approx((misfit + lam * float(expected @ expected)) / 2, rel=1e-4)
    assert last["residual"] == pytest.approx(np.sqrt(misfit / float(y @ y)), rel=1e-4, abs=1e-6)


def test_recovers_the_tensor_where_everything_is_measured() -> None:
    rng = np.random.default_rng(0)
    chi = 0.05 * rng.normal(size=(7, 9, 11, 6)).astype(np.float32)
    h = directions(6, 3)
    found = reconstruct(Acquisition(simulate_field(chi, AFFINE, h), h, np.ones((7, 9, 11)), AFFINE), "sti_kspace")
    truth = chi - chi.mean((0, 1, 2))
    assert np.linalg.norm(found.chi - truth) < 1e-4 * np.linalg.norm(truth)
    assert found.provenance["iterations"][-1]["residual"] < 1e-5


@pytest.mark.parametrize("shape", [(7, 9, 11), (8, 6, 10)])
def test_an_isotropic_phantom_comes_out_isotropic(shape: tuple[int, int, int]) -> None:
    chi = np.zeros((*shape, 6), np.float32)
    chi[..., [0, 3, 5]] = 0.05 * np.random.default_rng(0).normal(size=(*shape, 1))
    h = directions(7, 3)
    given = Acquisition(simulate_field(chi, AFFINE, h), h, np.ones(shape), AFFINE)
    found = reconstruct(given, "sti_kspace")
    mean = np.abs(found.mms).mean()
    assert mean > 0.02
    assert found.msa.max() < 1e-4 * mean


def test_fewer_than_six_orientations_are_refused_with_the_reason() -> None:
    with pytest.raises(
        InputError,
        match="needs at least 6 orientations, one for each of the six unknowns at every frequency, and the study has 5",
    ):
        reconstruct(measured((4, 5, 3), 5), "sti_kspace")


@pytest.mark.parametrize(
    ("h", "known"),
    [(np.concatenate([directions(5), -directions(2)]), 5), (ring(8, 30), 5), (np.repeat(directions(2), 4, axis=0), 2)],
)
def test_directions_that_do_not_tell_six_components_apart_are_refused(h: np.ndarray, known: int) -> None:
    field = np.full((len(h), 4, 5, 3), 0.01)
    with pytest.raises(
        InputError, match=rf"these {len(h)} tell only {known}: some are the same, or all lie on one cone"
    ):
        reconstruct(Acquisition(field, h, np.ones((4, 5, 3)), AFFINE), "sti_kspace")


def test_stages_are_told_and_the_last_knows_the_residual() -> None:
    steps: list[Step] = []
    found = reconstruct(measured((8, 7, 6), 7), "sti_kspace", device="cpu", progress=steps.append)
    assert [s.iteration for s in steps] == list(range(1, steps[-1].total + 1))
    assert {s.message for s in steps} >= {"Transforming", "Solving", "Transforming back"}
    assert [s.residual for s in steps[:-1]] == [None] * (len(steps) - 1)
    assert 0 < steps[-1].residual < 1  # type: ignore[operator]
    assert [r["iteration"] for r in found.provenance["iterations"]] == [s.iteration for s in steps]
    assert found.provenance["stopped"] == "solved"


def test_ridge_shrinks_the_tensor_and_raises_the_residual() -> None:
    found = [reconstruct(measured((8, 7, 6), 7), "sti_kspace", lam=lam) for lam in (0.0, 0.01, 1.0)]
    norms = [float(np.linalg.norm(f.chi)) for f in found]
    residuals = [f.provenance["iterations"][-1]["residual"] for f in found]
    assert norms == sorted(norms, reverse=True)
    assert residuals == sorted(residuals)
    assert norms[2] < 0.5 * norms[0]


@pytest.mark.parametrize("lam", [0.0, 0.01])
def test_the_order_of_storage_does_not_matter(lam: float) -> None:
    every_order_agrees("sti_kspace", orientations=7, lam=lam)


def test_memory_is_estimated_from_above_and_not_far() -> None:
    peak, estimate = peak_and_estimate("sti_kspace", 7, lam=0.01)
    assert peak < 1.05 * estimate
    assert estimate < 1.5 * peak
