"""Small curves over iterations with a logarithmic axis, painted without any plotting library."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_sti.widgets.look import colour

Point = tuple[float, float]

MOST_POINTS = 2000
_COLOURS = ("accent", "warning", "good")
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Curves differ by more than their colour."""


@dataclass(frozen=True)
class Curve:
    """One curve.

    Parameters
    ----------
    name : str
        In the key, which is left out for a single curve.
    points : sequence of (x, y)
        In the order of x; only positive, finite values of y have a place.
    """

    name: str
    points: tuple[Point, ...] = ()


class LogCurves(QWidget):
    """Curves over a common axis of iterations or steps.

    Parameters
    ----------
    axis : str
        What is written along the axis of values.
    height : int
        In pixels.
    """

    def __init__(self, axis: str = "", *, height: int = 64, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axis, self._height = axis, height
        self._curves: tuple[Curve, ...] = ()
        self._marked: float | None = None
        self._ends = ""

    def curves(self) -> tuple[Curve, ...]:
        """What is shown."""
        return self._curves

    def set_curves(self, curves: Iterable[Curve], *, ends: str = "") -> None:
        """Show other curves; `ends` is the unit of the axis below, whose ends are written then."""
        self._curves = tuple(Curve(curve.name, thinned(placeable(curve.points))) for curve in curves)
        self._ends = ends
        self.update()

    def mark(self, x: float | None) -> None:
        """Mark a place on the axis below, or none."""
        if x != self._marked:
            self._marked = x
            self.update()

    def sizeHint(self) -> QSize:
        """Small: it stands beside other things."""
        return QSize(240, self._height)

    def minimumSizeHint(self) -> QSize:
        """Not less high."""
        return QSize(120, self._height)

    def decades(self) -> tuple[float, float]:
        """Lower and upper end of the axis as powers of ten; at least half a decade apart."""
        logs = [math.log10(y) for curve in self._curves for _, y in curve.points]
        low, high = (min(logs), max(logs)) if logs else (-2.0, 0.0)
        if high - low < 0.5:
            middle = (high + low) / 2
            low, high = middle - 0.25, middle + 0.25
        return low, high

    def span(self) -> tuple[float, float]:
        """First and last place on the axis below."""
        places = [x for curve in self._curves for x, _ in curve.points]
        return (min(places), max(places)) if places else (0.0, 1.0)

    # ---- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the axes, the curves and their last points."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.85))
        painter.setFont(font)
        metrics = QFontMetrics(font)
        area = self._area(metrics)
        self._paint_name(painter, metrics)
        self._paint_axis(painter, area, metrics)
        self._paint_ends(painter, area, metrics)
        self._paint_mark(painter, area)
        for number, curve in enumerate(self._curves):
            if curve.points:
                self._paint_curve(painter, area, number)
        if len(self._curves) > 1:
            self._paint_key(painter, area, metrics)
        painter.end()

    def _area(self, metrics: QFontMetrics) -> QRectF:
        left = metrics.height() + metrics.horizontalAdvance("0.0001") + 6
        top = metrics.height() + 4 if len(self._curves) > 1 else 5
        bottom = metrics.height() + 4 if self._ends else 5
        return QRectF(left, top, self.width() - left - 6, self.height() - top - bottom)

    def _place(self, point: Point, area: QRectF) -> QPointF:
        (low, high), (first, last) = self.decades(), self.span()
        across = (point[0] - first) / (last - first) if last > first else 1.0
        up = (math.log10(point[1]) - low) / (high - low)
        return QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())

    def _paint_name(self, painter: QPainter, metrics: QFontMetrics) -> None:
        """Write along the axis what it shows."""
        painter.save()
        painter.setPen(colour(self, "muted"))
        painter.translate(0, self.height())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, self.height(), metrics.height()), Qt.AlignmentFlag.AlignCenter, self._axis)
        painter.restore()

    def _paint_axis(self, painter: QPainter, area: QRectF, metrics: QFontMetrics) -> None:
        low, high = self.decades()
        last = math.inf
        for tick in ticks(low, high):
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

    def _paint_ends(self, painter: QPainter, area: QRectF, metrics: QFontMetrics) -> None:
        if not self._ends or not any(curve.points for curve in self._curves):
            return
        first, last = self.span()
        painter.setPen(colour(self, "muted"))
        box = QRectF(area.left(), area.bottom() + 3, area.width(), metrics.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, f"{first:g}")
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, f"{last:g} {self._ends}")

    def _paint_mark(self, painter: QPainter, area: QRectF) -> None:
        first, last = self.span()
        if self._marked is None or not first <= self._marked <= last:
            return
        x = self._place((self._marked, 10 ** self.decades()[0]), area).x()
        painter.setPen(QPen(colour(self, "muted"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, area.top() - 2), QPointF(x, area.bottom() + 2))

    def _paint_curve(self, painter: QPainter, area: QRectF, number: int) -> None:
        points = self._curves[number].points
        tint = colour(self, _COLOURS[number % len(_COLOURS)])
        painter.setPen(QPen(tint, 1.8, _STYLES[number % len(_STYLES)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([self._place(point, area) for point in points]))
        painter.setPen(QPen(tint, 1.8))
        painter.setBrush(tint)
        for point in points:
            if point == points[-1] or point[0] == self._marked:
                radius = 3.5 if point[0] == self._marked else 2.5
                painter.drawEllipse(self._place(point, area), radius, radius)

    def _paint_key(self, painter: QPainter, area: QRectF, metrics: QFontMetrics) -> None:
        x = area.left()
        for number, curve in enumerate(self._curves):
            tint = colour(self, _COLOURS[number % len(_COLOURS)])
            painter.setPen(QPen(tint, 1.8, _STYLES[number % len(_STYLES)]))
            painter.drawLine(QPointF(x, metrics.height() / 2 + 1), QPointF(x + 22, metrics.height() / 2 + 1))
            painter.setPen(colour(self, "text"))
            wide = metrics.horizontalAdvance(curve.name)
            painter.drawText(QRectF(x + 27, 1, wide + 2, metrics.height()), Qt.AlignmentFlag.AlignLeft, curve.name)
            x += wide + 27 + 18


def ticks(low: float, high: float) -> list[float]:
    """Where lines are drawn between two powers of ten: at decades, or 1, 2 and 5 where these are few, or the ends."""
    whole = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1,), (1, 2, 5)):
        found = [tick for d in whole for n in steps if low <= (tick := d + math.log10(n)) <= high]
        if len(found) > 1:
            return found
    return [low, high]


def placeable(points: Iterable[tuple[float, float | None]]) -> tuple[Point, ...]:
    """Leave out what has no logarithm."""
    return tuple((x, y) for x, y in points if y is not None and math.isfinite(y) and y > 0)


def thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """As many points as a small picture can show; the first and the last stay."""
    kept = list(points)
    while len(kept) > MOST_POINTS:
        del kept[1:-1:2]
    return tuple(kept)
