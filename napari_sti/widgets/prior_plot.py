"""Small pictures of a prior: violins over levels, and curves along a line; painted without any plotting library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.viz.numbers import tick_labels, ticks
from napari_sti.widgets.look import colour

_HEIGHTS = {1: 190, 3: 118}
"""Height of a pane by how many there are."""
_SMOOTH = 48

Place = tuple[float, float | None]


@dataclass(frozen=True)
class Pane:
    """One pair of axes.

    Parameters
    ----------
    title : str
        What is drawn, above.
    below : str
        What the axis below is.
    line : tuple of (x, y or None)
        The curve; None leaves a gap.
    dashed : tuple of (x, y)
        A second curve to compare it with.
    violins : tuple of (x, values)
        How values are spread at a place.
    names : tuple of (x, text)
        Written below places; round numbers where it is empty.
    above : tuple of (x, text)
        Written above places.
    """

    title: str
    below: str = ""
    line: tuple[Place, ...] = ()
    dashed: tuple[Place, ...] = ()
    violins: tuple[tuple[float, tuple[float, ...]], ...] = ()
    names: tuple[tuple[float, str], ...] = ()
    above: tuple[tuple[float, str], ...] = ()

    def span(self) -> tuple[float, float]:
        """Ends of the axis below; violins have half a place beside them."""
        places = [x for x, _ in (*self.line, *self.violins)] or [0.0, 1.0]
        margin = 0.5 if self.violins or self.names else 0.0
        return min(places) - margin, max(max(places) + margin, min(places) + 1e-9)

    def reach(self) -> tuple[float, float]:
        """Ends of the axis of values, with a little room."""
        values = [y for _, y in (*self.line, *self.dashed) if y is not None and math.isfinite(y)]
        values += [v for _, many in self.violins for v in many]
        if not values:
            return 0.0, 1.0
        low, high = min(values), max(values)
        room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
        return low - room, high + room


class PriorPlot(QWidget):
    """Panes below each other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panes: tuple[Pane, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The prior along a way")

    def value(self) -> tuple[Pane, ...]:
        """What is drawn."""
        return self._panes

    def setValue(self, panes: Sequence[Pane]) -> None:
        """Draw others."""
        self._panes = tuple(panes)
        self.setVisible(bool(self._panes))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the panes ask for."""
        count = max(1, len(self._panes))
        return QSize(340, count * _HEIGHTS.get(count, 130))

    def minimumSizeHint(self) -> QSize:
        """Not less high."""
        return QSize(200, self.sizeHint().height())

    # ---- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint all panes."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.88))
        painter.setFont(font)
        height = self.height() / max(1, len(self._panes))
        for number, pane in enumerate(self._panes):
            self._paint_pane(painter, pane, QRectF(0, number * height, self.width(), height))
        painter.end()

    def _paint_pane(self, painter: QPainter, pane: Pane, box: QRectF) -> None:
        metrics = QFontMetrics(painter.font())
        marks = ticks(*pane.reach(), count=6)
        texts = tick_labels(marks)
        left = max((metrics.horizontalAdvance(text) for text in texts), default=20) + 10
        over = metrics.height() * (2 if pane.above else 1) + 6
        under = metrics.height() * (2 if pane.below else 1) + 6
        area = QRectF(box.left() + left, box.top() + over, box.width() - left - 8, box.height() - over - under)
        painter.setPen(colour(self, "text"))
        painter.drawText(QRectF(0, box.top() + 1, box.width(), metrics.height()), _CENTRE, pane.title)
        for mark, text in zip(marks, texts, strict=True):
            y = self._y(mark, pane, area)
            painter.setPen(QPen(colour(self, "faint"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colour(self, "muted"))
            painter.drawText(QRectF(0, y - metrics.height() / 2, area.left() - 5, metrics.height()), _RIGHT, text)
        self._paint_below(painter, pane, area, metrics)
        for x, values in pane.violins:
            self._paint_violin(painter, pane, area, x, values)
        self._paint_line(painter, pane, area, pane.dashed, dashed=True)
        self._paint_line(painter, pane, area, pane.line, dashed=False)
        self._paint_words(painter, pane, area, pane.above, area.top() - metrics.height() - 2, metrics, "text")

    def _paint_below(self, painter: QPainter, pane: Pane, area: QRectF, metrics: QFontMetrics) -> None:
        names = pane.names
        if not names:
            marks = ticks(*pane.span())
            names = tuple(zip(marks, tick_labels(marks), strict=True))
        self._paint_words(painter, pane, area, names, area.bottom() + 3, metrics, "muted")
        if pane.below:
            painter.setPen(colour(self, "muted"))
            line = QRectF(0, area.bottom() + metrics.height() + 4, self.width(), metrics.height())
            painter.drawText(line, _CENTRE, metrics.elidedText(pane.below, Qt.TextElideMode.ElideRight, self.width()))

    def _paint_words(
        self,
        painter: QPainter,
        pane: Pane,
        area: QRectF,
        words: Sequence[tuple[float, str]],
        top: float,
        metrics: QFontMetrics,
        tint: str,
    ) -> None:
        painter.setPen(colour(self, tint))
        for x, text in words:
            wide = metrics.horizontalAdvance(text) + 4
            place = min(max(self._x(x, pane, area) - wide / 2, 0), self.width() - wide)
            painter.drawText(QRectF(place, top, wide, metrics.height()), _CENTRE, text)

    def _paint_line(self, painter: QPainter, pane: Pane, area: QRectF, line: Sequence[Place], *, dashed: bool) -> None:
        tint = colour(self, "muted" if dashed else "accent")
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        for piece in _unbroken(line):
            points = [QPointF(self._x(x, pane, area), self._y(y, pane, area)) for x, y in piece]
            painter.setPen(QPen(tint, 1.2 if dashed else 2.0, style))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(points))
            if len(line) <= 12 and not dashed:
                painter.setBrush(tint)
                for point in points:
                    painter.drawEllipse(point, 3.2, 3.2)

    def _paint_violin(self, painter: QPainter, pane: Pane, area: QRectF, x: float, values: tuple[float, ...]) -> None:
        heights, widths = violin(values)
        if not len(heights):
            return
        half = 0.42 * area.width() / max(1, len(pane.violins))
        middle = self._x(x, pane, area)
        ys = [self._y(float(v), pane, area) for v in heights]
        right = [QPointF(middle + half * float(w), y) for w, y in zip(widths, ys, strict=True)]
        left = [QPointF(middle - half * float(w), y) for w, y in zip(widths, ys, strict=True)]
        fill = colour(self, "good")
        fill.setAlphaF(0.45)
        painter.setPen(QPen(colour(self, "good"), 1.2))
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF([*right, *reversed(left)]))

    def _x(self, x: float, pane: Pane, area: QRectF) -> float:
        low, high = pane.span()
        return float(area.left() + (x - low) / (high - low) * area.width())

    def _y(self, y: float, pane: Pane, area: QRectF) -> float:
        low, high = pane.reach()
        return float(area.bottom() - (y - low) / (high - low) * area.height())


_CENTRE = Qt.AlignmentFlag.AlignCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def violin(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a violin: heights, and widths from 0 to 1 (a Gaussian kernel of Silverman's width)."""
    known = np.asarray([v for v in values if math.isfinite(v)], float)
    if known.size < 3:
        return np.empty(0), np.empty(0)
    spread = min(known.std(), (np.subtract(*np.percentile(known, (75, 25))) / 1.34) or np.inf)
    width = max(0.9 * spread * known.size**-0.2, 1e-12 + 1e-3 * float(np.ptp(known)))
    heights = np.linspace(known.min(), known.max(), _SMOOTH)
    density = np.exp(-0.5 * ((heights[:, None] - known) / width) ** 2).sum(1)
    return heights, density / density.max()


def _unbroken(line: Sequence[Place]) -> list[list[tuple[float, float]]]:
    """Pieces of a curve without gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in line:
        if y is None or not math.isfinite(y):
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    return [piece for piece in pieces if piece]
