"""The numbers of one map in every region and run, as a table."""

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_sti.maps.region_figure import COLOURS
from napari_sti.maps.region_files import number_writer
from napari_sti.maps.regions import Regions, Summary
from napari_sti.viz.numbers import MINUS

_HEADS = ("Region", "mean", "sd", "median", "voxels", "5 to 95 %")
_REGION = int(Qt.ItemDataRole.UserRole)
_NARROWEST = 44
_ROW, _MOST = 23, 9
"""Height of a row in pixels, and rows that are seen at once."""


class RegionTable(QTableWidget):
    """One row for each region and run, the run by the colour of the box plot; a chosen row shows its histogram."""

    chosen = Signal(str)
    """A region was chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADS), parent)
        self.setObjectName("sti_region_table")
        self.setAccessibleName("Numbers of the regions")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setHorizontalHeaderLabels(list(_HEADS))
        self.horizontalHeader().setHighlightSections(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.currentCellChanged.connect(self._current)

    def show_map(self, found: Regions, key: str, *, factor: float = 1.0) -> None:
        """Show another map, its values times a factor."""
        rows = found.of_map(key)
        write = number_writer([row for _, _, row in rows], factor=factor)
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            for number, (region, run, row) in enumerate(rows):
                self._fill(number, region, run, row, [_minus(text) for text in _texts(row, write)], found)
            header = self.horizontalHeader()
            for column in range(1, len(_HEADS)):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            # Names take what the numbers leave, shortened with an ellipsis; all of a name stands in its tip.
            header.setMinimumSectionSize(_NARROWEST)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.updateGeometry()

    def _fill(self, number: int, region: str, run: str, row: Summary, texts: list[str], found: Regions) -> None:
        head = QTableWidgetItem(_square(COLOURS[found.results.index(run) % len(COLOURS)]), _short(region))
        left_out = f"; {row.left_out} more outside the mask or without a value" if row.left_out else ""
        direction = ""
        if row.direction is not None:
            direction = "\nmean direction R {:.2f}, A {:.2f}, S {:.2f}".format(*row.direction)
        tip = f"{region}, {run}: {row.voxels} voxels, {row.volume:.4g} mm\N{SUPERSCRIPT THREE}{left_out}{direction}"
        head.setData(_REGION, region)
        head.setToolTip(tip)
        self.setItem(number, 0, head)
        for column, text in enumerate(texts, 1):
            item = QTableWidgetItem(text)
            item.setToolTip(tip)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(number, column, item)

    def text(self) -> str:
        """The table as lines of words with tabs between them, as spreadsheets take it."""
        lines = [["region", "run", *_HEADS[1:]]]
        for row in range(self.rowCount()):
            head = self.item(row, 0)
            run = head.toolTip().partition(": ")[0].removeprefix(f"{head.data(_REGION)}, ")
            cells = [self.item(row, column).text() for column in range(1, len(_HEADS))]
            lines.append([str(head.data(_REGION)), run, *cells])
        return "\n".join("\t".join(line) for line in lines) + "\n"

    def select_region(self, region: str) -> None:
        """Select the first row of a region without telling."""
        for row in range(self.rowCount()):
            if self.item(row, 0).data(_REGION) == region:
                with QSignalBlocker(self):
                    self.setCurrentCell(row, 0)
                return

    def sizeHint(self) -> QSize:
        """All rows up to a limit, and the bar to scroll sideways."""
        rows = min(max(self.rowCount(), 1), _MOST)
        bar = self.horizontalScrollBar().sizeHint().height()
        return QSize(360, self.horizontalHeader().sizeHint().height() + rows * _ROW + bar + 4)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(120, self.sizeHint().height())

    def _current(self, row: int, column: int, before: int, _: int) -> None:
        item = self.item(row, 0)
        if row != before and item is not None:
            self.chosen.emit(str(item.data(_REGION)))


def _texts(row: Summary, write: object) -> list[str]:
    w = write
    assert callable(w)
    return [w(row.mean), w(row.sd), w(row.median), str(row.voxels), f"{w(row.p5)} to {w(row.p95)}"]


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


def _short(region: str) -> str:
    return region if len(region) <= 22 else f"{region[:11]}\N{HORIZONTAL ELLIPSIS}{region[-10:]}"


def _square(colour: str) -> QIcon:
    pixels = QPixmap(10, 10)
    pixels.fill(QColor(colour))
    return QIcon(pixels)
