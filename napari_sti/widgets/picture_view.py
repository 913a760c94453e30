"""Small pictures from files beside each other, each with its name below it."""

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QDialog, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN, colour

_TALLEST = 220
_TALLEST_ALONE = 420
"""Of a picture that has a row to itself: it shall be as wide as the dock."""
_COLUMNS = 3
_MANY = 600
"""Pixels of a picture from which on a third of a dock does not show it any more."""
_LARGEST = 3.0
"""Pictures are never enlarged by more."""


class PictureView(QWidget):
    """Pictures by name: three in a row, or one where they are wide; those that cannot be read are left out.

    A click, or Return, shows a picture in its own size in a window of its own.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._files: dict[str, Path] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setVisible(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.large: QDialog | None = None

    def value(self) -> dict[str, Path]:
        """Files by name."""
        return dict(self._files)

    def setValue(self, files: Mapping[str, Path]) -> None:
        """Show other pictures."""
        if dict(files) == self._files:
            return
        self._files = dict(files)
        read = {name: QPixmap(str(path)) for name, path in files.items()}
        self._pixmaps = {name: pixmap for name, pixmap in read.items() if not pixmap.isNull()}
        self.setToolTip("\n".join(("Click to see it large.", *map(str, files.values()))))
        self.setAccessibleName(", ".join(self._pixmaps))
        self.setVisible(bool(self._pixmaps))
        self.updateGeometry()
        self.update()

    def columns(self) -> int:
        """How many stand beside each other."""
        wide = any(p.width() > min(1.6 * p.height(), _MANY) for p in self._pixmaps.values())
        return 1 if wide else min(_COLUMNS, max(1, len(self._pixmaps)))

    def hasHeightForWidth(self) -> bool:
        """Its height follows from its width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """As high as all rows."""
        return max((cell.bottom() + 1 for _, cell in self._cells(width)), default=0)

    def sizeHint(self) -> QSize:
        """For the width that it has."""
        width = max(self.width(), 120)
        return QSize(width, self.heightForWidth(width))

    def name_at(self, place: QPoint) -> str:
        """Name of the picture at a place; empty beside them."""
        return next((name for name, cell in self._cells(self.width()) if cell.contains(place)), "")

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Show the picture under the mouse in its own size."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.show_large(self.name_at(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Show the first picture in its own size."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.show_large(next(iter(self._pixmaps), ""))
        elif event is not None:
            super().keyPressEvent(event)

    def show_large(self, name: str) -> None:
        """Show a picture in its own size, in a window that Escape closes; in place of the one that is open."""
        if name not in self._pixmaps:
            return
        if self.large is not None:
            self.large.close()
            self.large.deleteLater()
        self.large = _large(self._pixmaps[name], name, self)
        self.large.show()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint pictures and names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(colour(self, "muted"))
        metrics = QFontMetrics(self.font())
        for name, cell in self._cells(self.width()):
            pixmap = self._pixmaps[name]
            place = cell.adjusted(0, 0, 0, -metrics.height())
            size = pixmap.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            left = place.left() + (place.width() - size.width()) // 2
            painter.drawPixmap(QRect(left, place.top(), size.width(), size.height()), pixmap)
            caption = QRect(cell.left(), place.bottom() + 1, cell.width(), metrics.height())
            words = metrics.elidedText(name.replace("-", " "), Qt.TextElideMode.ElideMiddle, cell.width())
            painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, words)
        painter.end()

    def _cells(self, width: int) -> list[tuple[str, QRect]]:
        """Where picture and name of each stand."""
        columns, gap = self.columns(), MARGIN // 2
        tallest = _TALLEST_ALONE if columns == 1 else _TALLEST
        wide = max(1, (width - gap * (columns - 1)) // columns)
        line = QFontMetrics(self.font()).height()
        names, top, found = list(self._pixmaps), 0, []
        for first in range(0, len(names), columns):
            row = names[first : first + columns]
            high = max(_height(self._pixmaps[name], wide, tallest) for name in row) + line
            found += [(name, QRect(i * (wide + gap), top, wide, high)) for i, name in enumerate(row)]
            top += high + gap
        return found


def _height(pixmap: QPixmap, width: int, tallest: int) -> int:
    return int(min(pixmap.height() * min(width / pixmap.width(), _LARGEST), tallest))


def _large(pixmap: QPixmap, name: str, parent: QWidget) -> QDialog:
    """A window with a picture, which can be scrolled where it is larger than the screen."""
    window = QDialog(parent)
    window.setObjectName("sti_picture_large")
    window.setWindowTitle(name)
    label = QLabel()
    label.setPixmap(pixmap)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    scroll = QScrollArea()
    scroll.setWidget(label)
    scroll.setWidgetResizable(True)
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(scroll)
    room = parent.screen().availableSize()
    window.resize(min(pixmap.width() + 24, room.width() * 9 // 10), min(pixmap.height() + 24, room.height() * 9 // 10))
    return window
