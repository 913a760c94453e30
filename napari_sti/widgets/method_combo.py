"""The list of methods: those that find a tensor first, isotropic ones last, each with its summary below its name."""

from collections.abc import Iterable

from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtGui import QFontMetrics, QPainter, QPalette, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_sti.core.method import Method
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling

_SUMMARY = Qt.ItemDataRole.UserRole + 1
FIRST = "stiimag"
"""The method that is offered first: it makes the fewest assumptions."""

_GROUPS = ("Tensor", "Isotropic susceptibility, no directions")


class MethodCombo(QComboBox):
    """Choice of a method by its id (`currentData`); headings cannot be chosen.

    Parameters
    ----------
    methods : iterable of Method
        In any order.
    """

    def __init__(self, methods: Iterable[Method], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_method")
        self.setAccessibleName("Method")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keep_wheel_for_scrolling(self)
        model = QStandardItemModel(self)
        grouped = [[m for m in methods_in_order(methods) if m.isotropic == isotropic] for isotropic in (False, True)]
        headed = all(grouped)  # one group alone needs no heading
        for title, group in zip(_GROUPS, grouped, strict=True):
            if headed:
                model.appendRow(_heading(title))
            for method in group:
                model.appendRow(_entry(method))
        self.setModel(model)
        self.setItemDelegate(_TwoLines(self))
        self.setMaxVisibleItems(16)
        ids = [model.item(row).data(Qt.ItemDataRole.UserRole) for row in range(model.rowCount())]
        self.setCurrentIndex(ids.index(FIRST) if FIRST in ids else next((i for i, id_ in enumerate(ids) if id_), 0))


def methods_in_order(methods: Iterable[Method]) -> list[Method]:
    """Tensor methods, from the plain to the elaborate as far as that can be told, then isotropic ones."""
    return sorted(methods, key=lambda m: (m.isotropic, len(m.needs.masks), m.needs.weights, m.title.lower()))


def _heading(title: str) -> QStandardItem:
    item = QStandardItem(title)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _entry(method: Method) -> QStandardItem:
    item = QStandardItem(method.title)
    item.setData(method.id, Qt.ItemDataRole.UserRole)
    item.setData(method.summary, _SUMMARY)
    item.setData(f"{method.summary}\n{method.reference}", Qt.ItemDataRole.ToolTipRole)
    return item


class _TwoLines(QStyledItemDelegate):
    """Paints the name of a method and, in muted letters below it, its summary in one line."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Two lines; headings have one. The width is that of the box, whatever the texts are."""
        line = option.fontMetrics.height()
        return QSize(0, 2 * line + MARGIN if index.data(_SUMMARY) else line + MARGIN)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one entry."""
        assert painter is not None
        self.initStyleOption(option, index)
        title, summary = option.text, index.data(_SUMMARY)
        if not summary:
            super().paint(painter, option, index)
            return
        option.text = ""
        widget = option.widget
        style = widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, widget)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        pen = option.palette.color(role)
        painter.save()
        box = option.rect.adjusted(MARGIN + MARGIN // 2, MARGIN // 2, -MARGIN // 2, -MARGIN // 2)
        metrics = QFontMetrics(option.font)
        painter.setPen(pen)
        painter.setFont(option.font)
        painter.drawText(
            box, Qt.AlignmentFlag.AlignTop, metrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        )
        pen.setAlphaF(0.7)
        painter.setPen(pen)
        line = metrics.elidedText(summary, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignBottom, line)
        painter.restore()
