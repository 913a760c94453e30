"""From the masks of a study and the edges of its susceptibility to the weights of the methods that use them."""

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.progress import Progress
from napari_sti.recon.edge_params import EdgeParams
from napari_sti.recon.morphology import edge_weights, morphology_of
from napari_sti.recon.penalties import Tissue


def anisotropic_white_matter(
    acquisition: Acquisition, alpha: float, beta: float, edges: EdgeParams, *, device: str, progress: Progress
) -> tuple[Tissue, str]:
    """Weights of MMSR (Li and van Zijl 2014), and where the edges come from."""
    assert acquisition.wm_mask is not None
    smooth, source = _smooth(acquisition, beta, edges, device, progress)
    weight = np.float32(alpha**2)
    return Tissue(
        isotropic=np.where(acquisition.wm_mask & acquisition.mask, np.float32(0), weight),
        empty=np.where(acquisition.mask, np.float32(0), weight),
        smooth=smooth,
    ), source


def isotropic_fluid(
    acquisition: Acquisition, alpha: float, beta: float, edges: EdgeParams, *, device: str, progress: Progress
) -> tuple[Tissue, str]:
    """Weights of aSTI+ (Shi 2022), and where the edges come from."""
    assert acquisition.wm_mask is not None and acquisition.csf_mask is not None
    smooth, source = _smooth(acquisition, beta, edges, device, progress)
    return Tissue(
        isotropic=np.where(acquisition.csf_mask, np.float32(alpha**2), np.float32(0)),
        empty=None,
        smooth=smooth * _pairs_within(acquisition.wm_mask),
    ), source


def _smooth(
    acquisition: Acquisition, beta: float, edges: EdgeParams, device: str, progress: Progress
) -> tuple[NDArray[np.float32], str]:
    """β² between neighbours where the mean may not jump; without a weight no edges are looked for."""
    if beta == 0:
        return np.zeros((3, *acquisition.shape), np.float32), "none"
    image, source = morphology_of(acquisition, edges.morphology, device=device, progress=progress)
    weights = edge_weights(
        image, acquisition.mask, acquisition.voxel_size, share=edges.edge_share, smooth_mm=edges.smooth
    )
    return weights.astype(np.float32) * np.float32(beta**2), source


def _pairs_within(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1 where a voxel and the next along each axis are both in the mask."""
    pairs = np.zeros((3, *mask.shape), np.float32)
    for axis in range(3):
        here, there = [slice(None)] * 3, [slice(None)] * 3
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        pairs[axis][tuple(here)] = mask[tuple(here)] & mask[tuple(there)]
    return pairs
