"""What should be said about tissue masks before a method trusts them."""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

OUTSIDE = 0.01
"""Share of a tissue mask outside of the brain from which on it is worth a sentence: less is a rim of voxels."""


def mask_warnings(mask: Bools, wm: Bools | None, csf: Bools | None) -> tuple[str, ...]:
    """Return a sentence for each of: an empty mask, a mask outside of the brain, two masks that overlap.

    Parameters
    ----------
    mask : (X, Y, Z) bool array
        Inside of the brain.
    wm, csf : (X, Y, Z) bool array or None
        White matter and fluid, on the same grid.
    """
    said = []
    for name, tissue in (("white matter mask", wm), ("CSF mask", csf)):
        said += [] if tissue is None else _about(name, tissue, mask)
    if wm is not None and csf is not None:
        both = int((wm & csf).sum())
        if both:
            voxels = "1 voxel is" if both == 1 else f"{both} voxels are"
            share = both / max(min(int(wm.sum()), int(csf.sum())), 1)
            said.append(f"{voxels} both in the white matter mask and in the CSF mask ({share:.0%} of the smaller one).")
    return tuple(said)


def _about(name: str, tissue: Bools, mask: Bools) -> list[str]:
    voxels = int(tissue.sum())
    if not voxels:
        return [f"The {name} is empty."]
    outside = int((tissue & ~mask).sum()) / voxels
    if outside == 1:
        return [f"The {name} lies wholly outside of the brain mask."]
    if outside > OUTSIDE:
        return [f"{outside:.0%} of the {name} lie outside of the brain mask."]
    return []
