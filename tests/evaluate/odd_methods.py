"""Methods that take no time, refuse, or break, to see what an evaluation makes of them."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Step, silent
from napari_sti.core.tensor_field import TensorField


@dataclass(frozen=True)
class OddParams:
    strength: float = param(1.0, label="Strength", help="Of nothing.", low=0, high=9)


@dataclass(frozen=True)
class StrongParams:
    strength: float = param(2.0, label="Strength", help="Of nothing.", low=0, high=9)


class Odd(Method):
    summary = formula = reference = "none"
    needs: ClassVar[Needs] = Needs(orientations=1)
    Params: ClassVar[type] = OddParams
    calls: ClassVar[list[int]] = []

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
        return 0

    def run(self, acquisition, params, progress=silent, *, device="cpu", home="", start=None):
        type(self).calls.append(acquisition.n_orientations)
        progress(Step(1, 1))
        return TensorField(
            self.answer(acquisition), acquisition.affine, acquisition.mask, provenance={"iterations": [{}, {}, {}]}
        )


class Half(Odd):
    """Half the truth: right directions, half the anisotropy."""

    id = "half"
    title = "Half (of the truth)"
    calls: ClassVar[list[int]] = []

    def answer(self, acquisition):
        return 0.5 * acquisition.reference_tensor.chi


class Flat(Odd):
    id = "flat"
    title = "Flat"
    calls: ClassVar[list[int]] = []

    def answer(self, acquisition):
        chi = np.zeros_like(acquisition.reference_tensor.chi)
        chi[..., [0, 3, 5]] = acquisition.reference_tensor.mms[..., None]
        return chi


class Picky(Odd):
    id = "picky"
    title = "Picky"
    needs: ClassVar[Needs] = Needs(orientations=3)
    calls: ClassVar[list[int]] = []

    def answer(self, acquisition):
        return acquisition.reference_tensor.chi


class Broken(Odd):
    id = "broken"
    title = "Broken"
    calls: ClassVar[list[int]] = []

    def answer(self, acquisition):
        raise ZeroDivisionError("cannot\ndivide, at all")


class Fussy(Odd):
    id = "fussy"
    title = "Fussy"
    calls: ClassVar[list[int]] = []

    def answer(self, acquisition):
        raise InputError("the fluid mask is empty", mend="draw one")


def install(monkeypatch) -> None:
    """Let the registry know these methods only, as if none had been called."""
    from napari_sti.recon import registry

    found = {c.id: c() for c in (Half, Flat, Picky, Broken, Fussy)}
    for method in found.values():
        type(method).calls.clear()
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType(found))
