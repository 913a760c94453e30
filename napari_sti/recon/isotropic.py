"""What methods share whose result is one number for each voxel, written as a tensor; in numpy alone."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.recon.design import least_tilted

DIAGONAL = (0, 3, 5)
"""Places of xx, yy, zz among the six components."""


def isotropic_tensor(chi: NDArray[np.floating]) -> NDArray[np.float32]:
    """Tensor (X, Y, Z, 6) that is χ (X, Y, Z) times the unit matrix, exactly: it has no principal direction."""
    tensor = np.zeros((*chi.shape, 6), np.float32)
    for place in DIAGONAL:
        tensor[..., place] = chi
    return tensor


def mean_susceptibility(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean (X, Y, Z) of the diagonal of a tensor (X, Y, Z, 6)."""
    xx, yy, zz = (tensor[..., place] for place in DIAGONAL)
    mean: NDArray[np.float32] = (xx + yy + zz) / np.float32(3)
    return mean


def isotropic_remark(title: str) -> str:
    """What the person should know about the anisotropy of such a result."""
    return f"{title} is isotropic by construction: its MSA is 0 and it has no principal direction."


def one_orientation(acquisition: Acquisition, number: int) -> tuple[int, str]:
    """Index of the orientation to use, and a sentence that says which it is.

    Parameters
    ----------
    acquisition : Acquisition
        Of one or several orientations.
    number : int
        Counted from 1; 0 takes the least tilted, the B0 direction of which is nearest to the foot-head axis.

    Raises
    ------
    InputError
        If there are not as many.
    """
    count = acquisition.n_orientations
    if number > count:
        raise InputError(
            f"orientation {number} is asked for and the study has {count}",
            mend="give its number, or 0 for the least tilted one",
        )
    index = number - 1 if number else least_tilted(acquisition.b0_dirs, acquisition.affine)
    label = acquisition.labels[index]
    return index, f"Made from one of {count} orientations: {label}." if count > 1 else ""
