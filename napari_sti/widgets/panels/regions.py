"""The Regions panel: every map of every result in the regions of a Labels layer."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_sti.maps.regions import Regions
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.look import MARGIN, Form, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.region_results import RegionResults
from napari_sti.widgets.run_checks import RunChecks
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.region_sources import RegionChoice

_SEGMENTATIONS = "NIfTI (*.nii *.nii.gz)"
_CANCEL = "Cancel measuring"


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
        self.results = RegionResults(self.regions, controller.view)
        self.command = CommandRow()
        self.command.button.setObjectName("sti_regions_show_command")
        self.command.line.setObjectName("sti_regions_command")
        self.command.copy.setObjectName("sti_regions_copy_command")
        self.button = MainButton("Measure")
        self.button.setObjectName("sti_regions")
        self.footer = self.button
        self._lay_out()
        self._connect()
        self._candidates()
        self._layers()
        for part in (self.results, self.command):
            part.hide()

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
        self.rows.addWidget(self.results)
        self.rows.addWidget(self.command)
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
        self.empty.clicked.connect(self._go)
        self.runs.valueChanged.connect(self._changed)
        self.labels.activated.connect(self._changed)
        self.folder.clicked.connect(self._add_folder)
        self.file.clicked.connect(self._open)
        self.button.clicked.connect(self._press)
        self.question.clicked.connect(self._agree)

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
        busy = self.button.text() == _CANCEL
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
        if self.button.text() == _CANCEL:
            self.regions.cancel()
            self._show_numbers(self.regions.found is not None)
            return
        for note, kind in ((self.failure, "error"), (self.results.said, "good"), (self.question, "warning")):
            note.set(kind, "")
        self._show_numbers(False)  # those of another question must not stand below this one
        self.regions.start(self.value())

    def _show_numbers(self, on: bool) -> None:
        for part in (self.results, self.command):
            part.setVisible(on)
        self.remark.setVisible(on and bool(self.remark.text()))

    def _asked(self, what: str) -> None:
        self.question.set("warning", f"{what[0].upper()}{what[1:]}. Each voxel can be given the label nearest to it.")
        self.bring_to_view(self.question)

    def _agree(self) -> None:
        self._resample = True
        self._press()

    def _busy(self, what: str) -> None:
        measuring = bool(what) and what != "writing" and not what.startswith("reading the segmentation")
        self.button.setText(_CANCEL if measuring else "Measure")
        self.button.set_quiet(measuring)
        self.state.setText(f"{what[0].upper()}{what[1:]} \N{HORIZONTAL ELLIPSIS}" if what else "")
        self._show()

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self.bring_to_view(self.failure)

    # ---- what came out ------------------------------------------------------------------------------------------

    def _measured(self, found: Regions) -> None:
        self.remark.set("warning", " ".join(found.notes))
        self.results.setValue(found)
        self.command.setValue(self.regions.command(self.value()))
        self.command.show()
        self.bring_to_view(self.results)

    def _go(self) -> None:
        self.go_to.emit("reconstruct")
