"""The table of a comparison: results as rows, figures as columns, the best of each column marked."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from napari_sti.maps.comparison import AnyScores, Comparison
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.scores import Column
from napari_sti.viz.numbers import MINUS

BEST = "\N{BLACK STAR}"
"""Before the best value of a column, beside bold letters: nobody has to tell colours apart."""
_ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
_ROLE = int(Qt.ItemDataRole.UserRole)


class CompareTable(QTableWidget):
    """Shows a comparison, or one region of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_compare_table")
        self.setAccessibleName("Figures of the comparison")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def show_comparison(self, comparison: Comparison, region: str = "") -> None:
        """Show all voxels, or those of one region."""
        rows = comparison.regions[region] if region else comparison.scores
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(comparison.columns))
        for number, name in enumerate(rows):
            header = QTableWidgetItem(name if len(name) <= 18 else f"{name[:9]}\N{HORIZONTAL ELLIPSIS}{name[-8:]}")
            header.setData(_ROLE, name)
            header.setToolTip(name)
            self.setVerticalHeaderItem(number, header)
        for number, column in enumerate(comparison.columns):
            self._column(number, column, list(rows.values()))
        self.resizeColumnsToContents()
        self.resizeRowsToContents()
        self.updateGeometry()

    def _column(self, number: int, column: Column, scores: list[AnyScores]) -> None:
        above, _, below = column.title.partition(", ")
        unit = f"[{column.unit}]" if column.unit else ""
        header = QTableWidgetItem(
            f"{above} {_ARROWS[column.better]}\n{' '.join(word for word in (below, unit) if word)}"
        )
        header.setData(_ROLE, column.heading)
        header.setToolTip(f"{column.heading}: {column.better} is better.")
        self.setHorizontalHeaderItem(number, header)
        values = [column.value(score) for score in scores]  # type: ignore[arg-type]
        texts = [column.write(value).replace("-", MINUS) for value in values]
        best = column.write(column.best(values)).replace("-", MINUS) if len(values) > 1 else None
        for row, (value, text) in enumerate(zip(values, texts, strict=True)):
            marked = text == best and value == value
            item = QTableWidgetItem(f"{BEST} {text}" if marked else text)
            item.setData(_ROLE, text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if marked:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.setItem(row, number, item)

    def text(self) -> str:
        """The table as lines of words with tabs between them, as spreadsheets take it."""
        columns = range(self.columnCount())
        lines = [["result", *(str(self.horizontalHeaderItem(i).data(_ROLE)) for i in columns)]]
        for row in range(self.rowCount()):
            name = str(self.verticalHeaderItem(row).data(_ROLE))
            lines.append([name, *(str(self.item(row, i).data(_ROLE)) for i in columns)])
        return "\n".join("\t".join(line) for line in lines) + "\n"

    def sizeHint(self) -> QSize:
        """High enough for all rows, so that it scrolls sideways only."""
        height = self.horizontalHeader().sizeHint().height() + sum(self.rowHeight(i) for i in range(self.rowCount()))
        return QSize(360, height + self.horizontalScrollBar().sizeHint().height() + 4)

    def minimumSizeHint(self) -> QSize:
        """The same height."""
        return QSize(120, self.sizeHint().height())


def words_below(comparison: Comparison, scores: AnyScores) -> str:
    """Say what has to be known to read the table, whose first row has these scores."""
    words = [
        f"{BEST} best of its column; arrows say which way is better.",
        f"{scores.voxels} voxels, angles in {scores.angle_voxels} where {comparison.where}.",
    ]
    reference = comparison.reference
    if isinstance(reference, DtiReference):
        share = f"{reference.share_of_best:.2f}"
        words.append(f"Fibre coherence of V1, read as {reference.frame}: {share} of the best among flips and swaps.")
    words += ["Simulated data."] if comparison.simulated else []
    return " ".join(words)
