"""Examples for DeepSepSTI: scans of simulated brains with two sources, field maps and R2', crops and whole ones."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.learn.brains import BrainRanges
from napari_sti.learn.deepsepsti_brains import SourceBrain, SourceBrains
from napari_sti.learn.deepsti_data import MIXED, SCANS_OF_BRAIN, Crop, Examples
from napari_sti.learn.scans import Scan, ScanRanges, random_scan
from napari_sti.recon.unrolled.separating import SourceProblem
from napari_sti.recon.unrolled.separating_fit import from_sources, mixed, rate_rows

if TYPE_CHECKING:
    from napari_sti.learn.tasks.deepsepsti import DeepSepStiTraining

ONE_RATE = 0.15
"""Share of scans in which R2' was measured in one of the orientations alone."""


@dataclass(frozen=True, eq=False)
class SourceScan(Scan):
    """Field maps and R2' of a brain.

    Parameters
    ----------
    rates : (K, X, Y, Z) tensor
        R2' / Dr in ppm with noise, >= 0, 0 outside the mask.
    rate_dirs : (K, 3) array
        Directions of the main field in them.
    """

    rates: torch.Tensor
    rate_dirs: NDArray[np.float64]

    def posed(self) -> SourceProblem:
        """The problem of this scan."""
        return SourceProblem.pose(self.operator, self.field, self.rates, self.rate_dirs)


def measure_rates(
    brain: SourceBrain, b0_dirs: NDArray[np.float64], snr: float, rng: np.random.Generator
) -> torch.Tensor:
    """R2' / Dr (K, X, Y, Z) in ppm of a brain with noise, what falls below zero set to zero.

    Dr divides out: where it is known, all that reaches the network is a rate in ppm. The power of the noise is
    mean(rate² in the mask) / 10^(SNR/10).
    """
    rates = mixed(rate_rows(b0_dirs).to(brain.pos), from_sources(brain.pos, brain.neg))
    power = rates[:, brain.mask].square().mean()
    generator = torch.Generator(rates.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(rates.shape, generator=generator, device=rates.device)
    return (rates + (power / 10 ** (snr / 10)).sqrt() * noise).clamp_min(0) * brain.mask


class SourceExamples(Examples):
    """Numbered examples: each depends on its number, the seed and the parameters alone; see `Examples`."""

    crops_of_scan = 24
    """A scan with its joint estimate takes longer to make here."""

    @property
    def brains(self) -> SourceBrains:
        """Where brains come from; made when first asked for."""
        if self._supply is None:
            self._supply = source_supply(self.params, self.device)
        supply: SourceBrains = self._supply
        return supply

    def _ready(self, number: int) -> Crop:
        """A whole scan as the network sees it, kept until its crops are made."""
        if number not in self._kept_scans:
            scan, truth = self._scan(number)
            problem = scan.posed()
            inputs, inside = problem.inputs(problem.first, 0), scan.operator.mask > 0.5
            self._kept_scans[number] = Crop(inputs, problem.conditions(0), truth, inside)
            while len(self._kept_scans) > MIXED:
                self._kept_scans.popitem(last=False)
        return self._kept_scans[number]

    def _scan(self, number: int) -> tuple[SourceScan, torch.Tensor]:
        p = self.params
        brain = self._brain(number // SCANS_OF_BRAIN)
        assert isinstance(brain, SourceBrain)
        rng = np.random.default_rng([p.seed, 313, number])
        made = random_scan(brain, ScanRanges((1, p.orientations), (p.snr_low, p.snr_high)), rng)
        dirs = made.operator.b0_dirs
        if rng.random() < ONE_RATE:
            dirs = dirs[[int(rng.integers(len(dirs)))]]
        rates = measure_rates(brain, dirs, float(rng.uniform(p.rate_snr_low, p.rate_snr_high)), rng)
        scan = SourceScan(made.field, made.operator, made.snr, rates, dirs)
        return scan, from_sources(brain.pos, brain.neg)


def source_supply(params: "DeepSepStiTraining", device: torch.device) -> SourceBrains:
    """Make the supply of brains that the parameters ask for."""
    return SourceBrains(BrainRanges((params.voxel_size_low, params.voxel_size_high)), params.seed, device)
