"""How a result came about: the iterates of the run that is looked at, read in the background and kept at hand."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.io.iterates import Iterate, Iterates, read_iterates
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.iterates import iterate_maps, result_maps, show_iterate, show_result
from napari_sti.viz.shown_maps import ShownMaps
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.view import ViewSession

BUDGET = 1_500_000_000
"""Bytes of maps that are kept at hand."""

_THROTTLE = 40
"""Milliseconds between two repaints while the slider is dragged."""


class IterateSession(QObject):
    """Shows an iterate of the run that is looked at in place of its result, in the same window of colours.

    The last iterate is the result itself. Another run, or layers that go, end the look back.
    """

    changed = Signal()
    """Other iterates, or another one of them is asked for or shown."""
    failed = Signal(str)

    def __init__(
        self, runs: RunSession, layers: LayerSession, view: ViewSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runs, self._layers, self._view = runs, layers, view
        self._run = ""
        self._known = Iterates(Path())
        self._wanted = self._shown = 0
        self._cache: dict[int, ShownMaps] = {}
        self._lister, self._loader = Background(self), Background(self)
        self._lister.done.connect(self._have_list)
        self._lister.failed.connect(self._have_failed)
        self._loader.done.connect(self._have_maps)
        self._loader.failed.connect(self._have_failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_THROTTLE)
        self._timer.timeout.connect(self._settle)
        view.changed.connect(self._look)
        layers.runs_changed.connect(self._look)

    @property
    def entries(self) -> tuple[Iterate, ...]:
        """The iterates of the run that is looked at; fewer than two tell nothing, and are left out."""
        return self._known.entries if len(self._known.entries) > 1 else ()

    @property
    def number(self) -> int:
        """Which of them is asked for, from 1; the last is the result. 0 where there are none."""
        return self._wanted

    @property
    def loading(self) -> bool:
        """Whether it is still being read."""
        return self._wanted != self._shown

    def go(self, number: int) -> None:
        """Show one of the iterates, the result at the end."""
        number = min(max(number, 1), len(self.entries)) if self.entries else 0
        if number == self._wanted:
            return
        self._wanted = number
        if not self._timer.isActive():
            self._timer.start()
        self.changed.emit()

    def close(self) -> None:
        """Drop what is still to come."""
        self._timer.stop()
        self._lister.close()
        self._loader.close()

    def _look(self) -> None:
        """See which run is looked at now; the one before shows its result again."""
        name = self._view.value().run
        if name == self._run and (not name or self._layers.of_run(name)):
            return
        self._leave()
        self._run = name
        folder = next((run.folder for run in self._runs.runs if run.name == name and run.folder is not None), None)
        if folder is not None and result_maps(self._layers.of_run(name)) is not None:
            self._lister.start(read_iterates, folder)

    def _leave(self) -> None:
        show_result(self._layers.of_run(self._run))
        had = bool(self.entries)
        self._run, self._known, self._wanted, self._shown = "", Iterates(Path()), 0, 0
        self._cache.clear()
        if had:
            self.changed.emit()

    def _have_list(self, known: Iterates) -> None:
        if known.folder.parent not in [run.folder for run in self._runs.runs if run.name == self._run]:
            return  # another run is looked at meanwhile
        self._known = known
        self._wanted = self._shown = len(self.entries)
        self.changed.emit()

    def _settle(self) -> None:
        """Show what is asked for, or have it read; then read its neighbours, to be there before they are asked for."""
        if not self.entries:
            return
        if self._wanted == len(self.entries):
            self._show(None)
        elif self._wanted in self._cache:
            self._show(self._cache[self._wanted])
        if not self._loader.busy and (missing := self._next_missing()) is not None:
            entry = self.entries[missing - 1]
            self._loader.start(_read, self._run, self._known, entry, missing, result_maps(self._of_run()))

    def _next_missing(self) -> int | None:
        """Number of the iterate to read next: the one asked for, then those beside it, as long as there is room."""
        near = sorted(range(1, len(self.entries)), key=self._distance)
        missing = next((number for number in near if number not in self._cache), None)
        full = bool(self._cache) and (len(self._cache) + 1) * _bytes(next(iter(self._cache.values()))) > BUDGET
        return missing if missing == self._wanted or not full else None

    def _distance(self, number: int) -> int:
        return abs(number - self._wanted)

    def _have_maps(self, read: tuple[str, int, ShownMaps]) -> None:
        run, number, maps = read
        if run != self._run:
            return
        self._cache[number] = maps
        while len(self._cache) > 1 and len(self._cache) * _bytes(maps) > BUDGET:
            del self._cache[max(self._cache, key=self._distance)]
        self._settle()

    def _show(self, maps: ShownMaps | None) -> None:
        if self._shown == self._wanted:
            return
        layers = self._of_run()
        if maps is None:
            show_result(layers)
        else:
            show_iterate(layers, maps, self._wanted, len(self.entries))
        self._shown = self._wanted
        self.changed.emit()

    def _of_run(self) -> list[Any]:
        return self._layers.of_run(self._run)

    def _have_failed(self, error: Exception) -> None:
        """Say so, and stay with the result."""
        if self.entries:
            show_result(self._of_run())
            self._wanted = self._shown = len(self.entries)
            self.changed.emit()
        self.failed.emit(sentence_for(error))


def _read(run: str, known: Iterates, entry: Iterate, number: int, result: ShownMaps) -> tuple[str, int, ShownMaps]:
    return run, number, iterate_maps(known, entry, result)


def _bytes(maps: ShownMaps) -> int:
    """Memory that the maps of one iterate take."""
    arrays = (maps.mms, maps.msa, maps.pev, maps.mask, *maps.painted)
    return sum(array.nbytes for array in arrays)
