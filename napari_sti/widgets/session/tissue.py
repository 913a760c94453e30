"""The tissue masks that a method needs, as chips: which file, and how much of the brain it covers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.io.nifti import read_volume
from napari_sti.io.study import Study
from napari_sti.widgets.chips import ChipText

_WORDS = {"wm_mask": "white matter", "csf_mask": "CSF"}
_SHORT = {"wm_mask": "WM", "csf_mask": "CSF"}


def mask_words(name: str) -> str:
    """Name of a mask of the study in words: ``wm_mask`` is the white matter's."""
    return _WORDS.get(name, name.removesuffix("_mask").replace("_", " "))


def mask_shares(study: Study) -> dict[str, float]:
    """Return for each tissue mask of a study the volume that it covers, as a share of the brain mask's.

    Reads the masks; those that cannot be read are left out, since the study says so elsewhere.
    """
    brain = _volume(study.mask)
    shares = {}
    for name in _WORDS:
        tissue = _volume(getattr(study, name))
        if brain and tissue is not None:
            shares[name] = tissue / brain
    return shares


def mask_chips(method: Method, study: Study, shares: Mapping[str, float]) -> tuple[ChipText, ...]:
    """Chips of the masks that a method needs."""
    return tuple(_chip(name, getattr(study, name, None), shares.get(name)) for name in method.needs.masks)


def _chip(name: str, path: Path | None, share: float | None) -> ChipText:
    words = mask_words(name)
    if path is None:
        return ChipText(f"no {words} mask", f"This method needs the {words} mask.", "error")
    covered = "" if share is None else f", {_percent(share)} of the brain"
    return ChipText(f"{_SHORT.get(name, words)}: {path.name}{covered}", f"Mask of the {words}: {path}", "good")


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _volume(path: Path | None) -> float | None:
    """Volume in mm3 inside a mask; None if there is none or it cannot be read."""
    if path is None:
        return None
    try:
        mask = read_volume(path, what="mask")
    except (InputError, OSError):
        return None
    return float(np.count_nonzero(np.nan_to_num(mask.data) > 0.5) * np.prod(frames.voxel_size(mask.affine)))
