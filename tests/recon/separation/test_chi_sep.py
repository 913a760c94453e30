"""Joint separation: its operator, the minimum that it states, and sources from fields alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separation import SeparationInput
from napari_sti.recon.separation.chi_sep import ChiSep, ChiSepParams
from napari_sti.recon.sources.joint import JointOperator
from tests.recon.test_separation_registry import study

METHOD = ChiSep()


def given(orientations: int = 2, dr: tuple[float, float] = (114.0, 114.0)) -> SeparationInput:
    acquisition = study("scalar", orientations)
    assert acquisition.r2prime is not None
    constants = relaxation(dr[0], dr[1] if dr[1] != dr[0] else None)
    return SeparationInput(acquisition, acquisition.r2prime, acquisition.b0_dirs, constants)


def operator(orientations: int = 2) -> JointOperator:
    one = given(orientations, (114.0, 80.0))
    edges = np.random.default_rng(0).random((3, *one.acquisition.shape)) < 0.6
    return JointOperator(one, edges, rate_weight=0.4, beta=0.3, dtype=torch.float64)


def test_adjoint_and_curvature_are_those_of_the_operator() -> None:
    a = operator()
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(2, *a.shape)))
    y = torch.from_numpy(rng.normal(size=(9, *a.shape)))
    assert float((a.forward(x) * y).sum()) == pytest.approx(float((x * a.adjoint(y)).sum()), rel=1e-10)
    for seed in range(20):
        x = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, *a.shape)))
        if seed % 2:
            x[1] = -x[0]  # the field sees the difference of magnitudes most
        bound = sum(c * float(row.square().sum()) for c, row in zip(a.curvature, x, strict=True))
        assert float(a.forward(x).square().sum()) <= bound


def test_ends_at_the_minimum_that_it_states() -> None:
    from napari_sti.recon.dipole import DipoleKernel  # noqa: F401  (the field model has tests of its own)
    from napari_sti.recon.forward import simulate_field
    from napari_sti.recon.morphology import edge_weights

    one = given(2, (114.0, 90.0))
    params = ChiSepParams(tol=0.0, max_iterations=400)
    found = METHOD.run(one, params)
    study_ = one.acquisition
    mask, size = study_.mask, study_.voxel_size
    edges = edge_weights(study_.magnitude.mean(0), mask, size, share=params.share, smooth_mm=params.smooth_mm)

    def value(pos: np.ndarray, neg: np.ndarray) -> float:
        chi = np.zeros((*mask.shape, 6), np.float32)
        chi[..., [0, 3, 5]] = (pos + neg)[..., None]
        field = simulate_field(chi, study_.affine, study_.b0_dirs, mask)
        total = np.sum((field - study_.field) ** 2)
        rate = one.rates.mean(0) / 114
        total += params.rate_weight * np.sum(((pos - 90 / 114 * neg - rate) * mask) ** 2)
        for source in (pos, neg):
            for axis in range(3):
                step = np.diff(source, axis=axis) / size[axis]
                weights = np.take(edges[axis], range(step.shape[axis]), axis)
                total += params.beta**2 * np.sum(weights * step**2)
        return 0.5 * float(total)

    reached = value(found.chi_pos, found.chi_neg)
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(reached, rel=1e-3)
    rng = np.random.default_rng(2)
    for scale in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            pos = np.maximum(found.chi_pos + scale * rng.normal(size=mask.shape), 0) * mask
            neg = np.minimum(found.chi_neg + scale * rng.normal(size=mask.shape), 0) * mask
            assert value(pos.astype(np.float32), neg.astype(np.float32)) >= reached * (1 - 1e-5)


def test_finds_sources_without_a_susceptibility() -> None:
    from tests.recon.separation.given import sources

    pos, _ = sources()
    one = given(4)
    found = METHOD.run(one, ChiSepParams(beta=0.01, max_iterations=300))
    mask = one.acquisition.mask
    assert np.corrcoef(found.chi_pos[mask], pos[mask])[0, 1] > 0.9
    assert any("Edges were taken from the magnitude" in r for r in found.provenance["remarks"])


def test_edges_come_from_where_was_asked_for() -> None:
    one = given()
    bare = replace(one, acquisition=replace(one.acquisition, te=None, magnitude=None))
    with pytest.raises(InputError, match="edges are wanted from the magnitude and the study has none; add one"):
        METHOD.run(bare, ChiSepParams(edges="magnitude"))
    found = METHOD.run(bare, ChiSepParams(edges="auto", max_iterations=3))
    assert any("the susceptibility (qsm)" in r for r in found.provenance["remarks"])
