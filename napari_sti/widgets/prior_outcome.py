"""What came out of a question to a prior: a sentence, numbers, checks and curves, and their files."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.controls import named_button
from napari_sti.widgets.look import MARGIN, empty
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.prior_panes import check_lines, details, headline, panes_of_curve, panes_of_cut
from napari_sti.widgets.prior_plot import PriorPlot

_FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg);;TIFF (*.tif)"


class PriorOutcome(QWidget):
    """Shows the record of an answer."""

    figure_wanted = Signal(object)
    table_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._record: dict[str, Any] | None = None
        self.said = Note("good")
        self.said.setObjectName("sti_prior_result")
        self.about = text_label(muted=True)
        self.about.setObjectName("sti_prior_bound")
        self.details = text_label()
        self.details.setObjectName("sti_prior_details")
        self._checks = QVBoxLayout()
        self._checks.setSpacing(MARGIN // 4)
        self.way = QComboBox()
        self.way.setObjectName("sti_prior_way")
        self.way.setAccessibleName("Which curve")
        self.way.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot = PriorPlot()
        self.plot.setObjectName("sti_prior_plot")
        self.figure = named_button(
            "Save figure\N{HORIZONTAL ELLIPSIS}", "sti_prior_figure", "Draw it for a paper or page."
        )
        self.table = named_button("Save CSV\N{HORIZONTAL ELLIPSIS}", "sti_prior_csv", "Save the numbers of the curves.")
        self.saved = Note("good")
        self.saved.setObjectName("sti_prior_said")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        for part in (self.said, self.about, self.details):
            layout.addWidget(part)
        layout.addLayout(self._checks)
        layout.addWidget(self.way)
        layout.addWidget(self.plot)
        files = QHBoxLayout()
        files.setSpacing(MARGIN // 2)
        files.addWidget(self.figure)
        files.addWidget(self.table)
        layout.addLayout(files)
        layout.addWidget(self.saved)
        self.way.currentIndexChanged.connect(self._draw)
        self.figure.clicked.connect(self._save_figure)
        self.table.clicked.connect(self._save_table)
        self.hide()

    def value(self) -> dict[str, Any] | None:
        """The record that is shown."""
        return self._record

    def setValue(self, record: dict[str, Any], about: str) -> None:
        """Show another record; `about` says on what."""
        self._record = record
        self.said.set(*headline(record))
        self.about.setText(about)
        text = details(record)
        self.details.setText(text)
        self.details.setVisible(bool(text))
        empty(self._checks)
        for number, (kind, words, limit) in enumerate(check_lines(record)):
            note = Note(kind, words, parent=self)
            note.setObjectName(f"sti_prior_check_{number}")
            note.setToolTip(limit)
            self._checks.addWidget(note)
        curves = record.get("curves") or ()
        with QSignalBlocker(self.way):
            self.way.clear()
            for curve in curves:
                self.way.addItem(curve["name"])
        self.way.setVisible(len(curves) > 1)
        self._draw()
        drawable = bool(curves) or "cut" in record
        self.figure.setVisible(drawable)
        self.table.setVisible(drawable or "checks" in record)
        self.saved.set("good", "")
        self.show()

    def _draw(self, *_: object) -> None:
        record = self._record or {}
        curves = record.get("curves") or ()
        if "cut" in record:
            self.plot.setValue(panes_of_cut(record["cut"]))
        elif curves:
            self.plot.setValue(panes_of_curve(curves[max(self.way.currentIndex(), 0)]))
        else:
            self.plot.setValue(())

    def _save_figure(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the figure", "prior.png", _FIGURES)
        if name:
            self.figure_wanted.emit(Path(name))

    def _save_table(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the numbers", "prior.csv", "CSV (*.csv)")
        if name:
            self.table_wanted.emit(Path(name))
