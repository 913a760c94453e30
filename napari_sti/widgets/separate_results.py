"""What separations have found: side by side, in regions, and as a joint histogram with a brush."""

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sti.maps.joint_histogram import Span
from napari_sti.viz.separation_layers import dr_text
from napari_sti.widgets.controls import named_combo
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.separate_boxes import BoxPlots
from napari_sti.widgets.separate_histogram import JointHistogramView
from napari_sti.widgets.session.separate_brush import is_brush
from napari_sti.widgets.session.separate_found import FoundSeparations

_NAME = int(Qt.ItemDataRole.UserRole)
_HINT = (
    "Drag a rectangle in the histogram to see where these voxels are. "
    "Its last column and row hold all larger values, too."
)


class SeparationResults(QWidget):
    """Shows the checked separations; hidden while there is none."""

    def __init__(self, session: FoundSeparations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.list = QListWidget()
        self.list.setObjectName("sti_separate_results")
        self.list.setAccessibleName("Separations")
        self.list.setToolTip("Checked ones are shown side by side and in the box plots; the closed form comes along.")
        self.list.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.side = QPushButton("Show side by side")
        self.side.setObjectName("sti_separate_side")
        self.side.setCheckable(True)
        self.side.setToolTip("χ+, |χ−| and total of the checked ones, with the closed form below.")
        self.which = named_combo("sti_separate_which", "Which separation the joint histogram shows.")
        self.histogram = JointHistogramView()
        self.clear = QPushButton("Clear brush")
        self.clear.setObjectName("sti_separate_clear")
        self.said = text_label()
        self.said.setObjectName("sti_separate_brushed")
        self.labels = named_combo("sti_separate_regions", "A Labels layer: box plots for each of its labels.")
        self.boxes = BoxPlots()
        self._lay_out()
        self._connect()
        self._show_brush("")
        self.hide()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.list)
        layout.addWidget(self.side)
        first, second = Form(), Form()
        first.row("Histogram", self.which)
        second.row("Regions", self.labels)
        layout.addLayout(first)
        layout.addWidget(self.histogram)
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        row.addWidget(self.clear)
        layout.addLayout(row)
        layout.addLayout(second)
        layout.addWidget(self.boxes)

    def _connect(self) -> None:
        session = self.session
        session.arrived.connect(self._arrived)
        session.left.connect(self._left)
        session.boxes_ready.connect(self.boxes.setValue)
        session.brushed.connect(self._show_brush)
        session.grid.shown_changed.connect(self._grid_changed)
        self.list.itemChanged.connect(self._checked)
        self.side.clicked.connect(self._show_side)
        self.which.activated.connect(self._show_histogram)
        self.histogram.brushed.connect(self._brush)
        self.histogram.cleared.connect(session.clear_brush)
        self.clear.clicked.connect(self._clear)
        self.labels.activated.connect(self.sum_up)

    def names(self) -> tuple[str, ...]:
        """Names of the checked separations."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return tuple(str(item.data(_NAME)) for item in items if item.checkState() == Qt.CheckState.Checked)

    def refresh(self) -> None:
        """Offer the Labels layers of the viewer."""
        layers = [one for one in self.session.layers.viewer.layers if type(one).__name__ == "Labels"]
        chosen = self.labels.currentData()
        self.labels.clear()
        self.labels.addItem("none" if layers else "none: draw a Labels layer", "")
        for layer in layers:
            if not is_brush(layer):
                self.labels.addItem(layer.name, layer.name)
        self.labels.setCurrentIndex(max(self.labels.findData(chosen), 0))

    def sum_up(self, *_: Any) -> None:
        """Make the box plots of now."""
        self.session.sum_up(self.names(), str(self.labels.currentData() or ""))

    def _arrived(self, name: str) -> None:
        """List a new separation, checked, and show its histogram; earlier ones on another grid are unchecked."""
        results = self.session.results
        shape = results[name].found.shape
        self._list({one for one in (*self.names(), name) if results[one].found.shape == shape})
        self.show()

    def _left(self, name: str) -> None:
        self._list(set(self.names()) - {name})
        self.setVisible(bool(self.session.results))

    def _list(self, checked: set[str]) -> None:
        """List all separations, with these checked, and show the histogram of the newest."""
        results = self.session.results
        with QSignalBlocker(self.list):
            self.list.clear()
            for one in reversed(results):
                separation = results[one]
                item = QListWidgetItem(f"{one}   {dr_text(separation.found.relaxation)}   {separation.run.about}")
                item.setData(_NAME, one)
                item.setToolTip(f"{separation.run.about}\n{separation.found.relaxation}")
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                item.setCheckState(Qt.CheckState.Checked if one in checked else Qt.CheckState.Unchecked)
                self.list.addItem(item)
        line = max(self.list.sizeHintForRow(0), self.fontMetrics().height() + 6)
        self.list.setFixedHeight(min(max(self.list.count(), 1), 4) * line + 6)
        self.which.clear()
        for one in reversed(results):
            self.which.addItem(one, one)
        self._show_histogram()
        self.refresh()
        if self.labels.currentData():
            self.sum_up()

    def _checked(self, *_: Any) -> None:
        if self.session.grid.shown:
            self._show_side(True)
        if self.labels.currentData():
            self.sum_up()

    def _show_side(self, on: bool) -> None:
        shown = self.session.beside(self.names()) if on else None
        if shown is None:
            self.session.grid.end()
            self.side.setChecked(False)
        else:
            self.session.grid.show(shown)

    def _grid_changed(self, shown: bool) -> None:
        self.side.setChecked(shown)

    def _show_histogram(self, *_: Any) -> None:
        separation = self.session.results.get(str(self.which.currentData()))
        self.session.clear_brush()
        self.histogram.setValue(None if separation is None else separation.histogram)

    def _brush(self, pos: Span, neg: Span) -> None:
        self.session.brush(str(self.which.currentData()), pos, neg)

    def _clear(self) -> None:
        self.histogram.set_brush(None)

    def _show_brush(self, said: str) -> None:
        self.said.setText(said or _HINT)
        self.said.setEnabled(bool(said))
        self.clear.setVisible(bool(said))
