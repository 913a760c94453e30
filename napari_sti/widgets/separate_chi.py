"""A box for the susceptibility that is separated: of the study, a run, a layer, or a file."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.file_box import IMAGES
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.separate_sources import ChiSource


class ChiBox(QWidget):
    """Editor of the key of a `ChiSource`; what should be known of it is written below."""

    valueChanged = Signal()
    file_chosen = Signal(object)
    """Path of a file that is to be offered."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = named_combo(
            "sti_separate_chi", "Which susceptibility, in ppm, is separated: of the study, a run, a layer, or a file."
        )
        self.combo.setAccessibleName("Susceptibility")
        self.file = named_button(
            "File\N{HORIZONTAL ELLIPSIS}",
            "sti_separate_chi_file",
            "A NIfTI file in ppm: a scalar, or a tensor of six volumes with its sidecar.",
        )
        self.remark = text_label()
        form, row = Form(), QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.combo, 1)
        row.addWidget(self.file)
        form.row("χ", row, buddy=self.combo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addLayout(form)
        layout.addWidget(self.remark)
        self.combo.activated.connect(self._changed)
        self.file.clicked.connect(self._choose)

    def value(self) -> str:
        """Key of what is chosen; empty for nothing."""
        return str(self.combo.currentData() or "")

    def setValue(self, key: str) -> None:
        """Choose something else; what is not offered becomes the first."""
        self.combo.setCurrentIndex(max(self.combo.findData(key), 0))
        self.valueChanged.emit()

    def set_sources(self, sources: Sequence[ChiSource]) -> None:
        """Offer these; what nobody has chosen gives way to the first, which was reconstructed last."""
        chosen, first = self.combo.currentData(), self.combo.itemData(0)
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for source in sources:
                self.combo.addItem(source.title, source.key)
            row = self.combo.findData(chosen) if chosen != first else 0
            self.combo.setCurrentIndex(max(row, 0))
        self.valueChanged.emit()

    def set_needed(self, needed: bool, source: ChiSource | None) -> None:
        """Ask for a susceptibility, or say that the method finds it itself."""
        for part in (self.combo, self.file):
            part.setEnabled(needed)
        remark = "" if source is None else source.remark
        self.remark.setText(remark if needed else "Found together with the sources, from the field maps.")
        self.remark.setVisible(bool(self.remark.text()))

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a susceptibility [ppm]", "", IMAGES)
        if name:
            self.file_chosen.emit(Path(name))

    def _changed(self, *_: object) -> None:
        self.valueChanged.emit()
