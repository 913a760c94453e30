"""Seconds of computing, without those that somebody else took inside the progress callback."""

from time import perf_counter

from napari_sti.core.progress import Progress, Step


class TimedProgress:
    """A progress callable that counts the seconds outside of its calls.

    A window that draws a preview, or a person who looks at one, must not show up in the time of a method.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._start, self._away = perf_counter(), 0.0

    @classmethod
    def of(cls, progress: Progress) -> "TimedProgress":
        """Wrap a progress callable unless it counts already."""
        return progress if isinstance(progress, cls) else cls(progress)

    @property
    def seconds(self) -> float:
        """Seconds since this was made, without those inside the callback."""
        return perf_counter() - self._start - self._away

    def __call__(self, step: Step) -> None:
        """Pass the step on; the clock stands still meanwhile."""
        left = perf_counter()
        try:
            self._progress(step)
        finally:
            self._away += perf_counter() - left
