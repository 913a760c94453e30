"""The Data panel: what was measured, and what is missing."""

from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.io.study import STUDY_NAMES, Orientation, Study
from napari_sti.widgets.chips import ChipRow, ChipText
from napari_sti.widgets.file_box import IMAGES
from napari_sti.widgets.look import MARGIN, MainButton, empty
from napari_sti.widgets.note import Note
from napari_sti.widgets.orientation_table import frame_of, has_numbers
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.dropped import add_directions
from napari_sti.widgets.session.missing import Missing, missing
from napari_sti.widgets.session.study_check import StudyCheck
from napari_sti.widgets.study_editor import StudyEditor
from napari_sti.widgets.welcome import Welcome
from napari_sti.widgets.words import count, millimetres, size

STUDIES = "Study files (*.yaml *.yml *.json);;All files (*)"
TEXTS = "Text files (*.txt *.dat *.csv *.tsv);;All files (*)"
_MOST_NOTES = 4


class DataPanel(Panel):
    """Collects the files of a study and says what is missing; editor of the controller's `Study`."""

    id = "data"
    title = "Data"
    order = 10
    help = "Field maps, B0 directions, units and mask of the study."

    valueChanged = Signal()

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.setAcceptDrops(True)
        self.welcome = Welcome()
        self.editor = StudyEditor()
        self.chips = ChipRow()
        self.notes = QVBoxLayout()
        self.notes.setSpacing(MARGIN // 2)
        self._missing: tuple[Missing, ...] = ()
        self.problem = Note("error")
        self.problem.setObjectName("sti_data_problem")
        self.reread = Note("accent", action="Undo")
        self.reread.setObjectName("sti_frame_note")
        self._frames: tuple[tuple[Orientation, ...], tuple[Orientation, ...]] = ((), ())
        self._folder: Path | None = None
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self._page())
        self.rows.addWidget(self.problem)
        self.rows.addWidget(self.stack, 1)
        self._connect()
        self._study_changed()

    def value(self) -> Study:
        """The study."""
        return self.controller.study

    def setValue(self, study: Study) -> None:
        """Show another study."""
        self.controller.studies.set(study)

    def focus_fault(self) -> None:
        """Bring the first thing that is missing to the person's eyes."""
        self._mend(0)

    def _page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.chips)
        layout.addLayout(self.notes)  # above the form: below it they would be out of sight in a small window
        layout.addWidget(self.editor)
        layout.addWidget(self.reread)
        layout.addStretch(1)
        files = QHBoxLayout()
        files.setSpacing(MARGIN // 2)
        for text, name, help, slot in (
            ("New", "sti_new_study", "Start again with an empty study.", self._new),
            ("Open\N{HORIZONTAL ELLIPSIS}", "sti_open_study", "Open a study file.", self._open),
            ("Save\N{HORIZONTAL ELLIPSIS}", "sti_save_study", "Save the study file.", self._save),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(help)
            button.clicked.connect(slot)
            files.addWidget(button, 1)
        self.show_button = MainButton("Show images")
        self.show_button.setObjectName("sti_show_images")
        self.show_button.setToolTip("Read the images and add them to the viewer as layers.")
        self.show_button.clicked.connect(self._show_images)
        layout.addLayout(files)
        layout.addWidget(self.show_button)
        return page

    def _connect(self) -> None:
        studies = self.controller.studies
        studies.changed.connect(self._study_changed)
        studies.checked.connect(self._study_checked)
        studies.busy_changed.connect(self._busy)
        self.controller.message.connect(self._failed)
        self.editor.valueChanged.connect(self._edited)
        self.editor.refused.connect(self._failed)
        self.editor.frame_changed.connect(self._frame_changed)
        self.reread.clicked.connect(self._undo_frame)
        self.editor.add_files.connect(self._add)
        self.editor.choose_directions.connect(self._directions)
        self.welcome.open_study.connect(self._open)
        self.welcome.open_sample.connect(self._sample)
        self.welcome.add_files.connect(self._add)

    def _study_changed(self) -> None:
        self.stack.setCurrentIndex(0 if self.controller.studies.empty else 1)
        self.editor.setValue(self.controller.study)
        if [_direction(o) for o in self.controller.study.orientations] != [_direction(o) for o in self._frames[1]]:
            self._frames = ((), ())
            self.reread.set("accent", "")
        self.problem.set("error", "")
        self._show_state()
        self.valueChanged.emit()

    def _study_checked(self) -> None:
        self.editor.set_check(self.controller.studies.check)
        self._show_state()

    def _show_state(self) -> None:
        studies = self.controller.studies
        self.chips.setValue(study_chips(studies.study, studies.check))
        self.show_button.setEnabled(studies.complete)
        self._show_missing(missing(studies.check.problems) if studies.check is not None else self._missing)

    def _show_missing(self, found: tuple[Missing, ...]) -> None:
        if found == self._missing:
            return
        self._missing = found
        empty(self.notes)
        for number, item in enumerate(found[:_MOST_NOTES]):
            note = Note("warning", item.text, action=_ACTIONS.get(item.place, "Go there" if item.place else ""))
            note.setObjectName(f"sti_missing_{number}")
            note.setProperty("number", number)
            note.clicked.connect(self._note_clicked)
            self.notes.addWidget(note)
        if len(found) > _MOST_NOTES:
            self.notes.addWidget(
                Note("warning", f"And {count(len(found) - _MOST_NOTES, 'more thing', 'more things')}.")
            )

    def _note_clicked(self) -> None:
        self._mend(int(self.sender().property("number")))

    def _mend(self, number: int) -> None:
        if number >= len(self._missing):
            return
        item = self._missing[number]
        if item.orientations:
            self.editor.table.select_rows(item.orientations)
        control = self.editor.control(item.place)
        if control is None:
            return
        control.setFocus()
        if item.place in _ACTIONS:
            control.click()

    def _edited(self) -> None:
        self.controller.studies.set(self.editor.value())

    def _frame_changed(self, before: tuple[Orientation, ...], after: tuple[Orientation, ...]) -> None:
        """Say that the same numbers mean something else now."""
        changed = (new for old, new in zip(before, after, strict=True) if old.frame != new.frame and has_numbers(new))
        frame = frame_of(next(changed))
        now = f"are now read as {_FRAME_NAMES[frame]}" if frame else "no longer state their axes"
        self._frames = (before, after)
        self.reread.set("accent", f"B0 directions {now}; their numbers were kept.")

    def _undo_frame(self) -> None:
        study, (before, _) = self.controller.study, self._frames
        pairs = zip(study.orientations, before, strict=True)
        self.controller.studies.set(replace(study, orientations=tuple(replace(o, frame=b.frame) for o, b in pairs)))

    def _busy(self, what: str) -> None:
        self.show_button.setText(f"{what}\N{HORIZONTAL ELLIPSIS}" if what else "Show images")
        self.show_button.setEnabled(not what and self.controller.studies.complete)

    def _failed(self, sentence: str) -> None:
        self.problem.set("error", sentence)

    def _show_images(self) -> None:
        self.problem.set("error", "")
        self.controller.studies.load()

    def _sample(self, oblique: bool) -> None:
        self.controller.open_sample(oblique=oblique)

    def _new(self) -> None:
        self.controller.studies.clear()

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a study", "", STUDIES)
        if name:
            self._folder = Path(name).parent
            self.controller.studies.open(name)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the study", str(self._save_as()), STUDIES)
        if name:
            self._folder = Path(name).parent
            self.controller.studies.save(name if Path(name).suffix else f"{name}.sti.yaml")

    def _save_as(self) -> Path:
        """Where the study is proposed to be saved: never in the cache of the samples, which may be emptied."""
        from napari_sti.simulate.sample import cache_folder

        study, folder = self.controller.study, self._folder or Path.home()
        if study.path is None:
            return folder / f"{study.name}.sti.yaml"
        if study.path.resolve().is_relative_to(cache_folder().resolve()):
            return folder / STUDY_NAMES[0]
        return study.path

    def _add(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Add field maps", "", IMAGES)
        if names:
            self._folder = Path(names[0]).parent
            self.controller.studies.add([Path(name) for name in names])

    def _directions(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "B0 directions", "", TEXTS)
        if names:
            self.take_directions([Path(name) for name in names])

    def take_directions(self, files: list[Path]) -> None:
        """Give the selected orientations, or all, the B0 directions of text files."""
        rows = self.editor.rows()
        try:
            study = add_directions(self.controller.study, files, rows if len(rows) >= len(files) else None)
        except InputError as error:
            self._failed(str(error))
            return
        self.controller.studies.set(study)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files."""
        if event is not None and event.mimeData().hasUrls():
            self.welcome.drop.set_hot(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:
        """Nothing is held above any more."""
        self.welcome.drop.set_hot(False)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Sort out the files: a study is opened, everything else is added."""
        if event is None:
            return
        self.welcome.drop.set_hot(False)
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.controller.studies.add(paths)


_FRAME_NAMES = {"voxel": "voxel axes", "ras": "RAS", "lps": "LPS", "fsl": "FSL"}


def _direction(orientation: Orientation) -> tuple[object, ...]:
    """What a B0 direction is told from."""
    return orientation.field, orientation.b0_dir, orientation.frame


_ACTIONS = {
    "mask": "Choose\N{HORIZONTAL ELLIPSIS}",
    "fields": "Add\N{HORIZONTAL ELLIPSIS}",
    "b0": "From text\N{HORIZONTAL ELLIPSIS}",
}
"""What the button of a note says where it does more than go to the control."""


def study_chips(study: Study, check: StudyCheck | None) -> tuple[ChipText, ...]:
    """What a study is, in a few chips: grid, orientations, simulated, oblique."""
    chips = []
    if study.simulated:
        chips.append(ChipText("simulated", "The field maps of this study were simulated.", "warning"))
    if study.orientations:
        chips.append(ChipText(count(len(study.orientations), "orientation")))
    if check is not None and check.shape is not None and check.voxel_size is not None:
        grid = f"{size(check.shape)}, {millimetres(check.voxel_size)}"
        chips.append(ChipText(grid, f"Voxels along the stored axes ({check.axes}) and their size."))
        if check.oblique >= 0.1:
            chips.append(
                ChipText(f"oblique {check.oblique:.1f}\N{DEGREE SIGN}", "Angle between the stored axes and the world.")
            )
    return tuple(chips)
