import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping
from napari_sti.learn import lpn_gaps
from napari_sti.learn.lpn_gaps import Gaps, with_gaps
from napari_sti.learn.registry import get_task
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.unrolled.whitened import to_tensor

EDGE = 10


def cubes(count: int = 1) -> torch.Tensor:
    return torch.randn(count, 6, EDGE, EDGE, EDGE, generator=torch.Generator().manual_seed(4))


def test_rows_are_those_of_the_forward_operator():
    """On a grid that repeats itself, the rows give the field that the operator of the package simulates."""
    w, h = cubes()[0], np.array([[0.0, 0.6, 0.8], [0.48, 0.6, 0.64]])
    gaps = Gaps(EDGE)
    rows = gaps._rows(torch.from_numpy(h).float())
    spectra = torch.fft.rfftn(w, dim=(1, 2, 3), norm="ortho").flatten(1)
    found = torch.einsum("nck,ck->nk", rows.to(torch.complex64), spectra)
    found[:, 0] = 0
    field = torch.fft.irfftn(found.reshape(2, EDGE, EDGE, EDGE // 2 + 1), s=(EDGE,) * 3, norm="ortho", dim=(1, 2, 3))
    chi = np.moveaxis(to_tensor(w).numpy(), 0, -1)
    wanted = simulate_field(chi, np.eye(4), h)
    inside = np.fft.rfftn(wanted - field.numpy(), axes=(1, 2, 3))[:, :5, :5, :5]
    inside[:, 0, 0, 0] = 0  # the mean, and Nyquist planes, are a matter of convention
    assert np.abs(inside).max() < 1e-3 * np.abs(np.fft.rfftn(wanted, axes=(1, 2, 3))).max()


def test_many_orientations_without_noise_leave_nothing_missing(monkeypatch):
    monkeypatch.setattr(lpn_gaps, "ORIENTATIONS", (40, 40))
    monkeypatch.setattr(lpn_gaps, "NOISE_PPM", (1e-6, 1.01e-6))
    monkeypatch.setattr(lpn_gaps, "MOST_TILT_DEG", 89.0)
    w = cubes()[0]
    found = Gaps(EDGE).error(w, torch.Generator().manual_seed(0))
    assert float((found - w).norm() / w.norm()) < 0.05


def test_one_orientation_leaves_most_of_the_anisotropy_missing(monkeypatch):
    monkeypatch.setattr(lpn_gaps, "ORIENTATIONS", (1, 1))
    w = cubes()[0]
    off = [(Gaps(EDGE).error(w, torch.Generator().manual_seed(s)) - w).norm() / w.norm() for s in range(8)]
    assert max(off) > 0.6 and min(off) < 0.6, "what is missing is missing by a drawn share"


def test_only_a_share_is_given_gaps():
    w, noise = cubes(4), torch.full((4, 6, EDGE, EDGE, EDGE), 0.5)
    assert torch.equal(with_gaps(w, 0.0, noise, torch.Generator().manual_seed(0)), w + noise)
    given = with_gaps(w, 0.5, noise, torch.Generator().manual_seed(1))
    plain = [torch.equal(a, b) for a, b in zip(given, w + noise, strict=True)]
    assert 0 < sum(plain) < 4
    assert torch.equal(given, with_gaps(w, 0.5, noise, torch.Generator().manual_seed(1)))


def test_gaps_are_for_tensors_alone():
    task = get_task("lpn")
    with pytest.raises(InputError, match="gaps are errors of tensors, and the source template has none"):
        task.check(from_mapping(task.Params, {"source": "template", "gaps": 0.5}))
