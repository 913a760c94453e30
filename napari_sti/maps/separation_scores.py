"""How near a separation comes to the truth of a simulation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text

Array = NDArray[np.floating]


@dataclass(frozen=True)
class SourceScores:
    """Scores of one source.

    Parameters
    ----------
    psnr : float
        10 log10(range² / mean square error) in dB over the whole volume, with the range of the truth, as the published
        program of WaveSep defines it.
    nrmse : float
        Norm of the error over norm of the truth, inside the mask.
    correlation : float
        Of found and true values inside the mask; NaN where one of them is constant.
    ssim : float
        Structural similarity over the whole volume with the range of the truth.
    """

    psnr: float
    nrmse: float
    correlation: float
    ssim: float


def source_scores(found: Array, truth: Array, mask: NDArray[np.bool_]) -> SourceScores:
    """Score one source (X, Y, Z), chi+ or chi- (or its mean), against the truth.

    Raises
    ------
    InputError
        If shapes differ or the truth is constant.
    """
    from skimage.metrics import structural_similarity

    if found.shape != truth.shape or mask.shape != truth.shape:
        raise InputError(
            f"the source is {shape_text(found.shape)} voxels and the truth {shape_text(truth.shape)}",
            mend="bring both to one grid",
        )
    a, b = np.where(mask, found, 0).astype(np.float64), np.where(mask, truth, 0).astype(np.float64)
    span = float(np.ptp(b))
    if span == 0:
        raise InputError("the true source is the same everywhere", mend="give one that differs from place to place")
    error = float(np.mean((a - b) ** 2))
    inside_a, inside_b = a[mask], b[mask]
    constant = np.ptp(inside_a) == 0 or np.ptp(inside_b) == 0
    window = min(7, *(n for n in a.shape if n > 1))
    return SourceScores(
        psnr=float("inf") if error == 0 else 10 * np.log10(span**2 / error),
        nrmse=float(np.linalg.norm(inside_a - inside_b) / np.linalg.norm(inside_b)),
        correlation=float("nan") if constant else float(np.corrcoef(inside_a, inside_b)[0, 1]),
        ssim=float(
            structural_similarity(a.squeeze(), b.squeeze(), data_range=span, win_size=window - (window % 2 == 0))
        ),
    )
