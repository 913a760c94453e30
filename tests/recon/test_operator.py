"""The forward operator: conformance, exact adjoints, symmetries, gradients, every kind of grid."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.operator import StiOperator

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
GRIDS = [(7, 9, 5), (8, 6, 4), (8, 7, 6), (5, 8, 9), (1, 8, 6), (6, 1, 8), (8, 6, 1), (1, 1, 7), (1, 1, 1), (2, 3, 2)]
SIZE = (0.9, 1.1, 2.5)


def directions(count: int, seed: int = 0) -> np.ndarray:
    h = np.random.default_rng(seed).normal(size=(count, 3))
    return h / np.linalg.norm(h, axis=1, keepdims=True)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.linalg.norm(a.double() - b.double()) / torch.linalg.norm(b.double()))


def example(shape: tuple[int, int, int], count: int = 3, dtype: torch.dtype = torch.float64) -> StiOperator:
    mask = np.random.default_rng(1).random(shape) < 0.7
    mask.flat[0] = True
    return StiOperator(shape, SIZE, directions(count), mask, dtype=dtype)


def literal_kernels(shape: tuple[int, int, int], size: tuple[float, ...], h: np.ndarray) -> np.ndarray:
    """Kernels (6, X, Y, Z) by the formula, averaged with their mirror images."""
    k = np.stack(np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(shape, size, strict=True)), indexing="ij"))
    k2 = (k**2).sum(0)
    k2[0, 0, 0] = 1
    b = np.tensordot(h, k, 1) / k2
    matrix = (
        h[:, None, None, None, None] * h[None, :, None, None, None] / 3 - b * k[:, None] * h[None, :, None, None, None]
    )
    sums = matrix + matrix.swapaxes(0, 1)
    rows = np.stack([matrix[0, 0], sums[0, 1], sums[0, 2], matrix[1, 1], sums[1, 2], matrix[2, 2]])
    rows[:, 0, 0, 0] = 0
    mirrored = rows
    for axis in (1, 2, 3):
        mirrored = np.roll(np.flip(mirrored, axis), 1, axis)
    return (rows + mirrored) / 2


@pytest.mark.parametrize("case", [0, 1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_published_reference(case: int, dtype: torch.dtype) -> None:
    d = np.load(CONFORMANCE / f"sti_operator_{case}.npz")
    op = StiOperator(d["mask"].shape, tuple(d["voxel_size"]), d["b0_dirs"], d["mask"], dtype=dtype)
    chi = torch.from_numpy(d["chi"]).movedim(-1, 0)
    y = torch.from_numpy(d["measurement"])
    assert relative(op.forward(chi), torch.from_numpy(d["forward"])) < 1e-5
    assert relative(op.adjoint(y).movedim(0, -1), torch.from_numpy(d["adjoint_of_measurement"])) < 1e-5
    assert relative(op.normal(chi).movedim(0, -1), torch.from_numpy(d["normal"])) < 1e-5


@pytest.mark.parametrize("shape", GRIDS)
def test_is_the_formula_on_every_kind_of_grid(shape: tuple[int, int, int]) -> None:
    op = StiOperator(shape, SIZE, directions(3), None, dtype=torch.float64)
    chi = np.random.default_rng(2).normal(size=(6, *shape))
    spectrum = np.fft.fftn(chi, axes=(1, 2, 3))
    expected = []
    for h in op.b0_dirs:
        field = np.fft.ifftn((literal_kernels(shape, SIZE, h) * spectrum).sum(0))
        assert np.abs(field.imag).max() < 1e-12
        expected.append(field.real)
    np.testing.assert_allclose(op.forward(torch.from_numpy(chi)).numpy(), np.array(expected), atol=1e-12)


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("count", [1, 4, 7])
def test_adjoint_and_normal_are_exact(shape: tuple[int, int, int], count: int) -> None:
    op = example(shape, count)
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(6, *shape)))
    y = torch.from_numpy(rng.normal(size=(count, *shape)))
    ax = op.forward(x)
    aty = op.adjoint(y)
    scale = float(torch.linalg.norm(ax) * torch.linalg.norm(y)) + 1e-30
    assert abs(float((ax * y).sum() - (x * aty).sum())) < 1e-10 * scale
    torch.testing.assert_close(op.normal(x), op.adjoint(ax), rtol=1e-12, atol=1e-13)
    assert (ax[:, op.mask == 0] == 0).all()


@pytest.mark.parametrize("shape", [(9, 7, 11), (8, 10, 6)])
def test_isotropic_tensor_is_the_scalar_dipole(shape: tuple[int, int, int]) -> None:
    chi = np.random.default_rng(4).normal(size=shape)
    h = directions(2)
    op = StiOperator(shape, SIZE, h, None, dtype=torch.float64)
    tensor = torch.zeros(6, *shape, dtype=torch.float64)
    tensor[[0, 3, 5]] = torch.from_numpy(chi)
    k = np.stack(np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(shape, SIZE, strict=True)), indexing="ij"))
    k2 = (k**2).sum(0)
    k2[0, 0, 0] = 1
    for direction, field in zip(h, op.forward(tensor), strict=True):
        dipole = 1 / 3 - np.tensordot(direction, k, 1) ** 2 / k2
        dipole[0, 0, 0] = 0
        # Products of two components change sign at Nyquist planes: the real part is the average of both signs.
        np.testing.assert_allclose(field.numpy(), np.fft.ifftn(dipole * np.fft.fftn(chi)).real, atol=1e-12)


def without_crossings_of_nyquist_planes(chi: np.ndarray) -> np.ndarray:
    """Where two components of k are at their Nyquist frequency the sign of their product is a convention.

    The published one takes both as negative, which a flip of one axis does not respect.
    """
    spectrum = np.fft.fftn(chi, axes=(0, 1, 2))
    at = np.meshgrid(*(2 * np.arange(n) == n for n in chi.shape[:3]), indexing="ij")
    spectrum[np.sum(at, axis=0) > 1] = 0
    return np.fft.ifftn(spectrum, axes=(0, 1, 2)).real


@pytest.mark.parametrize("shape", [(7, 6, 8), (4, 9, 5), (4, 6, 8)])
@pytest.mark.parametrize("code", ["LPS", "PIR", "SAL", "IRA"])
def test_reordering_a_volume_reorders_its_field(shape: tuple[int, int, int], code: str) -> None:
    from nibabel.orientations import axcodes2ornt, ornt_transform

    affine = np.diag([*SIZE, 1.0])
    rng = np.random.default_rng(5)
    chi, mask, h = rng.normal(size=(*shape, 6)), rng.random(shape) < 0.8, directions(3)
    chi = without_crossings_of_nyquist_planes(chi)
    orientation = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(code))
    q = frames.reordering_matrix(orientation)
    new_affine = frames.reorder_affine(affine, orientation, shape)
    moved = simulate_field(
        frames.rotate_tensors(frames.reorder_volume(chi, orientation), q),
        new_affine,
        frames.rotate_vectors(h, q),
        frames.reorder_volume(mask, orientation),
    )
    still = simulate_field(chi, affine, h, mask)
    expected = frames.reorder_volume(still, orientation, first_axis=1)
    np.testing.assert_allclose(moved, expected, atol=2e-6)


@pytest.mark.parametrize("which", ["forward", "adjoint", "normal"])
def test_gradients_of_first_and_second_order(which: str) -> None:
    op = example((4, 3, 5), 2)
    count = 2 if which == "adjoint" else 6
    x = torch.randn(count, *op.shape, dtype=torch.float64, requires_grad=True)
    apply = getattr(op, which)
    assert torch.autograd.gradcheck(lambda v: apply(v), (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda v: apply(v).square(), (x,), fast_mode=True)


def test_gradient_is_the_adjoint_and_keeps_no_volumes() -> None:
    op = example((8, 7, 6), 3)
    chi = torch.randn(6, *op.shape, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, *op.shape, dtype=torch.float64)
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        out = op.forward(chi)
    assert not kept
    (gradient,) = torch.autograd.grad(out, chi, y)
    torch.testing.assert_close(gradient, op.adjoint(y))


def test_float32_is_close_to_float64() -> None:
    single, double = example((16, 15, 14), 4, torch.float32), example((16, 15, 14), 4)
    chi = torch.randn(6, 16, 15, 14, dtype=torch.float64)
    assert relative(single.normal(chi), double.normal(chi)) < 1e-6


def test_slabs_of_any_thickness_give_the_same() -> None:
    op = example((9, 6, 8), 3)
    chi = torch.randn(6, 9, 6, 8, dtype=torch.float64)
    whole = op.normal(chi)
    for planes in (1, 2, 4, 100):
        op.kernel.slab = planes
        torch.testing.assert_close(op.normal(chi), whole)


def test_input_is_left_alone_and_results_are_independent() -> None:
    op = example((6, 5, 4), 2)
    chi = torch.randn(6, 6, 5, 4, dtype=torch.float64)
    before = chi.clone()
    first = op.normal(chi)
    kept = first.clone()
    op.normal(2 * chi)
    op.forward(chi)
    assert torch.equal(chi, before)
    assert torch.equal(first, kept)


def test_views_of_channels_last_tensors_are_taken() -> None:
    op = example((6, 5, 4), 2)
    chi = torch.randn(6, 5, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(op.forward(chi.movedim(-1, 0)), op.forward(chi.movedim(-1, 0).contiguous()))


def test_forward_simulation_takes_and_gives_numpy() -> None:
    shape = (6, 5, 4)
    chi = np.random.default_rng(6).normal(size=(*shape, 6)).astype(np.float32)
    y = simulate_field(chi, np.diag([*SIZE, 1]), directions(2))
    assert y.shape == (2, *shape)
    assert y.dtype == np.float32
    op = StiOperator(shape, SIZE, directions(2), None)
    np.testing.assert_allclose(y, op.forward(torch.from_numpy(chi).movedim(-1, 0)).numpy(), atol=1e-6)


def test_forward_simulation_is_the_same_on_any_number_of_threads() -> None:
    chi = np.random.default_rng(7).normal(size=(34, 30, 28, 6)).astype(np.float32)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(simulate_field(chi, np.diag([*SIZE, 1]), directions(3)))
        assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(mask=np.ones((3, 3, 3))), "the mask is 3x3x3 voxels and the grid 4x5x6"),
        (dict(voxel_size=(1.0, 0.0, 1.0)), "not three positive numbers"),
        (dict(shape=(4, 5)), "not three positive numbers"),
        (dict(b0_dirs=[[0, 0, 2.0]]), "has length 2 instead of 1"),
    ],
)
def test_bad_construction_is_refused(change: dict, sentence: str) -> None:
    options = dict(shape=(4, 5, 6), voxel_size=(1.0, 1.0, 1.0), b0_dirs=[[0, 0, 1.0]], mask=None) | change
    with pytest.raises(InputError, match=sentence):
        StiOperator(**options)


def test_bad_volumes_are_refused() -> None:
    op = StiOperator((4, 5, 6), (1, 1, 1), [[0, 0, 1.0]], None)
    with pytest.raises(InputError, match="operator's forward takes 6x4x5x6 values and was given 4x5x6x6"):
        op.forward(torch.zeros(4, 5, 6, 6))
    with pytest.raises(InputError, match="operator's adjoint takes 1x4x5x6"):
        op.adjoint(torch.zeros(2, 4, 5, 6))
    with pytest.raises(InputError, match="does not have six components"):
        simulate_field(np.zeros((4, 5, 6, 3)), np.eye(4), [[0, 0, 1.0]])
    with pytest.raises(InputError, match="NaN or infinite"):
        simulate_field(np.full((4, 5, 6, 6), np.nan), np.eye(4), [[0, 0, 1.0]])


def test_an_operator_goes_to_another_process() -> None:
    op = StiOperator((4, 5, 6), SIZE, directions(2), None)
    chi = torch.randn(6, 4, 5, 6)
    before = op.forward(chi)
    there = pickle.loads(pickle.dumps(op))
    assert torch.equal(there.forward(chi), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_agrees_with_the_cpu() -> None:
    rng = np.random.default_rng(7)
    shape, h, mask = (16, 18, 14), directions(4), rng.random((16, 18, 14)) < 0.7
    chi = torch.from_numpy(rng.normal(size=(6, *shape)).astype(np.float32))
    host, there = (StiOperator(shape, SIZE, h, mask, device=d) for d in ("cpu", "cuda"))
    assert relative(there.normal(chi).cpu(), host.normal(chi)) < 1e-5
