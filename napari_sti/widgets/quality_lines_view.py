"""The short form of a quality page: what was found, line by line, and what is usual in the tooltips."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QFont, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.maps.quality_lines import SECTIONS, TITLES
from napari_sti.widgets.look import MARGIN, colour, empty


class QualityLines(QWidget):
    """Lines by section; one outside of its rule of thumb has a bar at its left, and the rule with its source below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[Mapping[str, Any], ...] = ()
        self.setObjectName("sti_quality_lines")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)

    def value(self) -> tuple[Mapping[str, Any], ...]:
        """What is shown."""
        return self._lines

    def text(self) -> str:
        """All of it as text."""
        return "\n".join(f"{line['title']}: {line['value']}" for line in self._lines)

    def setValue(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Show other lines (`napari_sti.maps.quality_lines.Line` as mappings)."""
        self._lines = tuple(lines)
        empty(self._layout)
        for section in SECTIONS:
            mine = [line for line in lines if line.get("section") == section]
            if mine:
                self._layout.addWidget(_heading(TITLES[section]))
            for line in mine:
                self._layout.addWidget(_LineView(line))


class _LineView(QWidget):
    """Title and value below each other."""

    def __init__(self, line: Mapping[str, Any]) -> None:
        super().__init__()
        self._outside = bool(line.get("outside"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 1, 0, 3)
        layout.setSpacing(0)
        layout.addWidget(_label(str(line["title"])))
        layout.addWidget(_label(str(line["value"]), bold=True))
        rule, source = str(line.get("rule") or ""), str(line.get("source") or "")
        said = f"Rule of thumb: {rule}" + (f" [{source}]" if source else "")
        if self._outside:
            layout.addWidget(_label(f"Outside of it. {said}", italic=True))
        elif rule:
            self.setToolTip(said)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the bar."""
        if self._outside:
            painter = QPainter(self)
            painter.fillRect(0, 1, 3, self.height() - 3, colour(self, "warning"))
            painter.end()


def _label(text: str, *, muted: bool = False, bold: bool = False, italic: bool = False) -> QLabel:
    label = QLabel(text)
    font = QFont(label.font())
    font.setBold(bold)
    font.setItalic(italic)
    label.setFont(font)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setEnabled(not muted)
    return label


def _heading(text: str) -> QLabel:
    label = _label(text.upper(), muted=True)
    label.setContentsMargins(0, MARGIN // 2, 0, 0)
    return label
