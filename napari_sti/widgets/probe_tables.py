"""Tables of the Probe panel: the tensor as a matrix, the places, and all runs in one place."""

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_sti.maps.metrics import pev_angle
from napari_sti.maps.probe import Probe
from napari_sti.viz.numbers import MINUS, Unit, degrees, direction, susceptibility, world
from napari_sti.widgets.look import MARGIN

_DASH = "\N{EN DASH}"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TensorMatrix(QWidget):
    """Nine numbers with the letters of their axes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_probe_matrix")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(MARGIN // 2)
        grid.setVerticalSpacing(2)
        self.unit = _label("", muted=True)
        grid.addWidget(self.unit, 4, 1, 1, 3, Qt.AlignmentFlag.AlignRight)
        for i, letter in enumerate("RAS"):
            grid.addWidget(_label(letter, muted=True), 0, i + 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(_label(letter, muted=True), i + 1, 0)
        self.cells = [[_label() for _ in range(3)] for _ in range(3)]
        for i, row in enumerate(self.cells):
            for j, cell in enumerate(row):
                cell.setAlignment(_RIGHT)
                grid.addWidget(cell, i + 1, j + 1)
        for column in (1, 2, 3):
            grid.setColumnStretch(column, 1)

    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The nine numbers as they are written."""
        return tuple(tuple(cell.text() for cell in row) for row in self.cells)

    def setValue(self, probe: Probe, unit: Unit) -> None:
        """Show another probe."""
        self.unit.setText(f"[{unit}]")
        for cells, row in zip(self.cells, probe.chi, strict=True):
            for cell, value in zip(cells, row, strict=True):
                cell.setText(_element(float(value), unit))
                cell.setToolTip(f"{float(value):.6g} ppm")


class TensorNumbers(QWidget):
    """MMS and MSA, eigenvalues and direction."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_probe_numbers")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(2)
        self.lines: dict[str, QLabel] = {}
        for number, (name, help) in enumerate(
            (
                ("MMS", "Mean magnetic susceptibility, the mean of the eigenvalues."),
                ("MSA", "Anisotropy: the first eigenvalue minus the mean of the two others."),
                ("\N{GREEK SMALL LETTER LAMDA}", "Eigenvalues, the largest first."),
                ("PEV", "Eigenvector of the largest eigenvalue, without sign, in axes of the world."),
            )
        ):
            head, value = _label(name, muted=True), _label()
            head.setToolTip(help)
            grid.addWidget(head, number, 0)
            grid.addWidget(value, number, 1)
            self.lines[name] = value
        grid.setColumnStretch(1, 1)

    def setValue(self, probe: Probe, unit: Unit) -> None:
        """Show another probe."""
        mms, msa, eigen, pev = self.lines.values()
        eigen.setText("   ".join(_number(float(value), unit) for value in probe.eigenvalues) + f" {unit}")
        mms.setText(f"{_number(probe.mms, unit)} {unit}")
        msa.setText(f"{_number(probe.msa, unit)} {unit}")
        pev.setText(direction(probe.direction) if probe.inside else _DASH)


class _Table(QTableWidget):
    """Rows that are chosen as a whole and are never edited; as high as its rows up to a limit."""

    chosen = Signal(int)

    def __init__(self, name: str, title: str, most: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._most = most
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setHighlightSections(False)
        self.currentCellChanged.connect(self._current)

    def fill(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, tips: Sequence[str] = ()) -> None:
        """Write other rows; the first column is aligned to the left, numbers to the right."""
        with QSignalBlocker(self):
            self.setColumnCount(len(heads))
            self.setRowCount(len(rows))
            self.setHorizontalHeaderLabels(list(heads))
            for i, row in enumerate(rows):
                for j, text in enumerate(row):
                    item = QTableWidgetItem(text)
                    item.setToolTip(tips[i] if tips else text)
                    if j:
                        item.setTextAlignment(_RIGHT)
                    self.setItem(i, j, item)
            header = self.horizontalHeader()
            for j in range(len(heads)):
                mode = QHeaderView.ResizeMode.Stretch if j == 0 else QHeaderView.ResizeMode.ResizeToContents
                header.setSectionResizeMode(j, mode)
        self.updateGeometry()

    def texts(self) -> list[list[str]]:
        """All cells as they are written."""
        return [[self.item(i, j).text() for j in range(self.columnCount())] for i in range(self.rowCount())]

    def select(self, row: int) -> None:
        """Select a row without telling."""
        with QSignalBlocker(self):
            self.clearSelection()
            self.setCurrentCell(row, 0)

    def sizeHint(self) -> QSize:
        """As many rows as there are, up to the limit."""
        rows = min(max(self.rowCount(), 1), self._most)
        return QSize(360, self.horizontalHeader().sizeHint().height() + rows * 24 + 6)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(120, self.sizeHint().height())

    def _current(self, row: int, column: int, before: int, _: int) -> None:
        if row != before:
            self.chosen.emit(row)


class PlaceTable(_Table):
    """The places, with what the run that is looked at holds there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sti_probe_places", "Probes", 5, parent)

    def setValue(self, probes: Sequence[Sequence[Probe]], unit: Unit) -> None:
        """Show other places; the first result of each is the one that is looked at."""
        rows, tips = [], []
        for number, row in enumerate(probes, 1):
            first = row[0] if row else None
            if first is None:
                continue
            values = [_number(first.mms, unit), _number(first.msa, unit)] if first.inside else [_DASH, _DASH]
            rows.append([f"{number}    {world(first.place).removesuffix(' mm')}", *values])
            tips.append(f"voxel {first.voxel} of the file; {first.where}")
        self.fill(("Place [mm]", f"MMS [{unit}]", f"MSA [{unit}]"), rows, tips=tips)


class RunsHereTable(_Table):
    """All runs that are open, in one place; the angle is that to the first of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sti_probe_runs", "The probe in every run", 6, parent)

    def setValue(self, probes: Sequence[Probe], unit: Unit) -> None:
        """Show other results."""
        rows = []
        for probe in probes:
            if not probe.inside:
                rows.append([probe.name, probe.where, "", "", ""])
                continue
            misfit = _DASH if probe.fields is None else _number(probe.fields.misfit, unit)
            rows.append(
                [
                    probe.name,
                    _number(probe.mms, unit),
                    _number(probe.msa, unit),
                    _angle(probe, probes[0]),
                    misfit,
                ]
            )
        tips = [f"{probe.name}: voxel {probe.voxel} of its file" for probe in probes]
        self.fill(("Run", "MMS", "MSA", "angle", "misfit"), rows, tips=tips)
        for column, help in enumerate(
            (
                "",
                f"Mean susceptibility, {unit}.",
                f"Anisotropy, {unit}.",
                "Between its direction and that of the first run, in degrees.",
                f"Root mean square of measured minus predicted field over the orientations, {unit}.",
            )
        ):
            self.horizontalHeaderItem(column).setToolTip(help)


def _angle(probe: Probe, first: Probe) -> str:
    if probe is first or not (probe.direction.any() and first.direction.any()):
        return _DASH
    return degrees(float(pev_angle(probe.direction[None], first.direction[None])[0]))


def _number(value: float, unit: Unit) -> str:
    return susceptibility(value, unit, with_unit=False) if np.isfinite(value) else _DASH


def _element(value: float, unit: Unit) -> str:
    """An element of the matrix, all with as many decimals; what would be written as 0 and is not says so."""
    if not np.isfinite(value):
        return _DASH
    shown, decimals = (value * 1000, 1) if unit == "ppb" else (value, 4)
    text = f"{shown:.{decimals}f}".replace("-", MINUS)
    zero = not float(text.replace(MINUS, "-"))
    return text if not zero else "0" if value == 0 else "\N{ALMOST EQUAL TO} 0"


def _label(text: str = "", *, muted: bool = False) -> QLabel:
    label = QLabel(text)
    label.setEnabled(not muted)
    if not muted:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
