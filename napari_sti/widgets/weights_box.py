"""Choice of trained weights: those that come with the package by name, or a file."""

from html import escape
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.recon.weights import Weights, find_weights
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, empty
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.session.weights import card_lines

_FILES = "Weights (*.safetensors *.pkl *.pt *.pth *.ckpt);;All files (*)"
_ASK = "\0ask"


class WeightsBox(QWidget):
    """Editor of the name or the file of weights, as text.

    Parameters
    ----------
    known : tuple of Weights
        Those that come with the package.
    files : str
        Kinds of files that are offered, as Qt's dialogs take them.
    """

    valueChanged = Signal()

    def __init__(self, known: tuple[Weights, ...], parent: QWidget | None = None, *, files: str = _FILES) -> None:
        super().__init__(parent)
        self._value, self._files = "", files
        self.combo = QComboBox()
        self.combo.setObjectName("sti_weights")
        self.combo.setAccessibleName("Weights")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self.combo)
        keep_wheel_for_scrolling(self.combo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.combo)
        for weights in known:
            self._insert(self.combo.count(), weights.title, weights.name)
        self.combo.addItem("File\N{HORIZONTAL ELLIPSIS}", _ASK)
        self.combo.activated.connect(self._activated)

    def value(self) -> str:
        """Name or path of the weights."""
        return self._value

    def setValue(self, value: str) -> None:
        """Choose other weights; what is not known by name is a file."""
        row = self.combo.findData(value)
        if row < 0 and value:
            row = self.combo.count() - 1
            self._insert(row, Path(value).name, value)
        self.combo.setCurrentIndex(row)
        self.combo.setToolTip(f"{self.combo.currentText()}\n{value}")
        if value != self._value:
            self._value = value
            self.valueChanged.emit()

    def ask(self) -> None:
        """Ask for a file."""
        before = Path(self._value)
        start = str(before.parent) if before.suffix else ""
        name, _ = QFileDialog.getOpenFileName(self, "Choose the weights", start, self._files)
        self.setValue(name or self._value)

    def _insert(self, row: int, text: str, value: str) -> None:
        self.combo.insertItem(row, text, value)
        self.combo.setItemData(row, value, Qt.ItemDataRole.ToolTipRole)

    def _activated(self, row: int) -> None:
        chosen = self.combo.itemData(row)
        if chosen == _ASK:
            self.ask()
        else:
            self.setValue(str(chosen))


class WeightsCard(Fold):
    """Folded away: what is known of weights, with what they must not be used for; only why not, where they are not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__("About these weights", content, parent)
        self.button.setObjectName("sti_weights_about")
        self.button.setToolTip("The model card: what they were trained on, how, with what success, and their limits.")
        self.warning = Note("warning")
        self.warning.setObjectName("sti_weights_disclaimer")
        self._content = content
        self._rows = QVBoxLayout(content)
        self._rows.setContentsMargins(MARGIN, 0, 0, 0)
        self._rows.setSpacing(MARGIN // 2)
        self._said: tuple[tuple[str, str], ...] | None = None
        self._rows.addWidget(self.warning)
        self._place = QVBoxLayout()
        self._place.setSpacing(MARGIN // 2)
        self._rows.addLayout(self._place)

    def lines(self) -> tuple[tuple[str, str], ...]:
        """What is said: labels with their texts."""
        return self._said or ()

    def set_weights(self, weights: str) -> None:
        """Show the card of other weights."""
        try:
            card = find_weights(weights).card
            said, warning = card_lines(card), str(card.get("disclaimer") or "")
            if not card:
                warning = "This file has no card: what it was trained on, and where it fails, is not known here."
        except InputError as error:
            said, warning = (), str(error)
        self.warning.set("warning", warning)
        if said == self._said:
            return
        self._said = said
        empty(self._place)
        for label, text in said:
            self._place.addWidget(_line(label, text))


def _line(label: str, text: str) -> QLabel:
    """A line of the card: what, in bold letters, and the text, as high as its width asks for."""
    line = QLabel(f"<b>{escape(label)}</b>&nbsp;&nbsp;{escape(text)}")
    line.setTextFormat(Qt.TextFormat.RichText)
    line.setWordWrap(True)
    line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    line.setSizePolicy(policy)
    return line
