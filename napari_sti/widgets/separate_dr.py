"""A box for the constants Dr: presets with their sources, a number of one's own, and another one for chi-."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import PRESETS, relaxation
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import ScientificBox, keep_wheel_for_scrolling, number_text
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.separate_sources import DrChoice

_OWN = ""
_HELP = (
    "R2′ = Dr₊ χ₊ + Dr₋ |χ₋|. Nothing decides more over a separation, and nothing is known less well; it is never "
    "fitted to the data."
)


class DrBox(QWidget):
    """Editor of a `DrChoice`; what lies behind it is written below."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tesla: float | None = None
        self.preset = QComboBox()
        self.preset.setObjectName("sti_separate_dr")
        self.preset.setAccessibleName("Dr")
        self.preset.setToolTip(_HELP)
        self.preset.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keep_wheel_for_scrolling(self.preset)
        self.own = _constant("sti_separate_dr_own", "Dr₊ and Dr₋ of your own.")
        self.differs = QCheckBox("Dr₋ differs")
        self.differs.setObjectName("sti_separate_dr_differs")
        self.differs.setToolTip("Another constant for the diamagnetic part (not for tensors).")
        self.neg = _constant("sti_separate_dr_neg", "Dr₋, in Hz per ppm.")
        self.source = text_label()
        self.source.setObjectName("sti_separate_dr_source")
        row = QHBoxLayout()
        row.addWidget(self.preset, 1)
        row.addWidget(self.own)
        other = QHBoxLayout()
        other.addWidget(self.differs)
        other.addWidget(self.neg, 1)
        form = Form()
        form.row("Dr", row, help=_HELP, buddy=self.preset)
        form.row("", other)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addLayout(form)
        layout.addWidget(self.source)
        self.set_tesla(None)
        self.preset.activated.connect(self._changed)
        self.differs.toggled.connect(self._changed)
        for box in (self.own, self.neg):
            box.valueChanged.connect(self._changed)

    def value(self) -> DrChoice:
        """The constants."""
        preset = str(self.preset.currentData())
        dr = preset or number_text(self.own.value())
        return DrChoice(dr, number_text(self.neg.value()) if self.differs.isChecked() else "")

    def setValue(self, choice: DrChoice) -> None:
        """Choose others."""
        with QSignalBlocker(self):
            known = choice.dr in PRESETS
            self.preset.setCurrentIndex(self.preset.findData(choice.dr if known else _OWN))
            if not known:
                self.own.setValue(float(choice.dr))
            self.differs.setChecked(bool(choice.dr_neg))
            if choice.dr_neg:
                self.neg.setValue(float(choice.dr_neg))
        self._changed()

    def set_tesla(self, tesla: float | None) -> None:
        """Say what the presets of the theory are at a field strength."""
        chosen = self.preset.currentData()
        self._tesla = tesla
        with QSignalBlocker(self.preset):
            self.preset.clear()
            for name in PRESETS:
                self.preset.addItem(_title(name, tesla), name)
            self.preset.addItem("own value", _OWN)
            self.preset.setCurrentIndex(max(self.preset.findData(chosen), 0))
        self._show()

    def _changed(self, *_: object) -> None:
        self._show()
        self.valueChanged.emit()

    def _show(self) -> None:
        self.own.setVisible(self.preset.currentData() == _OWN)
        self.neg.setVisible(self.differs.isChecked())
        try:
            self.source.setText(f"{self.value().relaxation(self._tesla)}.")
        except InputError as error:
            self.source.setText(str(error))


def _title(name: str, tesla: float | None) -> str:
    try:
        found = relaxation(name, tesla=tesla)
    except InputError:
        return f"{name}: field strength unknown"
    numbers = f"{found.pos:.4g}" if found.equal else f"{found.pos:.4g} (+), {found.neg:.4g} (−)"
    return f"{numbers} Hz/ppm" + (f", {name.replace('-', ' of ')}" if not name[0].isdigit() else "")


def _constant(name: str, help: str) -> ScientificBox:
    box = ScientificBox()
    box.setObjectName(name)
    box.setRange(1.0, 1e4)
    box.setSuffix(" Hz/ppm")
    box.setValue(114.0)
    box.setToolTip(help)
    return box
