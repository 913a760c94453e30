"""The table of head orientations: field map, B0 direction, tilt, unit."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView, QWidget

from napari_sti.core.errors import InputError
from napari_sti.io.b0 import TEXT_FRAME
from napari_sti.io.study import Orientation
from napari_sti.widgets.look import colour

_ROW = 26
FILE, B0, TILT, UNIT = range(4)
_HEADERS = ("Field map", "B0 direction", "Tilt", "Unit")
_HELP = (
    "Field map of this orientation: local field shift, unwrapped, background removed.",
    "Unit vector of the main field. Type x, y, z, or 'affine' to take it from the header of an unresampled scan.",
    "Angle between this B0 direction and the first, in degrees.",
    "Unit of the field map, with the echo time for radians.",
)
Vector = tuple[float, float, float]


_FRAME_WORDS = {"voxel": "voxel", "ras": "RAS", "lps": "LPS", "fsl": "FSL", None: "not stated"}


def frame_of(orientation: Orientation) -> str | None:
    """Axes in which a B0 direction is read: as stated, LPS for text files, None where that is missing."""
    return orientation.frame or (TEXT_FRAME if isinstance(orientation.b0_dir, Path) else None)


def has_numbers(orientation: Orientation) -> bool:
    """Whether a B0 direction is given in numbers, typed or in a text file."""
    return isinstance(orientation.b0_dir, tuple | Path)


def parse_b0(text: str) -> "Vector | Path | str | None":
    """Read what was typed as a B0 direction: three numbers, the word affine, a text file, or nothing.

    Raises
    ------
    InputError
        If it is none of them.
    """
    text = text.strip()
    if not text:
        return None
    if text.lower() in ("affine", "from affine"):
        return "affine"
    words = text.replace(",", " ").replace(";", " ").strip("[]() ").split()
    try:
        x, y, z = (float(word) for word in words)
    except ValueError:
        if Path(text).expanduser().is_file():
            return Path(text).expanduser()
        raise InputError(
            f"the B0 direction {text!r} is not readable",
            mend="type x, y, z, the word affine, or the path of a text file",
        ) from None
    return x, y, z


class OrientationModel(QAbstractTableModel):
    """Rows are orientations; only the B0 direction is edited in place."""

    edited = Signal()
    refused = Signal(str)
    """Why what was typed was not taken."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._widget = parent
        self.orientations: tuple[Orientation, ...] = ()
        self._tilts: tuple[float | None, ...] = ()
        self._directions: tuple[Vector | None, ...] = ()
        self._faulty: frozenset[int] = frozenset()

    def set_orientations(self, orientations: tuple[Orientation, ...]) -> None:
        """Show other orientations."""
        if orientations == self.orientations:
            return
        self.beginResetModel()
        self.orientations = orientations
        self._tilts = self._directions = ()
        self._faulty = frozenset()
        self.endResetModel()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, B0, B0)

    def set_resolved(
        self, directions: tuple[Vector | None, ...], tilts: tuple[float | None, ...], faulty: frozenset[int]
    ) -> None:
        """Tell the B0 directions as read from text and headers, the tilts, and which rows lack something."""
        self._directions, self._tilts, self._faulty = directions, tilts, faulty
        if self.orientations:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.orientations) - 1, UNIT))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of orientations."""
        return 0 if parent is not None and parent.isValid() else len(self.orientations)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Four columns."""
        return len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Headings with their explanations; rows count from one."""
        if orientation == Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{_HEADERS[B0]}{self._frames()}" if section == B0 else _HEADERS[section]
        return _HELP[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """The B0 direction can be typed."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == B0 else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown(row, column)
        if role == Qt.ItemDataRole.EditRole and column == B0:
            return _editable(self.orientations[row].b0_dir)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._explained(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == TILT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a typed B0 direction."""
        if role != Qt.ItemDataRole.EditRole or index.column() != B0:
            return False
        row = index.row()
        try:
            b0_dir = parse_b0(str(value))
        except InputError as error:
            self.refused.emit(str(error))
            return False
        if b0_dir == self.orientations[row].b0_dir:
            return False
        changed = list(self.orientations)
        changed[row] = replace(changed[row], b0_dir=b0_dir)
        self.orientations = tuple(changed)
        self._tilts = self._directions = ()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, B0, B0)
        self.edited.emit()
        return True

    def _frames(self) -> str:
        """In which axes the directions are given, for the heading; nothing where none needs axes."""
        frames = {frame_of(o) for o in self.orientations if has_numbers(o)}
        if not frames:
            return ""
        return f" ({_FRAME_WORDS[next(iter(frames))] if len(frames) == 1 else 'mixed'})"

    def _shown(self, row: int, column: int) -> str:
        orientation = self.orientations[row]
        if column == FILE:
            return orientation.field.name if orientation.field else "missing"
        if column == B0:
            return self._direction_text(row)
        if column == TILT:
            tilt = self._tilts[row] if row < len(self._tilts) else None
            return "" if tilt is None else f"{tilt:.1f}°"
        if orientation.units is None:
            return "missing"
        te = f" {orientation.te * 1e3:g} ms" if orientation.units == "rad" and orientation.te else ""
        return f"{orientation.units}{te}"

    def _direction_text(self, row: int) -> str:
        b0_dir = self.orientations[row].b0_dir
        if b0_dir is None:
            return "missing"
        if b0_dir == "affine":
            return "from affine"
        if isinstance(b0_dir, Path):
            return b0_dir.name
        return _vector_text(b0_dir)

    def _explained(self, row: int, column: int) -> str:
        orientation = self.orientations[row]
        if column == FILE:
            return str(orientation.field or "No field map yet.")
        if column != B0:
            return _HELP[column]
        found = self._directions[row] if row < len(self._directions) else None
        lines = [f"{orientation.b0_dir}, in {orientation.frame} axes" if orientation.frame else str(orientation.b0_dir)]
        if found is not None:
            lines.append(f"In voxel axes: {_vector_text(found)}")
        return "\n".join([*lines, _HELP[B0]])

    def _colour(self, row: int, column: int) -> QColor | None:
        shown = self._shown(row, column)
        if shown == "missing" or (row in self._faulty and column == FILE):
            return colour(self._widget, "warning")
        return None


def _vector_text(vector: Any) -> str:
    return "  ".join(f"{v:.3f}".replace("-0.000", "0.000") for v in vector)


def _editable(b0_dir: Any) -> str:
    if b0_dir is None:
        return ""
    if isinstance(b0_dir, str | Path):
        return str(b0_dir)
    return ", ".join(repr(float(v)) for v in b0_dir)


class OrientationTable(QTableView):
    """Editor of a tuple of `Orientation`."""

    valueChanged = Signal()
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = OrientationModel(self)
        self.setModel(self._model)
        self._model.edited.connect(self.valueChanged)
        self._model.refused.connect(self.refused)
        self.setObjectName("sti_orientations")
        self.setAccessibleName("Orientations")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        for column, mode in (
            (FILE, "Stretch"),
            (B0, "ResizeToContents"),
            (TILT, "ResizeToContents"),
            (UNIT, "ResizeToContents"),
        ):
            header.setSectionResizeMode(column, getattr(QHeaderView.ResizeMode, mode))
        header.setMinimumSectionSize(36)
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def value(self) -> tuple[Orientation, ...]:
        """The orientations."""
        return self._model.orientations

    def setValue(self, orientations: tuple[Orientation, ...]) -> None:
        """Show other orientations; the selection stays where the rows stay."""
        rows = self.selected_rows()
        self._model.set_orientations(tuple(orientations))
        self.updateGeometry()
        if rows and not self.selected_rows():
            self.select_rows(rows)

    def select_rows(self, rows: Iterable[int]) -> None:
        """Select these orientations."""
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().clearSelection()
        for row in rows:
            if row < len(self._model.orientations):
                self.selectionModel().select(self._model.index(row, 0), flags.Select | flags.Rows)

    def set_resolved(
        self, directions: tuple[Vector | None, ...], tilts: tuple[float | None, ...], faulty: frozenset[int]
    ) -> None:
        """Tell what the check of the study found out."""
        self._model.set_resolved(directions, tilts, faulty)

    def selected_rows(self) -> list[int]:
        """Selected orientations, in order."""
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    def sizeHint(self) -> QSize:
        """High enough for its orientations, from three to eight."""
        rows = min(max(self._model.rowCount(), 3), 8)
        return QSize(360, rows * _ROW + self.horizontalHeader().sizeHint().height() + 6)

    def minimumSizeHint(self) -> QSize:
        """The same: the panel scrolls, not the table within it."""
        return QSize(200, self.sizeHint().height())
