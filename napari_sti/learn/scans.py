"""Random scans of a brain: head orientations, field maps and noise, made on the device."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.learn.brains import Brain
from napari_sti.recon.operator import StiOperator
from napari_sti.simulate.tilts import b0_directions

FINER = 0.3
"""Share of scans whose field is simulated on a grid twice as fine and averaged, as a scanner does."""


@dataclass(frozen=True)
class ScanRanges:
    """Between what the properties of a scan are drawn.

    Parameters
    ----------
    orientations : (int, int)
        Number of head orientations.
    snr : (float, float)
        In dB; the power of the noise is mean(field² in the mask) / 10^(SNR/10).
    wide : float
        Share of scans whose tilts are wider than those of heads in a scanner.
    """

    orientations: tuple[int, int] = (1, 6)
    snr: tuple[float, float] = (10.0, 40.0)
    wide: float = 0.4


@dataclass(frozen=True, eq=False)
class Scan:
    """Field maps of a brain.

    Parameters
    ----------
    field : (N, X, Y, Z) tensor
        In ppm with noise, 0 outside the mask.
    operator : StiOperator
        The model of the scan, with its mask and directions.
    snr : float
        In dB.
    """

    field: torch.Tensor
    operator: StiOperator
    snr: float


def random_scan(brain: Brain, ranges: ScanRanges, rng: np.random.Generator) -> Scan:
    """Scan a brain with random directions and noise."""
    count = int(rng.integers(ranges.orientations[0], ranges.orientations[1] + 1))
    snr = float(rng.uniform(*ranges.snr))
    return scan(brain, random_directions(count, ranges.wide, rng), snr, rng, finer=rng.random() < FINER)


def random_directions(count: int, wide: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit vectors (count, 3) in RAS: tilts as heads reach them, or wider ones."""
    seed = int(rng.integers(2**31))
    if rng.random() >= wide:
        return b0_directions(count, mode="head", max_tilt=37, seed=seed)
    widest = rng.uniform(20, 75)
    tilt = np.radians(widest * np.sqrt(rng.random(count)))
    azimuth = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)], -1)


def scan(brain: Brain, b0_dirs: NDArray[np.float64], snr: float, rng: np.random.Generator, *, finer: bool) -> Scan:
    """Scan a brain.

    Parameters
    ----------
    brain : Brain
        What is scanned.
    b0_dirs : (N, 3) array
        Unit vectors in the brain's voxel axes.
    snr : float
        In dB.
    rng : numpy.random.Generator
        Source of the noise.
    finer : bool
        Simulate on voxels of half the size, evenly filled, and average.
    """
    device = brain.chi.device
    nx, ny, nz = brain.mask.shape
    operator = StiOperator((nx, ny, nz), brain.voxel_size, b0_dirs, brain.mask, device=device)
    field = _finer_field(brain, b0_dirs) if finer else operator.forward(brain.chi)
    power = field[:, brain.mask].square().mean()
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(field.shape, generator=generator, device=device)
    return Scan((field + (power / 10 ** (snr / 10)).sqrt() * noise) * brain.mask, operator, snr)


def _finer_field(brain: Brain, b0_dirs: NDArray[np.float64]) -> torch.Tensor:
    """Field maps of voxels that are filled evenly, one orientation at a time to spare memory."""
    chi = brain.chi
    for axis in (1, 2, 3):
        chi = chi.repeat_interleave(2, axis)
    _, nx, ny, nz = chi.shape
    a, b, c = (edge / 2 for edge in brain.voxel_size)
    fields = []
    for direction in b0_dirs:
        one = StiOperator((nx, ny, nz), (a, b, c), direction[None], device=chi.device)
        fields.append(torch.nn.functional.avg_pool3d(one.forward(chi)[None], 2)[0])
    return torch.cat(fields)
