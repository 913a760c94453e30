"""What came out of the last run: done with its remarks, cancelled, or failed with the reason."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.note import Note
from napari_sti.widgets.note_list import NoteList
from napari_sti.widgets.session.finished import remarks_of
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.words import count, duration


class Outcome(QWidget):
    """Notes about a run that has ended; nothing before that."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.result = Note("good")
        self.result.setObjectName("sti_result")
        self.failure = Note("error")
        self.failure.setObjectName("sti_failure")
        self._remarks = NoteList("sti_result_remark")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.result)
        layout.addWidget(self._remarks)
        layout.addWidget(self.failure)

    def remarks(self) -> tuple[str, ...]:
        """What is said beside the result."""
        return self._remarks.value()

    def done(self, run: Run, said_before: tuple[str, ...] = ()) -> None:
        """Show a run that is done, with those of its remarks that were not said before it was started."""
        self.clear()
        self.result.set("good", result_line(run))
        said = () if run.folder is None else remarks_of(run.folder)
        self._remarks.setValue(tuple(text for text in said if text not in said_before))

    def cancelled(self, run: Run) -> None:
        """Show that a run was cancelled."""
        self.clear()
        self.result.set("accent", f"{run.name} was cancelled; nothing was kept.")

    def failed(self, sentence: str, details: str = "") -> None:
        """Show why something did not work."""
        self.clear()
        self.failure.set("error", sentence, details=details)

    def clear(self) -> None:
        """Show nothing."""
        self.result.set("good", "")
        self.failure.set("error", "")
        self._remarks.setValue(())


def result_line(run: Run) -> str:
    """What, how long, on what."""
    took = f" in {duration(run.seconds)}" if run.seconds is not None else ""
    steps = f", {count(run.iteration, 'iteration')}" if run.iteration else ""
    start = f", started from {run.job.start.name}" if run.job.start is not None else ""
    return f"{run.name} is done{took}{steps}{start}: {run.about}."
