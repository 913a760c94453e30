"""What stands on the screen: the topmost image of a window, and which panel has brought it there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info
from napari_sti.viz.prior_layers import ShownPrior

LINES = ("pev_lines", "pev_glyphs", "tracts")
"""Kinds of layers of lines and the like that are coloured by direction; their brightness means nothing."""

OVER = ("mask", "regions", *LINES)
"""Kinds of layers that lie over an image and leave it its caption, key and bar."""

_PANELS = {
    "Data": ("field", "magnitude", "r2prime", "qsm"),
    "Reconstruct": ("preview",),
    "Compare": ("compared_",),
    "Separate": ("separation_", "separated_"),
    "Quality": ("residual", "dti_angle"),
    "Tracts": ("tract_density",),
}
"""How the kinds of their layers begin."""


@dataclass(frozen=True, eq=False)
class Front:
    """The topmost image of a window.

    Parameters
    ----------
    layer : napari layer or None
        None where no image is seen.
    info : mapping
        What this package knows about it; empty for images of other origin.
    cells : bool
        Whether there are several of them, in cells side by side.
    """

    layer: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)
    cells: bool = False

    @property
    def kind(self) -> str:
        """Kind of the layer, as in its metadata."""
        return str(self.info.get("kind", ""))

    @property
    def run(self) -> str:
        """Name of the run or the study that it belongs to."""
        return str(self.info.get("run", ""))

    @property
    def panel(self) -> str:
        """Title of the panel that has made it; empty where none has."""
        if isinstance(self.info.get("maps"), ShownPrior):
            return "Prior"
        return next((panel for panel, kinds in _PANELS.items() if self.kind.startswith(kinds)), "")

    @property
    def what(self) -> str:
        """Its map in short, or the name of the layer."""
        return str(self.info.get("map") or getattr(self.layer, "name", ""))

    @property
    def words(self) -> str:
        """One sentence that says what is on top."""
        panel = f" of the panel {self.panel}" if self.panel else ""
        if self.cells:
            return f"Cells side by side{panel} are shown."
        return f"{self.what}{panel} is on top."


def front_of(viewer: Any) -> Front:
    """Find the topmost visible image of a viewer; masks, regions, lines and points lie over it and do not count."""
    viewer = _compat.unwrap(viewer)
    for layer in reversed(viewer.layers):
        if not layer.visible or layer.opacity <= 0:
            continue
        info = layer_info(layer.metadata)
        if type(layer).__name__ == "Image" if info is None else info.get("kind") not in OVER:
            return Front(layer, info or {}, bool(_compat.grid(viewer).enabled))
    return Front()
