"""The job bar: what is running, how far it is, how long it still takes, what waits, and the buttons that end it."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.residual_curve import ResidualCurve
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.words import duration


class JobBar(QWidget):
    """Shows one run: its name, a bar with the iteration, the time left, the residual, and its curve.

    While nothing runs it is one quiet line. This is the one place where work of the worker is cancelled.
    """

    cancelled = Signal()
    """The person wants to end the run."""
    waiting_cancelled = Signal()
    """The person wants that nothing of what waits begins."""
    preview_wanted = Signal(bool)
    """The person wants to watch the current estimate, or no longer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_job_bar")
        self._run: Run | None = None
        self.title = QElidingLabel("No job is running.")
        self.title.setObjectName("sti_job_title")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.preview = QCheckBox("Preview")
        self.preview.setObjectName("sti_preview")
        self.preview.setToolTip("Show the current estimate while it is computed; takes a little time from the run.")
        self.preview.toggled.connect(self.preview_wanted)
        self.cancel = QPushButton(_CANCEL)
        self.cancel.setObjectName("sti_cancel")
        self.cancel.clicked.connect(self._cancel)
        self.waiting = QElidingLabel()
        self.waiting.setObjectName("sti_waiting")
        self.waiting.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel_waiting = QPushButton("Cancel waiting")
        self.cancel_waiting.setObjectName("sti_cancel_waiting")
        self.cancel_waiting.setToolTip("Take back what waits; the run that is shown above goes on.")
        self.cancel_waiting.clicked.connect(self.waiting_cancelled)
        self.bar = QProgressBar()
        self.bar.setObjectName("sti_progress")
        self.bar.setAccessibleName("Progress of the run")
        self.bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.numbers = QElidingLabel()
        self.numbers.setObjectName("sti_job_numbers")
        self.numbers.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.curve = ResidualCurve()
        self.curve.setObjectName("sti_residual_curve")
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.preview)
        top.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 0, MARGIN, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        layout.addWidget(self.numbers)
        layout.addWidget(self.curve)
        last = QHBoxLayout()
        last.addWidget(self.waiting, 1)
        last.addWidget(self.cancel_waiting)
        layout.addLayout(last)
        self.setValue(None)
        self.set_waiting(())

    def value(self) -> Run | None:
        """The run that is shown."""
        return self._run

    def setValue(self, run: Run | None) -> None:
        """Show a run, or none."""
        self._run = run
        self.refresh()

    def set_waiting(self, runs: Sequence[Run]) -> None:
        """Name what waits for the run that is shown."""
        names = ", ".join(run.name for run in runs)
        if self.waiting.text() != f"Waiting: {names}":
            self.waiting.setText(f"Waiting: {names}")
            self.waiting.setToolTip("\n".join(run.name for run in runs))
        self.waiting.setVisible(bool(runs))
        self.cancel_waiting.setVisible(bool(runs))
        self.cancel_waiting.setEnabled(not all(run.cancelling for run in runs))

    def refresh(self) -> None:
        """Show how the run stands now."""
        run = self._run
        active = run is not None and run.active
        for part in (self.cancel, self.bar, self.numbers):
            part.setVisible(active)
        self.preview.setVisible(active and run is not None and run.job.makes_tensor)
        self.curve.setVisible(run is not None and bool(run.curve))
        if run is None:
            self.title.setText("No job is running.")
            return
        self.title.setText(_title(run))
        self.title.setToolTip(self.title.text())
        self.cancel.setEnabled(not run.cancelling)
        self.cancel.setText("Cancelling\N{HORIZONTAL ELLIPSIS}" if run.cancelling else _CANCEL)
        self.cancel.setToolTip(f"Ends {run.name} and keeps nothing of it (Ctrl+Shift+.).")
        self._show_bar(run)
        self.numbers.setText(_numbers(run))
        if tuple(run.curve[-1:]) != self.curve.value()[-1:] or len(run.curve) < len(self.curve.value()):
            self.curve.setValue(run.curve)

    def _show_bar(self, run: Run) -> None:
        expected = run.expected or run.total
        if expected > 0:  # what it is going to take, which is often far from the limit
            self.bar.setRange(0, expected)
            self.bar.setValue(min(run.iteration, expected))
            left = "" if run.left is None else f"   about {duration(run.left)} left"
            self.bar.setFormat(f"%p %{left}")
        else:  # a moving bar: something is done, nobody knows for how long
            self.bar.setRange(0, 0)

    def _cancel(self) -> None:
        self.cancelled.emit()


_CANCEL = "Cancel run"


def _title(run: Run) -> str:
    if run.state == "waiting":
        return f"{run.name} \N{MIDDLE DOT} {'waiting for the run before' if run.position > 0 else 'starting'}"
    if run.active:
        doing = run.message or ("cancelling" if run.cancelling else "running")
        return f"{run.name} \N{MIDDLE DOT} {doing}"
    took = f" in {duration(run.seconds)}" if run.seconds is not None else ""
    return f"{run.name} \N{MIDDLE DOT} {run.word}{took}"


def _numbers(run: Run) -> str:
    parts = []
    if 0 < run.expected < run.total:
        parts.append(f"iteration {run.iteration} of about {run.expected}")
    elif run.total > 0:
        parts.append(f"iteration {run.iteration} of {run.total}")
    if run.residual is not None:
        parts.append(f"residual {run.residual:.3g}")
    return "   ".join(parts) or "starting"
