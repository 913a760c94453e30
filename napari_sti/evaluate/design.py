"""What is to be evaluated: methods, brains, numbers of orientations, noise, tilts and seeds, as a list of cells."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.recon.registry import get_method

BRAINS = {
    "sample": "sample brain (MNI152 anatomy, hand-laid bundles)",
    "dti": "brain with real fibres (diffusion scan of one person)",
}
"""Names of the simulated brains on the command line and in words."""

LARGEST_FINE_GRID = 4_000_000
"""Voxels up to which the field is simulated on a finer grid unless something else is asked for."""


@dataclass(frozen=True)
class Study:
    """One simulated scan.

    Parameters
    ----------
    brain : str
        One of `BRAINS`.
    orientations : int
        Number of head orientations.
    snr : float
        In dB.
    max_tilt : float
        Largest tilt in degrees.
    voxel_size : float
        Wanted edge of a voxel in mm.
    finer : bool
        Whether the field is simulated on a finer grid.
    seed : int
        Of noise and random tilts.
    """

    brain: str
    orientations: int
    snr: float
    max_tilt: float
    voxel_size: float
    finer: bool
    seed: int


@dataclass(frozen=True)
class Cell:
    """One run: a method on a simulated scan, with its default parameters."""

    study: Study
    method: str

    @property
    def params(self) -> str:
        """The method's default parameters as JSON: a cell is run again when they have changed."""
        return default_params(self.method)


def default_params(method: str) -> str:
    """Write the default parameters of a method as JSON."""
    return json.dumps(to_mapping(from_mapping(get_method(method).Params, {})), sort_keys=True)


@dataclass(frozen=True)
class Design:
    """All that is to be run.

    Parameters
    ----------
    methods : tuple of str
        Ids of methods.
    orientations : tuple of int
        Numbers of orientations.
    snr : tuple of float
        Noise levels in dB.
    max_tilt : tuple of float
        Largest tilts in degrees.
    seeds : int
        Number of repetitions.
    brains : tuple of str
        Of `BRAINS`.
    voxel_size : float
        Edge of a voxel in mm.
    finer : bool
        Simulate the field on a finer grid than that of the reconstruction.
    device : str
        As `napari_sti.recon.reconstruct` takes it.
    real_data : path, optional
        Folder of the brain with real fibres.

    Raises
    ------
    InputError
        If something is not known or out of range.
    """

    methods: tuple[str, ...]
    orientations: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 12)
    snr: tuple[float, ...] = (40.0, 20.0)
    max_tilt: tuple[float, ...] = (30.0, 60.0)
    seeds: int = 3
    brains: tuple[str, ...] = ("sample",)
    voxel_size: float = 3.0
    finer: bool = True
    device: str = "auto"
    real_data: Path | None = None

    def __post_init__(self) -> None:
        for name in ("methods", "orientations", "snr", "max_tilt", "brains"):
            values = getattr(self, name)
            if not values:
                raise InputError(f"no {name.replace('_', ' ')} to evaluate", mend="name at least one")
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))
        for method in self.methods:
            get_method(method)
        for brain in self.brains:
            if brain not in BRAINS:
                raise InputError(f"the brain {brain!r} is not known", mend=f"use {' or '.join(BRAINS)}")
        if "dti" in self.brains and self.real_data is None:
            raise InputError(
                "the brain dti needs a diffusion scan and none was found",
                mend="give the folder that holds dti_brain by --real-data, or use --brains sample",
            )
        _within(self.orientations, 1, 20, "numbers of orientations", "")
        _within(self.snr, 0, 120, "noise levels", " dB")
        _within(self.max_tilt, 0, 90, "largest tilts", " degrees")
        _within((self.seeds,), 1, 1000, "numbers of seeds", "")
        _within((self.voxel_size,), 0.5, 10, "voxel sizes", " mm")

    def studies(self) -> Iterator[Study]:
        """All scans, every combination once before any is repeated with another seed."""
        for seed in range(self.seeds):
            for brain in self.brains:
                for max_tilt in self.max_tilt:
                    for snr in self.snr:
                        for n in self.orientations:
                            yield Study(brain, n, snr, max_tilt, self.voxel_size, self.finer, seed)

    def is_shown(self, study: Study) -> bool:
        """Whether the tensors of this scan are drawn: those of the first noise level, tilt and seed."""
        return (study.snr, study.max_tilt, study.seed) == (self.snr[0], self.max_tilt[0], 0)

    def command(self) -> str:
        """Write the command line that asks for this."""
        words = ["napari-sti", "evaluate", "--methods", *self.methods, "--orientations", *map(str, self.orientations)]
        words += ["--snr", *(f"{v:g}" for v in self.snr), "--max-tilt", *(f"{v:g}" for v in self.max_tilt)]
        words += ["--seeds", str(self.seeds), "--brains", ",".join(self.brains)]
        words += ["--voxel-size", f"{self.voxel_size:g}"] + ([] if self.finer else ["--same-grid"])
        return " ".join(shlex.quote(word) for word in [*words, "-o", "DIR"])


def _within(values: tuple[float, ...], low: float, high: float, what: str, unit: str) -> None:
    for value in values:
        if not low <= value <= high:
            raise InputError(f"{value:g}{unit} is not among the {what}", mend=f"use {low:g} to {high:g}{unit}")
