"""A heading that shows or hides what lies below it."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN


class Fold(QWidget):
    """A heading with an arrow; the content is shown while the arrow points down.

    Parameters
    ----------
    title : str
        Text of the heading.
    content : QWidget
        What is shown or hidden.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self.button = QToolButton(self)
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self.button.toggled.connect(self._show)
        self._show(False)

    def is_open(self) -> bool:
        """Whether the content is shown."""
        return bool(self.button.isChecked())

    def set_open(self, opened: bool) -> None:
        """Show or hide the content."""
        self.button.setChecked(opened)

    def _show(self, opened: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._content.setVisible(opened)
        self.toggled.emit(opened)
