"""The command line that does the same, to look at and to copy."""

from qtpy.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN


class CommandRow(Fold):
    """Folded away: a line with the command and a button that copies it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__("Show command", content, parent)
        self.button.setObjectName("sti_show_command")
        self.button.setToolTip("The command line that does the same without the window.")
        self.line = QLineEdit()
        self.line.setObjectName("sti_command")
        self.line.setAccessibleName("Command line")
        self.line.setReadOnly(True)
        self.copy = QPushButton("Copy")
        self.copy.setObjectName("sti_copy_command")
        self.copy.clicked.connect(self._copy)
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.line, 1)
        row.addWidget(self.copy)

    def value(self) -> str:
        """The command."""
        return str(self.line.text())

    def setValue(self, command: str) -> None:
        """Show another command."""
        self.line.setText(command)
        self.line.setCursorPosition(0)
        self.line.setToolTip(command)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.line.text())
