"""The panels of a figure as a table that can be edited: what each shows, in their order."""

from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QGridLayout,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sti.evaluate.figure_spec import MAPS, PanelSpec
from napari_sti.evaluate.slices import AXES
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling

_COLUMNS = ("title", "map", "plane", "mm")
_ROWS = 6


class FigureList(QWidget):
    """Editor of a tuple of `PanelSpec`."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panels: list[PanelSpec] = []
        self.table = _Table()
        self.up = named_button("Up", "sti_figure_up", "Move the chosen panel towards the top left.")
        self.down = named_button("Down", "sti_figure_down", "Move the chosen panel towards the bottom right.")
        self.remove = named_button("Remove", "sti_figure_remove", "Take the chosen panel out of the figure.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.table)
        row = QGridLayout()
        row.setSpacing(MARGIN // 2)
        for column, button in enumerate((self.up, self.down, self.remove)):
            row.addWidget(button, 0, column)
        layout.addLayout(row)
        self.table.itemChanged.connect(self._edited)
        self.table.itemSelectionChanged.connect(self._chosen)
        self.up.clicked.connect(self._move_up)
        self.down.clicked.connect(self._move_down)
        self.remove.clicked.connect(self._remove)
        self._fill()

    def value(self) -> tuple[PanelSpec, ...]:
        """Panels in their order."""
        return tuple(self._panels)

    def setValue(self, panels: tuple[PanelSpec, ...]) -> None:
        """Show other panels."""
        self._panels = list(panels)
        self._fill()
        self.valueChanged.emit()

    def add(self, panel: PanelSpec) -> None:
        """Put a panel behind the others."""
        self.setValue((*self._panels, panel))
        self.table.selectRow(len(self._panels) - 1)

    def _fill(self) -> None:
        with QSignalBlocker(self.table):
            self.table.setRowCount(0)  # takes the boxes of before away
            self.table.setRowCount(len(self._panels))
            for row, panel in enumerate(self._panels):
                self.table.setItem(row, 0, QTableWidgetItem(panel.title))
                self.table.item(row, 0).setToolTip(panel.source)
                picture = panel.map == "picture"
                at = "" if panel.slice_mm is None or picture else f"{panel.slice_mm:g}"
                self.table.setItem(row, 3, QTableWidgetItem(at))
                for column, choices, now in ((1, tuple(MAPS), panel.map), (2, AXES, panel.plane)):
                    box = _choice(row, column, choices, now, enabled=not picture)
                    box.activated.connect(self._combo_changed)
                    self.table.setCellWidget(row, column, box)
        self.table.spread()
        self.table.updateGeometry()
        self._chosen()

    def _combo_changed(self, *_: object) -> None:
        box = self.sender()
        assert isinstance(box, QComboBox)
        row, column = box.property("place")
        name = "map" if column == 1 else "plane"
        panel = replace(self._panels[row], **{name: box.currentData()})
        # A place along another axis is another place: the fullest slice is a better beginning.
        self._panels[row] = replace(panel, slice_mm=None) if name == "plane" else panel
        self._fill()
        self.valueChanged.emit()

    def _edited(self, item: QTableWidgetItem) -> None:
        panel = self._panels[item.row()]
        if item.column() == 0:
            self._panels[item.row()] = replace(panel, title=item.text().strip())
        elif item.column() == 3:
            try:
                at = float(item.text().replace(",", ".")) if item.text().strip() else None
            except ValueError:
                at = panel.slice_mm
            self._panels[item.row()] = replace(panel, slice_mm=at)
            self._fill()
        self.valueChanged.emit()

    def _chosen(self) -> None:
        row, count = self._row(), len(self._panels)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < count - 1)
        self.remove.setEnabled(row >= 0)
        self.setVisible(bool(count))

    def _row(self) -> int:
        rows = self.table.selectionModel().selectedRows()
        return int(rows[0].row()) if rows else -1

    def _move_up(self) -> None:
        self._move(-1)

    def _move_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        row = self._row()
        self._panels.insert(row + by, self._panels.pop(row))
        self._fill()
        self.table.selectRow(row + by)
        self.valueChanged.emit()

    def _remove(self) -> None:
        self._panels.pop(self._row())
        self._fill()
        self.valueChanged.emit()


class _Table(QTableWidget):
    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self.setObjectName("sti_figure_panels")
        self.setAccessibleName("Panels of the figure")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.verticalHeader().hide()
        self.setWordWrap(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def spread(self) -> None:
        """Give the titles what the other columns leave."""
        widths = {1: 122, 2: 98, 3: 54}
        for column, width in widths.items():
            self.setColumnWidth(column, width)
        self.setColumnWidth(0, max(self.viewport().width() - sum(widths.values()), 70))

    def resizeEvent(self, event: object) -> None:
        """Keep the columns within the table."""
        super().resizeEvent(event)
        self.spread()

    def sizeHint(self) -> QSize:
        """As high as its rows, up to six."""
        rows = sum(self.rowHeight(row) for row in range(min(self.rowCount(), _ROWS)))
        return QSize(320, self.horizontalHeader().sizeHint().height() + rows + 4)


def _choice(row: int, column: int, choices: tuple[str, ...], now: str, *, enabled: bool) -> QComboBox:
    box = QComboBox()
    for key in choices:
        if key != "picture" or now == "picture":
            box.addItem(MAPS.get(key, key), key)
    box.setCurrentIndex(box.findData(now))
    box.setProperty("place", (row, column))
    box.setEnabled(enabled)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    keep_wheel_for_scrolling(box)
    return box
