"""Progress and cancel are one injected callable: the core calls it once per iteration, and it may raise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """Where a running method is.

    Parameters
    ----------
    iteration, total : int
        Iterations done and at most to do; `total` of 0 means unknown.
    residual : float, optional
        Relative data residual, norm(A x - y) / norm(y).
    objective : float, optional
        Value of the minimised functional.
    convergence : float, optional
        What the method stops by, divided by its tolerance: above 1 while it runs, 1 or less when it is satisfied.
        A method with several such conditions gives the largest. The time left is judged from how it falls.
    message : str
        What is being done, for the progress bar.
    preview : callable, optional
        Makes the current estimate, (X, Y, Z, 6) float32 in ppm and voxel axes; called only when somebody looks.
    metrics : mapping
        Further numbers by name, for a training: losses, learning rate, what a validation found.
    change : float, optional
        Relative length of the last step, norm(x_k - x_{k-1}) / norm(x_k).
    """

    iteration: int
    total: int = 0
    residual: float | None = None
    objective: float | None = None
    convergence: float | None = None
    message: str = ""
    preview: Callable[[], NDArray[np.float32]] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    change: float | None = None


Progress = Callable[[Step], None]
"""Called once per iteration; raises `napari_sti.core.errors.Cancelled` to leave the method."""


def silent(step: Step) -> None:
    """Ignore the progress."""
