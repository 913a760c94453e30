"""What is unusual about the values of a file, and should be looked at."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.relaxometry import SLOW

_WRAPPED_PART = 1e-3


def wrap_warning(volume: NDArray[np.float32], mask: NDArray[np.bool_], path: Path) -> list[str]:
    """Return a warning if phase in rad jumps by more than half a turn between neighbours, as wrapped phase does."""
    jumps = pairs = 0
    for axis in range(3):
        inside = np.logical_and(*_neighbours(mask, axis))
        low, high = _neighbours(volume, axis)
        jumps += int((np.abs(high[inside] - low[inside]) > np.pi).sum())
        pairs += int(inside.sum())
    if jumps <= _WRAPPED_PART * pairs:
        return []
    return [
        f"{path.name} jumps by more than half a turn between {100 * jumps / pairs:.1f} % of neighbouring voxels, as "
        "phase does that was not unwrapped."
    ]


def _neighbours(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    moved = np.moveaxis(array, axis, 0)
    return moved[:-1], moved[1:]


LARGE_FIELD = 0.5
"""ppm: local fields of a brain are a few tenths, so that more asks for a look at the unit or the background."""


def size_warning(inside: NDArray[np.float32], unit: str, path: Path) -> list[str]:
    """Return a warning if a field (in ppm) or R2' (in Hz) has a size that is unusual for a brain."""
    spread = float(np.percentile(np.abs(inside), 99))
    if unit in ("R2'", "R2*", "R2"):
        if spread >= SLOW:
            return []
        return [f"{path.name} reaches only {spread:.2g} Hz; {unit} may be in 1/ms and is expected in Hz (1/s)."]
    if spread > LARGE_FIELD:
        return [
            f"{path.name} reaches {spread:.2g} ppm when read as {unit}, while local fields of a brain stay within a "
            "few tenths; check its unit, and that the background field was removed."
        ]
    if spread < 1e-3:
        return [f"{path.name} reaches only {spread:.2g} ppm when read as {unit}; check its unit."]
    return []
