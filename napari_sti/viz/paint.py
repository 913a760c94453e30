"""Small pictures for the canvas: letters, caption, colour key and colour bar, painted with antialiased text.

Text has a thin rim of the opposite brightness, so that it can be read on bright and dark images in both themes.
"""

from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QImage, QPainter, QPainterPath, QPen

from napari_sti.maps.colour import colour_key
from napari_sti.viz import numbers
from napari_sti.viz.legend import Bar, Key

Picture = NDArray[np.uint8]
"""(height, width, 4) RGBA in device pixels."""

TEXT_PIXELS = 13
LETTER_PIXELS = 22
SMALL_LETTER_PIXELS = 16
KEY_PIXELS = 84
BAR_WIDTH, BAR_HEIGHT = 14, 140
RIM = 3.0


def _palette(dark: bool) -> tuple[QColor, QColor]:
    text, rim = QColor(245, 245, 245), QColor(0, 0, 0, 190)
    if not dark:
        text, rim = QColor(20, 20, 20), QColor(255, 255, 255, 215)
    return text, rim


def _font(pixels: float, bold: bool = False) -> QFont:
    font = QFont(QGuiApplication.font())
    font.setPixelSize(max(1, round(pixels)))
    font.setBold(bold)
    return font


class _Canvas:
    """A transparent picture in logical pixels, with a painter that knows how to write."""

    def __init__(self, width: float, height: float, ratio: float, dark: bool) -> None:
        self.ratio, (self.text_color, self.rim_color) = ratio, _palette(dark)
        self.image = QImage(
            max(1, int(np.ceil(width * ratio))),
            max(1, int(np.ceil(height * ratio))),
            QImage.Format.Format_ARGB32_Premultiplied,
        )
        self.image.fill(Qt.GlobalColor.transparent)
        self.painter = QPainter(self.image)
        self.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.painter.scale(ratio, ratio)

    def write(self, x: float, baseline: float, text: str, font: QFont) -> None:
        # The text all around itself is its rim; stroking its outline takes seven times as long, with every slice.
        rim, opaque = QImage(self.image.size(), self.image.format()), QColor(self.rim_color)
        opaque.setAlpha(255)
        rim.fill(Qt.GlobalColor.transparent)
        around = QPainter(rim)
        around.setRenderHint(QPainter.RenderHint.Antialiasing)
        around.scale(self.ratio, self.ratio)
        around.setFont(font)
        around.setPen(opaque)
        for angle in np.arange(12) * np.pi / 6:
            away = QPointF(RIM / 2 * float(np.cos(angle)), RIM / 2 * float(np.sin(angle)))
            around.drawText(QPointF(x, baseline) + away, text)
        around.end()
        self.painter.save()
        self.painter.resetTransform()
        self.painter.setOpacity(self.rim_color.alphaF())
        self.painter.drawImage(0, 0, rim)
        self.painter.restore()
        self.painter.setFont(font)
        self.painter.setPen(self.text_color)
        self.painter.drawText(QPointF(x, baseline), text)

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        for color, width in ((self.rim_color, RIM), (self.text_color, 1.2)):
            self.painter.setPen(QPen(color, width))
            self.painter.drawLine(QPointF(x0, y0), QPointF(x1, y1))

    def picture(self) -> Picture:
        self.painter.end()
        return _pixels(self.image.convertToFormat(QImage.Format.Format_RGBA8888))


def _pixels(image: QImage) -> Picture:
    bits: Any = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.sizeInBytes())  # PyQt hands over a pointer without a length
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    out = rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()
    out.setflags(write=False)
    return cast(Picture, out)


@lru_cache(maxsize=64)
def letter(text: str, ratio: float, dark: bool, *, small: bool = False) -> Picture:
    """Paint the one or two letters of an edge; small ones for the cells of a grid."""
    font = _font(SMALL_LETTER_PIXELS if small else LETTER_PIXELS, bold=True)
    metrics = QFontMetricsF(font)
    width = metrics.horizontalAdvance(text) + 2 * RIM
    canvas = _Canvas(width, metrics.height(), ratio, dark)
    canvas.write(RIM, metrics.ascent(), text, font)
    return canvas.picture()


@lru_cache(maxsize=64)
def line(text: str, room: float, ratio: float, dark: bool, *, bold: bool = False, larger: int = 0) -> Picture:
    """Paint one line of text, shortened in the middle where there is no room for all of it.

    Lines are pictures of their own, since only one changes with the slice.
    """
    font = _font(TEXT_PIXELS + larger, bold)
    metrics = QFontMetricsF(font)
    text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, max(room - 2 * RIM, 40.0))
    canvas = _Canvas(metrics.horizontalAdvance(text) + 2 * RIM, metrics.height() + 2, ratio, dark)
    canvas.write(RIM, metrics.ascent() + 1, text, font)
    return canvas.picture()


@lru_cache(maxsize=16)
def key(state: Key, ratio: float, dark: bool) -> Picture:
    """Paint the ball of direction colours as this view sees it, with the letters of R, A and S on it."""
    font, small = _font(TEXT_PIXELS), _font(TEXT_PIXELS - 1)
    metrics = QFontMetricsF(small)
    lines = ["opacity:" if state.opacity else "brightness:", state.brightness] if state.brightness else []
    lines += [state.note] if state.note else []
    width = max([KEY_PIXELS + 2 * RIM] + [metrics.horizontalAdvance(line) + 2 * RIM for line in lines])
    top = RIM
    canvas = _Canvas(width, KEY_PIXELS + 2 * RIM + len(lines) * (metrics.height() + 1), ratio, dark)
    size = round(KEY_PIXELS * ratio)
    colours: Any = {"even": state.even, "suppress": state.suppress}
    ball = np.ascontiguousarray(colour_key(np.array(state.view_axes), size=size, **colours))
    image = QImage(ball.data, size, size, 4 * size, QImage.Format.Format_RGBA8888)
    canvas.painter.setPen(QPen(canvas.rim_color, RIM))
    canvas.painter.drawEllipse(QRectF(RIM, top, KEY_PIXELS, KEY_PIXELS))
    canvas.painter.drawImage(QRectF(RIM, top, KEY_PIXELS, KEY_PIXELS), image)
    _axis_letters(canvas, state, QPointF(RIM + KEY_PIXELS / 2, top + KEY_PIXELS / 2), font)
    y = top + KEY_PIXELS + RIM
    for line in lines:
        canvas.write(RIM, y + metrics.ascent(), line, small)
        y += metrics.height() + 1
    return canvas.picture()


def _axis_letters(canvas: _Canvas, state: Key, centre: QPointF, font: QFont) -> None:
    # The near end of each world axis, drawn on the ball where it lies.
    right, up, towards = (np.array(row) for row in state.view_axes)
    metrics = QFontMetricsF(font)
    for axis, (low, high) in enumerate((("L", "R"), ("P", "A"), ("I", "S"))):
        near = 1.0 if towards[axis] >= -1e-3 else -1.0
        ends = (1.0, -1.0) if abs(towards[axis]) < 0.2 else (near,)
        for sign in ends:
            text = high if sign > 0 else low
            x = centre.x() + sign * right[axis] * KEY_PIXELS * 0.38
            y = centre.y() - sign * up[axis] * KEY_PIXELS * 0.38
            path = QPainterPath()
            path.addText(QPointF(x - metrics.horizontalAdvance(text) / 2, y + metrics.capHeight() / 2), font, text)
            canvas.painter.strokePath(path, QPen(QColor(0, 0, 0, 150), 2.0))
            canvas.painter.fillPath(path, QColor(255, 255, 255))


@lru_cache(maxsize=16)
def bar(state: Bar, ratio: float, dark: bool, *, height: float = BAR_HEIGHT) -> Picture:
    """Paint a vertical colour bar with title, ticks and labels; the bar itself is flush with the right edge."""
    font, bold = _font(TEXT_PIXELS - 1), _font(TEXT_PIXELS, bold=True)
    metrics, title_metrics = QFontMetricsF(font), QFontMetricsF(bold)
    values = numbers.ticks(state.low, state.high)
    labels = numbers.tick_labels(values)
    label_width = max(metrics.horizontalAdvance(label) for label in labels)
    title_width = title_metrics.horizontalAdvance(state.title)
    width = max(label_width + 8 + BAR_WIDTH, title_width) + 2 * RIM
    top = title_metrics.height() + 8
    canvas = _Canvas(width, top + height + metrics.height() / 2 + RIM, ratio, dark)
    canvas.write(width - RIM - title_width, title_metrics.ascent(), state.title, bold)
    left = width - RIM - BAR_WIDTH
    ramp = np.zeros((len(state.colors), 1, 4), np.uint8)
    ramp[:, 0, :3] = np.array(state.colors)[::-1]
    ramp[..., 3] = 255
    image = QImage(ramp.data, 1, len(ramp), 4, QImage.Format.Format_RGBA8888)
    frame = QRectF(left, top, BAR_WIDTH, height)
    canvas.painter.setPen(QPen(canvas.rim_color, RIM))
    canvas.painter.drawRect(frame)
    canvas.painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    canvas.painter.drawImage(frame, image)
    canvas.painter.setPen(QPen(canvas.text_color, 1.0))
    canvas.painter.drawRect(frame)
    span = state.high - state.low
    for value, label in zip(values, labels, strict=True):
        y = top + height * (1 - (value - state.low) / span) if span > 0 else top + height
        canvas.line(left - 4, y, left, y)
        x = left - 7 - metrics.horizontalAdvance(label)
        canvas.write(x, y + metrics.capHeight() / 2, label, font)
    return canvas.picture()
