"""How directions are coloured beside floor and ceiling: by which map, in brightness or opacity, clipped, suppressed."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.maps.colour import NO_AXIS, Axes, window_share
from napari_sti.viz.shown_maps import BLOCK, ShownMaps

GlyphShape = Literal["anisotropic", "signed"]


@dataclass(frozen=True, eq=False)
class Style:
    """How the directions of a run are shown.

    Parameters
    ----------
    by : (X, Y, Z) array, optional
        Map in the shown order whose values between floor and ceiling become brightness; the run's MSA by default.
    by_title, by_unit : str
        Its name and unit, for the key.
    opacity : bool
        Whether it becomes opacity instead of brightness.
    clip : (X, Y, Z) bool array, optional
        In the shown order: where directions are shown at all.
    suppress : three bool
        World axes whose part of the colour is left out.
    even : bool
        Every direction equally light.
    slab : float
        Thickness in mm of what lines and ellipsoids are drawn of; 0 is one slice, and the whole volume in 3-D.
    shape : {"anisotropic", "signed"}
        What the ellipsoids show, see `napari_sti.viz.glyphs`.
    """

    by: NDArray[Any] | None = None
    by_title: str = "MSA"
    by_unit: str = "ppm"
    opacity: bool = False
    clip: NDArray[np.bool_] | None = None
    suppress: Axes = NO_AXIS
    even: bool = False
    slab: float = 0.0
    shape: GlyphShape = "anisotropic"
    _gathered: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Style":
        return self  # immutable and large, as `ShownMaps`

    @property
    def by_msa(self) -> bool:
        """Whether the run's own MSA decides."""
        return self.by is None

    def values(self, maps: ShownMaps) -> NDArray[Any]:
        """Map (X, Y, Z) that floor and ceiling are of."""
        return maps.msa if self.by is None else self.by

    def blocks(self, maps: ShownMaps) -> NDArray[np.float32]:
        """Its values inside the mask, in the blocks of `ShownMaps.painted`; gathered once."""
        if self.by is None:
            return maps.painted[1]
        key = id(maps)
        if key not in self._gathered:
            self._gathered.clear()
            padded = np.zeros(maps.painted[1].size, np.float32)
            padded[: len(maps.inside)] = self.by.reshape(-1)[maps.inside]
            self._gathered[key] = padded.reshape(-1, BLOCK)
        return self._gathered[key]

    def alpha(self, maps: ShownMaps, floor: float, ceiling: float) -> NDArray[np.uint8] | int:
        """Opacity of the voxels inside the mask, 0 to 255."""
        if not self.opacity and self.clip is None:
            return 255
        count = len(maps.inside)
        alpha = np.full(count, 255, np.uint8)
        if self.opacity:
            share = window_share(self.blocks(maps).reshape(-1)[:count], floor, ceiling)
            alpha = np.rint(255 * share).astype(np.uint8)
        if self.clip is not None:
            alpha[~self.clip.reshape(-1)[maps.inside]] = 0
        return alpha


PLAIN = Style()
"""Brightness by the run's MSA, all directions, everywhere."""


def style_of(info: dict[str, Any]) -> Style:
    """Style of a layer, from what `layer_info` gave."""
    found = info.get("style")
    return found if isinstance(found, Style) else PLAIN
