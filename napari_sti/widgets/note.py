"""A sentence that must be seen: a remark, something missing, a failure, with a button that mends it."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, colour


class Note(QWidget):
    """One sentence beside a coloured bar.

    Parameters
    ----------
    kind : {"accent", "good", "warning", "error"}
        Colour of the bar; the words carry the meaning.
    text : str
        The sentence; an empty one hides the note.
    action : str
        Text of the button; without it there is none.
    details : str
        Folded away below the sentence.
    """

    clicked = Signal()

    def __init__(
        self,
        kind: str = "accent",
        text: str = "",
        *,
        action: str = "",
        details: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.button = QPushButton(action, self)
        self.button.setVisible(bool(action))
        self.button.clicked.connect(self._pressed)
        self._details = QLabel(self)
        self._details.setWordWrap(True)
        self._details.setTextFormat(Qt.TextFormat.PlainText)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.fold = Fold("Details", self._details)
        row = QHBoxLayout()
        row.addWidget(self.label, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN + 4, MARGIN // 2, MARGIN // 2, MARGIN // 2)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.fold)
        self.set(kind, text, details=details)

    def text(self) -> str:
        """The sentence."""
        return str(self.label.text())

    def set(self, kind: str, text: str, *, action: str | None = None, details: str = "") -> None:
        """Say something else, or hide the note with an empty text."""
        self._kind = kind
        self.label.setText(text)
        if action is not None:
            self.button.setText(action)
            self.button.setVisible(bool(action))
        self._details.setText(details)
        self.fold.setVisible(bool(details))
        self.fold.set_open(False)
        if self.parentWidget() is not None or not text:  # shown without a parent it would be a window of its own
            self.setVisible(bool(text))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint a wash and the coloured bar at the left."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self, "wash"))
        painter.fillRect(0, 0, 3, self.height(), colour(self, self._kind))
        painter.end()

    def _pressed(self) -> None:
        self.clicked.emit()
