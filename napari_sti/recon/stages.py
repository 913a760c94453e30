"""Progress of methods that compute in one pass: their stages are counted as iterations."""

from typing import Any

from napari_sti.core.progress import Progress, Step
from napari_sti.recon.timing import TimedProgress


class Stages:
    """Reports one stage after the other, which is where a person can cancel.

    Parameters
    ----------
    total : int
        How many there are going to be.
    progress : callable
        Called after each; may raise `Cancelled`.

    Attributes
    ----------
    records : list of dict
        For each its ``iteration``, ``stage`` and ``seconds`` (so far, callbacks not counted); ``residual`` and
        ``objective`` where they are known, which is after the last.
    """

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._clock = total, TimedProgress.of(progress)
        self.records: list[dict[str, Any]] = []

    def done(self, stage: str, *, residual: float | None = None, objective: float | None = None) -> None:
        """Report that a stage is done."""
        iteration = len(self.records) + 1
        record: dict[str, Any] = dict(iteration=iteration, stage=stage, seconds=round(self._clock.seconds, 4))
        record |= {k: v for k, v in (("residual", residual), ("objective", objective)) if v is not None}
        self.records.append(record)
        self._clock(Step(iteration, self._total, residual, objective, message=stage))
