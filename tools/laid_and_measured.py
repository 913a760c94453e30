"""How far the laid bundles are from the fibre directions of a measured brain in MNI space.

    python -m tools.laid_and_measured FOLDER

FOLDER holds ``dti_brain/FA.nii.gz`` and ``V1.nii.gz`` of a diffusion scan that is registered to MNI space, as FSL's
dtifit writes them. For laying bundles by: not with the brain of the evaluation, which nothing may be tuned on.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import eigen, frames
from napari_sti.core.errors import InputError
from napari_sti.learn.fibres import laid_dyadic
from napari_sti.maps.metrics import ECSE_THRESHOLD, pev_angle
from napari_sti.simulate.anatomy import Grid, resample
from napari_sti.simulate.fibres import REFERENCE, sample_dyadic
from napari_sti.simulate.real_fibres import find_real_data, real_fibre_phantom

Array = NDArray[np.floating]

SCAN_VOXELS = 0.0
"""An edge in mm below that of every scan: its own voxels are kept."""


def angles(folder: Path) -> dict[str, Array]:
    """Angles (P,) in degrees, in the measured brain's P anisotropic voxels of white matter, to each laid field.

    Raises
    ------
    InputError
        If the folder does not hold the brain, or its files do not fit.
    """
    place = find_real_data(folder)
    assert place is not None, "a folder that is given is found or refused"
    truth = real_fibre_phantom(place, SCAN_VOXELS, finer=False).truth
    grid = Grid(truth.chi.shape[:3], truth.affine)
    _, msa, pev = eigen.principal(truth.chi, mask=truth.mask)
    where = msa > ECSE_THRESHOLD
    measured = frames.rotate_vectors(pev[where], frames.between("voxel", "ras", truth.affine))
    return {
        "bundles of the sample brain": pev_angle(_directions(sample_dyadic(), grid, where), measured),
        "bundles of the training brains": pev_angle(_directions(laid_dyadic(), grid, where), measured),
    }


def _directions(dyadic: Array, grid: Grid, where: NDArray[np.bool_]) -> Array:
    """Principal directions (P, 3), in RAS, of dyadics (6, X, Y, Z) on `REFERENCE` at some voxels of a grid."""
    packed = np.stack([resample(component, REFERENCE, grid)[where] for component in dyadic], -1)
    return eigen.eigen_system(packed.astype(float))[1][:, :, 0]


def main() -> None:
    """Print the mean and median of every field."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    try:
        found = angles(parser.parse_args().folder)
    except InputError as error:
        raise SystemExit(str(error)) from error
    for name, angle in found.items():
        print(f"{name}: mean {angle.mean():.1f}, median {np.median(angle):.1f} degrees in {angle.size} voxels")


if __name__ == "__main__":
    main()
