"""The main button of a panel whose work is done by the worker: it starts a run; only the job bar ends one."""

from qtpy.QtWidgets import QWidget

from napari_sti.widgets.look import MainButton
from napari_sti.widgets.session.run import Run

_DOTS = "\N{HORIZONTAL ELLIPSIS}"


class RunButton(MainButton):
    """Starts a run, and says while one of the panel goes on that it does.

    Parameters
    ----------
    text : str
        What it says while nothing of the panel runs.
    """

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._idle = text

    def set_state(self, run: Run | None, why: str = "", tip: str = "", *, idle: str = "") -> None:
        """Say how things stand.

        Parameters
        ----------
        run : Run or None
            The run of the panel that goes on or waits.
        why : str
            Why nothing can be started; empty if it can.
        tip : str
            Tooltip while something can be started.
        idle : str
            Another text while nothing runs.
        """
        self._idle = idle or self._idle
        active = run is not None and run.active
        text = self._idle
        if run is not None and active:
            word = "Cancelling" if run.cancelling else "Running" if run.state == "running" else "Waiting"
            text, tip = f"{word}{_DOTS}", f"{run.name} is {run.word}. Cancel it below, beside its progress."
        if self.text() != text:
            self.setText(text)
        self.setEnabled(not (active or why))
        self.setToolTip(tip if active else why or tip)
