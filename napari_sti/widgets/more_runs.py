"""Below the main button: check what can be trusted, and run every method that can run."""

from collections.abc import Sequence

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.method import Method
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.note import Note
from napari_sti.widgets.session.batch import Batch
from napari_sti.widgets.words import count


class SideBySide(QWidget):
    """Buttons beside each other where there is room for their texts, below each other in a narrow dock."""

    def __init__(self, buttons: Sequence[QPushButton], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(MARGIN // 2)
        self._needed = MARGIN // 2 * (len(buttons) - 1)
        for button in buttons:
            # Their widths are shared out by what they say, so that no text is cut before all are below each other.
            wide = button.fontMetrics().horizontalAdvance(button.text()) + 3 * MARGIN
            self._row.addWidget(button, wide)
            self._needed += wide
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._turn)
        # In a narrow dock the row must not ask for its own width, or it would never become a column.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Choose between row and column."""
        super().resizeEvent(event)
        self._later.start(0)  # those around it hear of another height only when they are not being laid out

    def _turn(self) -> None:
        wide = self.width() >= self._needed
        self._row.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self.setFixedHeight(self._row.sizeHint().height())


class MoreRuns(QWidget):
    """Two buttons, and a line about the methods that were started together.

    Parameters
    ----------
    batch : Batch
        Those methods.
    """

    trust_wanted = Signal()
    all_wanted = Signal()

    def __init__(self, batch: Batch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.batch = batch
        self.trust = _button("Check what can be trusted", "sti_trust")
        self.all = _button("Run all that can run", "sti_run_all")
        self.note = Note("accent")
        self.note.setObjectName("sti_batch")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(SideBySide((self.trust, self.all)))
        layout.addWidget(self.note)
        self.trust.clicked.connect(self._trust)
        self.all.clicked.connect(self._all)
        batch.changed.connect(self._show)
        self._show()

    def set_trust(self, orientations: int, why_not: str) -> None:
        """Say what the check would do, or why it cannot be done."""
        self.trust.setEnabled(not why_not)
        self.trust.setToolTip(
            why_not
            or f"Runs the method {orientations + 1} times, on all orientations and without each one, and maps how far "
            "direction and susceptibility move. Their directions are kept for probabilistic tracts: at most "
            f"{6 * orientations} bytes for each voxel of the brain, in memory and on disk."
        )

    def set_runnable(self, methods: Sequence[Method], others: int) -> None:
        """Say which methods can run on the study, and how many cannot."""
        busy = self.batch.active
        self.all.setEnabled(bool(methods) and not busy)
        said = f"Runs {count(len(methods), 'method')} with their defaults, one after the other: "
        said += f"{', '.join(m.id for m in methods)}."
        if others:
            said += f" {count(others, 'other lacks', 'others lack')} something; choose one to see what."
        if busy:
            said = "They are running."
        self.all.setToolTip(said if methods else "No method can run on the study as it is.")

    def _show(self) -> None:
        active = self.batch.active
        self.note.set("accent" if active else "good", self.batch.text())

    def _trust(self) -> None:
        self.trust_wanted.emit()

    def _all(self) -> None:
        self.all_wanted.emit()


def _button(text: str, name: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    return button
