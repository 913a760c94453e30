"""Examples for DeepSTI: crops of simulated scans for the network alone, whole scans for the unrolled model."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from napari_sti.learn.brains import Brain, BrainRanges, Brains
from napari_sti.learn.datasets import Use
from napari_sti.learn.scans import Scan, ScanRanges, random_scan
from napari_sti.recon.unrolled.compact import CompactModel, Problem
from napari_sti.recon.unrolled.whitened import from_tensor

if TYPE_CHECKING:
    from napari_sti.learn.tasks.deepsti import DeepStiTraining

SCANS_OF_BRAIN = 2
CROPS_OF_SCAN = 12
MIXED = 3
"""Scans whose crops come in turn, so that neighbouring steps do not see one brain alone."""


class Crop(NamedTuple):
    """A scan or a cube of it, ready for the network; see `CompactModel` for what the volumes are."""

    inputs: torch.Tensor
    conditions: torch.Tensor
    truth: torch.Tensor
    inside: torch.Tensor


class Whole(NamedTuple):
    """A whole scan, for the unrolled model."""

    scan: Scan
    truth: torch.Tensor


class Examples(Dataset[Any]):
    """Numbered examples: each depends on its number, the seed and the parameters alone.

    Parameters
    ----------
    params : DeepStiTraining
        Ranges and sizes.
    device : str or torch.device
        Where brains, scans and examples are made.
    """

    crops_of_scan = CROPS_OF_SCAN

    def __init__(self, params: Any, device: str | torch.device = "cpu") -> None:
        self.params, self.device = params, torch.device(device)
        self._kept_brain: tuple[int, Brain] | None = None
        self._kept_scans: OrderedDict[int, Crop] = OrderedDict()
        self._supply: Any = None

    def __getitem__(self, number: int) -> Crop | Whole | None:
        """Make example `number`: a crop as long as the network trains alone, then one whole scan for each step."""
        step, place = divmod(number, self.params.batch)
        if step < self.params.alone:
            return self._crop(number)
        return self._whole(step - self.params.alone) if place == 0 else None

    @property
    def brains(self) -> Any:
        """Where brains come from: simulated ones, or the user's own; made when first asked for."""
        if self._supply is None:
            self._supply = supply(self.params, self.device)
        return self._supply

    def _crop(self, number: int) -> Crop:
        turn, within = divmod(number, MIXED * self.crops_of_scan)
        scan = self._ready(turn * MIXED + within % MIXED)
        box = self._box(scan.inside, np.random.default_rng([self.params.seed, 307, number]))
        whole = (slice(None), *box)
        return Crop(scan.inputs[whole].clone(), scan.conditions, scan.truth[whole].clone(), scan.inside[box].clone())

    def _box(self, brain: torch.Tensor, rng: np.random.Generator) -> tuple[slice, ...]:
        """A cube around a random voxel of the brain, inside the grid, at a place that the network can halve."""
        multiple = CompactModel.multiple
        inside = torch.nonzero(brain)
        middle = (
            inside[int(rng.integers(max(len(inside), 1)))].tolist() if len(inside) else [n // 2 for n in brain.shape]
        )
        edges = [min(self.params.crop, n) // multiple * multiple or n for n in brain.shape]
        return tuple(
            slice(start, start + edge)
            for m, n, edge in zip(middle, brain.shape, edges, strict=True)
            for start in [int(np.clip(m - edge // 2 + rng.integers(-4, 5), 0, n - edge))]
        )

    def _ready(self, number: int) -> Crop:
        """A whole scan as the network sees it, kept until its crops are made."""
        if number not in self._kept_scans:
            scan, truth = self._scan(number)
            problem = Problem.of(scan.operator, scan.field)
            inside = scan.operator.mask > 0.5
            self._kept_scans[number] = Crop(problem.inputs(problem.first, 0), problem.conditions(0), truth, inside)
            while len(self._kept_scans) > MIXED:
                self._kept_scans.popitem(last=False)
        return self._kept_scans[number]

    def _whole(self, number: int) -> Whole:
        return Whole(*self._scan(10**7 + number))

    def _scan(self, number: int) -> tuple[Scan, torch.Tensor]:
        brain = self._brain(number // SCANS_OF_BRAIN)
        ranges = ScanRanges((1, self.params.orientations), (self.params.snr_low, self.params.snr_high))
        scan = random_scan(brain, ranges, np.random.default_rng([self.params.seed, 311, number]))
        return scan, from_tensor(brain.chi)

    def _brain(self, number: int) -> Brain:
        if self._kept_brain is None or self._kept_brain[0] != number:
            self._kept_brain = number, self.brains.brain(number)
        return self._kept_brain[1]


def supply(params: "DeepStiTraining", device: torch.device, *, use: Use = "train") -> Any:
    """Make the supply of brains that the parameters ask for; of tensors of one's own, those that are for this use."""
    if params.data:
        from napari_sti.learn.own_brains import OwnBrains

        return OwnBrains(params.data, params.seed, device, use=use)
    return Brains(BrainRanges((params.voxel_size_low, params.voxel_size_high)), params.seed, device)


def together(examples: list[Crop | Whole | None]) -> list[Crop | Whole]:
    """Collate: a list, since crops of small brains differ in size."""
    return [example for example in examples if example is not None]
