"""The Compare panel: which runs, with what, side by side and as a table."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_sti.maps.comparison import Comparison
from napari_sti.viz.compare_layers import MAP_KINDS, MapKind
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.compare_table import CompareTable, words_below
from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.reference_box import ReferenceBox
from napari_sti.widgets.run_checks import RunChecks
from napari_sti.widgets.session.compare import choice_command
from napari_sti.widgets.session.compare_sources import Choice
from napari_sti.widgets.session.controller import Controller

_MAPS: dict[MapKind, str] = {"pev_colour": "PEV colour", "msa": "MSA", "mms": "MMS"}
_FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg);;TIFF (*.tif)"
_CANCEL = "Cancel comparing"


class ComparePanel(Panel):
    """Editor of a `Choice`, and what came of it."""

    id = "compare"
    title = "Compare"
    order = 50
    help = "Put results side by side and score them against a reference."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.compare = controller.compare
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_compare_empty")
        self.runs = RunChecks()
        self.folder = named_button(
            "Add result folder\N{HORIZONTAL ELLIPSIS}", "sti_compare_folder", "A folder that recon wrote."
        )
        self.reference = ReferenceBox()
        self.map = named_combo("sti_compare_map", "Which map of the tensors is shown side by side.")
        for kind in MAP_KINDS:
            self.map.addItem(_MAPS[kind], kind)
        self.regions = named_combo("sti_compare_regions", "A Labels layer: a table for each of its labels.")
        self.white = named_combo("sti_compare_white", "A Labels layer of white matter: angles count only there.")
        self.button = MainButton("Compare")
        self.button.setObjectName("sti_compare")
        self.state = text_label(muted=True)
        self.state.setObjectName("sti_compare_state")
        self.failure = Note("error")
        self.failure.setObjectName("sti_compare_failure")
        self.remark = Note("warning")
        self.remark.setObjectName("sti_compare_remark")
        self.said = Note("good")
        self.said.setObjectName("sti_compare_said")
        self.side = named_button(
            "Show side by side", "sti_compare_side", "Show the comparison, or what was shown before."
        )
        self.side.setCheckable(True)
        self.region = named_combo("sti_compare_region", "Which voxels the table is about.")
        self.table = CompareTable()
        self.about = text_label()
        self.about.setObjectName("sti_compare_about")
        self.copy = named_button("Copy table", "sti_compare_copy", "Copy the table, for a spreadsheet.")
        self.csv = named_button(
            "Save CSV\N{HORIZONTAL ELLIPSIS}", "sti_compare_csv", "Save all figures in full precision."
        )
        self.figure = named_button(
            "Save figure\N{HORIZONTAL ELLIPSIS}", "sti_compare_figure", "Save the slice that is looked at as a figure."
        )
        self.command = CommandRow()
        self._results = QWidget()
        self._lay_out()
        self._connect()
        self._candidates()
        self._results.hide()

    def value(self) -> Choice:
        """What is to be compared with what."""
        reference, v1, fa, frame = self.reference.value()
        kind: MapKind = self.map.currentData()
        regions, white = str(self.regions.currentData() or ""), str(self.white.currentData() or "")
        return Choice(self.runs.value(), reference, v1, fa, frame, kind, regions, white)

    def setValue(self, choice: Choice) -> None:
        """Choose something else."""
        self.runs.setValue(choice.runs)
        self.reference.setValue((choice.reference, choice.v1, choice.fa, choice.frame))
        self.map.setCurrentIndex(self.map.findData(choice.map))
        self.regions.setCurrentIndex(max(self.regions.findData(choice.regions), 0))
        self.white.setCurrentIndex(max(self.white.findData(choice.white), 0))
        self._show()

    def entered(self) -> None:
        """Look for new results and layers."""
        self.compare.refresh()
        self._layers()
        self._show()

    def _lay_out(self) -> None:
        self.rows.addWidget(self.empty)
        self.rows.addWidget(self.runs)
        add = QHBoxLayout()
        add.addStretch(1)
        add.addWidget(self.folder)
        self.rows.addLayout(add)
        self.rows.addWidget(self.reference)
        form = Form()
        form.row("Map", self.map)
        self.rows.addLayout(form)
        more = QWidget()
        more_form = Form(more)
        more_form.row("Regions", self.regions)
        more_form.row("White matter", self.white)
        fold = Fold("More", more)
        fold.button.setObjectName("sti_compare_more")
        self.rows.addWidget(fold)
        for part in (self.button, self.state, self.failure, self.remark):
            self.rows.addWidget(part)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        region = Form()
        self._region_label = region.row("Voxels", self.region)
        results.addLayout(region)
        results.addWidget(self.table)
        results.addWidget(self.about)
        files = QGridLayout()
        files.setSpacing(MARGIN // 2)
        for place, button in enumerate((self.side, self.figure, self.copy, self.csv)):
            files.addWidget(button, place // 2, place % 2)
        results.addLayout(files)
        results.addWidget(self.said)
        self.rows.addWidget(self._results)
        self.rows.addWidget(self.command)
        self.rows.addStretch(1)

    def _connect(self) -> None:
        compare = self.compare
        compare.candidates_changed.connect(self._candidates)
        compare.busy_changed.connect(self._busy)
        compare.compared.connect(self._compared)
        compare.failed.connect(self._failed)
        compare.saved.connect(self._saved)
        compare.grid.shown_changed.connect(self.side.setChecked)
        self.empty.clicked.connect(self._go)
        self.runs.valueChanged.connect(self._checked)
        self.folder.clicked.connect(self._add_folder)
        self.reference.valueChanged.connect(self._show)
        self.map.activated.connect(self._map)
        self.regions.activated.connect(self._show)
        self.white.activated.connect(self._show)
        self.button.clicked.connect(self._press)
        self.side.clicked.connect(compare.set_shown)
        self.region.activated.connect(self._region)
        self.copy.clicked.connect(self._copy)
        self.csv.clicked.connect(self._save_table)
        self.figure.clicked.connect(self._save_figure)

    # ---- what goes in ----

    def _candidates(self) -> None:
        candidates = self.compare.candidates
        self.empty.set("accent", "" if candidates else "There is no finished run yet.")
        self.runs.set_candidates(candidates)

    def _checked(self) -> None:
        self.reference.set_candidates(self.compare.candidates, self.runs.value())
        self._show()

    def _layers(self) -> None:
        """Offer the Labels layers of the viewer."""
        names = [layer.name for layer in self.controller.viewer.layers if type(layer).__name__ == "Labels"]
        for box, nothing in ((self.regions, "none"), (self.white, "wherever the reference has a direction")):
            chosen = box.currentData()
            box.clear()
            box.addItem(nothing, "")
            for name in names:
                box.addItem(name, name)
            box.setCurrentIndex(max(box.findData(chosen), 0))

    def _show(self, *_: object) -> None:
        choice = self.value()
        why = choice.why_not()
        busy = self.button.text() == _CANCEL
        self.button.setEnabled(busy or not why)
        if not busy:
            self.state.setText(why if self.compare.candidates else "")
        self.state.setVisible(bool(self.state.text()))
        self.command.setVisible(not why)
        if not why:
            self.command.setValue(choice_command(choice, self.compare.candidates))

    def _map(self, *_: object) -> None:
        self.compare.set_map(self.map.currentData())
        self._show()

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a result folder")
        if folder:
            self.failure.set("error", "")
            self.compare.add_folder(Path(folder))

    # ---- what is done ----

    def _press(self) -> None:
        if self.button.text() == _CANCEL:
            self.compare.cancel()
            return
        self.failure.set("error", "")
        self.said.set("good", "")
        self.compare.start(self.value())

    def _busy(self, what: str) -> None:
        comparing = bool(what) and what != "writing"
        self.button.setText(_CANCEL if comparing else "Compare")
        self.button.set_quiet(comparing)
        self.state.setText(f"{what[0].upper()}{what[1:]} \N{HORIZONTAL ELLIPSIS}" if what else "")
        self._show()

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self.bring_to_view(self.failure)

    # ---- what came out ----

    def _compared(self, comparison: Comparison) -> None:
        self.remark.set("warning", " ".join(comparison.notes))
        with QSignalBlocker(self.region):
            self.region.clear()
            self.region.addItem("all that are compared", "")
            for region in comparison.regions:
                self.region.addItem(region, region)
        for part in (self.region, self._region_label):
            part.setVisible(bool(comparison.regions))
        self._results.show()
        self._region()
        self.bring_to_view(self._results)

    def _region(self, *_: object) -> None:
        comparison = self.compare.comparison
        if comparison is None:
            return
        region = str(self.region.currentData() or "")
        self.table.show_comparison(comparison, region)
        rows: Any = comparison.regions[region] if region else comparison.scores
        first = next(iter(rows.values()))
        self.about.setText(words_below(comparison, first))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.table.text())
        self.said.set("good", "The table is on the clipboard.")

    def _save_table(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the figures of the comparison", "comparison.csv", "CSV (*.csv)"
        )
        if name:
            self.compare.save_table(Path(name))

    def _save_figure(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the figure", "comparison.png", _FIGURES)
        if name:
            self.compare.save_figure(Path(name))

    def _saved(self, text: str) -> None:
        self.said.set("good", text)

    def _go(self) -> None:
        self.go_to.emit("reconstruct")
