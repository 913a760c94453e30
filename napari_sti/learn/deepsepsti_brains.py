"""Random brains as two sources, iron and myelin, in the anatomy and with the fibres of `napari_sti.learn.brains`.

What is drawn are the sources: iron of every tissue, myelin of every tissue, and the anisotropy that myelin has where
fibres run together. The total susceptibility is their sum, and R2' follows from them for every direction, so that all
three belong together; lesions take myelin and its anisotropy away at once.
"""

from dataclasses import dataclass

import numpy as np
import torch

from napari_sti.learn.brains import FIRST_NUCLEUS, FLUID, GREY, WHITE, Brain, Brains, Making
from napari_sti.simulate.nuclei import NUCLEI

LEAST_ROOM = 1e-3
"""ppm by which the least diamagnetic eigenvalue of X- stays below zero where there is anisotropy."""


@dataclass(frozen=True, eq=False)
class SourceBrain(Brain):
    """A simulated brain whose two sources are known.

    Parameters
    ----------
    pos : (X, Y, Z) tensor
        chi+ >= 0 in ppm, 0 outside the mask.
    neg : (6, X, Y, Z) tensor
        X- in ppm, negative semi-definite; `chi` is the sum of both.
    """

    pos: torch.Tensor
    neg: torch.Tensor


class SourceBrains(Brains):
    """A supply of random brains with known sources; number `i` is always the same one."""

    @property
    def nuclei_chi(self) -> list[float]:
        """Mean susceptibility in ppm of every kind of nucleus and of the veins."""
        return list(self._nuclei_chi)

    def brain(self, number: int) -> SourceBrain:
        """Make the brain of this number."""
        return _MakingSources(self, *self.chances(number)).brain()


class _MakingSources(Making):
    """The making of one brain by its sources."""

    source: SourceBrains
    pos: torch.Tensor

    def brain(self) -> SourceBrain:
        """Make it."""
        made = super().brain()
        neg = made.chi.clone()
        neg[[0, 3, 5]] -= self.pos
        return SourceBrain(made.chi, made.mask, made.voxel_size, self.pos, neg)

    def _susceptibilities(
        self, maps: torch.Tensor, mask: torch.Tensor, inside: torch.Tensor, coherence: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Total mean susceptibility and anisotropy (X, Y, Z) in ppm, by the sources."""
        white = maps[WHITE]
        bundled = torch.zeros_like(white)
        bundled[inside] = coherence ** float(self.rng.uniform(0.7, 1.5))
        iron, myelin = self._tissues(maps, bundled)
        msa = float(self.rng.uniform(*self.source.ranges.msa)) * bundled * white
        msa = msa * self._uneven(0.35)
        for index, chi in enumerate(self.source.nuclei_chi):
            share = maps[FIRST_NUCLEUS + index]
            own = float(self.rng.uniform(0, 0.035)) if index < len(NUCLEI) else 0.0
            there = chi * float(np.exp(self.rng.normal(0, 0.4))) + own
            iron, myelin, msa = (v * (1 - share) + c * share for v, c in ((iron, there), (myelin, own), (msa, 0.0)))
        for there, own, share in self._bodies_of_sources(mask):
            iron, myelin, msa = (v * (1 - share) + c * share for v, c in ((iron, there), (myelin, own), (msa, 0.0)))
        lost = self._spared(mask)
        myelin, msa = myelin * lost, (msa * lost).clamp(0, 0.1)
        myelin = torch.maximum(myelin, (2 / 3 * msa + LEAST_ROOM) * (msa > 0)) * mask
        self.pos = iron.clamp_min(0) * mask
        return self.pos - myelin, msa * mask

    def _tissues(self, maps: torch.Tensor, bundled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Iron, and myelin as a positive number, (X, Y, Z) in ppm."""
        uniform = self.rng.uniform
        white, grey, fluid = maps[WHITE], maps[GREY], maps[FLUID]
        in_fluid = float(self.rng.normal(0, 0.006))
        iron = white * float(uniform(0.003, 0.03)) + grey * float(uniform(0.01, 0.055)) + fluid * max(in_fluid, 0)
        myelin = white * (float(uniform(0.02, 0.06)) + float(uniform(0.0, 0.035)) * bundled)
        myelin = myelin + grey * float(uniform(0.004, 0.03)) + fluid * max(-in_fluid, 0)
        return iron * self._uneven(0.3), myelin * self._uneven(0.25)

    def _uneven(self, most: float) -> torch.Tensor:
        """A smooth factor (X, Y, Z) about 1."""
        return torch.exp(float(self.rng.uniform(0, most)) * self._smooth(1, self.rng.uniform(4, 25))[0])

    def _bodies_of_sources(self, mask: torch.Tensor) -> list[tuple[float, float, torch.Tensor]]:
        """Iron and myelin of iron-rich or calcified bodies and lesions anywhere in the brain, with their shares."""
        found = []
        for total, share in self._bodies(mask):
            beside = float(self.rng.uniform(0, 0.03))
            found.append((max(total, 0.0) + beside, max(-total, 0.0) + beside, share))
        return found
