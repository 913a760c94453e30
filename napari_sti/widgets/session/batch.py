"""Several methods on the same study, one run after the other, followed as one."""

from collections.abc import Iterable, Mapping

from qtpy.QtCore import QObject, Signal

from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.words import count


class Batch(QObject):
    """The runs that were started together; each keeps its own name, folder and result."""

    changed = Signal()

    def __init__(self, runs: RunSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: tuple[Run, ...] = ()
        runs.changed.connect(self._changed)
        runs.finished.connect(self._changed)

    @property
    def active(self) -> bool:
        """Whether any of them runs or waits."""
        return any(run.active for run in self.runs)

    def begin(self, runs: Iterable[Run | None]) -> None:
        """Follow these runs; those that could not be started (None) have said so themselves."""
        self.runs = tuple(run for run in runs if run is not None)
        self.changed.emit()

    def text(self) -> str:
        """How they stand, in one line; empty if there are none."""
        if not self.runs:
            return ""
        done = [run for run in self.runs if run.state == "done"]
        others = _listed({"failed": self._named("failed"), "cancelled": self._named("cancelled")})
        if not self.active:
            return f"{len(done)} of {count(len(self.runs), 'method')} done{others}."
        now = next((run for run in self.runs if run.active and run.state == "running"), None)
        doing = f": {now.name} is running" if now is not None else ""
        waiting = sum(run.state == "waiting" for run in self.runs)
        return f"{len(done)} of {count(len(self.runs), 'method')} done{doing}, {waiting} waiting{others}."

    def _named(self, state: str) -> list[str]:
        return [run.name for run in self.runs if run.state == state]

    def _changed(self, run: Run) -> None:
        if run in self.runs:
            self.changed.emit()


def _listed(groups: Mapping[str, list[str]]) -> str:
    return "".join(f"; {state}: {', '.join(names)}" for state, names in groups.items() if names)
