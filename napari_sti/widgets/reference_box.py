"""A box for what results are compared with: a ground truth, another run, or V1 and FA of a DTI."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.frames import FRAMES
from napari_sti.widgets.file_box import FileBox
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.session.compare_sources import DTI, Candidate

AXES_OF_V1 = {
    "fsl": "fsl (FSL dtifit: voxel axes, x flipped if det > 0)",
    "ras": "ras (world: right, front, top)",
    "lps": "lps (world: left, back, top)",
    "voxel": "voxel (axes of the stored array)",
}


class ReferenceBox(QWidget):
    """Editor of a reference: its key, and the files of a DTI with their axes."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = QComboBox()
        self.kind.setObjectName("sti_compare_reference")
        self.kind.setToolTip("What the checked results are compared with.")
        self.kind.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.v1 = FileBox("V1 of a DTI fit", "sti_compare_v1")
        self.fa = FileBox("FA of the same fit", "sti_compare_fa")
        self.frame = QComboBox()
        self.frame.setObjectName("sti_compare_frame")
        self.frame.setToolTip("Axes of the vectors in V1; the file does not say it.")
        self.frame.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.frame.addItem("state the axes of V1", "")
        for frame in sorted(FRAMES, key=list(AXES_OF_V1).index):
            self.frame.addItem(AXES_OF_V1[frame], frame)
        self._files = QWidget()
        files = Form(self._files)
        files.row("V1", self.v1)
        files.row("FA", self.fa)
        files.row("Axes of V1", self.frame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        form = Form()
        form.row("Reference", self.kind)
        layout.addLayout(form)
        layout.addWidget(self._files)
        self._chosen = ""
        self.kind.activated.connect(self._take)
        self.frame.activated.connect(self._changed)
        self.v1.valueChanged.connect(self._changed)
        self.fa.valueChanged.connect(self._changed)
        self._show_files()

    def value(self) -> tuple[str, Path | None, Path | None, str]:
        """Key of the reference, V1, FA and axes of V1."""
        return str(self.kind.currentData() or ""), self.v1.value(), self.fa.value(), str(self.frame.currentData() or "")

    def setValue(self, value: tuple[str, Path | None, Path | None, str]) -> None:
        """Choose another reference; one that is not offered leaves the box as it is."""
        key, v1, fa, frame = value
        with QSignalBlocker(self):
            self.kind.setCurrentIndex(max(self.kind.findData(key), 0))
            self._chosen = key
            self.v1.setValue(v1)
            self.fa.setValue(fa)
            self.frame.setCurrentIndex(max(self.frame.findData(frame), 0))
        self._changed()

    def set_candidates(self, candidates: dict[str, Candidate], checked: tuple[str, ...]) -> None:
        """Offer what lies on the grid of the checked results, ground truths first."""
        first = candidates.get(checked[0]) if checked else None
        fitting = [one for one in candidates.values() if first is None or one.fits(first)]
        offers: dict[str, str] = {}
        for one in fitting:
            if one.truth is not None:
                offers.setdefault(f"truth:{one.truth.path}", f"{one.truth.name} of {one.truth.study}")
        offers |= {f"run:{one.name}": one.name for one in fitting}
        offers[DTI] = "DTI: V1 and FA files"
        if [self.kind.itemData(i) for i in range(self.kind.count())] == list(offers):
            return
        with QSignalBlocker(self.kind):
            self.kind.clear()
            for key, text in offers.items():
                self.kind.addItem(text, key)
            # What nobody has chosen gives way to the ground truth that has come.
            self.kind.setCurrentIndex(max(self.kind.findData(self._chosen), 0))
        self._changed()

    def _take(self, *_: object) -> None:
        self._chosen = str(self.kind.currentData())
        self._changed()

    def _changed(self, *_: object) -> None:
        self._show_files()
        self.valueChanged.emit()

    def _show_files(self) -> None:
        self._files.setVisible(self.kind.currentData() == DTI)
