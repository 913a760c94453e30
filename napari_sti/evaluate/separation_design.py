"""What is to be evaluated of separations: methods, what Dr made R2' and what is assumed, orientations, noise, seeds."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.recon.registry import get_method
from napari_sti.recon.separation_registry import get_separation_method

TRUE_CHI = "truth"
"""In place of a reconstruction: the true tensor with noise, so that the split alone is scored."""
TRUE_CHI_NOISE = 0.01
"""ppm, in every entry of it."""


@dataclass(frozen=True)
class DrCase:
    """How R2' was made and which Dr is assumed.

    Parameters
    ----------
    title : str
        In words.
    simulated : mapping
        Of `napari_sti.simulate.sources.SourceParams`.
    assumed : str
        As `napari_sti.recon.separate.separate` takes it.
    """

    title: str
    simulated: dict[str, Any]
    assumed: str


DR_CASES = {
    "consistent": DrCase("R2′ made with Dr = 114, 114 assumed", dict(rates="consistent", dr=114.0), "114"),
    "inconsistent": DrCase("R2′ made with Dr = 137, 114 assumed", dict(rates="consistent", dr=137.0), "114"),
    "theory": DrCase(
        "R2′ of static dephasing (another Dr for each source, sin²θ of the fibres), theory's Dr for spheres assumed",
        dict(rates="theory"),
        "theory",
    ),
}
"""Consistent or not: names on the command line and what they mean."""


@dataclass(frozen=True)
class SeparationCell:
    """One run: a method on one simulated scan."""

    case: str
    method: str
    orientations: int
    seed: int


@dataclass(frozen=True)
class SeparationDesign:
    """All that is to be run, on the simulated brain with two sources.

    Parameters
    ----------
    methods : tuple of str
        Ids of methods of separation, with their default parameters.
    cases : tuple of str
        Of `DR_CASES`.
    orientations : tuple of int
        Numbers of orientations.
    seeds : int
        Number of repetitions.
    chi : str
        Method that reconstructs the tensor for methods that start from a susceptibility, or `TRUE_CHI`.
    snr, rate_snr : float
        Of the field maps and of R2', in dB.
    voxel_size : float
        In mm.
    device : str
        As `napari_sti.recon.separate.separate` takes it.

    Raises
    ------
    InputError
        If something is not known or out of range.
    """

    methods: tuple[str, ...]
    cases: tuple[str, ...] = tuple(DR_CASES)
    orientations: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    seeds: int = 2
    chi: str = "deepsti"
    snr: float = 30.0
    rate_snr: float = 10.0
    voxel_size: float = 3.0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("methods", "cases", "orientations"):
            values = getattr(self, name)
            if not values:
                raise InputError(f"no {name} to evaluate", mend="name at least one")
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))
        for method in self.methods:
            get_separation_method(method)
        for case in self.cases:
            if case not in DR_CASES:
                raise InputError(f"the case of Dr {case!r} is not known", mend=f"use {', '.join(DR_CASES)}")
        if self.chi != TRUE_CHI:
            get_method(self.chi)
        _within(self.orientations, 1, 20, "numbers of orientations", "")
        _within((self.snr, self.rate_snr), 0, 120, "noise levels", " dB")
        _within((self.seeds,), 1, 1000, "numbers of seeds", "")
        _within((self.voxel_size,), 0.5, 10, "voxel sizes", " mm")

    def cells(self) -> Iterator[SeparationCell]:
        """All runs: what shares a scan together, and everything once before it is repeated with another seed."""
        for seed in range(self.seeds):
            for n in self.orientations:
                for case in self.cases:
                    for method in self.methods:
                        yield SeparationCell(case, method, n, seed)

    def command(self) -> str:
        """Write the command line that asks for this."""
        words = ["napari-sti", "evaluate", "--separation", "--methods", *self.methods, "--dr-cases", *self.cases]
        words += ["--orientations", *map(str, self.orientations), "--seeds", str(self.seeds), "--chi", self.chi]
        words += ["--snr", f"{self.snr:g}", "--rate-snr", f"{self.rate_snr:g}", "--voxel-size", f"{self.voxel_size:g}"]
        return " ".join(shlex.quote(word) for word in [*words, "-o", "DIR"])


def form_of(method: str) -> str:
    """What a method is given and finds: a tensor wherever it can."""
    return "tensor" if "tensor" in get_separation_method(method).forms else "scalar"


def default_params(method: str) -> str:
    """Write the default parameters of a method of separation as JSON."""
    return json.dumps(to_mapping(from_mapping(get_separation_method(method).Params, {})), sort_keys=True)


def _within(values: tuple[float, ...], low: float, high: float, what: str, unit: str) -> None:
    for value in values:
        if not low <= value <= high:
            raise InputError(f"{value:g}{unit} is not among the {what}", mend=f"use {low:g} to {high:g}{unit}")
