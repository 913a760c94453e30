"""What a quality page is made of: the result, its study, and a DTI to hold beside it."""

from collections.abc import Mapping

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.file_box import FileBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.panels.data import STUDIES
from napari_sti.widgets.session.quality_sources import QualityChoice, Source

_AXES = {
    "fsl": "fsl (FSL dtifit: voxel axes, x flipped if det > 0)",
    "ras": "ras (MRtrix; world: right, front, top)",
    "lps": "lps (world: left, back, top)",
    "voxel": "voxel (axes of the stored array)",
}


class QualityEditor(QWidget):
    """Editor of a `QualityChoice`."""

    valueChanged = Signal()
    folder_wanted = Signal()
    file_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sources: Mapping[str, Source] = {}
        self._by_hand = False
        self.source = named_combo("sti_quality_result", "The result that the page is about.")
        self.frame = _axes(
            "sti_quality_frame", "Axes of the tensor's components; no sidecar tells them.", "state the axes"
        )
        self.study = FileBox("study that it was made from", "sti_quality_study", filter=STUDIES)
        self.study.set_without("none: no fit to the data")
        self.v1 = FileBox("V1 of a DTI fit", "sti_quality_v1")
        self.fa = FileBox("FA of the same fit", "sti_quality_fa")
        self.dti_frame = _axes(
            "sti_quality_dti_frame", "Axes of the vectors in V1; the file does not say it.", "state the axes"
        )
        self.white = FileBox("white matter mask", "sti_quality_white")
        self.white.set_without("as in the study, else FA > 0.2")
        self.mend = QLineEdit()
        self.mend.setObjectName("sti_quality_dti_mend")
        self.mend.setPlaceholderText("as stored")
        self.folder = named_button(
            "Add folder\N{HORIZONTAL ELLIPSIS}", "sti_quality_folder", "A folder that recon wrote."
        )
        self.file = named_button(
            "Add tensor\N{HORIZONTAL ELLIPSIS}", "sti_quality_file", "A tensor file of six volumes."
        )
        self._lay_out()
        self._connect()

    def value(self) -> QualityChoice:
        """What is asked for."""
        return QualityChoice(
            source=str(self.source.currentData() or ""),
            frame=str(self.frame.currentData() or ""),
            study=self.study.value(),
            v1=self.v1.value(),
            fa=self.fa.value(),
            dti_frame=str(self.dti_frame.currentData() or ""),
            white=self.white.value(),
            dti_mend=self.mend.text().strip() if self.v1.value() is not None else "",
        )

    def setValue(self, choice: QualityChoice) -> None:
        """Ask for something else; from now on the result is the one that was asked for."""
        self._by_hand = True
        with QSignalBlocker(self):
            self.source.setCurrentIndex(self.source.findData(choice.source))
            self.frame.setCurrentIndex(max(self.frame.findData(choice.frame), 0))
            self.dti_frame.setCurrentIndex(max(self.dti_frame.findData(choice.dti_frame), 0))
            for box, path in ((self.study, choice.study), (self.v1, choice.v1), (self.fa, choice.fa)):
                box.setValue(path)
            self.white.setValue(choice.white)
            self.mend.setText(choice.dti_mend)
        self._changed()

    def set_mend(self, text: str) -> None:
        """Mend V1 in another way, or not at all."""
        self.mend.setText(text)

    def set_sources(self, sources: Mapping[str, Source]) -> None:
        """Offer other results; the choice stays where it can."""
        before, self._sources = str(self.source.currentData() or ""), sources
        with QSignalBlocker(self.source):
            self.source.clear()
            for name, source in sources.items():
                self.source.addItem(name if not source.mend else f"{name} (axes mended: {source.mend})", name)
            self.source.setCurrentIndex(max(self.source.findData(before), 0) if sources else -1)
        if str(self.source.currentData() or "") != before:
            self._chosen()
        self._changed()

    def follow(self, name: str) -> None:
        """Choose the run that is looked at, until somebody has chosen by hand; others stay as they are."""
        if not self._by_hand and name in self._sources and name != self.source.currentData():
            self.choose(name)

    def choose(self, name: str) -> None:
        """Choose a result by its name."""
        self.source.setCurrentIndex(self.source.findData(name))
        self._chosen()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        form = Form()
        form.row("Result", self.source)
        self._frame_label = form.row("Axes", self.frame)
        add = QHBoxLayout()
        add.setSpacing(MARGIN // 2)
        add.addStretch(1)
        add.addWidget(self.folder)
        add.addWidget(self.file)
        form.addRow("", add)
        form.row("Study", self.study)
        form.row("DTI V1", self.v1)
        form.row("DTI FA", self.fa)
        self._dti_label = form.row("Axes of V1", self.dti_frame)
        layout.addLayout(form)
        more = QWidget()
        more_form = Form(more)
        more_form.row("White matter", self.white, help="Angles to the DTI count only there.")
        self._mend_label = more_form.row(
            "Mend of V1",
            self.mend,
            help="Flip or swap the components of V1 before it is compared: x,-y,z for a flip of y, y,x,z for a swap, "
            "auto for what the coherence proposes, undo for a mended copy as it was. The file is not touched.",
        )
        fold = Fold("More", more)
        fold.button.setObjectName("sti_quality_more")
        layout.addWidget(fold)

    def _connect(self) -> None:
        self.source.activated.connect(self._take_hand)
        self.source.activated.connect(self._chosen)
        self.study.valueChanged.connect(self._take_hand)
        self.frame.activated.connect(self._changed)
        self.dti_frame.activated.connect(self._changed)
        self.v1.valueChanged.connect(self._other_v1)
        self.mend.textChanged.connect(self._changed)
        for box in (self.study, self.v1, self.fa, self.white):
            box.valueChanged.connect(self._changed)
        self.folder.clicked.connect(self.folder_wanted)
        self.file.clicked.connect(self.file_wanted)

    def _take_hand(self, *_: object) -> None:
        self._by_hand = True

    def _other_v1(self, *_: object) -> None:
        """A mend is about the file for which it was stated."""
        with QSignalBlocker(self.mend):
            self.mend.clear()

    def _chosen(self, *_: object) -> None:
        """Take the study of the result along."""
        source = self._sources.get(str(self.source.currentData() or ""))
        with QSignalBlocker(self.study):
            self.study.setValue(None if source is None else source.study)
        self._changed()

    def _changed(self, *_: object) -> None:
        source = self._sources.get(str(self.source.currentData() or ""))
        asked = source is not None and not source.states_frame
        for part in (self.frame, self._frame_label):
            part.setVisible(asked)
        for part in (self.dti_frame, self._dti_label, self.mend, self._mend_label):
            part.setEnabled(self.v1.value() is not None)
        self.valueChanged.emit()


def _axes(name: str, help: str, nothing: str) -> QComboBox:
    box = named_combo(name, help)
    box.addItem(nothing, "")
    for frame, text in _AXES.items():
        box.addItem(text, frame)
    return box
