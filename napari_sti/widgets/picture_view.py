"""Small pictures from files beside each other, each with its name below it."""

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.widgets.look import MARGIN, colour

_TALLEST = 220
_COLUMNS = 3
_LARGEST = 3.0
"""Pictures are never enlarged by more."""


class PictureView(QWidget):
    """Pictures by name: three in a row, or one where they are wide; those that cannot be read are left out."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._files: dict[str, Path] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setVisible(False)

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
        self.setToolTip("\n".join(map(str, files.values())))
        self.setAccessibleName(", ".join(self._pixmaps))
        self.setVisible(bool(self._pixmaps))
        self.updateGeometry()
        self.update()

    def columns(self) -> int:
        """How many stand beside each other."""
        wide = any(p.width() > 1.6 * p.height() for p in self._pixmaps.values())
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
        wide = max(1, (width - gap * (columns - 1)) // columns)
        line = QFontMetrics(self.font()).height()
        names, top, found = list(self._pixmaps), 0, []
        for first in range(0, len(names), columns):
            row = names[first : first + columns]
            high = max(_height(self._pixmaps[name], wide) for name in row) + line
            found += [(name, QRect(i * (wide + gap), top, wide, high)) for i, name in enumerate(row)]
            top += high + gap
        return found


def _height(pixmap: QPixmap, width: int) -> int:
    return int(min(pixmap.height() * min(width / pixmap.width(), _LARGEST), _TALLEST))
