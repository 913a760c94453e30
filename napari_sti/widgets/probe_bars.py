"""Measured and predicted field of every orientation as bars around zero."""

import math

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sti.maps.probe import FieldsHere
from napari_sti.viz.numbers import Unit, nice_limit, susceptibility
from napari_sti.widgets.look import colour

_ROW = 24
_LABEL, _NUMBERS = 60, 104
"""Pixels for the orientation at the left, and for both numbers at the right."""


class FieldBars(QWidget):
    """Two bars for each orientation: the measured field filled, the predicted one below it as a frame."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: FieldsHere | None = None
        self._unit: Unit = "ppm"
        self.setObjectName("sti_probe_bars")
        self.setAccessibleName("Field of every orientation")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def value(self) -> FieldsHere | None:
        """What is shown."""
        return self._fields

    def setValue(self, fields: FieldsHere | None, unit: Unit = "ppm") -> None:
        """Show other fields, written in a unit."""
        self._fields, self._unit = fields, unit
        self.setToolTip("" if fields is None else "\n".join(self._words(i) for i in range(len(fields.labels))))
        self.setVisible(fields is not None)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A row for each orientation, one for the key above and one for the axis below."""
        rows = 0 if self._fields is None else len(self._fields.labels)
        return QSize(360, (rows + 2) * _ROW)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(240, self.sizeHint().height())

    def limit(self) -> float:
        """End of the axis in ppm, the same on both sides of zero."""
        if self._fields is None:
            return 1.0
        both = np.concatenate([self._fields.measured, self._fields.predicted])
        good = np.abs(both[np.isfinite(both)])
        return nice_limit(float(good.max())) if good.size and good.max() > 0 else 1e-3

    def _words(self, index: int) -> str:
        fields = self._fields
        assert fields is not None
        measured, predicted = (
            susceptibility(float(values[index]), self._unit) for values in (fields.measured, fields.predicted)
        )
        return f"{fields.labels[index]}, tilt {fields.tilts[index]:.1f}°: measured {measured}, predicted {predicted}"

    # ---- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the key, the rows and the axis."""
        if self._fields is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.9))
        painter.setFont(font)
        field = QRectF(_LABEL, _ROW, max(self.width() - _LABEL - _NUMBERS, 40), len(self._fields.labels) * _ROW)
        self._paint_key(painter)
        self._paint_axis(painter, field)
        for index in range(len(self._fields.labels)):
            self._paint_row(painter, field, index)
        painter.end()

    def _paint_key(self, painter: QPainter) -> None:
        x = float(_LABEL)
        metrics = QFontMetrics(painter.font())
        for text, filled in (("measured", True), ("predicted", False)):
            self._bar(painter, QRectF(x, _ROW / 2 - 5, 16, 9), filled)
            painter.setPen(colour(self, "text"))
            painter.drawText(QRectF(x + 21, 0, 90, _ROW), Qt.AlignmentFlag.AlignVCenter, text)
            x += 34 + metrics.horizontalAdvance(text)
        painter.setPen(colour(self, "muted"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(self.width() - _NUMBERS, 0, _NUMBERS, _ROW), right, f"[{self._unit}]")

    def _paint_axis(self, painter: QPainter, field: QRectF) -> None:
        limit, middle = self.limit(), field.center().x()
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
            x = middle + share * field.width() / 2
            painter.setPen(QPen(colour(self, "muted" if share == 0 else "faint"), 1))
            painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom() + 2))
            if share in (-1.0, 0.0, 1.0):
                painter.setPen(colour(self, "muted"))
                text = susceptibility(share * limit, self._unit, with_unit=False) if share else "0"
                box = QRectF(x - 40, field.bottom() + 2, 80, _ROW - 4)
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)

    def _paint_row(self, painter: QPainter, field: QRectF, index: int) -> None:
        fields = self._fields
        assert fields is not None
        top, limit = field.top() + index * _ROW, self.limit()
        painter.setPen(colour(self, "text"))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, top, _LABEL, _ROW), left, f"{index + 1}   {fields.tilts[index]:.0f}° tilt"[:14])
        written = []
        for values, y, filled in ((fields.measured, top + 3, True), (fields.predicted, top + 12, False)):
            value = float(values[index])
            known = math.isfinite(value)
            written.append(susceptibility(value, self._unit, with_unit=False) if known else "\N{EN DASH}")
            if known:
                length = value / limit * field.width() / 2
                start = field.center().x() + min(length, 0.0)
                self._bar(painter, QRectF(start, y, max(abs(length), 1.0), 9), filled)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column, text in enumerate(written):
            painter.setPen(colour(self, "text" if column == 0 else "muted"))
            box = QRectF(self.width() - _NUMBERS + column * _NUMBERS / 2, top, _NUMBERS / 2, _ROW)
            painter.drawText(box, right, text)

    def _bar(self, painter: QPainter, box: QRectF, filled: bool) -> None:
        """Filled for what was measured, a hatched frame for what is predicted: told apart without colour, too."""
        tint = colour(self, "accent" if filled else "warning")
        painter.setPen(QPen(tint, 1.3))
        if filled:
            painter.setBrush(tint)
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
