"""Colours and spacing that the napari theme does not name, taken from the palette that the theme sets."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QFormLayout, QLabel, QLayout, QPushButton, QWidget

MARGIN = 8
"""Space around a panel, in pixels; half of it is between the controls."""
LABEL_WIDTH = 88
"""Of the labels of forms, so that the controls of one panel stand below each other."""
DOCK_WIDTH = 420
"""Widest that the workbench asks to be."""

# Each colour for a dark and for a light background; told apart also in the common kinds of colour blindness.
_COLOURS = {
    "accent": ("#5b7be0", "#3a55b4"),
    "good": ("#4fb0a5", "#1b7f79"),
    "warning": ("#e3b617", "#9a6a00"),
    "error": ("#ff7a70", "#b3261e"),
}


def is_dark(widget: QWidget) -> bool:
    """Whether the widget stands on a dark background."""
    return bool(widget.palette().color(QPalette.ColorRole.Window).lightness() < 128)


def colour(widget: QWidget, name: str) -> QColor:
    """One of accent, good, warning, error, or the text's own colour, muted text, or a faint line."""
    palette = widget.palette()
    text = palette.color(QPalette.ColorRole.WindowText)
    if name in _COLOURS:
        return QColor(_COLOURS[name][0 if is_dark(widget) else 1])
    share = {"text": 1.0, "muted": 0.62, "faint": 0.22, "wash": 0.08}[name]
    return _mix(text, palette.color(QPalette.ColorRole.Window), share)


def _mix(front: QColor, back: QColor, share: float) -> QColor:
    channels = (round(share * f + (1 - share) * b) for f, b in zip(front.getRgb()[:3], back.getRgb()[:3], strict=True))
    return QColor(*channels)


def empty(layout: QLayout) -> None:
    """Take all widgets out of a layout, gone from the screen at once and deleted later."""
    while layout.count():
        widget = layout.takeAt(0).widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


class Form(QFormLayout):
    """Rows of label and control that line up with those of the other forms of the workbench."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setVerticalSpacing(MARGIN // 2)
        self.setHorizontalSpacing(MARGIN)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def row(self, text: str, field: object, *, help: str = "", buddy: QWidget | None = None) -> QLabel:
        """Add a row; `field` is a widget or a layout, and its label takes the focus to `buddy`."""
        label = QLabel(text)
        label.setMinimumWidth(LABEL_WIDTH)
        label.setToolTip(help)
        target = buddy or (field if isinstance(field, QWidget) else None)
        if target is not None:
            label.setBuddy(target)
        self.addRow(label, field)
        return label


class MainButton(QPushButton):
    """The one main button of a panel: filled with the accent colour, so that it is seen first."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._quiet = False
        font = self.font()
        font.setBold(True)
        self.setFont(font)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_quiet(self, quiet: bool) -> None:
        """Draw it without the accent, as for Cancel."""
        self._quiet = quiet
        self.update()

    def sizeHint(self) -> QSize:
        """Taller than an ordinary button."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 36, max(32, metrics.height() + 16))

    def minimumSizeHint(self) -> QSize:
        """The same as the size hint: its text is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint a filled, rounded rectangle with the text in the middle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, text = colour(self, "accent"), QColor("white")
        if not self.isEnabled():
            fill, text = colour(self, "wash"), colour(self, "muted")
        elif self._quiet:
            fill, text = colour(self, "faint"), colour(self, "text")
        if self.isEnabled() and (self.isDown() or self.underMouse()):
            fill = fill.darker(118) if self.isDown() else fill.lighter(108)
        painter.setBrush(fill)
        painter.setPen(colour(self, "text") if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
        painter.setPen(text)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text().replace("&", ""))
        painter.end()
