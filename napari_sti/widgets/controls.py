"""Controls with a name for tests and scripts, and a sentence that says what they do."""

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent, QPaintEvent
from qtpy.QtWidgets import (
    QComboBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
    QWidget,
)

from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling


def named_button(text: str, name: str, help: str) -> QPushButton:
    """Make a button."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(help)
    return button


_WIDEST = 640
"""Pixels of the open list at most."""


class Combo(QComboBox):
    """A list to choose from that shortens what it has no room for, with an ellipsis, and tells all of it as a tip.

    The open list is as wide as its longest entry.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def shown_text(self) -> str:
        """The chosen entry as it is written, shortened in its middle where there is no room."""
        option = self._option()
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        text = self.currentText()
        return str(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, max(room - 4, 16)))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint what there is room for: styles cut the text in the middle of a letter."""
        painter, option = QStylePainter(self), self._option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        option.currentText = self.shown_text()
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def showPopup(self) -> None:
        """Open the list, wide enough for its entries."""
        longest = max((self.fontMetrics().horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=0)
        self.view().setMinimumWidth(min(max(longest + 40, self.width()), _WIDEST))
        super().showPopup()

    def event(self, event: QEvent | None) -> bool:
        """Tell all of an entry that was shortened."""
        if isinstance(event, QHelpEvent) and self.shown_text() != self.currentText():
            QToolTip.showText(event.globalPos(), f"{self.currentText()}\n\n{self.toolTip()}".rstrip(), self)
            return True
        return bool(super().event(event))

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option


def named_combo(name: str, help: str) -> Combo:
    """Make a list to choose from: its entries never widen the dock, and scrolling the panel does not change it."""
    combo = Combo()
    combo.setObjectName(name)
    combo.setToolTip(help)
    keep_wheel_for_scrolling(combo)
    return combo
