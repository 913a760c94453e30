"""MMSR, aSTI and aSTI+ against a dense solve of the functional that they state."""

import numpy as np
import pytest
import torch

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import silent
from napari_sti.recon.methods.asti import Asti
from napari_sti.recon.methods.asti_plus import AstiPlus
from napari_sti.recon.methods.mmsr import Mmsr
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.tissue import anisotropic_white_matter, isotropic_fluid
from tests.recon.memory import peak_and_estimate

SIZE = (0.9, 1.2, 2.0)
SHAPES = pytest.mark.parametrize("shape", [(5, 3, 3), (4, 3, 2)])


def acquisition(shape=(5, 3, 3), orientations=7, *, masks=True):
    rng = np.random.default_rng(3)
    h = rng.normal(size=(orientations, 3))
    mask = rng.random(shape) < 0.7
    white = mask & (rng.random(shape) < 0.5)
    return Acquisition(
        0.05 * rng.normal(size=(orientations, *shape)),
        h / np.linalg.norm(h, axis=1, keepdims=True),
        mask,
        np.diag([*SIZE, 1.0]),
        wm_mask=white if masks else None,
        csf_mask=(mask & ~white) if masks else None,
        qsm=0.1 * rng.normal(size=shape),
    )


def matrix_of(given, components):
    """Dense A (N V, C V) of the formula of the kernels, averaged with their mirror images."""
    if components == 6:
        operator = StiOperator(given.shape, SIZE, given.b0_dirs, given.mask, dtype=torch.float64)
        unit = torch.eye(6 * given.mask.size, dtype=torch.float64).reshape(-1, 6, *given.shape)
        return np.stack([operator.forward(u).numpy().ravel() for u in unit], -1)
    k = np.stack(np.meshgrid(*[np.fft.fftfreq(n, d) for n, d in zip(given.shape, SIZE, strict=True)], indexing="ij"))
    k2 = np.where((k**2).sum(0) == 0, 1, (k**2).sum(0))
    columns = []
    for a in range(3):
        for b in range(3):
            kernels = []
            for h in given.b0_dirs:
                kernel = h[a] * h[b] / 3 - np.einsum("c,cxyz->xyz", h, k) * k[a] * h[b] / k2
                kernel[0, 0, 0] = 0
                mirror = kernel[np.ix_(*[-np.arange(n) % n for n in given.shape])]
                kernels.append((kernel + mirror) / 2)
            for v in np.eye(given.mask.size):
                hat = np.fft.fftn(v.reshape(given.shape))
                columns.append(np.concatenate([(np.fft.ifftn(c * hat).real * given.mask).ravel() for c in kernels]))
    return np.stack(columns, -1)


def penalty_rows(tissue, shape, components):
    """The penalties as rows of the stacked system, one loop for each line of the published one."""
    v = int(np.prod(shape))
    place = {6: ((0, 1, 2), (1, 3, 4), (2, 4, 5)), 9: ((0, 1, 2), (3, 4, 5), (6, 7, 8))}[components]
    eye = np.eye(v)

    def row(weights, **signs):
        rows = np.zeros((v, components, v))
        for name, sign in signs.items():
            rows[:, int(name[1:]), :] += sign * eye
        return np.sqrt(weights).ravel()[:, None] * rows.reshape(v, -1)

    d = [place[i][i] for i in range(3)]
    off = sorted({place[i][j] for i in range(3) for j in range(3) if i != j})
    rows = [row(tissue.isotropic, **{f"c{i}": 1.0}) for i in off]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        rows.append(row(tissue.isotropic, **{f"c{d[i]}": 1.0, f"c{d[j]}": -1.0}))
    if tissue.empty is not None:
        rows += [row(tissue.empty, **{f"c{i}": 1.0}) for i in d]
    index = np.arange(v).reshape(shape)
    for axis, size in enumerate(SIZE):
        here = np.take(index, range(shape[axis] - 1), axis=axis).ravel()
        there = np.take(index, range(1, shape[axis]), axis=axis).ravel()
        difference = np.zeros((len(here), components, v))
        for i in d:
            difference[np.arange(len(here)), i, there] += 1 / size
            difference[np.arange(len(here)), i, here] -= 1 / size
        rows.append(np.sqrt(tissue.smooth[axis].ravel()[here])[:, None] * difference.reshape(len(here), -1))
    return np.concatenate(rows)


def symmetric(x, shape):
    if len(x) == 9 * np.prod(shape):
        x = x.reshape(3, 3, *shape)
        x = (x + x.swapaxes(0, 1)) / 2
        return np.moveaxis(x[[0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]], 0, -1)
    return np.moveaxis(x.reshape(6, *shape), 0, -1)


def least_norm(rows, data, *, shape):
    """Of all minimisers the one of least norm."""
    x = np.linalg.lstsq(rows, data, rcond=1e-9)[0]
    return symmetric(x, shape), 0.5 * float(((rows @ x - data) ** 2).sum())


@SHAPES
@pytest.mark.parametrize("orientations", [7, 3])
def test_asti_is_the_symmetric_part_of_the_least_norm_solution(shape, orientations):
    given = acquisition(shape, orientations)
    expected, objective = least_norm(matrix_of(given, 9), given.field.ravel().astype(float), shape=shape)
    found = reconstruct(given, "asti", device="cpu", tol=0.0, max_iterations=400)
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(objective, rel=1e-4, abs=1e-9)
    np.testing.assert_allclose(found.chi, expected * given.mask[..., None], atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize(("shape", "symmetric_too"), [((5, 3, 3), False), ((4, 3, 2), False), ((4, 3, 2), True)])
def test_asti_plus_minimises_what_it_states(shape, symmetric_too):
    given, components = acquisition(shape), 6 if symmetric_too else 9
    tissue, source = isotropic_fluid(given, 3.0, 1.0, AstiPlus.Params(), device="cpu", progress=silent)
    assert source == "qsm"
    rows = np.concatenate([matrix_of(given, components), penalty_rows(tissue, shape, components)])
    data = np.concatenate([given.field.ravel().astype(float), np.zeros(len(rows) - given.field.size)])
    expected, objective = least_norm(rows, data, shape=shape)
    chosen = dict(tol=0.0, max_iterations=2000 if symmetric_too else 700, symmetric=symmetric_too)
    found = reconstruct(given, "asti_plus", device="cpu", **chosen)
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(objective, rel=1e-3)
    np.testing.assert_allclose(found.chi, expected * given.mask[..., None], atol=2e-2 * np.abs(expected).max())


@SHAPES
@pytest.mark.parametrize("precondition", [False, True])
def test_mmsr_minimises_what_it_states(shape, precondition):
    given = acquisition(shape)
    tissue, _ = anisotropic_white_matter(given, 2.0, 0.1, Mmsr.Params(), device="cpu", progress=silent)
    rows = np.concatenate([matrix_of(given, 6), penalty_rows(tissue, shape, 6)])
    data = np.concatenate([given.field.ravel().astype(float), np.zeros(len(rows) - given.field.size)])
    expected, objective = least_norm(rows, data, shape=shape)
    chosen = dict(alpha=2.0, tol=0.0, max_iterations=500, precondition=precondition)
    found = reconstruct(given, "mmsr", device="cpu", **chosen)
    assert found.provenance["iterations"][-1]["objective"] == pytest.approx(objective, rel=1e-3)
    np.testing.assert_allclose(found.chi, expected * given.mask[..., None], atol=2e-2 * np.abs(expected).max())


def test_mmsr_without_weights_is_stiimag():
    given, chosen = acquisition((7, 5, 6)), dict(tol=0.0, max_iterations=15)
    plain = reconstruct(given, "stiimag", device="cpu", **chosen)
    for precondition in (False, True):
        found = reconstruct(given, "mmsr", device="cpu", alpha=0, beta=0, precondition=precondition, **chosen)
        np.testing.assert_allclose(found.chi, plain.chi, atol=1e-4 * np.abs(plain.chi).max())


def test_asti_plus_without_weights_is_asti_and_with_symmetry_stiimag():
    given, chosen = acquisition((7, 5, 6)), dict(tol=0.0, max_iterations=15)
    for symmetric_too, plain in ((False, "asti"), (True, "stiimag")):
        expected = reconstruct(given, plain, device="cpu", **chosen).chi
        more = dict(alpha=0, beta=0, symmetric=symmetric_too)
        found = reconstruct(given, "asti_plus", device="cpu", **more, **chosen).chi
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_mmsr_is_isotropic_outside_white_matter():
    given = acquisition((7, 5, 6))
    found = reconstruct(given, "mmsr", device="cpu", alpha=100.0)
    inside, outside = given.wm_mask, given.mask & ~given.wm_mask
    assert found.msa[outside].max() < 0.02 * np.median(found.msa[inside])


def test_asti_plus_is_isotropic_in_fluid():
    given = acquisition((7, 5, 6))
    found = reconstruct(given, "asti_plus", device="cpu", alpha=100.0, tol=1e-4)
    assert found.msa[given.csf_mask].max() < 0.02 * np.median(found.msa[given.wm_mask])


@pytest.mark.parametrize(
    ("method", "missing"),
    [(Mmsr(), r"white matter \(wm_mask\);"), (AstiPlus(), r"white matter \(wm_mask\) and CSF \(csf_mask\);")],
)
def test_missing_tissue_masks_are_named(method, missing):
    with pytest.raises(InputError, match=missing):
        method.check(acquisition(masks=False))
    Asti().check(acquisition(masks=False))


@pytest.mark.parametrize("method", ["mmsr", "asti_plus"])
def test_strong_weights_do_not_run_away_when_asked_for_too_much(method):
    """Past what float32 can tell, errors would grow along the null space."""
    given = acquisition((9, 7, 8))
    found = reconstruct(given, method, device="cpu", tol=0.0, max_iterations=400, alpha=30.0)
    assert np.abs(found.chi).max() < 50 * np.abs(given.field).max()
    objectives = [record["objective"] for record in found.provenance["iterations"]]
    assert objectives[-1] <= min(objectives) * 1.01


def test_where_the_edges_come_from_is_written_down():
    given = acquisition((7, 5, 6))
    assert reconstruct(given, "mmsr", device="cpu", max_iterations=2).provenance["edges_from"] == "qsm"
    found = reconstruct(given, "mmsr", device="cpu", max_iterations=2, morphology="tkd")
    assert found.provenance["edges_from"] == "tkd"
    assert reconstruct(given, "mmsr", device="cpu", max_iterations=2, beta=0).provenance["edges_from"] == "none"


@pytest.mark.parametrize(("method", "orientations"), [("asti", 3), ("asti_plus", 3), ("mmsr", 6)])
def test_memory_is_estimated_from_above_and_not_far(method, orientations):
    peak, estimate = peak_and_estimate(method, orientations, max_iterations=2)
    assert peak < 1.05 * estimate, (peak, estimate)
    assert estimate < 1.5 * peak, (peak, estimate)
