"""Tensors as networks see them: mixed to channels that are independent and of about the same size.

A network of tensors does not take xx ... zz in ppm. The card of its weights states the matrix that leads from these to
its channels, so that nobody has to know which one it was trained with.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError

ENTRY = "channels_per_ppm"
"""Entry of the card's domain: a matrix (C, C) in rows."""


def channel_matrix(domain: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Matrix from the components of a file to the channels of a network, or None where these are the same.

    Raises
    ------
    InputError
        If the card states one that is none, or that cannot be undone.
    """
    stated = domain.get(ENTRY)
    if stated is None:
        return None
    try:
        matrix = np.array(stated, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros((0, 0))
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size > 0
    if not square or not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < len(matrix):
        raise InputError(
            f"the card of the weights states no matrix that can be undone as {ENTRY}",
            mend="give weights written by napari-sti train lpn",
        )
    return matrix


def mix(values: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mix the last axis of (..., C) by a matrix (C, C).

    Raises
    ------
    InputError
        If the image has another number of components.
    """
    if values.shape[-1:] != (len(matrix),):
        raise InputError(f"the image has {values.shape[-1]} components where the network takes {len(matrix)}")
    return np.asarray(values @ matrix.T.astype(np.float32), np.float32)
