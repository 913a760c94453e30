"""The sets of streamlines of a window: how many, how long, saved, read, and two of them compared."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sti.maps.tract_scores import TractOverlap, numbers_of
from napari_sti.viz.tracts import tracts_of
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.tracts import TractSession

FILES = "TrackVis (*.trk);;MRtrix (*.tck);;TRX (*.trx)"
_COLUMNS = ("tracts", "count", "median\n[mm]", "longest\n[mm]")


class TractTable(QTableWidget):
    """One row for each set; rows are chosen whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setObjectName("sti_tracts_table")
        self.setAccessibleName("Sets of streamlines")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.verticalHeader().hide()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._layers: list[Any] = []

    def set_layers(self, layers: list[Any]) -> None:
        """List other layers; what was chosen stays chosen, a new one is chosen alone."""
        chosen, known = self.chosen(), set(map(id, self._layers))
        new = [layer for layer in layers if id(layer) not in known]
        self._layers = list(layers)
        self.setRowCount(len(layers))
        for row, layer in enumerate(layers):
            tracts = tracts_of(layer)
            assert tracts is not None
            numbers = numbers_of(tracts)
            texts = (layer.name, f"{numbers.count}", f"{numbers.median:.1f}", f"{numbers.longest:.1f}")
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text if column == 0 else "")
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)
        self.clearSelection()
        for layer in new[:1] or chosen:
            if layer in layers:
                self.choose(layer, alone=bool(new))
        self._spread()
        self.updateGeometry()

    def choose(self, layer: Any, *, alone: bool = True) -> None:
        """Choose a row, beside those that are chosen or alone."""
        if alone:
            self.clearSelection()
        row = self._layers.index(layer)
        for column in range(self.columnCount()):
            self.item(row, column).setSelected(True)

    def chosen(self) -> list[Any]:
        """Layers of the rows that are chosen, from the top."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [self._layers[row] for row in rows if row < len(self._layers)]

    def resizeEvent(self, event: Any) -> None:
        """Give the names what the numbers leave."""
        super().resizeEvent(event)
        self._spread()

    def _spread(self) -> None:
        numbers = 0
        for column in range(1, self.columnCount()):
            self.resizeColumnToContents(column)
            numbers += self.columnWidth(column)
        self.setColumnWidth(0, max(self.viewport().width() - numbers, 90))

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        return QSize(320, self.horizontalHeader().sizeHint().height() + rows + 4)


class TractSets(QWidget):
    """Table of the sets with what can be done with them."""

    def __init__(self, session: TractSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.table = TractTable()
        self.slab = QDoubleSpinBox()
        self.slab.setObjectName("sti_tracts_slab")
        self.slab.setToolTip("In slices, tracts are shown within this depth around the slice.")
        self.slab.setRange(0, 200)
        self.slab.setDecimals(1)
        self.slab.setSuffix(" mm")
        self.slab.setValue(session.slab)
        keep_wheel_for_scrolling(self.slab)
        self.save = named_button(
            "Save\N{HORIZONTAL ELLIPSIS}", "sti_tracts_save", "Save the chosen set: .trk, .tck, .trx."
        )
        self.open = named_button(
            "Open\N{HORIZONTAL ELLIPSIS}", "sti_tracts_open", "Read a .trk, .tck or .trx and show it."
        )
        self.compare = named_button(
            "Compare two", "sti_tracts_compare", "How far two chosen sets pass the same voxels."
        )
        self.density = named_button("Density map", "sti_tracts_density", "Where the chosen set passes, as a map.")
        self.numbers = text_label()
        self.numbers.setObjectName("sti_tracts_numbers")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        form = Form()
        form.row("Slab", self.slab)
        layout.addLayout(form)
        layout.addWidget(self.table)
        buttons = QGridLayout()
        buttons.setSpacing(MARGIN // 2)
        for place, button in enumerate((self.save, self.open, self.density, self.compare)):
            buttons.addWidget(button, place // 2, place % 2)
        layout.addLayout(buttons)
        layout.addWidget(self.numbers)
        self.table.itemSelectionChanged.connect(self._chosen)
        self.slab.valueChanged.connect(session.set_slab)
        self.save.clicked.connect(self._save)
        self.open.clicked.connect(self._open)
        self.density.clicked.connect(self._map)
        self.compare.clicked.connect(self._compare)
        session.sets_changed.connect(self.refresh)
        session.compared.connect(self._compared)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """List the sets that there are now."""
        layers = self._session.sets()
        self.table.setVisible(bool(layers))
        self.density.setVisible(bool(layers))
        self.compare.setVisible(len(layers) > 1)
        self.table.set_layers(layers)
        self._chosen()

    def _chosen(self) -> None:
        chosen = self.table.chosen()
        self.save.setEnabled(len(chosen) == 1)
        self.save.setToolTip("Save the chosen set." if len(chosen) == 1 else "Choose one set in the table first.")
        self.density.setEnabled(len(chosen) == 1)
        self.density.setToolTip(
            "Add a map of the share of its streamlines that pass each voxel (visitation map)."
            if len(chosen) == 1
            else "Choose one set in the table first."
        )
        self.compare.setEnabled(len(chosen) == 2)
        self.compare.setToolTip(
            "How far the two pass the same voxels."
            if len(chosen) == 2
            else "Choose two sets in the table first (with Ctrl)."
        )
        self.numbers.setText("")
        self.numbers.hide()

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the tracts", "tracts.trk", FILES)
        if name:
            self._session.save(self.table.chosen()[0], Path(name))

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open tracts", "", "Tracts (*.trk *.tck *.trx)")
        if name:
            self._session.open(Path(name))

    def _map(self) -> None:
        self._session.map_density(self.table.chosen()[0])

    def _compare(self) -> None:
        self._session.compare_sets(*self.table.chosen())

    def _compared(self, found: TractOverlap) -> None:
        names = [layer.name for layer in self.table.chosen()]
        if len(names) != 2:
            return
        self.numbers.setText(overlap_words(found, *names))
        self.numbers.show()


def overlap_words(found: TractOverlap, first: str, second: str) -> str:
    """Say a comparison in words."""
    return (
        f"Dice {found.dice:.3f} over the voxels that both pass ({found.both} of {found.both + found.only_first} and "
        f"{found.both + found.only_second}), weighted by visits {found.weighted_dice:.3f}. {first} covers "
        f"{100 * found.overlap:.0f} % of {second} and reaches {100 * found.overreach:.0f} % beyond it."
    )
