"""How far any prior could bring the directions of the brain with real fibres: priors that are told the truth nearby.

    python -m benchmarks.bound [--real-data DIR] [--orientations 1 5] [--seeds 2] [--max-tilt 40]

At every voxel the prior is told the true mean susceptibility, and the mean of the true anisotropic parts around the
voxel, which it is not told: that of the 26 neighbours, or of a larger cube. Least squares bring it to the data, as
after the network of DeepSTI, and the best of several weights is taken, chosen by the truth. No method knows any of
that: what these do not reach, a method reaches only by finding single voxels in the data better than least squares.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from napari_sti.core.acquisition import Acquisition
from napari_sti.evaluate.design import Design, Study
from napari_sti.evaluate.run import simulate_study
from napari_sti.maps.metrics import angle_summary
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.whitened import WhitenedFit, from_tensor, to_tensor
from napari_sti.simulate.real_fibres import find_real_data

CUBES = (3, 5, 7, 9)
"""Edges in voxels."""
SPREADS = (0.25, 0.5, 1.0, 2.0, 4.0)
ITERATIONS = 20
VOXEL_MM, SNR = 2.2, 20.0


def told_nearby(truth: torch.Tensor, mask: NDArray[np.bool_], cube: int) -> torch.Tensor:
    """True mean, and mean over the other voxels of the mask in a cube of the true anisotropic part, whitened."""

    def total(volume: NDArray[np.float32]) -> NDArray[np.float64]:
        return uniform_filter(volume.astype(float), cube, mode="constant") * cube**3

    others = np.maximum(total(mask.astype(np.float32)) - 1, 1)
    parts = [(total(part) - part) / others for part in truth[1:].numpy()]
    told = torch.cat([truth[:1], torch.from_numpy(np.stack(parts)).float()])
    return told * torch.tensor(mask)


def angles(acquisition: Acquisition) -> Iterator[tuple[int, float, float]]:
    """For every cube its edge, and the mean angle of what is told and of the best fit around it."""
    reference, mask = acquisition.reference_tensor, acquisition.mask
    assert reference is not None and acquisition.field is not None
    operator = StiOperator(
        acquisition.shape, acquisition.voxel_size, acquisition.b0_dirs, torch.from_numpy(mask.astype(np.float32))
    )
    fit = WhitenedFit(operator, torch.from_numpy(np.array(acquisition.field, np.float32)))
    truth = from_tensor(torch.from_numpy(np.moveaxis(reference.chi, -1, 0).astype(np.float32)))

    def angle(w: torch.Tensor) -> float:
        return angle_summary(np.moveaxis(to_tensor(w).numpy(), 0, -1), reference.chi, mask).mean

    for cube in CUBES:
        told = told_nearby(truth, mask, cube)
        yield cube, angle(told), min(angle(fit.fit(told, spread, ITERATIONS)) for spread in SPREADS)


def main() -> None:
    """Print a line for every number of orientations and cube."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path)
    parser.add_argument("--orientations", type=int, nargs="+", default=(1, 5))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--max-tilt", type=float, default=40.0)
    given = parser.parse_args()
    design = Design(("deepsti",), brains=("dti",), voxel_size=VOXEL_MM, real_data=find_real_data(given.real_data))
    for count in given.orientations:
        for seed in range(given.seeds):
            study = Study("dti", count, SNR, given.max_tilt, VOXEL_MM, finer=True, seed=seed)
            for cube, told, fitted in angles(simulate_study(study, design)):
                mm = cube * VOXEL_MM
                print(
                    f"{count} orientations, seed {seed}, {cube}x{cube}x{cube} voxels ({mm:.0f} mm): told {told:.1f}°, "
                    f"with the data {fitted:.1f}°",
                    flush=True,
                )


if __name__ == "__main__":
    main()
