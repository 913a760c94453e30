"""Histograms of one map in one region, a stepped line for each run."""

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.maps.region_figure import COLOURS
from napari_sti.maps.regions import Regions
from napari_sti.viz.numbers import tick_labels, ticks
from napari_sti.widgets.look import colour

_HEIGHT, _AXIS, _KEY = 128, 20, 17
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Lines differ by more than their colour."""


class RegionHistogram(QWidget):
    """Share of the voxels of the region in each bin, so that regions and runs of any size can be compared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Regions | None = None
        self._region = self._map = ""
        self._factor = 1.0
        self.setObjectName("sti_region_histogram")
        self.setAccessibleName("Histogram of the region")
        self.setToolTip("Share of the voxels in each bin; the first and the last bin hold what lies beyond, too.")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def setValue(self, found: Regions | None, region: str = "", key: str = "", *, factor: float = 1.0) -> None:
        """Show another region or map; values are written times a factor."""
        self._found, self._region, self._map, self._factor = found, region, key, factor
        self.updateGeometry()
        self.update()

    def region(self) -> str:
        """The region that is shown; empty if there is none."""
        return self._region

    def lines(self) -> dict[str, list[float]]:
        """Share of the voxels in each bin, for every run that has voxels there."""
        if self._found is None:
            return {}
        lines = {}
        for run in self._found.results:
            counts = self._found.counts.get((run, self._region, self._map))
            if counts is not None and counts.sum():
                lines[run] = (counts / counts.sum()).tolist()
        return lines

    def sizeHint(self) -> QSize:
        """A line of the key for each run."""
        return QSize(360, _HEIGHT + _KEY * (1 + len(self.lines())) + _AXIS)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the key, the axis and the lines."""
        lines = self.lines()
        if self._found is None or not lines:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = _KEY * (1 + len(lines))
        field = QRectF(4, top, self.width() - 8, self.height() - top - _AXIS)
        self._paint_axis(painter, field)
        highest = max(max(shares) for shares in lines.values())
        for name, shares in lines.items():
            self._paint_line(painter, field, name, [share / highest for share in shares])
        self._paint_key(painter, lines)
        painter.end()

    def _pen(self, run: str) -> QPen:
        assert self._found is not None
        number = self._found.results.index(run)
        return QPen(QColor(COLOURS[number % len(COLOURS)]), 1.8, _STYLES[number % len(_STYLES)])

    def _paint_key(self, painter: QPainter, lines: dict[str, list[float]]) -> None:
        painter.setPen(colour(self, "text"))
        painter.drawText(QRectF(0, 0, self.width(), _KEY), Qt.AlignmentFlag.AlignVCenter, f"Histogram: {self._region}")
        metrics = QFontMetrics(painter.font())
        for row, run in enumerate(lines, 1):
            y = row * _KEY
            painter.setPen(self._pen(run))
            painter.drawLine(QPointF(2, y + _KEY / 2), QPointF(26, y + _KEY / 2))
            painter.setPen(colour(self, "text"))
            text = metrics.elidedText(run, Qt.TextElideMode.ElideMiddle, self.width() - 36)
            painter.drawText(QRectF(32, y, self.width() - 32, _KEY), Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_axis(self, painter: QPainter, field: QRectF) -> None:
        assert self._found is not None
        edges = self._found.edges[self._map] * self._factor
        low, high = float(edges[0]), float(edges[-1])
        painter.setPen(QPen(colour(self, "muted"), 1))
        painter.drawLine(field.bottomLeft(), field.bottomRight())
        values = ticks(low, high, count=5)
        for value, text in zip(values, tick_labels(values), strict=True):
            x = field.left() + (value - low) / (high - low) * field.width()
            painter.setPen(QPen(colour(self, "faint"), 1))
            painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom()))
            painter.setPen(colour(self, "muted"))
            box = QRectF(min(max(x - 40, 0), self.width() - 80), field.bottom() + 2, 80, _AXIS - 2)
            where = (
                Qt.AlignmentFlag.AlignHCenter
                if 40 < x < self.width() - 40
                else (Qt.AlignmentFlag.AlignLeft if x <= 40 else Qt.AlignmentFlag.AlignRight)
            )
            painter.drawText(box, where, text)

    def _paint_line(self, painter: QPainter, field: QRectF, run: str, heights: list[float]) -> None:
        step = field.width() / len(heights)
        points = [field.bottomLeft()]
        for number, height in enumerate(heights):
            y = field.bottom() - height * (field.height() - 4)
            points += [QPointF(field.left() + number * step, y), QPointF(field.left() + (number + 1) * step, y)]
        points.append(field.bottomRight())
        pen = self._pen(run)
        wash = QColor(pen.color())
        wash.setAlphaF(0.12)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(wash)
        painter.drawPolygon(QPolygonF(points))
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
