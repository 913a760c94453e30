"""Methods that misbehave, to see what becomes of the run; registered in these tests only."""

import contextlib
import ctypes
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Step, silent
from napari_sti.core.tensor_field import TensorField


@dataclass(frozen=True)
class OddParams:
    iterations: int = param(20, label="Iterations", help="How many.", low=1, high=100000)
    pause: float = param(0.01, label="Pause", help="Between iterations.", unit="s", low=0, high=60)
    megabytes: int = param(0, label="Memory", help="To state or to take.", unit="MB", low=0)


class Odd(Method):
    title = "Odd"
    summary = "Misbehaves."
    formula = "none"
    reference = "none"
    needs: ClassVar[Needs] = Needs(orientations=1)
    Params: ClassVar[type] = OddParams

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
        return 0

    @staticmethod
    def result(acquisition: Acquisition) -> TensorField:
        chi = np.zeros((*acquisition.shape, 6), np.float32)
        chi[..., 0] = 0.01 * acquisition.mask
        return TensorField(chi, acquisition.affine, acquisition.mask, provenance={"iterations": []})


class Slow(Odd):
    id = "slow"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        chi = np.zeros((*acquisition.shape, 6), np.float32)
        for i in range(1, params.iterations + 1):
            time.sleep(params.pause)
            chi[..., 0] = i
            progress(Step(i, params.iterations, residual=1 / i, preview=chi.copy))
        return self.result(acquisition)


class Stuck(Odd):
    """Does not heed the cancel and never ends."""

    id = "stuck"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        i = 0
        while True:
            i += 1
            with contextlib.suppress(Cancelled):
                progress(Step(i, 0, residual=0.5))
            time.sleep(0.05)


class Hungry(Odd):
    """Takes the memory that it is told to take, and states none."""

    id = "hungry"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        import torch

        progress(Step(1, 2, residual=1.0))
        torch.zeros(params.megabytes * 250_000).add_(1)
        return self.result(acquisition)


class Greedy(Odd):
    """States the memory that it is told to state, and takes none."""

    id = "greedy"

    def memory_bytes(self, shape, orientations, params):
        return params.megabytes * 1_000_000

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        return self.result(acquisition)


class Faulty(Odd):
    id = "faulty"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        progress(Step(1, 2, residual=1.0))
        raise RuntimeError("The size of tensor a (3) must match\nthe size of tensor b (4)")


class Crashing(Odd):
    id = "crashing"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        progress(Step(1, 2, residual=1.0))
        ctypes.string_at(0)


class Chatty(Odd):
    """Prints where the protocol is spoken, as libraries do."""

    id = "chatty"

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        print('{"event": "done", "id": "nonsense"}')
        os.write(1, b"C library speaking\n")
        assert sys.stdin.read() == ""
        progress(Step(1, 1, residual=float("nan")))
        return self.result(acquisition)


class Continuing(Odd):
    """Adds 0.01 ppm to what it begins at."""

    id = "continuing"
    takes_start = True

    def run(self, acquisition, params, progress=silent, *, device="cpu", start=None):
        before = np.zeros((*acquisition.shape, 6), np.float32) if start is None else start.chi
        progress(Step(1, 1, residual=1.0))
        chi = (before + np.float32(0.01)) * acquisition.mask[..., None]
        return TensorField(chi, acquisition.affine, acquisition.mask, provenance={"iterations": []})


class Unrolled(Odd):
    """Comes to its result in a few steps that are kept, in memory that it uses again for the next."""

    id = "unrolled"
    keeps_iterates = True

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        end, total = self.result(acquisition), params.iterations
        estimate = np.zeros_like(end.chi)
        for i in range(1, total + 1):
            time.sleep(params.pause)
            estimate[...] = end.chi * np.float32(i / total)
            progress(Step(i, total, residual=1.5 - i / total, change=1 / i, preview=lambda: estimate))
        return end


ODD = {kind.id: kind() for kind in (Unrolled, Continuing, Slow, Stuck, Hungry, Greedy, Faulty, Crashing, Chatty)}


def install(patch) -> None:
    """Let the registry know the odd methods; `patch` is called with (module, name, value)."""
    from napari_sti.recon import reconstruct, registry

    original = registry.get_method

    def get_method(name: str) -> Method:
        return ODD[name] if name in ODD else original(name)

    for module in (registry, reconstruct):
        if hasattr(module, "get_method"):
            patch(module, "get_method", get_method)
