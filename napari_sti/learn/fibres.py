"""Fibre fields to train on: the bundles of `napari_sti.learn.courses`, varied in course and weight, in MNI space."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.learn.courses import training_tracts
from napari_sti.simulate.fibres import REFERENCE, add_tract, both_halves, gyral_dyadic
from napari_sti.simulate.tracts import Tract

VARIANTS = 6
"""Courses that are laid of every bundle."""
JITTER_MM = 2.5
"""How far the stations of a bundle move from one variant to the next, standard deviation."""
WIDTH_SPREAD = 0.2
"""Of the natural logarithm of its width."""
WEIGHT_SPREAD = 0.6
"""Of the natural logarithm of its weight."""

GYRAL_WEIGHT = 0.5
"""Of the gyral fans beside a bundle of weight 1, in the middle."""
GYRAL_BLURS_MM = (6.0, 10.0, 14.0)
SATURATION = 0.3
"""Bundles fade in their fans sooner than those of the sample brain, and leave the gyri to the gyral fans."""

_MIRROR = torch.tensor([1, -1, -1, 1, 1, 1.0])
"""What x -> -x does to the components of a tensor."""


class FibrePool:
    """Several courses of every bundle, ready to be mixed.

    Parameters
    ----------
    seed : int
        Of the courses.
    device : torch.device
        Where the dyadics are kept.
    variants : int
        Courses of every bundle.
    """

    def __init__(self, seed: int, device: torch.device, variants: int = VARIANTS) -> None:
        self.device = device
        self._seed, self._variants, self._tracts = seed, variants, training_tracts()
        self._laid: dict[tuple[int, int], tuple[tuple[slice, ...], torch.Tensor]] = {}
        self._gyri = torch.from_numpy(gyral_dyadic(GYRAL_BLURS_MM)).to(device)

    def _course(self, number: int, variant: int) -> tuple[tuple[slice, ...], torch.Tensor]:
        """Box and dyadics of one course of a bundle, laid when it is first drawn: all take seconds."""
        if (number, variant) not in self._laid:
            rng = np.random.default_rng([self._seed, number, variant])
            self._laid[number, variant] = self._lay(self._tracts[number], rng)
        return self._laid[number, variant]

    def _lay(self, tract: Tract, rng: np.random.Generator) -> tuple[tuple[slice, ...], torch.Tensor]:
        total = np.zeros((6, *REFERENCE.shape), np.float32)
        add_tract(total, varied(tract, rng), rng, saturation=SATURATION)
        filled = np.argwhere(total[0] + total[3] + total[5] > 1e-4)
        box = tuple(slice(a, b + 1) for a, b in zip(filled.min(0), filled.max(0), strict=True))
        return box, torch.from_numpy(total[(slice(None), *box)].copy()).to(self.device)

    def draw(self, rng: np.random.Generator) -> torch.Tensor:
        """Mix one fibre field: summed dyadics (6, X, Y, Z) in RAS on `REFERENCE`; left and right differ."""
        sides = [self._one_side(rng) for _ in range(2)]
        both = sides[0] + _MIRROR.to(self.device)[:, None, None, None] * sides[1].flip(1)
        return both + GYRAL_WEIGHT * float(np.exp(rng.normal(0, WEIGHT_SPREAD))) * self._gyri

    def _one_side(self, rng: np.random.Generator) -> torch.Tensor:
        total = torch.zeros(6, *REFERENCE.shape, device=self.device)
        for number in range(len(self._tracts)):
            box, dyadic = self._course(number, int(rng.integers(self._variants)))
            total[(slice(None), *box)] += dyadic * float(np.exp(rng.normal(0, WEIGHT_SPREAD)))
        return total


def laid_dyadic() -> NDArray[np.float32]:
    """What drawn fields vary around: summed dyadics (6, X, Y, Z) in RAS on `REFERENCE` of the bundles as laid."""
    both = both_halves(training_tracts(), saturation=SATURATION)
    return both + np.float32(GYRAL_WEIGHT) * gyral_dyadic(GYRAL_BLURS_MM)


def varied(tract: Tract, rng: np.random.Generator) -> Tract:
    """Move the stations of a bundle and change its width; across the midline it stays where it is."""
    stations = []
    wider = np.exp(rng.normal(0, WIDTH_SPREAD))
    for x, y, z, *widths in tract.stations:
        dx, dy, dz = rng.normal(0, JITTER_MM, 3)
        moved = (x + (dx if abs(x) > 8 else 0), y + dy, z + dz)
        stations.append((*moved, *(w * wider for w in widths)))
    return replace(tract, stations=tuple(stations))


def principal_direction(dyadic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Principal eigenvector and eigenvalue of symmetric positive 3x3 tensors, by repeated squaring.

    Five squarings raise the tensor to its 32nd power, whose columns all point along the first eigenvector unless two
    eigenvalues are alike, where no direction is right.

    Parameters
    ----------
    dyadic : (6, P) tensor
        Components xx, xy, xz, yy, yz, zz.

    Returns
    -------
    direction : (3, P) tensor
        Unit vectors, sign free; along x where the tensor is 0.
    value : (P,) tensor
        Largest eigenvalue.
    """
    power = dyadic / (dyadic[0] + dyadic[3] + dyadic[5]).clamp_min(1e-12)
    for _ in range(5):
        xx, xy, xz, yy, yz, zz = power
        squared = torch.stack([
            xx * xx + xy * xy + xz * xz, xx * xy + xy * yy + xz * yz, xx * xz + xy * yz + xz * zz,
            xy * xy + yy * yy + yz * yz, xy * xz + yy * yz + yz * zz, xz * xz + yz * yz + zz * zz,
        ])  # fmt: skip
        power = squared / (squared[0] + squared[3] + squared[5]).clamp_min(1e-30)
    columns = torch.stack([power[[0, 1, 2]], power[[1, 3, 4]], power[[2, 4, 5]]])
    longest = columns.norm(dim=1).argmax(0)
    direction = columns.gather(0, longest[None, None].expand(1, 3, -1))[0]
    length = direction.norm(dim=0)
    direction = torch.where(length > 1e-6, direction / length.clamp_min(1e-12), torch.zeros_like(direction))
    direction[0, length <= 1e-6] = 1
    x, y, z = direction
    xx, xy, xz, yy, yz, zz = dyadic
    value = x * x * xx + y * y * yy + z * z * zz + 2 * (x * y * xy + x * z * xz + y * z * yz)
    return direction, value
