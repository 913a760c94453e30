"""The tabs of the workbench, in as many rows as it takes: there are more panels than fit beside each other."""

from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QMouseEvent, QPaintEvent, QPalette, QResizeEvent
from qtpy.QtWidgets import QStyle, QStyleOptionTab, QStylePainter, QTabBar, QTabWidget, QWidget

from napari_sti.widgets.look import DOCK_WIDTH


class PanelTabs(QTabWidget):
    """Panels of which one is seen, with all of their titles in view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = RowsTabBar(self)
        self.setTabBar(self._bar)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Find the rows anew."""
        self._bar.fit(self.width())
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the panels allow; the titles wrap."""
        return QSize(0, super().minimumSizeHint().height())


class RowsTabBar(QTabBar):
    """A tab bar that breaks into rows of about the same length, each as wide as the bar.

    The tab that is chosen stays where it is: who has learnt a place finds it again.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setUsesScrollButtons(False)
        self.setDrawBase(False)
        self._width = DOCK_WIDTH

    def fit(self, width: int) -> None:
        """Wrap at another width."""
        if width != self._width:
            self._width = width
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """The whole width, and as high as the rows."""
        return QSize(self._width, len(self._rows()) * self._height())

    def minimumSizeHint(self) -> QSize:
        """No wider than the longest title."""
        widest = max((super(RowsTabBar, self).tabSizeHint(i).width() for i in range(self.count())), default=0)
        return QSize(widest, self.sizeHint().height())

    def tabRect(self, index: int) -> QRect:
        """Where a tab lies."""
        return self._places()[index]

    def tabAt(self, position: QPoint) -> int:
        """Which tab lies there; -1 if none does."""
        return next((i for i, place in enumerate(self._places()) if place.contains(position)), -1)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose the tab under the mouse."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            index = self.tabAt(event.position().toPoint())
            if index >= 0 and self.isTabEnabled(index):
                self.setCurrentIndex(index)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Tabs are not dragged."""

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """All was done when it was pressed."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the tabs as the style does, at their places."""
        painter = QStylePainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for index, place in enumerate(self._places()):
            option = QStyleOptionTab()
            self.initStyleOption(option, index)
            option.rect = place
            option.position = QStyleOptionTab.TabPosition.Middle
            painter.drawControl(QStyle.ControlElement.CE_TabBarTabShape, option)
            # Style sheets write the title where the bar itself would have the tab.
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self.tabText(index))
        painter.end()

    def tabLayoutChange(self) -> None:
        """Wrap anew when tabs come."""
        self.updateGeometry()

    def _height(self) -> int:
        return max((super(RowsTabBar, self).tabSizeHint(i).height() for i in range(self.count())), default=0)

    def _rows(self) -> list[list[int]]:
        """Numbers of the tabs of each row: as few rows as possible, then as even as possible."""
        widths = [super(RowsTabBar, self).tabSizeHint(i).width() for i in range(self.count())]
        available = max(self._width, max(widths, default=0))
        fewest = len(_wrapped(widths, available))
        narrow = next(
            (w for w in range(max(widths, default=0), available, 4) if len(_wrapped(widths, w)) <= fewest), available
        )
        return _wrapped(widths, narrow)

    def _places(self) -> list[QRect]:
        places, height = [], self._height()
        for number, row in enumerate(self._rows()):
            widths = [super(RowsTabBar, self).tabSizeHint(i).width() for i in row]
            spare = max(0, self._width - sum(widths))
            left = 0
            for k, width in enumerate(widths):
                wide = width + spare * (k + 1) // len(row) - spare * k // len(row)
                places.append(QRect(left, number * height, wide, height))
                left += wide
        return places


def _wrapped(widths: list[int], available: int) -> list[list[int]]:
    rows: list[list[int]] = []
    used = available + 1
    for index, width in enumerate(widths):
        if used + width > available:
            rows.append([])
            used = 0
        rows[-1].append(index)
        used += width
    return rows
