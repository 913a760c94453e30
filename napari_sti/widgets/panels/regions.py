"""The Regions panel: every map of every result in the regions of a Labels layer."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_sti.maps.regions import Measured, Regions
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.look import MARGIN, Form, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.region_boxes import RegionBoxes, colour_key
from napari_sti.widgets.region_histogram import RegionHistogram
from napari_sti.widgets.region_table import RegionTable
from napari_sti.widgets.run_checks import RunChecks
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.region_sources import RegionChoice

_FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg);;TIFF (*.tif)"
_SEGMENTATIONS = "NIfTI (*.nii *.nii.gz)"


class RegionsPanel(Panel):
    """Editor of a `RegionChoice`, and what came of it."""

    id = "regions"
    title = "Regions"
    order = 55
    help = "Mean, spread, percentiles and histogram of every map in the regions of a Labels layer."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.regions = controller.regions
        self._resample = False
        self._known: set[str] = set()
        self._offered: list[str] = []
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_regions_empty")
        self.runs = RunChecks()
        self.runs.setObjectName("sti_regions_results")
        self.runs.setAccessibleName("Results to measure")
        self.folder = named_button(
            "Add result folder\N{HORIZONTAL ELLIPSIS}", "sti_regions_folder", "A folder of results."
        )
        self.labels = named_combo("sti_regions_labels", "A Labels layer: drawn by hand, or a segmentation from a file.")
        self.file = named_button(
            "Open file\N{HORIZONTAL ELLIPSIS}", "sti_regions_file", "A segmentation: whole numbers."
        )
        self.state = text_label(muted=True)
        self.state.setObjectName("sti_regions_state")
        self.question = Note("warning", action="Resample")
        self.question.setObjectName("sti_regions_question")
        self.failure = Note("error")
        self.failure.setObjectName("sti_regions_failure")
        self.remark = Note("warning")
        self.remark.setObjectName("sti_regions_remark")
        self.map = named_combo("sti_regions_map", "Which map the picture and the table show; files hold all of them.")
        self.boxes = RegionBoxes()
        self.about = text_label(muted=True)
        self.about.setObjectName("sti_regions_about")
        self.about.setTextFormat(Qt.TextFormat.RichText)  # the key of the colours; names in it are escaped
        self.table = RegionTable()
        self.histogram = RegionHistogram()
        self.copy = named_button("Copy table", "sti_regions_copy", "Copy the table, for a spreadsheet.")
        self.csv = named_button("Save CSV\N{HORIZONTAL ELLIPSIS}", "sti_regions_csv", "All maps, regions and results.")
        self.bins = named_button("Save histograms\N{HORIZONTAL ELLIPSIS}", "sti_regions_bins", "All histograms as CSV.")
        self.figure = named_button("Save figure\N{HORIZONTAL ELLIPSIS}", "sti_regions_figure", "Box plots of all maps.")
        self.said = Note("good")
        self.said.setObjectName("sti_regions_said")
        self.command = CommandRow()
        self.command.button.setObjectName("sti_regions_show_command")
        self.command.line.setObjectName("sti_regions_command")
        self.command.copy.setObjectName("sti_regions_copy_command")
        self.button = MainButton("Measure")
        self.button.setObjectName("sti_regions")
        self.footer = self.button
        self._results = QWidget()
        self._lay_out()
        self._connect()
        self._candidates()
        self._layers()
        self._results.hide()

    def value(self) -> RegionChoice:
        """What is to be measured."""
        return RegionChoice(self.runs.value(), str(self.labels.currentData() or ""), self._resample)

    def setValue(self, choice: RegionChoice) -> None:
        """Choose something else."""
        self.runs.setValue(choice.results)
        self.labels.setCurrentIndex(max(self.labels.findData(choice.labels), 0))
        self._resample = choice.resample
        self._show()

    def entered(self) -> None:
        """Look for new results and layers."""
        self.regions.refresh()
        self._layers()

    def _lay_out(self) -> None:
        self.rows.addWidget(self.empty)
        self.rows.addWidget(self.runs)
        add = QHBoxLayout()
        add.addStretch(1)
        add.addWidget(self.folder)
        self.rows.addLayout(add)
        row = QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.labels, 1)
        row.addWidget(self.file)
        form = Form()
        form.row("Regions", row, help=self.labels.toolTip(), buddy=self.labels)
        self.rows.addLayout(form)
        for part in (self.state, self.question, self.failure, self.remark):
            self.rows.addWidget(part)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        shown = Form()
        shown.row("Map", self.map)
        results.addLayout(shown)
        for part in (self.boxes, self.about, self.table, self.histogram):
            results.addWidget(part)
        files = QGridLayout()
        files.setSpacing(MARGIN // 2)
        for place, button in enumerate((self.csv, self.figure, self.bins, self.copy)):
            files.addWidget(button, place // 2, place % 2)
        results.addLayout(files)
        results.addWidget(self.said)
        results.addWidget(self.command)
        self.rows.addWidget(self._results)
        self.rows.addStretch(1)

    def _connect(self) -> None:
        regions = self.regions
        regions.candidates_changed.connect(self._candidates)
        regions.labels_changed.connect(self._layers)
        regions.busy_changed.connect(self._busy)
        regions.measured.connect(self._measured)
        regions.asked.connect(self._asked)
        regions.opened.connect(self._opened)
        regions.failed.connect(self._failed)
        regions.saved.connect(self._saved)
        self.controller.view.changed.connect(self._show_map)
        self.empty.clicked.connect(self._go)
        self.runs.valueChanged.connect(self._changed)
        self.labels.activated.connect(self._changed)
        self.folder.clicked.connect(self._add_folder)
        self.file.clicked.connect(self._open)
        self.button.clicked.connect(self._press)
        self.question.clicked.connect(self._agree)
        self.map.activated.connect(self._show_map)
        self.table.chosen.connect(self._region)
        self.boxes.chosen.connect(self._region)
        self.copy.clicked.connect(self._copy)
        self.csv.clicked.connect(self._save_table)
        self.bins.clicked.connect(self._save_histograms)
        self.figure.clicked.connect(self._save_figure)

    # ---- what goes in -------------------------------------------------------------------------------------------

    def _candidates(self) -> None:
        candidates = self.regions.candidates
        self.empty.set("accent", "" if candidates else "There is no result to measure yet.")
        self.runs.set_candidates(candidates)
        # What comes into the viewer is wanted, until somebody says otherwise.
        new = [name for name in self.regions.shown() if name not in self._known]
        self._known |= set(new)
        self.runs.setValue([*self.runs.value(), *new])
        self._show()

    def _layers(self) -> None:
        """Offer the Labels layers of the viewer."""
        names = self.regions.label_layers()
        # A layer that has just come to the top of the list is what somebody is drawing, or has opened.
        new = names[:1] if names[:1] != self._offered[:1] and len(names) > len(self._offered) else []
        chosen, self._offered = (new[0] if new else self.labels.currentData()), names
        self.labels.clear()
        for name in names or [""]:
            self.labels.addItem(name or "no Labels layer", name)
        self.labels.setCurrentIndex(max(self.labels.findData(chosen), 0))
        self.labels.setEnabled(bool(names))
        self._show()

    def _changed(self, *_: object) -> None:
        self._resample = False  # it was agreed to for other labels
        self.question.set("warning", "")
        self._show()

    def _show(self) -> None:
        why = self.value().why_not()
        busy = self.button.text() == "Cancel"
        self.button.setEnabled(busy or not why)
        if not busy:
            self.state.setText(why if self.regions.candidates else "")
        self.state.setVisible(bool(self.state.text()))

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a result folder")
        if folder:
            self.failure.set("error", "")
            self.regions.add_folder(Path(folder))

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a segmentation", "", _SEGMENTATIONS)
        if name:
            self.failure.set("error", "")
            self.regions.open_labels(Path(name))

    def _opened(self, name: str) -> None:
        self.labels.setCurrentIndex(max(self.labels.findData(name), 0))
        self._changed()

    # ---- what is done -------------------------------------------------------------------------------------------

    def _press(self) -> None:
        if self.button.text() == "Cancel":
            self.regions.cancel()
            return
        for note, kind in ((self.failure, "error"), (self.said, "good"), (self.question, "warning")):
            note.set(kind, "")
        self.regions.start(self.value())

    def _asked(self, what: str) -> None:
        self.question.set("warning", f"{what[0].upper()}{what[1:]}. Each voxel can be given the label nearest to it.")
        self.bring_to_view(self.question)

    def _agree(self) -> None:
        self._resample = True
        self._press()

    def _busy(self, what: str) -> None:
        measuring = bool(what) and what != "writing" and not what.startswith("reading the segmentation")
        self.button.setText("Cancel" if measuring else "Measure")
        self.button.set_quiet(measuring)
        self.state.setText(f"{what[0].upper()}{what[1:]} \N{HORIZONTAL ELLIPSIS}" if what else "")
        self._show()

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self.bring_to_view(self.failure)

    # ---- what came out ------------------------------------------------------------------------------------------

    def _measured(self, found: Regions) -> None:
        self.remark.set("warning", " ".join(found.notes))
        simulated = " Simulated data." if found.simulated else ""
        how = f"Box 25 to 75 %, line median, dot mean, whiskers 5 to 95 %.{simulated}"
        self.about.setText(colour_key(found.results) + how)
        chosen = self.map.currentData()
        with QSignalBlocker(self.map):
            self.map.clear()
            for one in found.maps:
                self.map.addItem(one.title, one.key)
            self.map.setCurrentIndex(max(self.map.findData(chosen), 0))
        self.command.setValue(self.regions.command(self.value()))
        self._results.show()
        self._show_map()
        self._region(next(iter(found.regions)))
        self.bring_to_view(self._results)

    def _measure_of(self, key: str) -> tuple[Measured, float, str]:
        """The map, and with which factor and unit it is written."""
        assert self.regions.found is not None
        one = next(one for one in self.regions.found.maps if one.key == key)
        in_ppb = one.unit == "ppm" and self.controller.view.value().unit == "ppb"
        return one, 1000.0 if in_ppb else 1.0, "ppb" if in_ppb else one.unit

    def _show_map(self, *_: object) -> None:
        found = self.regions.found
        if found is None or self.map.currentData() is None:
            return
        one, factor, unit = self._measure_of(str(self.map.currentData()))
        self.boxes.setValue(found, one.key, factor=factor, unit=unit)
        self.table.show_map(found, one.key, factor=factor)
        self._region(self._chosen_region())

    def _chosen_region(self) -> str:
        found = self.regions.found
        assert found is not None
        return self.histogram.region() if self.histogram.region() in found.regions else next(iter(found.regions))

    def _region(self, region: str) -> None:
        found = self.regions.found
        if found is None or region not in found.regions:
            return
        one, factor, _ = self._measure_of(str(self.map.currentData()))
        self.histogram.setValue(found, region, one.key, factor=factor)
        self.table.select_region(region)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.table.text())
        self.said.set("good", "The table is on the clipboard.")

    def _save_table(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the numbers", "regions.csv", "CSV (*.csv)")
        if name:
            self.regions.save_table(Path(name))

    def _save_histograms(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the histograms", "histograms.csv", "CSV (*.csv)")
        if name:
            self.regions.save_histograms(Path(name))

    def _save_figure(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the box plots", "regions.png", _FIGURES)
        if name:
            self.regions.save_figure(Path(name))

    def _saved(self, text: str) -> None:
        self.said.set("good", text)

    def _go(self) -> None:
        self.go_to.emit("reconstruct")
