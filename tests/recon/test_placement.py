"""Where a run is put when the device is small, and that it is said."""

from typing import Any

import numpy as np
import pytest
import torch

from napari_sti.core.acquisition import Acquisition
from napari_sti.recon import devices
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.placement import place
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method, methods
from napari_sti.recon.solvers.imagespace import ImageOperator
from napari_sti.recon.solvers.kspace import KSpaceOperator

SHAPE = (128, 128, 100)


def at(monkeypatch: pytest.MonkeyPatch, free: int, method: str = "stiimag") -> tuple[str, str, tuple[str, ...]]:
    monkeypatch.setattr(devices, "free_bytes", lambda name: free)
    chosen = get_method(method)
    return place(chosen, SHAPE, 6, chosen.Params(), "cuda")


def test_all_of_it_on_a_large_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at(monkeypatch, 80_000_000_000) == ("cuda", "cuda", ())


@pytest.mark.parametrize("method", ["stiimag", "asti", "asti_plus", "mmsr"])
def test_vectors_move_to_main_memory_when_only_the_operator_fits(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = get_method(method)
    whole = chosen.memory_bytes(SHAPE, 6, chosen.Params())
    device, home, said = at(monkeypatch, int(0.8 * whole), method)
    assert (device, home) == ("cuda", "cpu")
    assert "stayed in main memory" in said[0] and "just as precise" in said[0] and "are free on cuda" in said[0]


def test_everything_moves_when_not_even_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    device, home, said = at(monkeypatch, 1_000_000)
    assert (device, home) == ("cpu", "cpu")
    assert "computed on the CPU instead" in said[0]


def test_the_cpu_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda name: 0)
    method: Any = get_method("stiimag")
    assert place(method, SHAPE, 6, method.Params(), "cpu") == ("cpu", "cpu", ())


@pytest.mark.parametrize("name", methods())
def test_no_method_needs_more_on_the_device_than_in_all(name: str) -> None:
    method: Any = get_method(name)
    whole = method.memory_bytes(SHAPE, 6, method.Params())
    assert 0 < method.device_bytes(SHAPE, 6, method.Params()) <= whole


def test_what_was_moved_is_a_remark_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sti.recon.reconstruct.place", lambda *_: ("cpu", "cpu", ("It was moved.",)))
    rng = np.random.default_rng(0)
    given = Acquisition(0.05 * rng.normal(size=(2, 5, 4, 3)), [[0, 0, 1], [0, 0.6, 0.8]], np.ones((5, 4, 3)), np.eye(4))
    assert "It was moved." in reconstruct(given, "stiimag", device="cpu", max_iterations=1).provenance["remarks"]


@pytest.mark.parametrize("kind", [ImageOperator, KSpaceOperator])
@pytest.mark.parametrize("components", [6, 9])
def test_an_operator_far_from_home_gives_the_same(kind: Any, components: int) -> None:
    """Without a second device, another precision stands in for it: everything has to be brought there and back."""
    h = np.array([[0, 0, 1], [0, 0.6, 0.8]])
    inner = StiOperator((5, 4, 6), (1.0, 1.2, 2.0), h, dtype=torch.float32, components=components)
    near, far = kind(inner), kind(inner)
    far.home = torch.device("cpu", 0)  # unequal to "cpu", so that nothing is taken to be near
    assert far.home != inner.device
    x = near.from_tensor(np.random.default_rng(0).normal(size=(5, 4, 6, 6)).astype(np.float32))
    y, again = near.forward(x), torch.empty(2, 5, 4, 6)
    assert far.forward(x, out=again) is again
    torch.testing.assert_close(again, y)
    torch.testing.assert_close(far.forward(x), y)
    back = torch.empty_like(x)
    assert far.adjoint(y, out=back) is back
    torch.testing.assert_close(back, near.adjoint(y))
    np.testing.assert_allclose(far.to_tensor(x), near.to_tensor(x), atol=1e-6)
