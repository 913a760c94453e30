"""What is wrong with the axes of V1 of a DTI: proposed, used for the comparison on request, saved as a mended copy."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_sti.widgets.controls import named_button
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.note import Note


class DtiMendBox(QWidget):
    """A sentence about V1 with what can be done; hidden where there is nothing to say.

    Attributes
    ----------
    mend : str
        The mend that the sentence is about, such as ``"x,-y,z"``.
    """

    wanted = Signal(str)
    """Compare again with this mend of V1; an empty text is as stored."""
    save_wanted = Signal(str)
    """Write a copy of V1 with this mend."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mend = ""
        self._proposed = False
        self.note = Note("warning")
        self.note.setObjectName("sti_quality_v1_mend")
        self.use = named_button("Compare mended", "sti_quality_v1_use", "")
        self.save = named_button(
            "Save mended V1\N{HORIZONTAL ELLIPSIS}",
            "sti_quality_v1_save",
            "Write a mended copy of V1 with a record beside it (.json); the file itself is not touched.",
        )
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.use)
        row.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.note)
        layout.addLayout(row)
        self.use.clicked.connect(self._use)
        self.save.clicked.connect(self._save)
        self.setValue("", "", "")

    def setValue(self, words: str, proposed: str, used: str) -> None:
        """Show what a page found about V1, the mend that it proposes, and the one with which V1 was compared."""
        self._proposed, self.mend = bool(proposed), proposed or used
        if proposed:
            self.note.set("warning", f"{words} Proposed mend of V1: {proposed}.")
            self.use.setText("Compare mended")
            self.use.setToolTip("Make the page again with V1 mended as it is read; the file is not touched.")
        elif used:
            self.note.set("accent", f"V1 was compared mended ({used}); its file is as it was.")
            self.use.setText("Compare as stored")
            self.use.setToolTip("Make the page again with V1 as its file holds it.")
        self.setVisible(bool(self.mend))

    def _use(self) -> None:
        self.wanted.emit(self.mend if self._proposed else "")

    def _save(self) -> None:
        self.save_wanted.emit(self.mend)
