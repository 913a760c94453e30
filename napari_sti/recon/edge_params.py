"""What methods let choose that are told where the mean susceptibility may jump; never imports torch."""

from dataclasses import dataclass

from napari_sti.core.params import param

SOURCES = ("auto", "qsm", "cosmos", "edge_qsm", "tkd")
"""Where edges can be taken from: see `morphology_of`."""


@dataclass(frozen=True)
class EdgeParams:
    """Where edges come from and how many there are."""

    morphology: str = param(
        "auto",
        label="Edges from",
        help="Susceptibility map whose edges may be jumps: auto takes the study's own, else COSMOS from three "
        "orientations on, else an edge-weighted inversion of one.",
        choices=SOURCES,
        advanced=True,
    )
    edge_share: float = param(
        0.5,
        label="Share of edges",
        help="Share of the differences between neighbours in the brain that are edges (0.5 is published with aSTI+).",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    smooth: float = param(
        2.0,
        label="Smooth before",
        help="Width (standard deviation) of the Gaussian that the map is smoothed with before its edges are found.",
        unit="mm",
        low=0.0,
        high=20.0,
        advanced=True,
    )
