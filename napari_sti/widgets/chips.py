"""Chips: what goes into a step, as small labels with name, size and unit."""

from collections.abc import Iterable
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.widgets.look import MARGIN, colour

_WIDEST = 320
_PLACED_ANEW = (QEvent.Type.Resize, QEvent.Type.FontChange, QEvent.Type.StyleChange, QEvent.Type.Show)


@dataclass(frozen=True)
class ChipText:
    """What a chip says: its text, the tooltip, and whether it is missing, simulated or just there."""

    text: str
    tooltip: str = ""
    kind: str = "muted"


class Chip(QWidget):
    """A rounded frame around a short text; a long one is elided in the middle and whole in the tooltip."""

    def __init__(self, chip: ChipText, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chip = chip
        self.setToolTip(chip.tooltip or chip.text)
        self.setAccessibleName(chip.text)

    def sizeHint(self) -> QSize:
        """As wide as the text, up to a limit."""
        metrics = QFontMetrics(self.font())
        return QSize(min(metrics.horizontalAdvance(self._chip.text) + 20, _WIDEST), metrics.height() + 8)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the frame and the text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colour(self, "wash"))
        painter.setPen(colour(self, "faint" if self._chip.kind == "muted" else self._chip.kind))
        box = self.rect().adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setPen(colour(self, "text"))
        inside = box.adjusted(8, 0, -8, 0)
        text = QFontMetrics(self.font()).elidedText(self._chip.text, Qt.TextElideMode.ElideMiddle, inside.width() + 2)
        painter.drawText(inside, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()


class ChipRow(QWidget):
    """Chips one after the other, in as many lines as they need.

    They are placed here and not by a flow layout, which does not tell those around it when its height changes.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: tuple[ChipText, ...] = ()
        self._made: list[Chip] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setVisible(False)

    def value(self) -> tuple[ChipText, ...]:
        """What is shown."""
        return self._chips

    def setValue(self, chips: Iterable[ChipText]) -> None:
        """Show other chips."""
        chips = tuple(chips)
        if chips == self._chips:
            return
        self._chips = chips
        for old in self._made:
            old.hide()
            old.deleteLater()
        self._made = [Chip(chip, self) for chip in chips]
        for new in self._made:
            new.show()
        self._place()
        self.setVisible(bool(chips))

    def event(self, event: QEvent | None) -> bool:
        """Place the chips anew in another width or with another font."""
        heeded = bool(super().event(event))
        if event is not None and event.type() in _PLACED_ANEW:
            self._place()
        return heeded

    def _place(self) -> None:
        x, y, line = 0, 0, 0
        for chip in self._made:
            chip.ensurePolished()  # its font decides on its width
            size = chip.sizeHint()
            width = min(size.width(), max(self.width(), 1))
            if x and x + width > self.width():
                x, y = 0, y + line + MARGIN // 2
            chip.setGeometry(x, y, width, size.height())
            x, line = x + width + MARGIN // 2, size.height()
        self.setFixedHeight(y + line)
