"""What is shown and how: plain values."""

from dataclasses import dataclass
from typing import Any, Literal

from napari_sti.viz import views
from napari_sti.viz.style import GlyphShape

MapKind = Literal["pev_colour", "msa", "mms", "field", "none"]

SPREAD_OF = {"pev_colour": "pev_spread", "msa": "msa_spread", "mms": "mms_spread"}
"""The kind of layer that tells how far a map can be trusted."""


@dataclass(frozen=True)
class View:
    """What is shown and how.

    Parameters
    ----------
    run : str
        Name of the run, empty if there is none.
    map : {"pev_colour", "msa", "mms", "field", "none"}
        Which map of it, or the field maps.
    lines : bool
        Whether the principal eigenvector is drawn as lines.
    floor, ceiling : float
        MSA in ppm from which on colours rise out of black, and at which they are full.
    legend : bool
        Letters, colour key, colour bar and scale bar.
    radiological : bool
        The person's right on the left of the screen.
    plane : {"axial", "coronal", "sagittal"}
        Which slices.
    solid : bool
        In three dimensions.
    unit : {"ppm", "ppb"}
        For susceptibilities and fields, in the whole window.
    spread : bool
        Whether what can be trusted of the map lies over it, where the run has that.
    ellipsoids : bool
        Whether tensors are drawn as ellipsoids.
    three : bool
        Whether the other two planes are shown beside the image, with a common crosshair.
    modulate : str
        Name of the layer whose values `floor` and `ceiling` are of; empty for the run's own MSA.
    opacity : bool
        Whether it decides on opacity instead of brightness.
    clip : str
        Name of the layer outside whose `clip_range` no direction is shown; empty for none.
    clip_range : two floats
        In the unit of that layer.
    suppress : three bool
        World axes whose part of the colour is left out.
    even : bool
        Every direction equally light.
    slab : float
        Thickness in mm of what lines and ellipsoids are drawn of; 0 is one slice, and all of it in 3-D.
    shape : {"anisotropic", "signed"}
        What ellipsoids show.
    """

    run: str = ""
    map: MapKind = "pev_colour"
    lines: bool = False
    floor: float = 0.0
    ceiling: float = 0.03
    legend: bool = True
    radiological: bool = False
    plane: views.Plane = "axial"
    solid: bool = False
    unit: Literal["ppm", "ppb"] = "ppm"
    spread: bool = False
    ellipsoids: bool = False
    three: bool = False
    modulate: str = ""
    opacity: bool = False
    clip: str = ""
    clip_range: tuple[float, float] = (0.0, 1.0)
    suppress: tuple[bool, bool, bool] = (False, False, False)
    even: bool = False
    slab: float = 0.0
    shape: GlyphShape = "anisotropic"

    @property
    def style(self) -> tuple[Any, ...]:
        """All that the colours depend on beside the run and its window."""
        clip = (self.clip, self.clip_range) if self.clip else ()
        return (self.modulate, self.opacity, clip, self.suppress, self.even, self.slab, self.shape)

    @property
    def painting(self) -> tuple[Any, ...]:
        """All that the colours depend on beside the run."""
        return (self.floor, self.ceiling, self.style)

    @property
    def over(self) -> tuple[Any, ...]:
        """What is shown of the run."""
        return (self.run, self.map, self.lines, self.spread, self.ellipsoids)
