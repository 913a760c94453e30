"""Eigen-decomposition of symmetric 3x3 fields."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames


def principal(
    chi: NDArray[np.floating], *, mask: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """MMS (...), MSA (...) in ppm and PEV (..., 3) of tensors (..., 6); zero outside the mask."""
    # First version, right and slow; replaced by the closed form.
    values, vectors = np.linalg.eigh(frames.to_matrix(np.nan_to_num(np.asarray(chi, np.float64))))
    mms = values.mean(-1)
    msa = values[..., 2] - (values[..., 0] + values[..., 1]) / 2
    pev = vectors[..., 2]
    keep = np.ones(mms.shape, bool) if mask is None else mask
    return (
        cast(NDArray[np.float32], np.where(keep, mms, 0).astype(np.float32)),
        cast(NDArray[np.float32], np.where(keep, msa, 0).astype(np.float32)),
        cast(NDArray[np.float32], np.where(keep[..., None], pev, 0).astype(np.float32)),
    )
