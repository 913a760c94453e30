"""The joint histogram of chi+ against |chi-|, in which a rectangle is drawn to see where these voxels are."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.maps.joint_histogram import JointHistogram, Span
from napari_sti.viz.numbers import tick_labels, ticks
from napari_sti.viz.separation_layers import BRUSH_COLOUR
from napari_sti.widgets.look import colour, is_dark

_HEIGHT = 236
_FAINTEST = 0.18
"""Share of the ramp at which a single voxel is drawn: it must be seen."""
_RAMP = ((0, 34, 78), (65, 77, 107), (124, 123, 120), (188, 175, 111), (255, 234, 70))
"""From few to many: dark blue to yellow in even steps (cividis), alike for every kind of colour vision."""
_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class JointHistogramView(QWidget):
    """Picture of a `JointHistogram` with a brush.

    Drag a rectangle to brush; a click or Escape takes it away. The arrow keys move it, with Shift its upper right
    corner.
    """

    brushed = Signal(object, object)
    """From and to of chi+ and of |chi-|, in ppm."""
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_separate_histogram")
        self.setAccessibleName("Joint histogram of chi+ and |chi-|")
        self.setToolTip("How many voxels have which χ+ and |χ−| (logarithmic). Drag a rectangle to see where they are.")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._histogram: JointHistogram | None = None
        self._image: QImage | None = None
        self._brush: tuple[Span, Span] | None = None
        self._start: QPointF | None = None
        self._now: QPointF | None = None

    def value(self) -> JointHistogram | None:
        """What is shown."""
        return self._histogram

    def setValue(self, histogram: JointHistogram | None) -> None:
        """Show another histogram, without a brush."""
        self._histogram, self._brush, self._start = histogram, None, None
        self._image = None if histogram is None else histogram_image(histogram.counts)
        self.setVisible(histogram is not None)
        self.update()

    def brush(self) -> tuple[Span, Span] | None:
        """From and to of chi+ and of |chi-| in ppm; None without a brush."""
        return self._brush

    def set_brush(self, brush: tuple[Span, Span] | None) -> None:
        """Draw another rectangle, or none, and say so."""
        self._brush = brush
        self.update()
        if brush is None:
            self.cleared.emit()
        else:
            self.brushed.emit(*brush)

    def sizeHint(self) -> QSize:
        """About as wide as the dock."""
        return QSize(360, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Not less high."""
        return QSize(240, _HEIGHT)

    # ---- geometry --------------------------------------------------------------------------------------------------

    def area(self) -> QRectF:
        """Where the picture is, in pixels."""
        metrics = QFontMetrics(self.font())
        left = metrics.height() + metrics.horizontalAdvance("0.00") + 10
        return QRectF(left, 6, self.width() - left - 12, self.height() - 12 - 2 * metrics.height())

    def place(self, pos: float, neg: float) -> QPointF:
        """Pixel of a pair of values in ppm."""
        area, (right, top) = self.area(), self._ends()
        return QPointF(area.left() + area.width() * pos / right, area.bottom() - area.height() * neg / top)

    def values_at(self, pixel: QPointF) -> tuple[float, float]:
        """The pair of values at a pixel, kept within the axes."""
        area, (right, top) = self.area(), self._ends()
        across = min(max((pixel.x() - area.left()) / area.width(), 0.0), 1.0)
        up = min(max((area.bottom() - pixel.y()) / area.height(), 0.0), 1.0)
        return across * right, up * top

    def _ends(self) -> tuple[float, float]:
        histogram = self._histogram
        return (1.0, 1.0) if histogram is None else (float(histogram.pos_edges[-1]), float(histogram.neg_edges[-1]))

    # ---- mouse and keys --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a rectangle."""
        if event is not None and self._histogram is not None and event.button() == Qt.MouseButton.LeftButton:
            self._start = self._now = event.position()
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Draw it."""
        if event is not None and self._start is not None:
            self._now = event.position()
            self.update()
            if self._wide(self._start, self._now):  # the image follows while the rectangle is drawn
                self.set_brush(self._between(self._start, self._now))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End it; one that is hardly there takes the brush away."""
        if event is None or self._start is None:
            return
        start, self._start = self._start, None
        end = event.position()
        self.set_brush(self._between(start, end) if self._wide(start, end) else None)

    def _wide(self, start: QPointF, end: QPointF) -> bool:
        """Whether a rectangle is more than a click."""
        return bool(abs(end.x() - start.x()) >= 3 and abs(end.y() - start.y()) >= 3)

    def _between(self, start: QPointF, end: QPointF) -> tuple[Span, Span]:
        """From and to of both values of a rectangle in pixels."""
        (x0, y0), (x1, y1) = self.values_at(start), self.values_at(end)
        return (min(x0, x1), max(x0, x1)), (min(y0, y1), max(y0, y1))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move or resize the brush."""
        if event is None or self._histogram is None:
            return
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape and self._brush is not None:
            self.set_brush(None)
        elif key in _STEPS:
            self._step(*_STEPS[key], resize=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        else:
            super().keyPressEvent(event)

    def _step(self, across: int, up: int, *, resize: bool) -> None:
        ends = self._ends()
        if self._brush is None:
            self.set_brush(((ends[0] / 2, ends[0]), (0.0, ends[1] / 2)))
            return
        moved = []
        for (low, high), step, end in zip(self._brush, (across, up), ends, strict=True):
            by = step * end / 24
            if resize:
                moved.append((low, min(max(high + by, low + end / 72), end)))
            else:
                by = min(max(by, -low), end - high)
                moved.append((low + by, high + by))
        self.set_brush((moved[0], moved[1]))

    # ---- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the counts, the axes and the brush."""
        if self._histogram is None or self._image is None:
            return
        painter = QPainter(self)
        area = self.area()
        painter.fillRect(area, QColor("#0b0e14" if is_dark(self) else "#f4f4f4"))
        painter.drawImage(area, self._image)
        self._paint_axes(painter, area)
        rectangle = self._rectangle()
        if rectangle is not None:
            painter.setPen(QPen(QColor(BRUSH_COLOUR) if is_dark(self) else QColor("#007a3d"), 2))
            fill = QColor(BRUSH_COLOUR)
            fill.setAlphaF(0.18)
            painter.setBrush(fill)
            painter.drawRect(rectangle.intersected(area))
        painter.end()

    def _rectangle(self) -> QRectF | None:
        if self._start is not None and self._now is not None:
            return QRectF(self._start, self._now).normalized()
        if self._brush is None:
            return None
        (x0, x1), (y0, y1) = self._brush
        return QRectF(self.place(x0, y1), self.place(x1, y0)).normalized()

    def _paint_axes(self, painter: QPainter, area: QRectF) -> None:
        metrics, (right, top) = QFontMetrics(self.font()), self._ends()
        painter.setPen(QPen(colour(self, "faint"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)
        painter.setPen(colour(self, "muted"))
        across, up = ticks(0, right), ticks(0, top)
        for value, text in zip(across, tick_labels(across), strict=True):
            x = self.place(value, 0).x()
            wide = metrics.horizontalAdvance(text)
            left = min(max(x - wide / 2, 0), self.width() - wide)
            painter.drawText(QPointF(left, area.bottom() + metrics.ascent() + 2), text)
        for value, text in zip(up, tick_labels(up), strict=True):
            y = self.place(0, value).y()
            box = QRectF(
                metrics.height(), y - metrics.height() / 2, area.left() - metrics.height() - 4, metrics.height()
            )
            box.moveTop(min(max(box.top(), 0), self.height() - box.height()))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        below = QRectF(area.left(), area.bottom() + metrics.height(), area.width(), metrics.height() + 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "χ+ [ppm]")
        painter.save()
        painter.translate(0, area.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, area.height(), metrics.height()), Qt.AlignmentFlag.AlignCenter, "|χ−| [ppm]")
        painter.restore()


def histogram_image(counts: NDArray[np.int64]) -> QImage:
    """Counts (chi+, |chi-|) as a picture with chi+ to the right and |chi-| upwards; nothing where there are none."""
    share = np.log1p(counts) / max(float(np.log1p(counts.max())), 1e-9) if counts.size else counts
    shown = np.where(counts > 0, _FAINTEST + (1 - _FAINTEST) * share, 0).T[::-1]
    stops = np.linspace(0, 1, len(_RAMP))
    rgba = np.zeros((*shown.shape, 4), np.uint8)
    for channel in range(3):
        rgba[..., channel] = np.rint(np.interp(shown, stops, [colour_[channel] for colour_ in _RAMP]))
    rgba[..., 3] = np.where(shown > 0, 255, 0)
    height, width = shown.shape
    return QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
