"""The polar picture of a plan: where B0 points in the head, and what one more direction would be worth."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QImage, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_sti.maps.head_tilt import in_words
from napari_sti.maps.next_tilt import GainMap, Plan, at_offset
from napari_sti.maps.plan_figure import RIM_WORDS, offsets, radius
from napari_sti.widgets.look import colour

_RAMP = ((0, 34, 78), (65, 77, 107), (124, 123, 120), (188, 175, 111), (255, 234, 70))
"""From no gain to the largest: dark blue to yellow in even steps (cividis), alike for every kind of colour vision."""

_HEIGHT = 284
_MARKER = 8.5


class PolarPicture(QWidget):
    """Rings of tilt, the directions as numbered discs, the advised ones as numbered diamonds, the gain as colour.

    The centre is the head straight; a point is where B0 points in the head. The head itself goes the other way, which
    the words at the letters say. Left and right are those of the canvas.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("B0 directions in the head, and the gain of one more")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._plan: Plan | None = None
        self._image: QImage | None = None
        self._radiological = False

    def value(self) -> Plan | None:
        """What is drawn."""
        return self._plan

    def setValue(self, plan: Plan | None) -> None:
        """Draw another plan, or nothing."""
        self._plan = plan
        self._image = None if plan is None else gain_image(plan.gains, mirrored=self._radiological)
        self.update()

    def set_radiological(self, radiological: bool) -> None:
        """Put the person's right on the left, or on the right."""
        if radiological != self._radiological:
            self._radiological = radiological
            self.setValue(self._plan)

    def sizeHint(self) -> QSize:
        """A disc with room for the letters."""
        return QSize(360, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Not less high."""
        return QSize(300, _HEIGHT)

    # ---- geometry ---------------------------------------------------------------------------------------------------

    def _disc(self) -> tuple[QPointF, float]:
        """Centre and radius in pixels."""
        metrics = QFontMetrics(self.font())
        beside = max(metrics.horizontalAdvance(RIM_WORDS[letter]) for letter in "LR") + _MARKER + 8
        reach = min(self.width() / 2 - beside, self.height() / 2 - metrics.height() * 1.3 - _MARKER)
        return QPointF(self.width() / 2, self.height() / 2), max(reach, 20.0)

    def place(self, right: float, front: float) -> QPointF:
        """Pixel of a place in degrees towards the head's right and front."""
        centre, reach = self._disc()
        scale = reach / (radius(self._plan) if self._plan is not None else 40.0)
        side = -1 if self._radiological else 1
        return QPointF(centre.x() + side * scale * right, centre.y() - scale * front)

    def degrees_at(self, pixel: QPointF) -> tuple[float, float]:
        """Inverse of `place`."""
        centre, reach = self._disc()
        scale = reach / (radius(self._plan) if self._plan is not None else 40.0)
        side = -1 if self._radiological else 1
        return side * (pixel.x() - centre.x()) / scale, (centre.y() - pixel.y()) / scale

    # ---- what is under the pointer ----------------------------------------------------------------------------------

    def event(self, event: QEvent | None) -> bool:
        """Say under the pointer what the head would do and what it would bring."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(QPointF(event.pos())), self)
            return True
        return bool(super().event(event))

    def words_at(self, pixel: QPointF) -> str:
        """What a place of the picture stands for; empty outside."""
        if self._plan is None:
            return ""
        right, front = self.degrees_at(pixel)
        gains = self._plan.gains
        if np.hypot(right, front) > gains.max_tilt:
            return ""
        i, j = (int(np.abs(gains.offsets - offset).argmin()) for offset in (right, front))
        return f"{in_words(at_offset(right, front))}: {gains.gain[i, j]:.2f} of 6 more known"

    # ---- painting ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the gain, the rings, the letters and the directions."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._plan is not None:
            painter.setOpacity(1.0 if self.isEnabled() else 0.45)
            self._paint_gain(painter, self._plan.gains)
            self._paint_rings(painter, self._plan)
            self._paint_letters(painter)
            self._paint_directions(painter, self._plan)
            self._paint_key(painter, self._plan.gains)
        painter.end()

    def _paint_key(self, painter: QPainter, gains: GainMap) -> None:
        """What the place and the colour mean, in the corners that the disc leaves free."""
        small = painter.font()
        small.setPointSizeF(max(6.5, small.pointSizeF() * 0.85))
        painter.setFont(small)
        painter.setPen(colour(self, "muted"))
        high, wide = QFontMetrics(small).height(), 76.0
        for line, text in enumerate(("B0 in the head,", f"seen from {'below' if self._radiological else 'above'}")):
            painter.drawText(QPointF(4, (line + 1) * high), text)
        bar = QRectF(self.width() - wide - 4, self.height() - high - 13, wide, 8)
        ramp = QLinearGradient(bar.topLeft(), bar.topRight())
        for place, rgb in zip(np.linspace(0, 1, len(_RAMP)), _RAMP, strict=True):
            ramp.setColorAt(float(place), QColor(*rgb))
        painter.fillRect(bar, ramp)
        right, left, middle = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignVCenter
        above = bar.translated(0, -high - 1)
        above.setHeight(high)
        painter.drawText(above, right | middle, "gain, of 6")
        below = above.translated(0, high + 10)
        painter.drawText(below, left | middle, "0")
        painter.drawText(below, right | middle, f"{float(gains.within.max()):.2f}")

    def _paint_gain(self, painter: QPainter, gains: GainMap) -> None:
        half = (gains.offsets[1] - gains.offsets[0]) / 2
        end = float(gains.offsets[-1] + half)
        box = QRectF(self.place(-end, end), self.place(end, -end)).normalized()
        centre, rim = self.place(0, 0), abs(self.place(gains.max_tilt, 0).x() - self.place(0, 0).x())
        painter.save()
        path = QPainterPath()
        path.addEllipse(centre, rim, rim)
        painter.setClipPath(path)
        painter.drawImage(box, self._image)
        painter.restore()
        painter.setPen(QPen(colour(self, "text"), 1.2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(centre, rim, rim)

    def _paint_rings(self, painter: QPainter, plan: Plan) -> None:
        font = painter.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.8))
        painter.save()
        painter.setFont(font)
        metrics = QFontMetrics(font)
        step = 10 if radius(plan) <= 50 else 20
        for degrees in range(step, int(radius(plan)) + 1, step):
            length = abs(self.place(degrees, 0).x() - self.place(0, 0).x())
            inside = degrees <= plan.gains.max_tilt
            painter.setPen(QPen(QColor(255, 255, 255, 90) if inside else colour(self, "faint"), 1))
            painter.drawEllipse(self.place(0, 0), length, length)
            at = self.place(0, 0) + QPointF(0.7071, 0.7071) * (length - metrics.height() * 0.7)
            box = QRectF(0, 0, metrics.horizontalAdvance(f"{degrees}°") + 2, metrics.height())
            box.moveCenter(at)
            painter.setPen(QColor(255, 255, 255, 220) if inside else colour(self, "muted"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{degrees}°")
        painter.restore()

    def _paint_letters(self, painter: QPainter) -> None:
        bold = painter.font()
        bold.setBold(True)
        bold.setPointSizeF(bold.pointSizeF() * 1.15)
        high = QFontMetrics(bold).height()
        centre, reach = self._disc()
        for letter, (right, front) in {"R": (1, 0), "L": (-1, 0), "A": (0, 1), "P": (0, -1)}.items():
            side = right * (-1 if self._radiological else 1)
            if side:
                edge = centre.x() + side * (reach + _MARKER + 6)
                box = QRectF(
                    edge if side > 0 else 0, centre.y() - high, self.width() - edge if side > 0 else edge, high
                )
                where = Qt.AlignmentFlag.AlignLeft if side > 0 else Qt.AlignmentFlag.AlignRight
                self._write(painter, bold, box, where, letter)
                self._write(painter, self.font(), box.translated(0, high), where, RIM_WORDS[letter])
            else:
                box = QRectF(0, centre.y() - front * (reach + _MARKER + high * 0.55) - high / 2, centre.x() - 6, high)
                self._write(painter, bold, box, Qt.AlignmentFlag.AlignRight, letter)
                box = QRectF(centre.x(), box.top(), centre.x(), high)
                self._write(painter, self.font(), box, Qt.AlignmentFlag.AlignLeft, RIM_WORDS[letter])

    def _write(self, painter: QPainter, font: object, box: QRectF, where: Qt.AlignmentFlag, text: str) -> None:
        painter.save()
        painter.setFont(font)
        painter.setPen(colour(self, "text"))
        painter.drawText(box, where | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _paint_directions(self, painter: QPainter, plan: Plan) -> None:
        for at, numbers, advised in self._marks(plan):
            self._mark(painter, at, "\N{MIDDLE DOT}".join(map(str, numbers)), advised=advised)

    def _marks(self, plan: Plan) -> list[tuple[QPointF, list[int], bool]]:
        """Place, numbers and whether it is advised, of every mark; what would cover each other shares one."""
        marks: list[tuple[QPointF, list[int], bool]] = []
        every = [*((d, False) for d in plan.worth.b0_dirs), *((t.b0_dir, True) for t in plan.next_tilts)]
        for number, (b0_dir, advised) in enumerate(every, 1):
            at = self.place(*offsets(b0_dir))
            near = [i for i, (other, _, _) in enumerate(marks) if (at - other).manhattanLength() < _MARKER]
            if near:
                other, numbers, was = marks[near[0]]
                marks[near[0]] = other, [*numbers, number], was or advised
            else:
                marks.append((at, [number], advised))
        return marks

    def _mark(self, painter: QPainter, at: QPointF, text: str, *, advised: bool) -> None:
        """A white disc for what is there, an orange diamond for what is advised; told apart by shape, too."""
        painter.setPen(QPen(QColor("black"), 1.2))
        if advised:
            r = _MARKER * (1.45 if len(text) < 3 else 1.9)
            painter.setBrush(QColor("#f2994a"))
            painter.drawPolygon([at + QPointF(x, y) for x, y in ((0, -r), (r, 0), (0, r), (-r, 0))])
        else:
            painter.setBrush(QColor("white"))
            painter.drawEllipse(at, _MARKER * (1 if len(text) < 3 else 1.5), _MARKER)
        font = painter.font()
        painter.save()
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.85))
        font.setBold(advised)
        painter.setFont(font)
        box = QRectF(0, 0, 4 * _MARKER, 2 * _MARKER)
        box.moveCenter(at)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


def gain_image(gains: GainMap, *, mirrored: bool = False) -> QImage:
    """One pixel per place of the map, front to the top, and the head's right to the right unless mirrored."""
    share = np.clip(gains.gain / max(float(gains.within.max()), 1e-12), 0, 1).T[::-1]
    ramp = np.array(_RAMP, np.float64)
    if mirrored:
        share = share[:, ::-1]
    rgb = np.stack([np.interp(share, np.linspace(0, 1, len(ramp)), ramp[:, c]) for c in range(3)], -1)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.round(rgb).astype(np.uint8))
    high, wide, _ = pixels.shape
    return QImage(pixels.tobytes(), wide, high, 3 * wide, QImage.Format.Format_RGB888).copy()
