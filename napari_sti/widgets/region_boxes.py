"""Box plots of one map in every region, painted without any plotting library; runs have the colours of the figure."""

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_sti.maps.region_figure import COLOURS
from napari_sti.maps.region_files import number_writer
from napari_sti.maps.regions import Regions, Summary
from napari_sti.viz.numbers import tick_labels, ticks
from napari_sti.widgets.look import colour

_BOX, _GAP, _AXIS = 13, 9, 34
"""Pixels: height of a box, gap between two regions, room for the axis."""
_MOST = 40
"""Regions that are painted; the table and the files hold all."""


def colour_key(results: Sequence[str]) -> str:
    """Which colour is which result, a line of rich text for each; empty for a single one."""
    if len(results) < 2:
        return ""
    square = '<span style="color:{}">\N{BLACK SQUARE}</span> {}<br>'
    return "".join(square.format(COLOURS[n % len(COLOURS)], escape(name)) for n, name in enumerate(results))


class RegionBoxes(QWidget):
    """Boxes from the 25th to the 75th percentile, median, mean as a dot, whiskers from 5 to 95 %."""

    chosen = Signal(str)
    """A region was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Regions | None = None
        self._map = ""
        self._factor = 1.0
        self._unit = ""
        self.setObjectName("sti_region_boxes")
        self.setAccessibleName("Box plot of the regions")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def setValue(self, found: Regions | None, key: str = "", *, factor: float = 1.0, unit: str = "") -> None:
        """Show another map of some regions, its values times a factor in a unit."""
        self._found, self._map, self._factor, self._unit = found, key, factor, unit
        self.updateGeometry()
        self.update()

    def rows(self) -> list[tuple[str, str, Summary]]:
        """Region, run and numbers from the top to the bottom."""
        if self._found is None:
            return []
        shown = set(list(self._found.regions)[:_MOST])
        return [row for row in self._found.of_map(self._map) if row[0] in shown]

    def sizeHint(self) -> QSize:
        """As high as its boxes."""
        rows = self.rows()
        return QSize(360, len(rows) * _BOX + len({row[0] for row in rows}) * _GAP + _AXIS + 2)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(200, self.sizeHint().height())

    def span(self) -> tuple[float, float]:
        """Ends of the axis in the shown unit."""
        drawn = [row for _, _, row in self.rows() if row.voxels]
        if not drawn:
            return 0.0, 1.0
        low = min(row.p5 for row in drawn) * self._factor
        high = max(row.p95 for row in drawn) * self._factor
        room = 0.04 * (high - low) or abs(high) * 0.1 or 1e-3
        return low - room, high + room

    def place(self, value: float) -> float:
        """Pixel of a value in the unit of the map."""
        low, high = self.span()
        left, right = self._left(), float(self.width()) - 8
        return left + (value * self._factor - low) / (high - low) * (right - left)

    def _left(self) -> float:
        """Where the axis begins, behind the names of the regions."""
        metrics = QFontMetrics(self.font())
        longest = max((metrics.horizontalAdvance(region) for region, _, _ in self.rows()), default=0)
        return min(float(longest) + 10.0, 0.38 * float(self.width()))

    def _tops(self) -> list[float]:
        tops, y, last = [], 1.0, ""
        for region, _, _ in self.rows():
            y += _GAP if last and region != last else 0
            tops.append(y)
            y, last = y + _BOX, region
        return tops

    # ---- under the mouse ----------------------------------------------------------------------------------------

    def row_at(self, y: float) -> tuple[str, str, Summary] | None:
        """The box at a height of the picture."""
        hit = [row for row, top in zip(self.rows(), self._tops(), strict=True) if top <= y < top + _BOX]
        return hit[0] if hit else None

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose the region that is clicked."""
        row = None if event is None else self.row_at(event.position().y())
        if row is not None:
            self.chosen.emit(row[0])

    def event(self, event: QEvent | None) -> bool:
        """Say the numbers of the box under the pointer."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            row = self.row_at(event.pos().y())
            QToolTip.showText(event.globalPos(), "" if row is None else self._words(row), self)
            return True
        return bool(super().event(event))

    def _words(self, row: tuple[str, str, Summary]) -> str:
        region, run, numbers = row
        write = number_writer([numbers], factor=self._factor)
        parts = f"mean {write(numbers.mean)} \N{PLUS-MINUS SIGN} {write(numbers.sd)}, median {write(numbers.median)}"
        return f"{region}, {run}: {parts} {self._unit}, {numbers.voxels} voxels"

    # ---- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the axis, the names and the boxes."""
        if self._found is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axis(painter)
        last = ""
        for row, top in zip(self.rows(), self._tops(), strict=True):
            if row[0] != last:
                self._paint_name(painter, row[0], top)
            last = row[0]
            if row[2].voxels:
                shade = QColor(COLOURS[self._found.results.index(row[1]) % len(COLOURS)])
                self._paint_box(painter, row[2], top, shade)
        painter.end()

    def _paint_axis(self, painter: QPainter) -> None:
        low, high = self.span()
        bottom = self.height() - _AXIS
        values = ticks(low, high, count=6)
        for value, text in zip(values, tick_labels(values), strict=True):
            x = self.place(value / self._factor)
            painter.setPen(QPen(colour(self, "muted" if value == 0 else "faint"), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, bottom + 3))
            painter.setPen(colour(self, "muted"))
            painter.drawText(QRectF(x - 40, bottom + 3, 80, 16), Qt.AlignmentFlag.AlignHCenter, text)
        assert self._found is not None
        titles = [one.title for one in self._found.maps if one.key == self._map]
        text = f"{titles[0] if titles else self._map} [{self._unit}]" if self._unit else self._map
        painter.setPen(colour(self, "text"))
        box = QRectF(self._left(), bottom + 16, self.width() - self._left(), 18)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)

    def _paint_name(self, painter: QPainter, region: str, top: float) -> None:
        assert self._found is not None
        height = len([row for row in self.rows() if row[0] == region]) * _BOX
        box = QRectF(0, top, self._left() - 8, max(height, _BOX))
        text = QFontMetrics(painter.font()).elidedText(region, Qt.TextElideMode.ElideMiddle, int(box.width()))
        painter.setPen(colour(self, "text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_box(self, painter: QPainter, row: Summary, top: float, shade: QColor) -> None:
        middle = top + _BOX / 2
        painter.setPen(QPen(shade, 1.3))
        painter.drawLine(QPointF(self.place(row.p5), middle), QPointF(self.place(row.p95), middle))
        fill = QColor(shade)
        fill.setAlphaF(0.45)
        left, right = self.place(row.p25), self.place(row.p75)
        painter.fillRect(QRectF(left, top + 1.5, max(right - left, 1), _BOX - 3), fill)
        painter.setPen(QPen(shade, 2.2))
        x = self.place(row.median)
        painter.drawLine(QPointF(x, top + 1.5), QPointF(x, top + _BOX - 1.5))
        painter.setPen(QPen(colour(self, "text"), 1))
        painter.setBrush(shade)
        painter.drawEllipse(QPointF(self.place(row.mean), middle), 2.6, 2.6)
