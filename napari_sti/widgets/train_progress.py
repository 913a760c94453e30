"""How a training goes: steps, time left, losses, the picture of the latest validation."""

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sti.widgets.log_curves import Curve, LogCurves
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.picture_view import PictureView
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.train import TrainState
from napari_sti.widgets.words import duration

TRAINING, VALIDATION = "train/loss", "val/loss"


class TrainProgress(QWidget):
    """Shows a `TrainState`, and the run that works on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QElidingLabel()
        self.title.setObjectName("sti_train_state")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.bar = QProgressBar()
        self.bar.setObjectName("sti_train_bar")
        self.bar.setAccessibleName("Progress of the training")
        self.bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.numbers = text_label()
        self.numbers.setObjectName("sti_train_numbers")
        self.curves = LogCurves(height=132)
        self.curves.setObjectName("sti_train_curves")
        self.curves.setToolTip("Loss over the steps, logarithmic axis: of the training and of the validations.")
        self.curves.setAccessibleName("Loss over the steps")
        self.pictures = PictureView("sti_train_picture")
        self.scores = text_label()
        self.scores.setObjectName("sti_train_scores")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        for part in (self.title, self.bar, self.numbers, self.curves, self.scores, self.pictures):
            layout.addWidget(part)
        self.setVisible(False)

    def show_state(self, state: TrainState, run: Run | None) -> None:
        """Show how it stands now."""
        active = run is not None and run.active
        self.setVisible(active or state.training is not None)
        self.title.setText(_title(state, run))
        self.bar.setVisible(active)
        if run is not None and active:
            self._show_bar(run)
        self.numbers.setText(_numbers(state, run))
        self.numbers.setVisible(bool(self.numbers.text()))
        checked = validation_name(state)
        curves = [
            Curve("training loss", state.curve(TRAINING)),
            Curve(f"validation {_plain(checked)}", state.curve(checked)),
        ]
        self.curves.setVisible(any(curve.points for curve in curves))
        self.curves.set_curves(curves, ends="steps")
        scores = state.latest("val")
        self.scores.setText(scores_text(scores))
        self.scores.setToolTip("\n".join(f"{_plain(name)}: {value:.4g}" for name, value in scores.items()))
        self.scores.setVisible(bool(self.scores.text()))
        self.pictures.setValue(state.pictures)

    def _show_bar(self, run: Run) -> None:
        if run.total > 0 and run.iteration > 0:
            self.bar.setRange(0, run.total)
            self.bar.setValue(min(run.iteration, run.total))
            left = "" if run.left is None else f"   about {duration(run.left)} left"
            self.bar.setFormat(f"%p %{left}")
        else:
            self.bar.setRange(0, 0)


def validation_name(state: TrainState) -> str:
    """Which number of the validations is drawn beside the loss of the training: their loss or error, else the first."""
    names = state.latest("val")
    return next((name for name in (VALIDATION, "val/error", *names) if name in names), VALIDATION)


def scores_text(scores: Mapping[str, float]) -> str:
    """What the latest validation found, in one line: of ``val/angle`` and ``val/angle_3`` only the first."""
    whole = [name for name in scores if not any(name.startswith(f"{other}_") for other in scores)]
    parts = [f"{_plain(name)} {scores[name]:.4g}" for name in whole]
    return f"Latest validation: {', '.join(parts)}." if parts else ""


def _plain(name: str) -> str:
    return name.partition("/")[2].replace("_", " ")


def _title(state: TrainState, run: Run | None) -> str:
    if run is not None and run.active:
        doing = "stopping, the state is being saved" if run.cancelling else run.message or "starting"
        return f"{run.job.out.name if run.job.out else run.name} \N{MIDDLE DOT} {doing}"
    training = state.training
    if training is None:
        return ""
    word = {"running": "training elsewhere", "failed": "broke off"}.get(training.state, training.state)
    return f"{state.folder.name} \N{MIDDLE DOT} {word} at step {training.step} of {training.params.get('steps', '?')}"


def _numbers(state: TrainState, run: Run | None) -> str:
    parts = []
    if run is not None and run.active and run.iteration > 0:
        parts.append(f"step {run.iteration} of {run.total}" if run.total else f"step {run.iteration}")
    latest = state.latest("train").get(TRAINING)
    if latest is not None:
        parts.append(f"loss {latest:.4g}")
    spent = state.rows[-1][1].get("seconds") if state.rows else None
    if spent is not None and state.rows[-1][0] > 0:
        parts.append(f"{spent / state.rows[-1][0]:.2g} s per step")
    return "   ".join(parts)
