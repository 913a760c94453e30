"""Where a stored volume lies on the screen: the nearest RAS order, scale and translation only, everything in mm.

napari cannot slice through a rotated affine (it drops the rotation silently, or fails for a permutation), so no layer
is ever given one. A volume is brought to the nearest RAS order of axes, and what remains is a scale and a
translation. For an oblique scan the remaining rotation is left out: it is shown along its own axes, and the *centre*
of the volume keeps its place in the world, so that no voxel is further from its true place than the angle asks for.
The true affine stays in the layer's metadata; the status line computes true world coordinates from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text

METADATA_KEY = "napari_sti"
"""Where a layer's ``metadata`` holds what this package knows about it."""

AXIS_LABELS = ("L-R", "P-A", "I-S")
"""Names of the three axes of every layer; each runs from the first letter to the second."""

OBLIQUE_FROM = 0.1
"""Degrees from which on a scan is called oblique; less is the rounding of headers."""


@dataclass(frozen=True, eq=False)
class DisplayGrid:
    """How a stored grid is shown.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel indices of the stored volume to RAS mm.
    shape : tuple of int
        Shape of the stored volume (three axes).

    Attributes
    ----------
    orientation : (3, 2) array
        From the stored order to the nearest RAS order.
    true_affine : (4, 4) array
        Indices of the shown volume to true RAS mm; holds the obliquity.
    scale, translate : (3,) arrays
        Where the shown volume is placed, mm.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", np.array(self.affine, np.float64))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape[:3]))

    @cached_property
    def orientation(self) -> NDArray[np.float64]:
        """From the stored order of axes to the nearest RAS order, as `frames.reorder_volume` takes it."""
        return frames.canonical_orientation(self.affine)

    @cached_property
    def shown_shape(self) -> tuple[int, int, int]:
        """Shape of the volume in the order in which it is shown."""
        order = np.argsort(self.orientation[:, 0])
        return cast(tuple[int, int, int], tuple(self.shape[int(axis)] for axis in order))

    @cached_property
    def true_affine(self) -> NDArray[np.float64]:
        """Indices of the shown volume to true RAS mm."""
        return frames.reorder_affine(self.affine, self.orientation, self.shape)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """Voxel size of the shown volume in mm."""
        return np.array(frames.voxel_size(self.true_affine))

    @cached_property
    def translate(self) -> NDArray[np.float64]:
        """Place of the first shown voxel in mm, such that the centre of the volume is at its true place."""
        middle = (np.array(self.shown_shape) - 1) / 2
        true_centre = self.true_affine[:3, :3] @ middle + self.true_affine[:3, 3]
        return true_centre - self.scale * middle

    @cached_property
    def oblique_degrees(self) -> float:
        """Rotation that is left out on the screen, in degrees; 0 where the grid is parallel to the world."""
        angle = frames.obliquity_degrees(self.affine)
        return angle if angle >= OBLIQUE_FROM else 0.0

    def to_shown(self, volume: NDArray[Any], *, first_axis: int = 0) -> NDArray[Any]:
        """Bring a stored volume to the order in which it is shown, contiguous."""
        return np.ascontiguousarray(frames.reorder_volume(volume, self.orientation, first_axis=first_axis))

    def to_stored(self, volume: NDArray[Any], *, first_axis: int = 0) -> NDArray[Any]:
        """Bring a shown volume back to the order in which it is stored, contiguous."""
        from nibabel.orientations import ornt_transform

        nearest_ras = np.array([[0, 1], [1, 1], [2, 1]], float)
        back = ornt_transform(nearest_ras, self.orientation)
        return np.ascontiguousarray(frames.reorder_volume(volume, back, first_axis=first_axis))

    def layer_keywords(self, *, leading: int = 0) -> dict[str, Any]:
        """Return scale, translate, units and axis labels for a layer with `leading` axes before the spatial ones."""
        return {
            "scale": (*([1.0] * leading), *self.scale.tolist()),
            "translate": (*([0.0] * leading), *self.translate.tolist()),
            "units": (*(["pixel"] * leading), "mm", "mm", "mm"),
            "axis_labels": (*(["volume"] * leading), *AXIS_LABELS),
        }

    def metadata(self) -> dict[str, Any]:
        """Return what is needed to come back from the screen to the file."""
        return {
            "affine": self.affine.tolist(),
            "shape": list(self.shape),
            "axes": frames.axis_codes(self.affine),
            "oblique_degrees": round(self.oblique_degrees, 3),
        }


def layer_info(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what this package knows about a layer, from the layer's ``metadata``; None for a foreign layer."""
    info = metadata.get(METADATA_KEY)
    return info if isinstance(info, dict) else None


def tell_path(layers: Iterable[tuple[Any, dict[str, Any], str]], path: Path) -> None:
    """Let the layers of a result say where it lies: its folder, or the file of its tensor."""
    for _, keywords, _ in layers:
        keywords["metadata"][METADATA_KEY]["path"] = str(path.absolute())


def grid_of(info: Mapping[str, Any] | None) -> DisplayGrid | None:
    """Return the grid on which a layer is shown, from what `layer_info` gave; None if it does not say."""
    if info is None or "affine" not in info or "shape" not in info:
        return None
    return _grid(tuple(map(tuple, info["affine"])), tuple(info["shape"]))


@lru_cache(maxsize=64)
def _grid(affine: tuple[tuple[float, ...], ...], shape: tuple[int, int, int]) -> DisplayGrid:
    """The caption asks with every slice; what a grid has worked out of itself is kept with it."""
    return DisplayGrid(np.array(affine, np.float64), shape)


def true_world(grid: DisplayGrid, shown: ArrayLike) -> NDArray[np.float64]:
    """True RAS mm (..., 3) of places (..., 3) given in the mm of the screen; the same but for oblique scans."""
    index = (np.asarray(shown, np.float64) - grid.translate) / grid.scale
    affine = grid.true_affine
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def shown_place(grid: DisplayGrid, world: ArrayLike) -> NDArray[np.float64]:
    """Place on the screen (..., 3) in mm of true RAS mm (..., 3): the inverse of `true_world`."""
    affine = grid.true_affine
    index = (np.asarray(world, np.float64) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    return np.asarray(index * grid.scale + grid.translate)


def check_same_grid(shape: tuple[int, ...], grid: DisplayGrid, what: str) -> None:
    """Refuse a volume that does not lie on the grid.

    Raises
    ------
    InputError
        That names both shapes.
    """
    if tuple(shape[:3]) != grid.shape:
        raise InputError(
            f"the {what} is {shape_text(shape[:3])} voxels and its grid {shape_text(grid.shape)}",
            mend="bring both to one grid",
        )
