"""The method lpn: what its docstring says of objective, data terms and refusals."""

import numpy as np
import pytest
import torch

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.lpn.checkpoint import save_lpn
from napari_sti.lpn.components import ENTRY
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.recon import learned_prior
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.methods.lpn import LpnMethod, LpnParams
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import methods
from napari_sti.recon.unrolled.whitened import basis
from napari_sti.recon.whitened_term import EnvelopeTerm, WhitenedTerm

SHAPE = (9, 7, 11)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    network = LocalLpn(dims=3, channels=6, widths=(3, 4), quadratic=6)
    card = {"title": "tiny", "domain": {ENTRY: torch.linalg.inv(basis(torch.float64)).tolist()}}
    return str(save_lpn(network, card, tmp_path_factory.mktemp("w") / "tiny.safetensors"))


def scan(orientations: int = 2, affine=None) -> Acquisition:
    rng = np.random.default_rng(1)
    mask = np.zeros(SHAPE, bool)
    mask[1:-1, 1:-1, 1:-2] = True
    chi = (0.02 * rng.normal(size=(*SHAPE, 6))).astype(np.float32) * mask[..., None]
    h = rng.normal(size=(orientations, 3))
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    affine = np.diag([1.0, 1.4, 2.2, 1.0]) if affine is None else affine
    field = simulate_field(chi, affine, h, mask) + 5e-4 * rng.normal(size=(orientations, *SHAPE)).astype(np.float32)
    return Acquisition(field, h, mask, affine, name="tiny", simulated=True)


def term(iterations: int = 60) -> WhitenedTerm:
    given = scan()
    operator = StiOperator(given.shape, (1.0, 1.4, 2.2), given.b0_dirs, given.mask)
    return WhitenedTerm(operator, torch.tensor(given.field), iterations)


def images(seed: int) -> torch.Tensor:
    return torch.randn(1, 6, *SHAPE, generator=torch.Generator().manual_seed(seed))


def test_slope_of_the_data_term():
    data, x, d = term(), images(0), images(1)
    step = 1e-2
    numeric = (data.value(x + step * d) - data.value(x - step * d)) / (2 * step)
    assert numeric == pytest.approx(float((data.gradient(x) * d).sum()), rel=2e-3)


def test_bend_is_bounded():
    data, x = term(), images(0)
    zero = data.gradient(torch.zeros_like(x))
    for _ in range(20):
        x = data.gradient(x / x.norm()) - zero
    assert 0.3 * data.lipschitz < float(x.norm()) <= data.lipschitz


def test_slope_and_bend_of_the_envelope():
    spread = 0.7
    data = EnvelopeTerm(term(400), spread)
    x, d, step = images(0), images(1), 0.1
    numeric = (data.value(x + step * d) - data.value(x - step * d)) / (2 * step)
    assert numeric == pytest.approx(float((data.gradient(x) * d).sum()), rel=5e-3)
    change = float((data.gradient(x + d) - data.gradient(x)).norm() / d.norm())
    assert change <= data.lipschitz < 1 / spread**2


def test_prox_of_the_envelope_is_a_minimum():
    data, v, rho = EnvelopeTerm(term(400), 0.7), images(2), 3.0
    x = data.prox(v, rho, v)
    slope = data.gradient(x) + rho * (x - v)
    assert float(slope.norm()) < 1e-2 * float(data.gradient(v).norm())


@pytest.mark.parametrize("spread", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("fit", [1, 4])
def test_objective_never_rises_with_proximal_gradient(weights, spread, fit):
    found = reconstruct(
        scan(), "lpn", device="cpu", weights=weights, algorithm="gradient", spread=spread, fit_iterations=fit,
        max_iterations=12, tol=0.0,
    )  # fmt: skip
    curve = np.array([record["objective"] for record in found.provenance["iterations"]])
    assert len(curve) == 12 and (np.diff(curve) <= 1e-5 * np.abs(curve).max()).all()
    assert found.provenance["convergence"]["promised"]


def test_momentum_is_no_worse_and_goes_to_the_same_end(weights):
    given = dict(device="cpu", weights=weights, tol=0.0, fit_iterations=6, max_iterations=20)
    plain, fast = (reconstruct(scan(), "lpn", algorithm=name, **given) for name in ("gradient", "accelerated"))
    ends = [found.provenance["iterations"][-1]["objective"] for found in (plain, fast)]
    assert ends[1] <= ends[0] + 1e-4 * abs(ends[0])
    assert np.abs(plain.chi - fast.chi).max() < 0.2 * np.abs(fast.chi).max()


def test_admm_says_when_nothing_is_promised(weights):
    found = reconstruct(scan(), "lpn", device="cpu", weights=weights, algorithm="admm", spread=5.0, max_iterations=3)
    assert any("Convergence is not promised" in remark for remark in found.provenance["remarks"])
    with pytest.raises(InputError, match="Convergence is not promised"):
        reconstruct(scan(), "lpn", device="cpu", weights=weights, algorithm="admm", spread=5.0, strict=True)


def test_large_volumes_are_done_in_tiles_with_the_same_result(weights, monkeypatch):
    given = dict(device="cpu", weights=weights, max_iterations=3)
    whole = reconstruct(scan(), "lpn", **given)
    monkeypatch.setattr(learned_prior, "WHOLE", 10)
    monkeypatch.setattr(learned_prior, "TILE", 4)
    monkeypatch.setattr(learned_prior, "HEARTBEAT", 0.0)
    steps = []
    tiled = reconstruct(scan(), "lpn", progress=steps.append, **given)
    assert np.abs(whole.chi - tiled.chi).max() < 1e-5 * np.abs(whole.chi).max()
    assert any("of iteration 2" in step.message for step in steps)

    def leave(step):
        if "of iteration" in step.message:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(scan(), "lpn", progress=leave, **given)


def test_weights_of_other_things_are_refused(tmp_path):
    with pytest.raises(InputError, match="no prior of tensors"):
        reconstruct(scan(), "lpn", device="cpu", weights="lpn-laplacian")
    other = save_lpn(LocalLpn(dims=3, channels=6, widths=(2,), quadratic=6), {}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="other components of the tensor"):
        reconstruct(scan(), "lpn", device="cpu", weights=str(other))


def test_memory_grows_no_more_with_the_features_once_volumes_are_tiled():
    method = methods()["lpn"]
    assert isinstance(method, LpnMethod)
    small, large = (method.memory_bytes((n, n, n), 3, LpnParams()) / n**3 for n in (64, 320))
    assert large < small
