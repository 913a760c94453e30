"""The table of a plan: what noise makes of every component, and how much of it becomes known."""

import math

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_sti.maps.orientation_worth import OrientationWorth
from napari_sti.maps.plan_report import Row, amplification_text, table
from napari_sti.viz.numbers import Unit, susceptibility
from napari_sti.widgets.look import MARGIN

_DASH = "\N{EN DASH}"
_HEADINGS = (
    ("RAS axes", "Components along the axes of the world: x right-left, y front-back, z up-down."),
    ("noise", "Noise of the least-squares tensor for noise 1 of the field maps (sti_kspace without ridge)."),
    ("error", "The same, for the field noise above."),
    ("known", "Share of the usual variance of this quantity that the measurement removes."),
)


class PlanTable(QWidget):
    """Rows of a plan; numbers are aligned to the right and can be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: list[list[QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(MARGIN + 4)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(0, 1)
        for column, (text, help) in enumerate(_HEADINGS):
            label = self._label(text, column)
            label.setEnabled(False)
            label.setToolTip(help)
            self._grid.addWidget(label, 0, column)

    def value(self) -> tuple[tuple[str, ...], ...]:
        """The texts, row by row."""
        return tuple(tuple(label.text() for label in row) for row in self._cells)

    def setValue(self, worth: OrientationWorth, unit: Unit = "ppm") -> None:
        """Show other numbers."""
        lines = table(worth)
        while len(self._cells) < len(lines):
            self._add_row()
        for labels, row in zip(self._cells, lines, strict=True):
            labels[0].setToolTip(row.title)
            for label, text in zip(labels, _texts(row, unit), strict=True):
                label.setText(text)

    def _add_row(self) -> None:
        row = [self._label("", column) for column in range(len(_HEADINGS))]
        for column, label in enumerate(row):
            self._grid.addWidget(label, len(self._cells) + 1, column)
        self._cells.append(row)

    def _label(self, text: str, column: int) -> QLabel:
        label = QLabel(text, self)
        if column > 0:
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label


def _texts(row: Row, unit: Unit) -> tuple[str, ...]:
    undefined = not math.isfinite(row.amplification)
    return (
        row.name,
        _DASH if undefined else f"\N{MULTIPLICATION SIGN} {amplification_text(row.amplification)}",
        _DASH if undefined else susceptibility(row.error, unit),
        f"{100 * row.known:.0f} %",
    )
