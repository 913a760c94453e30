"""Choice of a finished run at which the next one begins, or of none."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.look import Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.session.finished import StartingPoint


class StartBox(QWidget):
    """Editor of the folder of a result to start from, or None."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setObjectName("sti_start")
        self.combo.setAccessibleName("Start from")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keep_wheel_for_scrolling(self.combo)
        form = Form()
        self.label = form.row("Start from", self.combo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        self._taken = True
        self.set_points(())
        self.combo.currentIndexChanged.connect(self._changed)

    def value(self) -> Path | None:
        """Folder of the result to start from; None for nothing, or where the method takes none."""
        return self.combo.currentData() if self._taken else None

    def setValue(self, folder: Path | None) -> None:
        """Choose another result; one that is not offered becomes nothing."""
        found = next((i for i in range(self.combo.count()) if self.combo.itemData(i) == folder), 0)
        self.combo.setCurrentIndex(found)

    def set_points(self, points: Sequence[StartingPoint]) -> None:
        """Offer these results; the chosen one stays chosen if it is among them."""
        before = self.combo.currentData()
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItem("Nothing (zero)", None)
        for point in points:
            self.combo.addItem(point.title, point.folder)
            self.combo.setItemData(self.combo.count() - 1, str(point.folder), Qt.ItemDataRole.ToolTipRole)
        self.combo.blockSignals(False)
        self.setValue(before)
        self._refresh()
        if self.combo.currentData() != before:
            self.valueChanged.emit()

    def set_taken(self, taken: bool) -> None:
        """Say whether the method that is chosen can begin at a result."""
        self._taken = taken
        self._refresh()

    def _refresh(self) -> None:
        offered = self.combo.count() > 1
        self.combo.setEnabled(self._taken and offered)
        self.label.setEnabled(self._taken)
        tip = "Begin at the result of a finished run instead of at zero: quicker where it is near."
        if not self._taken:
            tip = "This method does not iterate from a first estimate."
        elif not offered:
            tip = "There is no finished run on the grid of this study yet."
        self.combo.setToolTip(tip)
        self.label.setToolTip(tip)

    def _changed(self, _: int) -> None:
        self.valueChanged.emit()
