"""Axial, coronal and sagittal views in both conventions, none of them a mirror image in three dimensions.

All layers hold volumes in the nearest RAS order, so dimension 0 runs to the right, 1 to the front and 2 to the top.
A view is an order of the dimensions (depth, vertical, horizontal) and the direction in which each of them grows on
the screen. Of the eight directions four are rotations and four mirror images; only rotations are used, so that
turning to three dimensions shows the person as they are.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz import _compat

Plane = Literal["axial", "coronal", "sagittal"]
Vector = tuple[float, float, float]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")

LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
"""Letters at the low and the high end of each of the three dimensions."""

NORMAL: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Dimension that runs through the slices of a plane."""

_ORDER: dict[Plane, tuple[int, int, int]] = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
_DIRECTIONS: dict[tuple[Plane, bool], tuple[str, str, str]] = {
    ("axial", False): ("towards", "up", "right"),
    ("axial", True): ("away", "up", "left"),
    ("coronal", False): ("away", "up", "right"),
    ("coronal", True): ("towards", "up", "left"),
    ("sagittal", False): ("towards", "up", "right"),
    ("sagittal", True): ("away", "up", "left"),
}


def show_plane(viewer: Any, plane: Plane, *, radiological: bool = False) -> None:
    """Show one plane with the usual side up.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        With at least one layer of three dimensions.
    plane : {"axial", "coronal", "sagittal"}
        Axial with the front up, the others with the top of the head up.
    radiological : bool
        The person's right is on the left of the screen (and in sagittal views the front is on the left). By default
        neurological: right is right.
    """
    viewer = _compat.unwrap(viewer)
    ndim = viewer.dims.ndim
    if ndim < 3:
        return
    leading = tuple(range(ndim - 3))
    viewer.dims.order = (*leading, *(axis + ndim - 3 for axis in _ORDER[plane]))
    _compat.camera(viewer).orientation = _DIRECTIONS[plane, radiological]


def show_axial(viewer: Any, radiological: bool = False) -> None:
    """Show axial slices with the front up; right is right unless `radiological`."""
    show_plane(viewer, "axial", radiological=radiological)


def show_coronal(viewer: Any, radiological: bool = False) -> None:
    """Show coronal slices with the top of the head up; right is right unless `radiological`."""
    show_plane(viewer, "coronal", radiological=radiological)


def show_sagittal(viewer: Any, radiological: bool = False) -> None:
    """Show sagittal slices with the top of the head up; the front is on the right unless `radiological`."""
    show_plane(viewer, "sagittal", radiological=radiological)


def go_to(viewer: Any, shown_mm: NDArray[np.float64]) -> None:
    """Move the slices to a place given in the mm of the screen."""
    ndim = viewer.dims.ndim
    for axis in range(3):
        viewer.dims.set_point(axis + ndim - 3, float(shown_mm[axis]))


@dataclass(frozen=True)
class ScreenAxes:
    """Where right, front and top of the person lie on the screen.

    Parameters
    ----------
    right, up, towards : tuple of three floats
        Directions to the right, to the top and out of the screen, in the dimensions R, A, S.
    ndisplay : int
        2 or 3 displayed dimensions.
    """

    right: Vector
    up: Vector
    towards: Vector
    ndisplay: int

    @property
    def mirrored(self) -> bool:
        """Whether what is shown in three dimensions is a mirror image of the person."""
        return bool(np.linalg.det(np.array([self.right, self.up, self.towards])) < 0)

    @property
    def plane(self) -> Plane | None:
        """The plane that is shown, None in three dimensions unless exactly along an axis."""
        axis = int(np.argmax(np.abs(self.towards)))
        if abs(self.towards[axis]) < 0.999:
            return None
        return ("sagittal", "coronal", "axial")[axis]

    @property
    def convention(self) -> Literal["neurological", "radiological"] | None:
        """On which side the person's right is; None where left and right are not across the screen."""
        if abs(self.right[0]) < 0.5:
            return None
        return "neurological" if self.right[0] > 0 else "radiological"

    def letters(self) -> tuple[str, str, str, str]:
        """Letters at the right, left, top and bottom edge; turned views have two, the nearer one first."""
        right, left = _letters(self.right)
        top, bottom = _letters(self.up)
        return right, left, top, bottom


def _letters(direction: Vector) -> tuple[str, str]:
    ahead, behind = "", ""
    for axis in np.argsort(-np.abs(direction), kind="stable"):
        # sin(20 degrees): smaller turns of the camera do not need a second letter.
        if abs(direction[axis]) < 0.342:
            break
        low, high = LETTERS[axis]
        ahead += high if direction[axis] > 0 else low
        behind += low if direction[axis] > 0 else high
    return ahead, behind


def screen_axes(viewer: Any) -> ScreenAxes | None:
    """Return where R, A and S lie on the screen now; None while fewer than three dimensions are there."""
    viewer = _compat.unwrap(viewer)
    ndim, ndisplay = viewer.dims.ndim, viewer.dims.ndisplay
    if ndim < 3:
        return None
    camera = _compat.camera(viewer)
    depth, vertical, horizontal = (str(direction) for direction in camera.orientation)
    towards = np.array([1.0 if depth == "towards" else -1.0, 0, 0])
    up = np.array([0, 1.0 if vertical == "up" else -1.0, 0])
    right = np.array([0, 0, 1.0 if horizontal == "right" else -1.0])
    if ndisplay == 3:
        side = np.sign(right @ np.cross(up, towards))
        towards = -np.array(camera.view_direction, float)
        up = np.array(camera.up_direction, float)
        right = side * np.cross(up, towards)
    spatial = [axis - (ndim - 3) for axis in viewer.dims.order[-3:]]
    if sorted(spatial) != [0, 1, 2]:
        return None
    return ScreenAxes(_ras(right, spatial), _ras(up, spatial), _ras(towards, spatial), ndisplay)


def _ras(direction: NDArray[np.float64], spatial: list[int]) -> Vector:
    """Bring a direction in (depth, vertical, horizontal) to (R, A, S), without rounding errors and negative zeros."""
    ras = np.zeros(3)
    ras[spatial] = direction
    x, y, z = (np.round(ras, 6) + 0.0).tolist()
    return x, y, z
