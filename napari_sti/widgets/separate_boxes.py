"""Box plots of both sources in the regions of a Labels layer, one box for each method."""

from collections.abc import Iterable

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_sti.maps.separation_regions import SOURCES, Box
from napari_sti.viz.numbers import nice_limit, susceptibility, tick_labels, ticks
from napari_sti.widgets.look import MARGIN, colour, is_dark

_ROW = 15
_LABEL = 128
_COLOURS = {SOURCES[0]: ("#f58b33", "#c04a00"), SOURCES[1]: ("#5092dd", "#1b5dc1")}
"""Of chi+ (warm) and |chi-| (cold), on dark and on light."""


class BoxPlots(QWidget):
    """Boxes from the 25th to the 75th percentile with the median, whiskers from the 5th to the 95th."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_separate_boxes")
        self.setAccessibleName("Box plots of both sources in the regions")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._rows: list[Box | str] = []
        self.setVisible(False)

    def value(self) -> tuple[Box, ...]:
        """What is shown."""
        return tuple(row for row in self._rows if isinstance(row, Box))

    def setValue(self, boxes: Iterable[Box]) -> None:
        """Show other boxes."""
        self._rows = []
        for box in boxes:
            last = next((row for row in reversed(self._rows) if isinstance(row, Box)), None)
            if last is None or last.region != box.region:
                self._rows.append(f"{box.region}   ({box.voxels} voxels)")
            self._rows.append(box)
        self.setVisible(bool(self._rows))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A line for each box and each region, and one for the axis."""
        return QSize(360, len(self._rows) * _ROW + 2 * QFontMetrics(self.font()).height() + MARGIN)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(240, self.sizeHint().height())

    def top(self) -> float:
        """End of the axis in ppm."""
        return nice_limit(max((box.percentiles[-1] for box in self.value()), default=1.0))

    def event(self, event: QEvent | None) -> bool:
        """Say the numbers of the box under the pointer."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos().y()), self)
            return True
        return bool(super().event(event))

    def words_at(self, y: float) -> str:
        """The numbers of a row; empty elsewhere."""
        row = int(y // _ROW)
        box = self._rows[row] if 0 <= row < len(self._rows) else ""
        if not isinstance(box, Box):
            return ""
        low, first, middle, third, high = (susceptibility(value, with_unit=False) for value in box.percentiles)
        return (
            f"{box.region}, {box.method}, {_name(box.source)}: median {middle} ppm, 25 to 75 %: {first} to {third}, "
            f"5 to 95 %: {low} to {high}, mean {susceptibility(box.mean)}"
        )

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint regions, boxes and the axis."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(_LABEL, 0, self.width() - _LABEL - 14, len(self._rows) * _ROW)
        self._paint_axis(painter, area)
        for number, row in enumerate(self._rows):
            if isinstance(row, str):
                font = painter.font()
                font.setBold(True)
                painter.setFont(font)
                painter.setPen(colour(self, "text"))
                painter.drawText(QRectF(0, number * _ROW, self.width(), _ROW), Qt.AlignmentFlag.AlignVCenter, row)
                font.setBold(False)
                painter.setFont(font)
            else:
                self._paint_box(painter, area, number, row)
        painter.end()

    def _paint_axis(self, painter: QPainter, area: QRectF) -> None:
        metrics, end = QFontMetrics(self.font()), self.top()
        values = ticks(0, end, count=4)
        for value, text in zip(values, tick_labels(values), strict=True):
            x = area.left() + area.width() * value / end
            painter.setPen(QPen(colour(self, "faint"), 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(colour(self, "muted"))
            wide = metrics.horizontalAdvance(text)
            painter.drawText(
                QPointF(min(x - wide / 2, self.width() - wide), area.bottom() + metrics.ascent() + 1), text
            )
        below = QRectF(area.left(), area.bottom() + metrics.height(), area.width(), metrics.height() + 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "ppm")

    def _paint_box(self, painter: QPainter, area: QRectF, number: int, box: Box) -> None:
        metrics, end, middle = QFontMetrics(self.font()), self.top(), (number + 0.5) * _ROW
        tint = QColor(_COLOURS[box.source][0 if is_dark(self) else 1])
        painter.setPen(colour(self, "text"))
        text = metrics.elidedText(f"{_name(box.source)}  {box.method}", Qt.TextElideMode.ElideRight, _LABEL - 8)
        painter.drawText(QRectF(8, number * _ROW, _LABEL - 8, _ROW), Qt.AlignmentFlag.AlignVCenter, text)
        low, first, median, third, high = (
            area.left() + area.width() * min(max(value, 0.0), end) / end for value in box.percentiles
        )
        painter.setPen(QPen(tint, 1.5))
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        fill = QColor(tint)
        fill.setAlphaF(0.45)
        painter.setBrush(fill)
        painter.drawRect(QRectF(first, middle - 4.5, max(third - first, 1.0), 9))
        painter.setPen(QPen(colour(self, "text"), 2))
        painter.drawLine(QPointF(median, middle - 5), QPointF(median, middle + 5))


def _name(source: str) -> str:
    return "χ+" if source == SOURCES[0] else "|χ−|"
