"""A list of results with a check box each; what does not lie on the grid of the checked ones cannot be checked."""

from collections.abc import Iterable

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_sti.core.errors import shape_text
from napari_sti.widgets.look import colour
from napari_sti.widgets.session.compare_sources import Candidate

_NAME = int(Qt.ItemDataRole.UserRole)


class RunChecks(QListWidget):
    """Editor of the names of the results that are checked."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_compare_runs")
        self.setAccessibleName("Results to compare")
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._candidates: dict[str, Candidate] = {}
        self.itemChanged.connect(self._changed)

    def value(self) -> tuple[str, ...]:
        """Names of those that are checked, from the top."""
        items = (self.item(row) for row in range(self.count()))
        return tuple(str(item.data(_NAME)) for item in items if item.checkState() == Qt.CheckState.Checked)

    def setValue(self, names: Iterable[str]) -> None:
        """Check others; names that are not in the list are left out."""
        wanted = set(names)
        with QSignalBlocker(self):
            for row in range(self.count()):
                item = self.item(row)
                checked = item.data(_NAME) in wanted
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self._changed()

    def set_candidates(self, candidates: dict[str, Candidate]) -> None:
        """List other results; checks stay with their names."""
        checked = self.value()
        self._candidates = dict(candidates)
        with QSignalBlocker(self):
            self.clear()
            for name, candidate in candidates.items():
                item = QListWidgetItem(f"{name}   {candidate.about}" if candidate.about else name)
                item.setData(_NAME, name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                item.setCheckState(Qt.CheckState.Checked if name in checked else Qt.CheckState.Unchecked)
                self.addItem(item)
        self.updateGeometry()
        self._changed()

    def toggle(self, row: int) -> None:
        """Check or uncheck a row, as a click on its box does."""
        item = self.item(row)
        checked = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked)

    def sizeHint(self) -> QSize:
        """As many lines as there are results, from two to six."""
        return QSize(360, min(max(self.count(), 2), 6) * self._line() + 6)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Say what will be here while there is nothing."""
        super().paintEvent(event)
        if not self.count():
            painter = QPainter(self.viewport())
            painter.setPen(colour(self, "muted"))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, "Finished runs will be listed here.")
            painter.end()

    def _line(self) -> int:
        hint = int(self.sizeHintForRow(0)) if self.count() else 0
        return max(hint, int(self.fontMetrics().height()) + 6)

    def _changed(self, *_: object) -> None:
        """Let only those be checked that lie on the grid of the first that is checked, and say why of the others."""
        checked = self.value()
        first = self._candidates.get(checked[0]) if checked else None
        with QSignalBlocker(self):
            for row in range(self.count()):
                item = self.item(row)
                candidate = self._candidates[str(item.data(_NAME))]
                fits = first is None or candidate.fits(first)
                item.setFlags(
                    Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled if fits else Qt.ItemFlag.NoItemFlags
                )
                size = f"{candidate.folder}\n{shape_text(candidate.shape)} voxels"
                item.setToolTip(size if fits or first is None else f"{size}: another grid than {first.name}")
        self.valueChanged.emit()
