"""The closed form against LAPACK, above all where eigenvalues are equal or nearly so."""

import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core import closed_form, eigen, frames
from napari_sti.core.eigen import eigen_system, eigenvalues, principal
from tests.shared_data import shared

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
N = 4000


def rotations(rng, n):
    q, _ = np.linalg.qr(rng.standard_normal((n, 3, 3)))
    return q


def conjugated(spectra, axes):
    matrices = np.einsum("nij,nj,nkj->nik", axes, spectra, axes)
    return (matrices + matrices.transpose(0, 2, 1)) / 2


def spectrum(kind, gap, rng, n=N):
    """Eigenvalues (n, 3) of which two or three lie within `gap` of each other."""
    one, other, small = np.ones(n), rng.uniform(-3, 3, n), gap * rng.random((2, n))
    return {
        "largest close": np.stack([one, one - small[0], -np.abs(other)], 1),
        "smallest close": np.stack([one, -small[0], small[1]], 1),
        "all close": np.stack([one, one - small[0], one - small[1]], 1),
        "spread": rng.standard_normal((n, 3)),
    }[kind]


def assert_solves(matrices):
    """Eigenvalues, residuals and orthonormality to rounding, for both ways of computing."""
    norm = np.linalg.norm(matrices, axis=(1, 2))
    chi = frames.from_matrix(matrices)
    expected = np.linalg.eigvalsh(matrices)[:, ::-1]
    values, vectors = eigen_system(chi)
    assert np.max(np.abs(values - expected) / norm[:, None]) < 1e-13
    assert np.max(np.linalg.norm(matrices @ vectors - vectors * values[:, None, :], axis=1) / norm[:, None]) < 1e-13
    assert np.max(np.abs(vectors.transpose(0, 2, 1) @ vectors - np.eye(3))) < 1e-13
    with np.errstate(all="ignore"):
        mean, anisotropy, pev = closed_form.principal_maps(
            np.array(chi.T, order="C"), np.empty((closed_form.ROOM, len(chi)))
        )
    largest = mean + anisotropy * 2 / 3
    assert np.max(np.abs(largest - expected[:, 0]) / norm) < 1e-13
    residual = np.einsum("nij,jn->in", matrices, pev) - largest * pev
    assert np.max(np.linalg.norm(residual, axis=0) / norm) < 1e-13
    length = np.linalg.norm(pev, axis=0)
    isotropic = length == 0
    assert np.max(np.abs(length[~isotropic] - 1), initial=0) < 1e-14
    assert np.all(np.ptp(expected[isotropic], axis=1) < 1e-14 * norm[isotropic])


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-14, 1e-16, 0.0])
@pytest.mark.parametrize("kind", ["largest close", "smallest close", "all close"])
def test_nearly_equal_eigenvalues_in_every_direction(kind, gap):
    rng = np.random.default_rng(1)
    assert_solves(conjugated(spectrum(kind, gap, rng), rotations(rng, N)))


@pytest.mark.parametrize("scale", [1e-130, 1e-38, 1e-12, 1.0, 1e6, 1e38, 1e130])
def test_scale_does_not_matter(scale):
    rng = np.random.default_rng(2)
    assert_solves(scale * conjugated(spectrum("spread", 0, rng), rotations(rng, N)))


def test_small_whole_numbers_along_the_axes():
    """Equal, zero and repeated eigenvalues without any rounding, with axes permuted and flipped."""
    spectra = np.array([s for s in itertools.product(range(-2, 3), repeat=3) if np.ptp(s) > 0], float)
    for order in itertools.permutations(range(3)):
        axes = np.broadcast_to(np.eye(3)[list(order)], (len(spectra), 3, 3))
        assert_solves(conjugated(spectra, axes))


def test_small_anisotropy_on_a_large_mean_keeps_its_digits():
    """A tensor of ppm with anisotropy of a thousandth of a ppb: the differences count, not the sum."""
    chi = np.array([1.0, 0, 0, 1.0 - 2e-12, 3e-13, 1.0 - 2e-12])
    values = eigenvalues(chi[None])[0]
    assert values[1] - values[2] == pytest.approx(6e-13, abs=3e-16)
    _, msa, pev = principal(chi[None])
    assert msa[0] == pytest.approx(2e-12, rel=1e-3)
    np.testing.assert_allclose(pev[0], [1, 0, 0], atol=1e-6)


def test_reference_maps():
    data = np.load(CONFORMANCE / "tensor_maps.npz")
    inside = data["mask"] > 0
    np.testing.assert_allclose(eigenvalues(data["chi"]), data["eigenvalues"], atol=1e-15)
    mms, msa, pev = principal(data["chi"])
    np.testing.assert_allclose(mms, data["mms"], atol=1e-8)
    np.testing.assert_allclose(msa, data["msa"], atol=1e-8)
    cosine = np.abs(np.sum(pev * data["pev"], -1))
    np.testing.assert_allclose(cosine[inside], 1, atol=1e-6)
    assert not pev[~inside].any()  # the reference has an arbitrary axis where the tensor is zero


def test_msa_and_mms_are_what_the_eigenvalues_say():
    chi = np.random.default_rng(3).normal(0, 0.03, (7, 5, 6, 6)).astype(np.float32)
    mms, msa, pev = principal(chi)
    values, vectors = eigen_system(chi)
    np.testing.assert_allclose(mms, values.mean(-1), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(msa, values[..., 0] - values[..., 1:].mean(-1), rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(pev * vectors[..., 0], -1)), 1, atol=1e-6)
    assert mms.dtype == msa.dtype == pev.dtype == np.float32


def test_no_number_in_gives_no_number_out_and_no_warning():
    chi = np.random.default_rng(4).normal(0, 0.03, (6, 6)).astype(np.float32)
    chi[0, 1], chi[1, 0], chi[2, 5], chi[3] = np.nan, np.nan, np.inf, -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mms, msa, pev = principal(chi)
        values, vectors = eigen_system(chi)
    assert np.isnan(mms[:4]).all() and np.isnan(msa[:4]).all() and np.isnan(values[:4]).all()
    assert not pev[:4].any() and not vectors[:4].any()
    assert np.isfinite(mms[4:]).all() and np.isfinite(values[4:]).all()
    np.testing.assert_allclose(np.linalg.norm(pev[4:], axis=-1), 1, atol=1e-6)


def test_isotropic_tensors_have_no_direction():
    chi = np.array([[0, 0, 0, 0, 0, 0], [0.03, 0, 0, 0.03, 0, 0.03], [-9, 0, 0, -9, 0, -9]], np.float32)
    mms, msa, pev = principal(chi)
    np.testing.assert_allclose(mms, chi[:, 0])
    assert not msa.any() and not pev.any()
    values, vectors = eigen_system(chi)
    np.testing.assert_allclose(values, np.repeat(chi[:, :1], 3, axis=1))
    np.testing.assert_array_equal(vectors, np.broadcast_to(np.eye(3), (3, 3, 3)))


@pytest.mark.parametrize("flat", [False, True], ids=["prolate", "oblate"])
def test_the_largest_component_of_the_pev_is_positive(flat):
    rng = np.random.default_rng(5)
    spectra = np.tile([1.0, 1.0 - 1e-9, -1.0] if flat else [1.0, 0.1, 0.0], (N, 1))
    pev = principal(frames.from_matrix(conjugated(spectra, rotations(rng, N))))[2]
    biggest = np.take_along_axis(pev, np.abs(pev).argmax(-1)[:, None], -1)
    assert (biggest > 0).all()


def test_sign_does_not_depend_on_noise():
    rng = np.random.default_rng(6)
    chi = frames.from_matrix(np.outer([0.9, 0.4, -0.2], [0.9, 0.4, -0.2])[None] + np.zeros((N, 1, 1)))
    pev = principal(chi + rng.normal(0, 1e-3, chi.shape))[2]
    assert (pev @ np.array([0.9, 0.4, -0.2]) > 0.9).all()


def test_only_the_mask_is_computed_and_the_rest_is_zero():
    rng = np.random.default_rng(7)
    chi = rng.normal(0, 0.03, (9, 8, 7, 6)).astype(np.float32)
    mask = rng.random((9, 8, 7)) > 0.6
    chi[~mask] = np.nan
    whole, masked = principal(chi), principal(chi, mask=mask)
    for full, part in zip(whole, masked, strict=True):
        np.testing.assert_array_equal(part[mask], full[mask])
        assert not part[~mask].any()
    assert not eigenvalues(chi, mask=mask)[~mask].any()
    nothing = principal(chi, mask=np.zeros_like(mask))
    assert not any(array.any() for array in nothing)


def test_many_blocks_and_threads_give_what_one_block_gives(monkeypatch):
    rng = np.random.default_rng(8)
    chi = rng.normal(0, 0.03, (13, 11, 9, 6)).astype(np.float32)
    mask = rng.random(chi.shape[:3]) > 0.3
    mask[3:6] = False  # blocks with nothing to do
    once = principal(chi, mask=mask)
    monkeypatch.setattr(eigen, "BLOCK", 37)
    for a, b in zip(once, principal(chi, mask=mask), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_memory(order):
    """NIfTI volumes have the first axis fastest; reordered ones are views with negative strides."""
    rng = np.random.default_rng(9)
    chi = rng.normal(0, 0.03, (4, 5, 6, 6)).astype(np.float32)
    mask = rng.random((4, 5, 6)) > 0.4
    there = [order.index(axis) for axis in range(3)]
    laid_out = np.asfortranarray(chi.transpose(*order, 3))[::-1].copy(order="K")[::-1].transpose(*there, 3)
    assert np.array_equal(laid_out, chi)
    for a, b in zip(principal(chi, mask=mask), principal(laid_out, mask=mask), strict=True):
        np.testing.assert_array_equal(a, b)
    values, vectors = eigen_system(laid_out)
    np.testing.assert_array_equal(values, eigen_system(chi)[0])
    np.testing.assert_array_equal(vectors, eigen_system(chi)[1])


def test_a_single_tensor_an_empty_field_and_a_wrong_shape():
    mms, msa, pev = principal(np.array([3.0, 0, 0, 1, 0, 2]))
    assert mms == 2 and msa == 1.5 and pev.tolist() == [1, 0, 0]
    assert eigenvalues(np.array([3.0, 0, 0, 1, 0, 2])).tolist() == [3, 2, 1]
    assert principal(np.zeros((0, 6)))[2].shape == (0, 3)
    with pytest.raises(ValueError, match="six components"):
        principal(np.zeros((4, 3, 3)))


def test_the_field_is_left_alone():
    chi = np.random.default_rng(10).normal(0, 1, (50, 6))
    before = chi.copy()
    chi.setflags(write=False)
    principal(chi)
    eigen_system(chi)
    np.testing.assert_array_equal(chi, before)


def test_measured_tensors():
    """The published eigenvalues and eigenvectors of a measured diffusion tensor (values around 1e-3)."""
    import nibabel

    def read(name):
        return nibabel.load(shared(f"data/dti_patch/dti_{name}.nii.gz")).get_fdata()

    expected = np.stack([read(f"L{i}") for i in (1, 2, 3)], -1)
    axes = np.stack([read(f"V{i}") for i in (1, 2, 3)], -1)
    inside = expected[..., 0] > 0
    assert inside.sum() > 100
    chi = frames.from_matrix(np.einsum("...ij,...j,...kj->...ik", axes, expected, axes))
    values, vectors = eigen_system(chi, mask=inside)
    np.testing.assert_allclose(values[inside], expected[inside], atol=1e-8)  # the files are float32
    apart = inside & (expected[..., 0] - expected[..., 1] > 1e-2 * expected[..., 0])
    cosine = np.abs(np.sum(vectors[..., 0] * axes[..., 0], -1))
    np.testing.assert_allclose(cosine[apart], 1, atol=1e-5)
    np.testing.assert_allclose(principal(chi, mask=inside)[0][inside], read("MD")[inside], rtol=1e-4)


def test_is_much_faster_than_lapack():
    """The figure itself is measured by ``benchmarks/maps.py``; here time of the processor, which other work does not
    disturb, and a limit far from it."""
    chi = np.random.default_rng(11).normal(0, 0.03, (40, 48, 56, 6)).astype(np.float32)
    matrices = frames.to_matrix(chi)

    def seconds(call, repeats):
        times = []
        for _ in range(repeats):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(lambda: np.linalg.eigh(matrices), 2) > 4 * seconds(lambda: principal(chi), 5)
