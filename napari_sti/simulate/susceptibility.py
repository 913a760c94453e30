"""The simulated susceptibility tensor: tissue and fibres in, chi in ppm out."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.simulate.anatomy import Anatomy
from napari_sti.simulate.fibres import FibreField
from napari_sti.simulate.nuclei import nuclei_weights

CHI_WHITE = -0.030
"""Mean susceptibility of white matter in ppm, as in the head phantom of Marques et al. 2021 (MRM 86:526)."""
CHI_WHITE_COHERENT = -0.015
"""What full coherence of the fibres adds to `CHI_WHITE`: dense bundles are the most diamagnetic tissue. -0.045 ppm
stays above the -0.05 ppm that the Fc-aSTI demonstration gives all white matter."""
CHI_GREY = 0.020
"""Of cortical grey matter in ppm, from the same head phantom."""
CHI_FLUID = 0.0
"""Of cerebrospinal fluid in ppm: the usual zero of susceptibility maps."""

MSA_COHERENT = 0.035
"""Anisotropy l1 - (l2 + l3)/2 in ppm of white matter whose fibres all run one way. Public simulations lie around it:
at most 0.015 in the Fc-aSTI demonstration, 0.018 in the MMSR phantom, up to 0.076 in the DeepSTI data (methods that
score white matter ask for more than 0.015)."""


def susceptibility_tensor(anatomy: Anatomy, fibres: FibreField) -> NDArray[np.float32]:
    """Simulate the tensor of every voxel: X = MMS I + MSA (v v^T - I/3).

    This cylindrical form has exactly the mean susceptibility MMS and the anisotropy l1 - (l2 + l3)/2 = MSA, with the
    fibre direction v as principal eigenvector. MSA is `MSA_COHERENT` times the coherence of the fibres times the
    fraction of white matter, and 0 in grey matter, nuclei, veins and fluid.

    Returns
    -------
    (X, Y, Z, 6) array
        chi in ppm in the RAS frame, 0 outside the brain. Simulated, not measured.
    """
    mms, msa = mean_and_anisotropy(anatomy, fibres)
    v = fibres.direction
    chi = frames.from_matrix(v[..., :, None] * v[..., None, :]).astype(np.float32)
    chi *= msa[..., None]
    chi[..., [0, 3, 5]] += (mms - msa / 3)[..., None]
    return chi


def mean_and_anisotropy(anatomy: Anatomy, fibres: FibreField) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Simulated MMS and MSA (X, Y, Z) in ppm; see `susceptibility_tensor`."""
    white = CHI_WHITE + CHI_WHITE_COHERENT * fibres.coherence
    mms = anatomy.wm * white + anatomy.gm * CHI_GREY + anatomy.csf * CHI_FLUID
    msa = MSA_COHERENT * fibres.coherence * anatomy.wm
    for chi, fraction in nuclei_weights(anatomy):
        mms = mms * (1 - fraction) + chi * fraction
        msa = msa * (1 - fraction)
    return np.where(anatomy.mask, mms, 0).astype(np.float32), np.where(anatomy.mask, msa, 0).astype(np.float32)
