"""The live curve of the residual over the iterations."""

import math

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_sti.widgets.look import colour

_MOST_POINTS = 2000
AXIS_NAME = "residual"


class ResidualCurve(QWidget):
    """Relative data residual over iterations, with a logarithmic axis; painted without any plotting library."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[tuple[int, float]] = []
        self.setToolTip("Relative data residual |A x - y| / |y| over the iterations, logarithmic axis.")
        self.setAccessibleName("Residual over iterations")

    def value(self) -> tuple[tuple[int, float], ...]:
        """Iterations and residuals so far."""
        return tuple(self._points)

    def setValue(self, points: object) -> None:
        """Show other points: pairs of iteration and residual."""
        self._points = []
        for iteration, residual in points:  # type: ignore[attr-defined]
            self._take(iteration, residual)
        self.update()

    def add(self, iteration: int, residual: float | None) -> None:
        """Add a point; steps without a residual are left out."""
        if self._take(iteration, residual):
            self.update()

    def sizeHint(self) -> QSize:
        """Small: it stands in the job bar."""
        return QSize(240, 64)

    def minimumSizeHint(self) -> QSize:
        """Not less high."""
        return QSize(120, 64)

    def _take(self, iteration: int, residual: float | None) -> bool:
        if residual is None or not math.isfinite(residual) or residual <= 0:
            return False
        if self._points and iteration < self._points[-1][0]:
            self._points.clear()  # a second solve within the run starts its own curve
        self._points.append((iteration, residual))
        if len(self._points) > _MOST_POINTS:
            del self._points[1:-1:2]
        return True

    def decades(self) -> tuple[float, float]:
        """Lower and upper end of the axis as powers of ten; at least half a decade apart."""
        logs = [math.log10(r) for _, r in self._points]
        low, high = (min(logs), max(logs)) if logs else (-2.0, 0.0)
        if high - low < 0.5:
            middle = (high + low) / 2
            low, high = middle - 0.25, middle + 0.25
        return low, high

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the axis, the curve and its last point."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.85))
        painter.setFont(font)
        metrics = QFontMetrics(font)
        left = metrics.height() + metrics.horizontalAdvance("0.0001") + 6
        area = QRectF(left, 5, self.width() - left - 6, self.height() - 10)
        self._paint_name(painter, metrics)
        self._paint_axis(painter, area, metrics)
        if self._points:
            self._paint_curve(painter, area)
        painter.end()

    def _paint_name(self, painter: QPainter, metrics: QFontMetrics) -> None:
        """Write along the axis what it shows."""
        painter.save()
        painter.setPen(colour(self, "muted"))
        painter.translate(0, self.height())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, self.height(), metrics.height()), Qt.AlignmentFlag.AlignCenter, AXIS_NAME)
        painter.restore()

    def _paint_axis(self, painter: QPainter, area: QRectF, metrics: QFontMetrics) -> None:
        low, high = self.decades()
        ticks = [low, high] if high - low < 1 else [float(d) for d in range(math.ceil(low), math.floor(high) + 1)]
        last = math.inf
        for tick in sorted(ticks):
            y = area.bottom() - (tick - low) / (high - low) * area.height()
            painter.setPen(QPen(colour(self, "faint"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            if last - y < metrics.height():
                continue
            last = y
            painter.setPen(colour(self, "muted"))
            box = QRectF(0, y - metrics.height() / 2, area.left() - 4, metrics.height())
            box.moveTop(min(max(box.top(), 0), self.height() - box.height()))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{10**tick:.2g}")

    def _paint_curve(self, painter: QPainter, area: QRectF) -> None:
        low, high = self.decades()
        first, last = self._points[0][0], self._points[-1][0]
        span = max(last - first, 1)
        line = QPolygonF(
            [
                QPointF(
                    area.left() + (i - first) / span * area.width(),
                    area.bottom() - (math.log10(r) - low) / (high - low) * area.height(),
                )
                for i, r in self._points
            ]
        )
        painter.setPen(QPen(colour(self, "accent"), 1.8))
        painter.drawPolyline(line)
        painter.setBrush(colour(self, "accent"))
        painter.drawEllipse(line[line.size() - 1] if hasattr(line, "size") else line[-1], 2.5, 2.5)
