"""A box for R2': maps of the study or files, or R2* with what is to be taken from it."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_sti.core.separation import Form as ChiForm
from napari_sti.io.study import Study
from napari_sti.widgets.controls import named_combo
from napari_sti.widgets.file_box import IMAGES, FileBox
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import ScientificBox
from napari_sti.widgets.session.separate_sources import USUAL_R2, R2From, RatesChoice, RatesFrom
from napari_sti.widgets.words import count

_R2: dict[R2From, str] = {
    "study": "map of the study",
    "file": "file",
    "constant": "none: take a constant",
    "found": "none: find it as well",
}


class RatesBox(QWidget):
    """Editor of a `RatesChoice`."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study, self._files = Study(), tuple[Path, ...]()
        self._asked = False
        self.source = named_combo("sti_separate_rates", "R2′ = R2* − R2, in Hz: one map, or one for each orientation.")
        self.choose_button = QPushButton("Choose\N{HORIZONTAL ELLIPSIS}")
        self.choose_button.setObjectName("sti_separate_rates_choose")
        self.choose_button.setToolTip("Choose one file, or one for each orientation in their order.")
        self.r2 = named_combo(
            "sti_separate_r2", "What is taken from R2*. A constant R2 is wrong wherever R2 differs from it."
        )
        self.r2_file = FileBox("map of R2", "sti_separate_r2_file")
        self.constant = ScientificBox()
        self.constant.setObjectName("sti_separate_constant_r2")
        self.constant.setRange(0.5, 1000.0)
        self.constant.setSuffix(" Hz")
        self.constant.setValue(USUAL_R2)
        self.constant.setToolTip("One R2 for all voxels; 13 Hz is in use at 3 T. The result says so.")
        self.orientation = named_combo("sti_separate_orientation", "In which orientation the one map was measured.")
        self._lay_out()
        self.set_study(Study())
        self.source.activated.connect(self._source_chosen)
        self.choose_button.clicked.connect(self.choose)
        for combo in (self.r2, self.orientation):
            combo.activated.connect(self._changed)
        self.r2_file.valueChanged.connect(self._changed)
        self.constant.valueChanged.connect(self._changed)

    def _lay_out(self) -> None:
        form = Form()
        row = QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.source, 1)
        row.addWidget(self.choose_button)
        form.row("R2′", row, buddy=self.source)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addLayout(form)
        self._rows: dict[str, QWidget] = {}
        parts = (("R2", "r2", self.r2), ("R2 file", "file", self.r2_file), ("Constant R2", "constant", self.constant))
        for title, name, part in (*parts, ("Measured in", "orientation", self.orientation)):
            holder = QWidget()
            Form(holder).row(title, part)
            self._rows[name] = holder
            layout.addWidget(holder)

    def value(self) -> RatesChoice:
        """Where R2' comes from."""
        source: RatesFrom = self.source.currentData() or "r2prime_files"
        r2: R2From = self.r2.currentData()
        return RatesChoice(
            source, self._files, r2, self.r2_file.value(), self.constant.value(), self.orientation.currentData()
        )

    def setValue(self, choice: RatesChoice) -> None:
        """Choose something else; what the study does not have leaves the box as it is."""
        with QSignalBlocker(self):
            self._files = choice.files
            self._asked = True
            self._fill()
            self.source.setCurrentIndex(max(self.source.findData(choice.source), 0))
            self._fill_r2()
            self.r2.setCurrentIndex(max(self.r2.findData(choice.r2), 0))
            self.r2_file.setValue(choice.r2_file)
            self.constant.setValue(choice.constant)
            self.orientation.setCurrentIndex(max(self.orientation.findData(choice.orientation), 0))
        self._changed()

    def set_study(self, study: Study) -> None:
        """Offer what another study has."""
        if (study.r2prime, study.r2star, study.r2, len(study.orientations)) != (
            self._study.r2prime, self._study.r2star, self._study.r2, len(self._study.orientations)
        ):  # fmt: skip
            self._asked = self._asked and self.value().source.endswith("_files")
        self._study = study
        with QSignalBlocker(self):
            self._fill()
            self._fill_r2()
            self._fill_orientations()
        self._show()

    def set_form(self, form: ChiForm) -> None:
        """Ask for the orientation of a single map where the susceptibility is a tensor."""
        self._tensor = form == "tensor"
        self._show()

    def choose(self) -> None:
        """Ask for files with R2' or R2*."""
        what = "R2*" if self.value().star else "R2′"
        names, _ = QFileDialog.getOpenFileNames(self, f"Choose {what} [Hz], one file or one for each orientation", "",
                                                IMAGES)  # fmt: skip
        if names:
            source = "r2star_files" if self.value().star else "r2prime_files"
            self._files, self._asked = tuple(Path(name) for name in names), True
            self._fill()
            self.source.setCurrentIndex(self.source.findData(source))
            self._fill_r2()
            self._changed()

    _tensor = False

    def _fill(self) -> None:
        study, chosen = self._study, self.source.currentData()
        self.source.clear()
        if study.r2prime:
            self.source.addItem(f"R2′ of the study ({count(len(study.r2prime), 'map')})", "r2prime")
        if study.r2star:
            self.source.addItem(f"R2* of the study ({count(len(study.r2star), 'map')})", "r2star")
        for source, name in (("r2prime_files", "R2′"), ("r2star_files", "R2*")):
            mine = self._files and chosen == source
            self.source.addItem(f"{name}: {count(len(self._files), 'file')}" if mine else f"{name} files", source)
        self.source.setCurrentIndex(max(self.source.findData(chosen), 0) if self._asked else 0)

    def _fill_r2(self) -> None:
        chosen = self.r2.currentData()
        self.r2.clear()
        for key, title in _R2.items():
            if (key != "study" or self._study.r2 is not None) and (key != "found" or self._study.r2 is None):
                self.r2.addItem(title, key)
        self.r2.setCurrentIndex(max(self.r2.findData(chosen), 0))

    def _fill_orientations(self) -> None:
        chosen, number = self.orientation.currentData(), len(self._study.orientations)
        self.orientation.clear()
        self.orientation.addItem("say which orientation", None)
        for index in range(1, number + 1):
            self.orientation.addItem(f"orientation {index}", index)
        self.orientation.setCurrentIndex(max(self.orientation.findData(chosen), 0))

    def _source_chosen(self, *_: object) -> None:
        self._asked = True
        if str(self.source.currentData()).endswith("_files") and not self._files:
            self.choose()
        self._changed()

    def _changed(self, *_: object) -> None:
        self._show()
        self.valueChanged.emit()

    def _show(self) -> None:
        value = self.value()
        self.choose_button.setVisible(value.source.endswith("_files"))
        self.source.setToolTip("\n".join(map(str, value.maps(self._study))) or "R2′ in Hz.")
        self._rows["r2"].setVisible(value.star)
        self._rows["file"].setVisible(value.star and value.r2 == "file")
        self._rows["constant"].setVisible(value.star and value.r2 == "constant")
        one = len(value.maps(self._study)) == 1 and len(self._study.orientations) > 1
        self._rows["orientation"].setVisible(one and self._tensor)
