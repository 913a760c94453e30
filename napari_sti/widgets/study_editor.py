"""The editor of a study: its name, the orientations, units, field strength and masks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_sti.core.frames import FRAMES
from napari_sti.core.units import FIELD_UNITS
from napari_sti.io.study import Study
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.file_box import FileBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import ScientificBox, keep_wheel_for_scrolling
from napari_sti.widgets.orientation_table import OrientationTable, frame_of, has_numbers
from napari_sti.widgets.session.study_check import StudyCheck

NOT_STATED = "not stated"
SEVERAL = "several"
_FRAME_WORDS = {"voxel": "voxel axes", "ras": "RAS world", "lps": "LPS world", "fsl": "FSL"}


class StudyEditor(QWidget):
    """Editor of a `Study`; what concerns orientations applies to the selected rows, or to all when none is selected."""

    valueChanged = Signal()
    refused = Signal(str)
    add_files = Signal()
    choose_directions = Signal()
    frame_changed = Signal(object, object)
    """Numbers of B0 directions are read in other axes now: the orientations before and after."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = Study()
        self._filling = False
        self.name = QLineEdit()
        self.name.setObjectName("sti_study_name")
        self.name.setAccessibleName("Name of the study")
        self.name.setToolTip("Name of the study, with which its layers begin.")
        self.table = OrientationTable()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.name)
        layout.addWidget(self.table)
        layout.addLayout(self._table_buttons())
        layout.addLayout(self._form())
        layout.addWidget(self._more())
        self._connect()
        self._show()

    def value(self) -> Study:
        """The study."""
        return self._study

    def setValue(self, study: Study) -> None:
        """Show another study."""
        if study == self._study:
            return
        self._study = study
        self._show()

    def set_check(self, check: StudyCheck | None) -> None:
        """Show what the headers say: directions, tilts, faults."""
        if check is not None:
            self.table.set_resolved(check.directions, check.tilts, check.faulty)

    def control(self, place: str) -> QWidget | None:
        """The control that mends something missing, by the name that `Missing.place` gives."""
        places: dict[str, QWidget] = {
            "te": self.te,
            "tesla": self.tesla,
            "unit": self.unit,
            "frame": self.frame,
            "b0": self.from_text,
            "mask": self.mask.button,
            "fields": self.add,
        }
        if place == "frame":
            self.more.set_open(True)
        return places.get(place)

    def _table_buttons(self) -> QHBoxLayout:
        self.add = named_button(
            "Add\N{HORIZONTAL ELLIPSIS}", "sti_add", "Add field maps; files can also be dropped here."
        )
        self.remove = named_button("Remove", "sti_remove", "Remove the selected orientations.")
        row = QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        for button in (self.add, self.remove):
            row.addWidget(button, 1)
        return row

    def _direction_buttons(self) -> QHBoxLayout:
        self.from_text = named_button(
            "From text\N{HORIZONTAL ELLIPSIS}",
            "sti_b0_text",
            "Read B0 directions from text files: three numbers per orientation, in LPS unless another frame is set.",
        )
        self.from_affine = named_button(
            "From affine",
            "sti_b0_affine",
            "Take B0 from the affine: right only for a scan that was not resampled to another orientation's grid.",
        )
        row = QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        for button in (self.from_text, self.from_affine):
            row.addWidget(button, 1)
        return row

    def _form(self) -> Form:
        self.unit = QComboBox()
        self.unit.setObjectName("sti_unit")
        self.unit.addItems([NOT_STATED, *FIELD_UNITS])
        self.unit.setToolTip("Unit of the selected field maps, or of all when none is selected; never guessed.")
        keep_wheel_for_scrolling(self.unit)
        self.te = _number("sti_te", " ms", 0, 500, "Echo time of field maps in radians.")
        self.te.setPrefix("TE ")
        self.te.setSpecialValueText(f"TE {NOT_STATED}")
        self.tesla = _number("sti_tesla", " T", 0, 25, "Field strength; needed for field maps in Hz or radians.")
        self.mask = FileBox("brain mask", "sti_mask")
        unit = QHBoxLayout()
        unit.setSpacing(MARGIN // 2)
        unit.addWidget(self.unit, 1)
        unit.addWidget(self.te, 1)
        form = Form()
        form.row("B0 direction", self._direction_buttons(), buddy=self.from_text)
        form.row("Unit", unit, buddy=self.unit)
        form.row("Field strength", self.tesla)
        form.row("Brain mask", self.mask)
        return form

    def _more(self) -> Fold:
        self.frame = QComboBox()
        self.frame.setObjectName("sti_b0_frame")
        for frame in ("", *FRAMES):
            self.frame.addItem(_FRAME_WORDS.get(frame, NOT_STATED), frame or None)
        self.frame.setToolTip("Axes in which the B0 directions are given; text files are LPS unless stated otherwise.")
        keep_wheel_for_scrolling(self.frame)
        self.wm_mask = FileBox("white matter mask", "sti_wm_mask")
        self.csf_mask = FileBox("CSF mask", "sti_csf_mask")
        content = QWidget()
        form = Form()
        form.row("B0 given in", self.frame)
        form.row("White matter", self.wm_mask)
        form.row("CSF", self.csf_mask)
        content.setLayout(form)
        self.more = Fold("More", content)
        self.more.button.setObjectName("sti_data_more")
        return self.more

    def _connect(self) -> None:
        self.name.editingFinished.connect(self._rename)
        self.table.valueChanged.connect(self._take_table)
        self.table.refused.connect(self.refused)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.add.clicked.connect(self.add_files)
        self.remove.clicked.connect(self._remove)
        self.from_text.clicked.connect(self.choose_directions)
        self.from_affine.clicked.connect(self._affine)
        self.unit.activated.connect(self._take_unit)
        self.te.valueChanged.connect(self._take_te)
        self.frame.activated.connect(self._take_frame)
        for box in (self.tesla, self.mask, self.wm_mask, self.csf_mask):
            box.valueChanged.connect(self._take_boxes)

    def _show(self) -> None:
        study = self._study
        self._filling = True
        if self.name.text() != study.name:
            self.name.setText(study.name)
        self.table.setValue(study.orientations)
        self.tesla.setValue(study.tesla or 0.0)
        self.mask.setValue(study.mask)
        self.wm_mask.setValue(study.wm_mask)
        self.csf_mask.setValue(study.csf_mask)
        self._filling = False
        self._show_rows()

    def _show_rows(self) -> None:
        """Show unit, echo time and frame of the selected orientations."""
        chosen = [self._study.orientations[i] for i in self.rows()]
        self._filling = True
        units, frames = {o.units for o in chosen}, {o.frame for o in chosen}
        te = next((o.te for o in chosen if o.te), None)
        self.unit.setItemText(0, SEVERAL if len(units) > 1 else NOT_STATED)
        self.unit.setCurrentIndex(0 if len(units) != 1 else self.unit.findText(str(next(iter(units)) or NOT_STATED)))
        self.te.setValue(0.0 if te is None else float(f"{te * 1e3:.12g}"))
        self.te.setVisible("rad" in units)
        self.frame.setItemText(0, SEVERAL if len(frames) > 1 else NOT_STATED)
        self.frame.setCurrentIndex(0 if len(frames) != 1 else max(0, self.frame.findData(next(iter(frames)))))
        self._filling = False
        for part in (self.from_text, self.from_affine, self.unit, self.frame):
            part.setEnabled(bool(chosen))
        self.remove.setEnabled(bool(self.table.selected_rows()))

    def rows(self) -> list[int]:
        """Orientations that the controls apply to: the selected ones, or all when none is selected."""
        return self.table.selected_rows() or list(range(len(self._study.orientations)))

    def _set(self, **values: Any) -> None:
        study = replace(self._study, **values)
        if study != self._study:
            self._study = study
            self._show()
            self.valueChanged.emit()

    def _set_rows(self, **values: Any) -> None:
        orientations = list(self._study.orientations)
        for row in self.rows():
            orientations[row] = replace(orientations[row], **values)
        self._set(orientations=tuple(orientations))

    def _rename(self) -> None:
        self._set(name=self.name.text().strip() or "study")

    def _take_table(self) -> None:
        self._set(orientations=self.table.value())

    def _selected(self, *_: Any) -> None:
        self._show_rows()

    def _remove(self) -> None:
        gone = set(self.table.selected_rows())
        self._set(orientations=tuple(o for i, o in enumerate(self._study.orientations) if i not in gone))

    def _affine(self) -> None:
        self._set_rows(b0_dir="affine", frame=None)

    def _take_unit(self, _: int) -> None:
        text = self.unit.currentText()
        if text in FIELD_UNITS:
            self._set_rows(units=text)

    def _take_te(self, milliseconds: float) -> None:
        if not self._filling:
            self._set_rows(te=float(f"{milliseconds / 1e3:.12g}") or None)

    def _take_frame(self, _: int) -> None:
        if self.frame.currentText() != SEVERAL:
            before = self._study.orientations
            self._set_rows(frame=self.frame.currentData())
            after = self._study.orientations
            if any(frame_of(a) != frame_of(b) and has_numbers(a) for a, b in zip(before, after, strict=True)):
                self.frame_changed.emit(before, after)

    def _take_boxes(self, *_: Any) -> None:
        if not self._filling:
            paths: dict[str, Path | None] = {n: getattr(self, n).value() for n in ("mask", "wm_mask", "csf_mask")}
            self._set(tesla=self.tesla.value() or None, **paths)


def _number(name: str, suffix: str, low: float, high: float, help: str) -> ScientificBox:
    box = ScientificBox()
    box.setObjectName(name)
    box.setRange(low, high)
    box.setSuffix(suffix)
    box.setSpecialValueText(NOT_STATED)
    box.setToolTip(help)
    return box
