"""The list of runs, newest first: what was run, when, with which parameters, and what can be done with it."""

from collections.abc import Sequence

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QMenu, QWidget

from napari_sti.widgets.look import colour
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.words import duration, when

ACTIONS = (
    ("show", "Show layers"),
    ("rerun", "Run again"),
    ("parameters", "Use these parameters"),
    ("copy", "Copy parameters"),
    ("command", "Copy command line"),
    ("folder", "Open folder"),
    ("cancel", "Cancel this run"),
    ("remove", "Remove from list and viewer"),
)
"""What can be done with a run: id and text in the menu."""

_RUN_ROLE = Qt.ItemDataRole.UserRole


class RunsList(QListWidget):
    """Runs of this and of earlier sessions; a double click shows the layers, the menu holds the rest."""

    chosen = Signal(object)
    """Another run was selected."""
    action = Signal(str, object)
    """Id of an action and the run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_runs")
        self.setAccessibleName("Runs")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.itemActivated.connect(self._activated)
        self.currentItemChanged.connect(self._current)

    def value(self) -> list[Run]:
        """The runs in their order."""
        return [self.item(row).data(_RUN_ROLE) for row in range(self.count())]

    def setValue(self, runs: Sequence[Run]) -> None:
        """Show other runs; the selected one stays selected."""
        current = self.current()
        self.blockSignals(True)
        self.clear()
        for run in runs:
            item = QListWidgetItem(self)
            item.setData(_RUN_ROLE, run)
            _fill(item)
        self.blockSignals(False)
        if current is not None:
            self.select(current)

    def refresh(self, run: Run) -> None:
        """Show how one run stands now."""
        for row in range(self.count()):
            if self.item(row).data(_RUN_ROLE) is run:
                _fill(self.item(row))

    def current(self) -> Run | None:
        """The selected run."""
        item = self.currentItem()
        return None if item is None else item.data(_RUN_ROLE)

    def select(self, run: Run) -> None:
        """Select a run."""
        for row in range(self.count()):
            if self.item(row).data(_RUN_ROLE) is run:
                self.setCurrentRow(row)

    def step(self, by: int) -> None:
        """Select the next (1) or previous (-1) run."""
        if self.count():
            self.setCurrentRow(min(max(self.currentRow() + by, 0), self.count() - 1))

    def sizeHint(self) -> QSize:
        """Three lines."""
        return QSize(360, 3 * 22 + 8)

    def minimumSizeHint(self) -> QSize:
        """Two lines."""
        return QSize(120, 2 * 22 + 8)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Say what will be here while there is nothing."""
        super().paintEvent(event)
        if not self.count():
            painter = QPainter(self.viewport())
            painter.setPen(colour(self, "muted"))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, "Runs will be listed here.")
            painter.end()

    def menu_for(self, run: Run) -> QMenu:
        """Menu of a run, with what cannot be done now greyed."""
        menu = QMenu(self)
        for key, text in ACTIONS:
            entry = menu.addAction(text)
            entry.setObjectName(f"sti_run_{key}")
            entry.setData((key, run))
            possible = {"show": run.result is not None, "folder": run.job.out is not None, "remove": not run.active}
            possible["cancel"] = run.active and not run.cancelling
            entry.setEnabled(possible.get(key, run.listed))
        menu.triggered.connect(self._triggered)
        return menu

    def _menu(self, position: QPoint) -> None:
        item = self.itemAt(position)
        if item is not None:
            menu = self.menu_for(item.data(_RUN_ROLE))
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.viewport().mapToGlobal(position))

    def _triggered(self, entry: object) -> None:
        key, run = entry.data()  # type: ignore[attr-defined]
        self.action.emit(key, run)

    def _activated(self, item: QListWidgetItem) -> None:
        run = item.data(_RUN_ROLE)
        if run.result is not None:
            self.action.emit("show", run)

    def _current(self, item: QListWidgetItem | None, _: object) -> None:
        self.chosen.emit(None if item is None else item.data(_RUN_ROLE))


def _fill(item: QListWidgetItem) -> None:
    run: Run = item.data(_RUN_ROLE)
    took = f", {duration(run.seconds)}" if run.seconds is not None else ""
    about = f"   {run.about}" if run.about else ""
    item.setText(f"{run.mark}  {run.name}   {run.word}, {when(run.started)}{took}{about}")
    item.setToolTip(_explained(run))


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _explained(run: Run) -> str:
    lines = [run.name, f"study: {run.about}" if run.about else "", f"{run.job.method} on {run.job.device}"]
    lines += [f"{name} = {value}" for name, value in run.job.params.items()]
    lines += [f"{name}: {_plain(value)}" for name, value in run.job.given.items()]
    lines.append(f"started from {run.job.start.name}" if run.job.start is not None else "")
    lines.append(run.sentence)
    return "\n".join(line for line in lines if line)
