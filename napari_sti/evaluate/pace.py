"""How long an evaluation still takes: methods differ a hundredfold, so each is timed for itself."""

import time
from collections.abc import Callable, Iterable

from napari_sti.core.progress import Progress, Step
from napari_sti.evaluate.design import Cell


class Pace:
    """Passes the progress of single runs on as that of all, with the time left for all in the message.

    A `Step` that is passed on counts cells; in its message stand the cell and, once something has been timed, the time
    left: the mean time of each method for each field map, times the cells of it that are still to come.

    Parameters
    ----------
    progress : callable
        Gets the steps; may raise `Cancelled`.
    cells : iterable of Cell
        What is to be run.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self, progress: Progress, cells: Iterable[Cell], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._progress, self._clock = progress, clock
        self._left = list(cells)
        self._total = len(self._left)
        self._spent: dict[str, float] = {}
        self._worth: dict[str, float] = {}
        self._message = ""
        self._since = clock()

    def begin(self, message: str) -> None:
        """Say what is done from now on."""
        self._message = message
        self._since = self._clock()
        self(Step(0))

    def finish(self, cell: Cell) -> None:
        """Take note that a cell is done."""
        self._left.remove(cell)
        method = cell.method
        self._spent[method] = self._spent.get(method, 0.0) + self._clock() - self._since
        self._worth[method] = self._worth.get(method, 0.0) + _worth(cell)

    def __call__(self, step: Step) -> None:
        """Take a step of the method that runs."""
        self._progress(Step(self._total - len(self._left), self._total, message=self._message + self._time_left()))

    def seconds_left(self) -> float | None:
        """Time left in seconds; None before anything has been timed."""
        if not self._spent:
            return None
        usual = sum(self._spent.values()) / sum(self._worth.values())
        rates = {method: self._spent[method] / self._worth[method] for method in self._spent}
        total = sum(_worth(cell) * rates.get(cell.method, usual) for cell in self._left)
        return max(0.0, total - (self._clock() - self._since))

    def _time_left(self) -> str:
        seconds = self.seconds_left()
        if seconds is None or not self._left:
            return ""
        return f", about {seconds:.0f} s left" if seconds < 100 else f", about {seconds / 60:.0f} min left"


def _worth(cell: Cell) -> float:
    """Work of a cell in field maps: those of the study, and about six for the components of the tensor."""
    return cell.study.orientations + 6.0
