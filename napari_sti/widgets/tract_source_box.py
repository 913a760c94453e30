"""Boxes for what is tracked on: a finished run, or V1 and FA of a DTI; and from where."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from napari_sti.widgets.controls import named_combo
from napari_sti.widgets.file_box import FileBox
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.reference_box import AXES_OF_V1
from napari_sti.widgets.session.compare_sources import DTI
from napari_sti.widgets.session.tract_sources import CURSOR, EVERYWHERE, REPLICATES


class TractSourceBox(QWidget):
    """Editor of the key of a source, and of the files of a DTI with their axes."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = named_combo(
            "sti_tracts_source",
            "Whose principal directions are followed. Probabilistic: every streamline follows one of the runs without "
            "one orientation, which 'Check what can be trusted' keeps; deviations times the jackknife factor.",
        )
        self.v1 = FileBox("V1 of a DTI fit", "sti_tracts_v1")
        self.fa = FileBox("FA of the same fit", "sti_tracts_fa")
        self.frame = named_combo("sti_tracts_frame", "Axes of the vectors in V1; the file does not say it.")
        self.frame.addItem("state the axes of V1", "")
        for frame, words in AXES_OF_V1.items():
            self.frame.addItem(words, frame)
        self._by_hand = False
        self._files = QWidget()
        files = Form(self._files)
        files.row("V1", self.v1)
        files.row("FA", self.fa)
        files.row("Axes of V1", self.frame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        form = Form()
        form.row("Follow", self.kind)
        layout.addLayout(form)
        layout.addWidget(self._files)
        self.kind.activated.connect(self._take_hand)
        self.kind.activated.connect(self._changed)
        self.frame.activated.connect(self._changed)
        self.v1.valueChanged.connect(self._changed)
        self.fa.valueChanged.connect(self._changed)
        self.set_names({})

    def value(self) -> tuple[str, Path | None, Path | None, str]:
        """Key of the source, V1, FA and axes of V1."""
        return str(self.kind.currentData() or ""), self.v1.value(), self.fa.value(), str(self.frame.currentData() or "")

    def set_names(self, names: Mapping[str, int]) -> None:
        """Offer these runs, the replicates of those that keep some (how many, by name), and a DTI."""
        offers = {f"run:{name}": name for name in names}
        offers |= {
            f"{REPLICATES}{name}": f"probabilistic ({count} replicates of {name})"
            for name, count in names.items()
            if count
        }
        offers[DTI] = "DTI: V1 and FA files"
        chosen = self.kind.currentData()
        with QSignalBlocker(self.kind):
            self.kind.clear()
            for key, text in offers.items():
                self.kind.addItem(text, key)
            # A DTI that nobody has given files for gives way to the first run.
            stay = chosen in offers and not (chosen == DTI and self.v1.value() is None)
            self.kind.setCurrentIndex(self.kind.findData(chosen) if stay else 0)
        self._changed()

    def follow(self, name: str) -> None:
        """Choose the run that is looked at, until somebody has chosen by hand; others stay as they are."""
        at = self.kind.findData(f"run:{name}")
        if not self._by_hand and at >= 0 and at != self.kind.currentIndex():
            self.kind.setCurrentIndex(at)
            self._changed()

    def _take_hand(self, *_: object) -> None:
        self._by_hand = True

    def _changed(self, *_: object) -> None:
        self._files.setVisible(self.kind.currentData() == DTI)
        self.valueChanged.emit()


class TractSeedBox(QWidget):
    """Editor of where streamlines start: at the cursor, everywhere, or in a Labels layer."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = named_combo("sti_tracts_seeds", "Where streamlines start.")
        self.radius = QDoubleSpinBox()
        self.radius.setObjectName("sti_tracts_radius")
        self.radius.setToolTip("Of the ball of seeds around the cursor.")
        self.radius.setRange(0.5, 30)
        self.radius.setDecimals(1)
        self.radius.setSuffix(" mm")
        self.radius.setValue(4)
        self.label = QSpinBox()
        self.label.setObjectName("sti_tracts_label")
        self.label.setToolTip("Which label of the layer; 0 stands for all of them.")
        self.label.setRange(0, 2**31 - 1)
        self.label.setSpecialValueText("all labels")
        for box in (self.radius, self.label):
            keep_wheel_for_scrolling(box)
        form = Form(self)
        form.row("Seeds", self.kind)
        self._radius_label = form.row("Radius", self.radius)
        self._label_label = form.row("Label", self.label)
        self.kind.activated.connect(self._changed)
        self.radius.valueChanged.connect(self._changed)
        self.label.valueChanged.connect(self._changed)
        self.set_layers(())

    def value(self) -> tuple[str, int, float]:
        """Key of the seeds, label and radius in mm."""
        return str(self.kind.currentData()), int(self.label.value()), float(self.radius.value())

    def set_layers(self, names: Iterable[str]) -> None:
        """Offer these Labels layers beside the cursor and the whole brain."""
        offers = {CURSOR: "at the cursor (live)", EVERYWHERE: "everywhere above the floor"}
        offers |= {f"layer:{name}": name for name in names}
        chosen = self.kind.currentData()
        with QSignalBlocker(self.kind):
            self.kind.clear()
            for key, text in offers.items():
                self.kind.addItem(text, key)
            self.kind.setCurrentIndex(max(self.kind.findData(chosen), 0))
        self._changed()

    def choose(self, key: str) -> None:
        """Choose other seeds; those that are not offered leave the box as it is."""
        if self.kind.findData(key) >= 0:
            self.kind.setCurrentIndex(self.kind.findData(key))
            self._changed()

    def _changed(self, *_: object) -> None:
        kind = str(self.kind.currentData())
        for part in (self.radius, self._radius_label):
            part.setVisible(kind == CURSOR)
        for part in (self.label, self._label_label):
            part.setVisible(kind.startswith("layer:"))
        self.valueChanged.emit()
