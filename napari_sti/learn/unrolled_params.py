"""What the trainings of unrolled networks have in common: parameters, and what is refused of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.learn.task import TrainingParams


@dataclass(frozen=True)
class UnrolledTraining(TrainingParams):
    """What can be chosen of every unrolled network that is trained on simulated scans."""

    warmup: int = param(
        500,
        label="Warm-up",
        unit="steps",
        help="Steps over which the learning rate rises to its largest.",
        low=0,
        high=10**9,
        advanced=True,
    )
    crop: int = param(
        48,
        label="Patch",
        unit="voxels",
        help="Edge of the cubes that are simulated and trained on.",
        low=16,
        high=256,
        advanced=True,
    )
    voxel_size_low: float = param(
        1.0,
        label="Smallest voxel",
        unit="mm",
        help="Voxel sizes are drawn from here on.",
        low=0.3,
        high=5.0,
        advanced=True,
    )
    voxel_size_high: float = param(
        2.0,
        label="Largest voxel",
        unit="mm",
        help="Voxel sizes are drawn up to here.",
        low=0.3,
        high=5.0,
        advanced=True,
    )
    snr_low: float = param(
        10.0,
        label="Most noise",
        unit="dB",
        help="Lowest signal-to-noise ratio of the fields.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    snr_high: float = param(
        40.0,
        label="Least noise",
        unit="dB",
        help="Highest signal-to-noise ratio of the fields.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    orientations: int = param(
        6, label="Orientations up to", help="Each example has between one and so many field maps.", low=1, high=20
    )
    unroll: int = param(
        2, label="Iterations", help="Unrolled steps of the reconstruction.", low=1, high=20, advanced=True
    )
    width: int = param(
        48,
        label="Width",
        help="Channels of the network at half resolution; a multiple of 3.",
        low=6,
        high=255,
        advanced=True,
    )
    alone: int = param(
        5000,
        label="Network alone",
        unit="steps",
        help="Steps in which the network is trained on crops, as a corrector of data-consistent estimates, before the "
        "unrolled model is trained on whole brains.",
        low=0,
        high=10**9,
        advanced=True,
    )
    loaders: int = param(
        1,
        label="Loaders",
        help="Processes that simulate beside the training on a CPU; on a GPU the simulation runs there.",
        low=0,
        high=1,
        advanced=True,
    )
    weights: str = param(
        "",
        label="First weights",
        help="File of weights to begin with instead of random ones; empty: none.",
        path="file",
        advanced=True,
    )
    validation_brains: int = param(
        3,
        label="Brains in validation",
        help="Whole brains that every validation reconstructs.",
        low=1,
        high=100,
        advanced=True,
    )


T = TypeVar("T", bound=UnrolledTraining)

RANGES = (
    ("voxel_size_low", "voxel_size_high", "voxel sizes"),
    ("snr_low", "snr_high", "signal-to-noise ratios"),
)
"""Names of the lower and the upper end of what is drawn at random, and what it is."""


def checked(params: T, ranges: Iterable[tuple[str, str, str]] = RANGES) -> T:
    """Return the parameters with whole paths.

    Raises
    ------
    InputError
        If a range is none, or there is no such file of weights.
    """
    for low, high, what in ranges:
        if getattr(params, low) > getattr(params, high):
            raise InputError(
                f"{low} = {getattr(params, low):g} is above {high} = {getattr(params, high):g}, "
                f"so there are no {what} to draw from",
                mend="exchange them",
            )
    if not params.weights:
        return params
    path = Path(params.weights).expanduser().absolute()
    if not path.is_file():
        raise InputError("there is no such file of weights", file=path, mend="check weights")
    return replace(params, weights=str(path))
