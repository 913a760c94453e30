"""Several sentences below each other, each a note of its own."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN, empty
from napari_sti.widgets.note import Note


class NoteList(QWidget):
    """Editor of a list of sentences; hidden while there is none.

    Parameters
    ----------
    name : str
        Beginning of the object names of the notes, which are numbered from 0.
    kind : {"accent", "good", "warning", "error"}
        Colour of all of them.
    """

    def __init__(self, name: str, kind: str = "accent", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._kind = name, kind
        self._said: tuple[str, ...] = ()
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(MARGIN // 2)
        self.setVisible(False)

    def value(self) -> tuple[str, ...]:
        """What is said."""
        return self._said

    def setValue(self, said: tuple[str, ...]) -> None:
        """Say something else."""
        if said == self._said:
            return
        self._said = said
        empty(self._rows)
        for number, text in enumerate(said):
            note = Note(self._kind, text)
            note.setObjectName(f"{self._name}_{number}")
            self._rows.addWidget(note)
        self.setVisible(bool(said))
