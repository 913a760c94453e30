"""The Quality panel: one button, one page."""

from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QGridLayout, QVBoxLayout, QWidget

from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.file_box import IMAGES
from napari_sti.widgets.look import MARGIN, is_dark
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.picture_view import PictureView
from napari_sti.widgets.quality_dti_mend import DtiMendBox
from napari_sti.widgets.quality_editor import QualityEditor
from napari_sti.widgets.quality_lines_view import QualityLines
from napari_sti.widgets.run_button import RunButton
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.quality_sources import QualityChoice, QualityReport

_DOTS = "\N{HORIZONTAL ELLIPSIS}"


class QualityPanel(Panel):
    """Editor of a `QualityChoice`, and the page in short form."""

    id = "quality"
    title = "Quality"
    order = 52
    help = "One page about a result: axes, fit to the data, values, streaks, mask, angle to a DTI."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.quality = controller.quality
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_quality_empty")
        self.editor = QualityEditor()
        self.mended = Note("accent", action="Undo")
        self.mended.setObjectName("sti_quality_mended")
        self.mended.button.setObjectName("sti_quality_undo")
        self.state = text_label(muted=True)
        self.state.setObjectName("sti_quality_state")
        self.failure = Note("error")
        self.failure.setObjectName("sti_quality_failure")
        self.said = Note("good")
        self.said.setObjectName("sti_quality_said")
        self.about = text_label()
        self.about.setObjectName("sti_quality_about")
        self.proposal = Note("warning", action="Apply")
        self.proposal.setObjectName("sti_quality_mend")
        self.proposal.button.setObjectName("sti_quality_apply")
        self.proposal.button.setToolTip("Write a new result with mended axes; this one stays as it is.")
        self.v1_mend = DtiMendBox()
        self.open = named_button("Open page", "sti_quality_open", "Show the whole page in the browser.")
        self.save = named_button(f"Save page{_DOTS}", "sti_quality_save", "Save the page as one HTML file.")
        self.residuals = named_button("Show residuals", "sti_quality_residuals", "Add a layer for every orientation.")
        self.angle = named_button("Show angles", "sti_quality_angle", "Add the map of angles to the DTI.")
        self.lines = QualityLines()
        self.pictures = PictureView("sti_quality_pictures")
        self.command = CommandRow()
        self.footer = self.button = RunButton("Make quality page")
        self.button.setObjectName("sti_quality_make")
        self._results = QWidget()
        self._lay_out()
        self._connect()
        self._results.hide()
        self._sources()

    def value(self) -> QualityChoice:
        """What is asked for."""
        return self.editor.value()

    def setValue(self, choice: QualityChoice) -> None:
        """Ask for something else."""
        self.editor.setValue(choice)

    def entered(self) -> None:
        """Look for new results."""
        self.quality.refresh()

    def _lay_out(self) -> None:
        for part in (self.empty, self.editor, self.mended, self.state, self.failure):
            self.rows.addWidget(part)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        results.setSpacing(MARGIN)
        results.addWidget(self.about)
        results.addWidget(self.proposal)
        results.addWidget(self.v1_mend)
        buttons = QGridLayout()
        buttons.setSpacing(MARGIN // 2)
        for place, button in enumerate((self.open, self.save, self.residuals, self.angle)):
            buttons.addWidget(button, place // 2, place % 2)
        results.addLayout(buttons)
        results.addWidget(self.said)
        results.addWidget(self.lines)
        results.addWidget(self.pictures)
        self.rows.addWidget(self._results)
        self.rows.addWidget(self.command)
        self.rows.addStretch(1)

    def _connect(self) -> None:
        quality = self.quality
        quality.sources_changed.connect(self._sources)
        quality.changed.connect(self._show)
        self.controller.view.changed.connect(self._follow)
        quality.made.connect(self._made)
        quality.mended.connect(self._mended)
        quality.said.connect(self._say)
        quality.failed.connect(self._failed)
        self.empty.clicked.connect(self._go)
        self.editor.valueChanged.connect(self._show)
        self.editor.folder_wanted.connect(self._add_folder)
        self.editor.file_wanted.connect(self._add_file)
        self.mended.clicked.connect(self._undo)
        self.button.clicked.connect(self._press)
        self.proposal.clicked.connect(self._apply)
        self.v1_mend.wanted.connect(self._compare_mended)
        self.v1_mend.save_wanted.connect(self._save_v1)
        self.open.clicked.connect(self._open)
        self.save.clicked.connect(self._save)
        self.residuals.clicked.connect(quality.show_residuals)
        self.angle.clicked.connect(quality.show_angle)

    # ---- what goes in ----

    def _sources(self) -> None:
        sources = self.quality.sources
        self.empty.set("accent", "" if sources else "There is no finished run yet. A result folder can be added, too.")
        self.editor.set_sources(sources)
        self._follow()
        self._show()

    def _follow(self) -> None:
        self.editor.follow(self.controller.view.value().run)

    def _show(self) -> None:
        choice, active = self.editor.value(), self.quality.active
        why = choice.why_not(self.quality.sources)
        self.button.set_state(self.quality.run, why)
        run = self.quality.run
        busy = f"{run.message or 'Waiting for the worker'} {_DOTS}" if active and run is not None else ""
        self.state.setText(busy or (why if self.quality.sources else ""))
        self.state.setVisible(bool(self.state.text()))
        source = self.quality.sources.get(choice.source)
        mend = "" if source is None else source.mend
        self.mended.set("accent", f"The axes of this result were mended ({mend})." if mend else "")
        self.command.setVisible(not why)
        if not why and source is not None:
            self.command.setValue(choice.given(source).command(choice.study, "quality"))

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a result folder")
        if folder:
            self.failure.set("error", "")
            self.quality.add(Path(folder))

    def _add_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Add a tensor", "", IMAGES)
        if name:
            self.failure.set("error", "")
            self.quality.add(Path(name))

    # ---- what is done ----

    def _press(self) -> None:
        if self.quality.active:
            return
        self.failure.set("error", "")
        self.said.set("good", "")
        self.quality.start(self.editor.value())

    def _apply(self) -> None:
        self.quality.apply_mend()

    def _undo(self) -> None:
        self.quality.undo_mend(self.editor.value().source)

    def _compare_mended(self, mend: str) -> None:
        """Make the last page again with another mend of V1; the panel then shows what was asked for."""
        report = self.quality.report
        if report is not None and not self.quality.active and report.source.name in self.quality.sources:
            self.setValue(replace(report.choice, dti_mend=mend))
            self._press()

    def _save_v1(self, mend: str) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the mended V1", "V1_mended.nii.gz", IMAGES)
        if name:
            self.failure.set("error", "")
            self.quality.save_mended_v1(mend, Path(name))

    def _failed(self, sentence: str, details: str) -> None:
        self.failure.set("error", sentence, details=details)
        self.bring_to_view(self.failure)

    # ---- what came out ----

    def _made(self, report: QualityReport) -> None:
        outside = sum(bool(line.get("outside")) for line in report.record.get("lines") or ())
        lie = "line lies" if outside == 1 else "lines lie"
        beside = f"{outside} {lie} outside of a rule of thumb, which is no verdict." if outside else ""
        self.about.setText(f"Page about {report.source.name}. {beside}".strip())
        said = str(report.record.get("mend_words") or "") if report.mend else ""
        self.proposal.set("warning", f"{said} Proposed mend: {report.mend}." if said else "")
        self.v1_mend.setValue(report.v1_words, report.v1_proposal, report.v1_used)
        self.lines.setValue(report.short)
        self.pictures.setValue(report.pictures("dark" if is_dark(self) else "light"))
        self.residuals.setEnabled(report.residuals is not None)
        self.residuals.setToolTip(
            "Add a layer for every orientation." if report.residuals else "The page was made without a study."
        )
        self.angle.setEnabled(report.angle is not None)
        self.angle.setToolTip(
            "Add the map of angles to the DTI." if report.angle else "The page was made without a DTI."
        )
        self._results.show()
        self._show()
        self.bring_to_view(self.about)

    def _mended(self, name: str, sentence: str) -> None:
        self.proposal.set("warning", "")
        self._say(f"{name}: {sentence}")

    def _say(self, sentence: str) -> None:
        self.said.set("good", sentence)

    def _open(self) -> None:
        if self.quality.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.quality.report.page)))

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the quality page", "quality.html", "Web page (*.html)")
        if name:
            self.quality.save_page(Path(name))

    def _go(self) -> None:
        self.go_to.emit("reconstruct")
