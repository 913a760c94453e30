"""A box for one file or folder: its name, a button to choose it and one to take it away."""

from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from napari_sti.widgets.look import MARGIN, colour

IMAGES = "NIfTI images (*.nii *.nii.gz);;All files (*)"


class FileName(QWidget):
    """The name of a file, elided in the middle, whole path in the tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text, self.without = "", "none"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        """One line of text."""
        return QSize(80, QFontMetrics(self.font()).height() + 8)

    def minimumSizeHint(self) -> QSize:
        """A few letters."""
        return QSize(40, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint what fits of it."""
        painter = QPainter(self)
        painter.setPen(colour(self, "text" if self.text else "muted"))
        shown = QFontMetrics(self.font()).elidedText(
            self.text or self.without, Qt.TextElideMode.ElideMiddle, self.width() - 4
        )
        painter.drawText(self.rect().adjusted(2, 0, -2, 0), Qt.AlignmentFlag.AlignVCenter, shown)
        painter.end()


class FileBox(QWidget):
    """Editor of a path or None.

    Parameters
    ----------
    what : str
        What the file is, for the dialog and the tooltip.
    name : str
        Object name of the button that chooses.
    filter : str
        Kinds of files, as Qt's dialogs take them; empty for a folder.
    """

    valueChanged = Signal()

    def __init__(self, what: str, name: str, *, filter: str = IMAGES, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what, self._filter = what, filter
        self._path: Path | None = None
        self._name = FileName(self)
        self.button = QPushButton("Choose\N{HORIZONTAL ELLIPSIS}")
        self.button.setObjectName(name)
        self.button.setToolTip(f"Choose the {what}.")
        self.button.setAccessibleName(f"Choose the {what}")
        self.button.clicked.connect(self.choose)
        self._remove = QToolButton()
        self._remove.setText("\N{MULTIPLICATION SIGN}")
        self._remove.setToolTip(f"Take the {what} away.")
        self._remove.setAccessibleName(f"Take the {what} away")
        self._remove.clicked.connect(self._take_away)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._remove)
        layout.addWidget(self.button)
        self.setValue(None)

    def value(self) -> Path | None:
        """The path."""
        return self._path

    def setValue(self, path: Path | None) -> None:
        """Show another path."""
        changed, self._path = path != self._path, path
        self._name.text = path.name if path else ""
        self._name.setToolTip(str(path) if path else f"No {self._what} yet.")
        self._name.update()
        self._remove.setVisible(path is not None)
        if changed:
            self.valueChanged.emit()

    def set_without(self, text: str) -> None:
        """Say what is the case while nothing is chosen."""
        if text != self._name.without:
            self._name.without = text
            self._name.update()

    def choose(self) -> None:
        """Ask for the file, or the folder."""
        start, title = str(self._path.parent) if self._path else "", f"Choose the {self._what}"
        if self._filter:
            name, _ = QFileDialog.getOpenFileName(self, title, start, self._filter)
        else:
            name = QFileDialog.getExistingDirectory(self, title, start)
        if name:
            self.setValue(Path(name))

    def _take_away(self) -> None:
        self.setValue(None)


class PathBox(FileBox):
    """Editor of a path as text, empty for none: what a text parameter that names a file or folder is shown as."""

    def value(self) -> str:  # type: ignore[override]
        """The path as text."""
        path = super().value()
        return "" if path is None else str(path)

    def setValue(self, path: str | Path | None) -> None:
        """Show another path."""
        super().setValue(Path(path) if path else None)
