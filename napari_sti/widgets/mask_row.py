"""One tissue mask in the Prepare panel: its colour, where it comes from, how large it is, and what to do with it."""

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_sti.maps.tissue_files import TITLES, MaskFacts
from napari_sti.viz.masks import MASK_COLOURS, OPACITY
from napari_sti.widgets.file_box import IMAGES, FileName
from napari_sti.widgets.look import LABEL_WIDTH, MARGIN, colour


@dataclass(frozen=True)
class MaskState:
    """What a row shows.

    Parameters
    ----------
    path : Path or None
        File of the mask.
    facts : MaskFacts or None
        What was found in it; None while that is being found out.
    drawing : bool
        Whether its layer was painted on and not taken.
    shown : bool
        Whether it is seen on the canvas.
    usable : bool
        Whether there is a study that a mask could belong to.
    """

    path: Path | None = None
    facts: MaskFacts | None = None
    drawing: bool = False
    shown: bool = False
    usable: bool = False

    def origin(self) -> str:
        """Where it comes from."""
        if self.drawing:
            return "drawn, not taken yet"
        if self.path is None:
            return ""
        return self.path.name if self.facts is None or self.facts.origin == "file" else self.facts.origin

    def amount(self) -> str:
        """How large it is inside of the brain."""
        if self.facts is None or self.drawing:
            return ""
        return f"{self.facts.ml:.{0 if self.facts.ml >= 100 else 1}f} ml, {self.facts.share:.1%}"


class Swatch(QWidget):
    """A square in the colour that the mask has on the canvas; hollow while it is not seen there."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour, self._full = QColor(MASK_COLOURS[name]), False
        self.setFixedSize(QSize(14, 14))

    def set_full(self, full: bool) -> None:
        """Fill it, or leave only its frame."""
        self._full = full
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the square."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = QColor(self._colour)
        fill.setAlphaF(min(1.0, OPACITY * 1.8))
        painter.setBrush(fill if self._full else Qt.BrushStyle.NoBrush)
        painter.setPen(self._colour)
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 2, 2)
        painter.end()


class MaskRow(QWidget):
    """One of the two masks.

    Parameters
    ----------
    name : {"wm_mask", "csf_mask"}
        Which mask; object names of the buttons begin with ``sti_`` and this.
    title : str
        What the row is called.
    """

    show_toggled = Signal(str, bool)
    file_chosen = Signal(str, object)
    draw_clicked = Signal(str)
    take_clicked = Signal(str)
    drop_clicked = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self._state = name, MaskState()
        what = TITLES[name]
        self.swatch = Swatch(name)
        label = QLabel(title)
        label.setMinimumWidth(LABEL_WIDTH)
        self.origin, self.amount = FileName(), QLabel()
        self.amount.setToolTip("Volume inside of the brain mask, and that as a share of the brain.")
        self.eye = self._button("Show", "show", f"Show or hide the {what} above the images.")
        self.eye.setCheckable(True)
        self.choose = self._button("File\N{HORIZONTAL ELLIPSIS}", "choose", f"Choose a file as {what}.")
        self.draw = self._button("Draw", "draw", f"Draw the {what} with the brush, or correct the one that is there.")
        self.drop = QToolButton()
        self.drop.setText("\N{MULTIPLICATION SIGN}")
        self.drop.setObjectName(f"sti_{name}_drop")
        head, buttons, column = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        for layout in (head, buttons):
            layout.setSpacing(MARGIN // 2)
            column.addLayout(layout)
        column.setContentsMargins(MARGIN // 2, MARGIN // 2, MARGIN // 2, MARGIN // 2)
        column.setSpacing(MARGIN // 2)
        for part, stretch in ((self.swatch, 0), (label, 0), (self.origin, 1), (self.amount, 0), (self.drop, 0)):
            head.addWidget(part, stretch)
        for button in (self.eye, self.choose, self.draw):
            buttons.addWidget(button, 1)
        self.eye.clicked.connect(self._toggle)
        self.choose.clicked.connect(self._choose)
        self.draw.clicked.connect(self._draw)
        self.drop.clicked.connect(self._drop)
        self.setValue(MaskState())

    def value(self) -> MaskState:
        """What is shown."""
        return self._state

    def setValue(self, state: MaskState) -> None:
        """Show another state."""
        self._state = state
        there = state.path is not None or state.drawing
        self.origin.text = state.origin()
        self.origin.setToolTip("" if state.path is None else str(state.path))
        self.origin.update()
        self.amount.setText(state.amount())
        self.swatch.set_full(state.shown)
        self.eye.setText("Hide" if state.shown else "Show")
        self.eye.setChecked(state.shown)
        self.draw.setText("Take drawing" if state.drawing else "Draw")
        self.drop.setToolTip(
            "Drop what was drawn and not taken." if state.drawing else f"Take the {TITLES[self.name]} out of the study."
        )
        self.drop.setAccessibleName(self.drop.toolTip())
        self.drop.setVisible(there)
        self.eye.setEnabled(there)
        self.choose.setEnabled(state.usable and not state.drawing)
        self.draw.setEnabled(state.usable)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint a wash behind the row, so that it is read as one."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self, "wash"))
        painter.end()

    def _button(self, text: str, name: str, help: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"sti_{self.name}_{name}")
        button.setToolTip(help)
        return button

    def _toggle(self, on: bool) -> None:
        self.show_toggled.emit(self.name, on)

    def _choose(self) -> None:
        start = str(self._state.path.parent) if self._state.path else ""
        file, _ = QFileDialog.getOpenFileName(self, f"Choose the {TITLES[self.name]}", start, IMAGES)
        if file:
            self.file_chosen.emit(self.name, Path(file))

    def _draw(self) -> None:
        (self.take_clicked if self._state.drawing else self.draw_clicked).emit(self.name)

    def _drop(self) -> None:
        self.drop_clicked.emit(self.name)
