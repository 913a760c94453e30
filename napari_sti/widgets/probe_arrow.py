"""A direction in a small view of three dimensions, with the axes of the world; it turns under the mouse."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_sti.viz.numbers import direction as direction_words
from napari_sti.widgets.look import colour

_SIZE = 120
_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
_BEGINS = (28.0, 22.0)
"""Degrees by which the view from behind is turned and lifted at first: right is right, front is away."""
_RIM = 24
"""Points of each circle."""


class DirectionView(QWidget):
    """The principal direction of a probe: an arrow with two heads, since an eigenvector has no sign.

    It is seen from behind and a little from above, as in the neurological convention, and never as a mirror image. A
    double click turns it back.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._direction = np.zeros(3)
        self._others: tuple[NDArray[np.float64], ...] = ()
        self._angles = _BEGINS
        self._held: QPointF | None = None
        self.setObjectName("sti_probe_arrow")
        self.setAccessibleName("Direction of the probe")
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("Drag to turn, double click to turn back. Thin lines: the other runs.")
        self.setFixedSize(self.sizeHint())

    def value(self) -> NDArray[np.float64]:
        """Direction in RAS; zero where there is none."""
        return self._direction

    def setValue(self, direction: ArrayLike, others: Sequence[ArrayLike] = ()) -> None:
        """Show a direction (3,) in RAS, and those of other runs as thin lines."""
        self._direction = np.asarray(direction, float)
        self._others = tuple(np.asarray(other, float) for other in others)
        self.setAccessibleDescription(direction_words(self._direction))
        self.update()

    def sizeHint(self) -> QSize:
        """A square that leaves room for the matrix beside it."""
        return QSize(_SIZE, _SIZE)

    def axes(self) -> NDArray[np.float64]:
        """Rows: right of the screen, its top, and towards the viewer, as unit vectors in RAS."""
        turn, lift = np.radians(self._angles)
        right = np.array([math.cos(turn), math.sin(turn), 0.0])
        towards = np.array(
            [math.sin(turn) * math.cos(lift), -math.cos(turn) * math.cos(lift), math.sin(lift)],
        )
        return np.stack([right, np.cross(towards, right), towards])

    def place(self, vector: ArrayLike) -> QPointF:
        """Where the tip of a vector in RAS is painted."""
        x, y, _ = self.axes() @ np.asarray(vector, float)
        half = min(self.width(), self.height()) / 2
        return QPointF(self.width() / 2 + x * half * 0.72, self.height() / 2 - y * half * 0.72)

    # ---- turning ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take hold of it."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._held = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Turn it."""
        if event is not None and self._held is not None:
            moved = event.position() - self._held
            self._held = event.position()
            turn, lift = self._angles
            self._angles = (turn - moved.x() * 0.8, min(max(lift + moved.y() * 0.8, -90.0), 90.0))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Let go of it."""
        self._held = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Turn it back to where it began."""
        self._angles = _BEGINS
        self.update()

    # ---- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint what lies behind first: rings and axes, then directions, those that come forward last."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_rings(painter)
        self._paint_axes(painter)
        for other in self._others:
            if other.any():
                painter.setPen(QPen(colour(self, "muted"), 1.4))
                painter.drawLine(self.place(other), self.place(-other))
        if self._direction.any():
            self._paint_shadow(painter)
            self._paint_arrow(painter)
        else:
            painter.setPen(colour(self, "muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no direction")
        painter.end()

    def _paint_rings(self, painter: QPainter) -> None:
        angle = np.linspace(0, 2 * np.pi, _RIM * 2 + 1)
        flat = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
        painter.setPen(QPen(colour(self, "faint"), 1))
        for shift in range(3):
            painter.drawPolyline(QPolygonF([self.place(point) for point in np.roll(flat, shift, axis=1)]))

    def _paint_axes(self, painter: QPainter) -> None:
        bold = painter.font()
        bold.setBold(True)
        painter.setFont(bold)
        towards = self.axes()[2]
        for axis, letters in enumerate(_LETTERS):
            unit = np.eye(3)[axis]
            painter.setPen(QPen(colour(self, "faint"), 1.4))
            painter.drawLine(self.place(unit), self.place(-unit))
            for sign, letter in zip((1, -1), letters, strict=True):
                if abs(float(unit @ towards)) > 0.97:
                    continue  # it points at the viewer: its letters would lie on each other
                box = QRectF(0, 0, 20, 18)
                box.moveCenter(self.place(sign * 1.24 * unit))
                painter.setPen(colour(self, "text" if sign > 0 else "muted"))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)

    def _paint_shadow(self, painter: QPainter) -> None:
        """The direction seen from above, on the axial plane, without which its depth could not be told."""
        flat = self._direction * np.array([1, 1, 0])
        painter.setPen(QPen(colour(self, "muted"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(self.place(flat), self.place(-flat))
        painter.drawLine(self.place(self._direction), self.place(flat))
        painter.drawLine(self.place(-self._direction), self.place(-flat))

    def _paint_arrow(self, painter: QPainter) -> None:
        tint = direction_colour(self._direction)
        near = self._direction * (1 if self._direction @ self.axes()[2] >= 0 else -1)
        for vector, share in ((-near, 0.55), (near, 1.0)):
            tip, middle = self.place(vector), self.place((0, 0, 0))
            shade = QColor(tint)
            shade.setAlphaF(share)
            painter.setPen(QPen(shade, 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            along = tip - middle
            length = math.hypot(along.x(), along.y())
            if length < 12:  # it points at the viewer, or away
                painter.setBrush(shade)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.drawEllipse(tip, 6, 6)
                continue
            unit = along / length
            side = QPointF(-unit.y(), unit.x())
            base = tip - unit * 12
            painter.drawLine(middle, base)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawPolygon(QPolygonF([tip, base + side * 6.5, base - side * 6.5]))


def direction_colour(direction: ArrayLike) -> QColor:
    """Colour of a direction by its world axes, made light enough to be seen on both backgrounds."""
    share = np.abs(np.asarray(direction, float))
    red, green, blue = np.clip(40 + 215 * share / max(float(share.max()), 1e-9), 0, 255).astype(int).tolist()
    return QColor(red, green, blue)
