"""Where a panel is scrolled: up and down, never sideways, with a footer that stays in view."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN, colour


class PanelArea(QScrollArea):
    """A scroll area whose lowest part belongs to the footer of the panel.

    Parameters
    ----------
    panel : QWidget, optional
        What is scrolled; can be filled in later.
    footer : QWidget, optional
        What is not.
    """

    def __init__(
        self, panel: QWidget | None = None, footer: QWidget | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._footer: _Footer | None = None
        if panel is not None:
            self.fill(panel, footer)

    def fill(self, panel: QWidget, footer: QWidget | None = None) -> None:
        """Put a panel, and what stays in view of it, into the empty area."""
        self.setWidget(panel)
        panel.show()  # which Qt leaves to us where the area is seen already
        if footer is not None:
            self._footer = _Footer(footer, self)
            self._footer.installEventFilter(self)
            self._below = QWidget()  # keeps the scroll bar above the footer
            self.addScrollBarWidget(self._below, Qt.AlignmentFlag.AlignBottom)
            self._footer.show()
            self._place()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the footer at the bottom."""
        super().resizeEvent(event)
        self._place()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Give the footer the height that it asks for."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest and watched is self._footer:
            self._place()
        return bool(super().eventFilter(watched, event))

    def _place(self) -> None:
        if self._footer is None:
            return
        height = self._footer.sizeHint().height()
        if self.viewportMargins().bottom() != height:
            self.setViewportMargins(0, 0, 0, height)
            self._below.setFixedHeight(height)
        self._footer.setGeometry(0, self.height() - height, self.viewport().width(), height)


class _Footer(QWidget):
    """The content of the footer below a faint line, which says that there may be more above it."""

    def __init__(self, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        layout.addWidget(content)
        self.setAutoFillBackground(True)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the line."""
        painter = QPainter(self)
        painter.setPen(colour(self, "faint"))
        painter.drawLine(0, 0, self.width(), 0)
        painter.end()
