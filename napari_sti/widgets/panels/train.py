"""The Train panel: train a network, watch it, stop it, take it up again, try what came out."""

from pathlib import Path

from qtpy.QtWidgets import QWidget

from napari_sti.core.errors import InputError
from napari_sti.core.params import describe
from napari_sti.recon.registry import methods
from napari_sti.widgets.background import Background
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.look import MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.session.command import train_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.train import free_folder, left_behind, what_is_missing
from napari_sti.widgets.train_editor import TrainChoice, TrainEditor
from napari_sti.widgets.train_progress import TrainProgress

_BUTTON = {
    "start": ("Start", "Train, with what stands above."),
    "resume": ("Resume", "Go on with the training in this folder."),
    "stop": ("Stop", "Save the state and end; it can be resumed. Closing the window ends it, too."),
    "stopping": ("Stopping\N{HORIZONTAL ELLIPSIS}", "The step is ended and the state saved."),
}


class TrainPanel(Panel):
    """From parameters to weights; editor of a `TrainChoice`."""

    id = "train"
    title = "Train"
    order = 120
    help = "Train a network."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.training = controller.training
        self._missing = what_is_missing()
        self._known: tuple[Path, dict[str, object]] | None = None
        self._new: Path | None = None
        self.blocked = Note("warning")
        self.blocked.setObjectName("sti_train_blocked")
        self.earlier = Note("accent", action="Open it")
        self.earlier.setObjectName("sti_train_earlier")
        self._earlier: Path | None = None
        self.editor = TrainEditor()
        self.progress = TrainProgress()
        self.result = Note("good", action="Use these weights")
        self.result.setObjectName("sti_train_result")
        self.result.button.setObjectName("sti_use_weights")
        self.failure = Note("error")
        self.failure.setObjectName("sti_train_failure")
        self.command = CommandRow()
        self.footer = self.button = MainButton("Start")
        self.button.setObjectName("sti_train")
        for part in (self.blocked, self.earlier, self.editor):
            self.rows.addWidget(part)
        for part in (self.progress, self.result, self.failure, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self._finder = Background(self)
        self._connect()
        self._refresh()

    def value(self) -> TrainChoice:
        """What is asked for."""
        return self.editor.value()

    def setValue(self, choice: TrainChoice) -> None:
        """Ask for something else."""
        self.editor.setValue(choice)

    def entered(self) -> None:
        """Look whether an earlier training waits to be resumed."""
        if not self.training.active and self.editor.folder.value() is None:
            self._finder.start(left_behind)

    def folder(self) -> Path:
        """Where the training lies, or will."""
        chosen, task = self.editor.folder.value(), self.editor.task
        if chosen is not None or task is None:
            return chosen or Path()
        if self._new is None or self._new.exists() or not self._new.name.startswith(f"{task.id}-"):
            self._new = free_folder(task.id)
            self.editor.set_new(self._new)
        return self._new

    def why_not(self) -> str:
        """Why the main button cannot be pressed, in one line; empty if it can."""
        if self._missing:
            return self._missing
        try:
            choice = self.editor.value()
        except InputError as error:
            return str(error)
        state = self.training.state
        if self.training.active or state.folder != self.folder():
            return ""
        if state.problem or state.training is None:
            return state.problem
        if state.training.state == "running":
            return "Another process is training in this folder: wait for it, or choose another folder."
        if state.training.task != choice.task:
            return f"The folder holds a training of {state.training.task}: choose another folder."
        done = state.training.state == "done" and state.training.step >= int(choice.mapping().get("steps", 0))
        return "All steps are done: ask for more of them to go on, or choose another folder." if done else ""

    def start_or_stop(self) -> None:
        """Start, resume or stop."""
        if self.training.active:
            self.training.stop()
        elif not self.why_not():
            self.start()

    def start(self) -> Run | None:
        """Begin with what the panel shows, or take up what lies in its folder."""
        self.failure.set("error", "")
        choice, folder = self.editor.value(), self.folder()
        self.editor.folder.setValue(folder)
        run = self.training.start(choice.task, choice.mapping(), folder, device=choice.device, minutes=choice.minutes)
        if run is not None:
            self.editor.parameters.set_open(False)  # how it goes is what matters now
        return run

    def _connect(self) -> None:
        self.editor.valueChanged.connect(self._edited)
        self.training.changed.connect(self._refresh)
        self.training.failed.connect(self._failed)
        self.training.finished.connect(self._finished)
        self.training.proposed.connect(self._propose)
        self.controller.runs.devices_changed.connect(self._devices)
        self.button.clicked.connect(self.start_or_stop)
        self.earlier.clicked.connect(self._open_earlier)
        self.result.clicked.connect(self._use)
        self._finder.done.connect(self._have_earlier)

    def _edited(self) -> None:
        if not self.training.active and self.folder() != self.training.state.folder:
            self.training.look(self.folder())
        self._refresh()

    def _refresh(self) -> None:
        self._take_over()
        state, active = self.training.state, self.training.active
        mine = state.folder == self.folder()
        self.editor.fix(active or (mine and state.training is not None))
        for part in (self.editor.combo, self.editor.folder, self.editor.minutes, self.editor.device):
            part.setEnabled(not active)
        self.editor.leaves.setVisible(not active and not (mine and state.training is not None))
        why = self.why_not()
        self.blocked.set("warning", why if not active else "")
        self.earlier.setVisible(bool(self.earlier.text()) and not active and self.editor.folder.value() is None)
        self._show_button(why)
        if mine:
            self.progress.show_state(state, self.training.run)
            self._show_weights()
        self._show_command()

    def _take_over(self) -> None:
        """Show the parameters of the training in the folder, once for each."""
        state = self.training.state
        if state.training is None or self.training.active or state.folder != self.folder():
            return
        found = (state.folder, dict(state.training.params))
        if found != self._known:
            self._known = found
            try:
                self.editor.take_over(state.training.task, state.training.params)
            except InputError as error:
                self._failed(str(error))

    def _show_button(self, why: str) -> None:
        run, state = self.training.run, self.training.state
        if run is not None and run.active:
            kind = "stopping" if run.cancelling else "stop"
        else:
            kind = "resume" if state.training is not None and state.folder == self.folder() else "start"
        text, tip = _BUTTON[kind]
        self.button.setText(text)
        self.button.set_quiet(kind in ("stop", "stopping"))
        self.button.setEnabled(kind == "stop" or (kind != "stopping" and not why))
        self.button.setToolTip(why or tip)

    def _show_weights(self) -> None:
        """Say where the weights lie, and offer them to the method that takes them."""
        state = self.training.state
        if state.weights is None or state.training is None:
            self.result.set("good", "")
            return
        usable = state.training.task in _with_weights()
        said = f"{state.weights.name}, of step {state.training.step}, lies in the folder with its card."
        self.result.set("good", said, action="Use these weights" if usable else "")
        self.result.setToolTip(str(state.weights))

    def _show_command(self) -> None:
        try:
            choice = self.editor.value()
        except InputError:
            return
        self.command.setValue(
            train_command(choice.task, choice.mapping(), self.folder(), device=choice.device, minutes=choice.minutes)
        )

    def _devices(self) -> None:
        self.editor.device.set_devices(self.controller.runs.devices)

    def _have_earlier(self, found: tuple[Path, str] | None) -> None:
        self._earlier, said = (None, "") if found is None else found
        self.earlier.set("accent", said)
        self._refresh()

    def _open_earlier(self) -> None:
        self.editor.folder.setValue(self._earlier)

    def _propose(self, task: str, params: dict[str, object]) -> None:
        """Show a new training that was asked for elsewhere."""
        self.editor.folder.setValue(None)
        try:
            self.editor.take_over(task, params)
        except InputError as error:
            self._failed(str(error))
        self.editor.parameters.set_open(True)

    def _use(self) -> None:
        training = self.training.state.training
        if training is not None:
            self.go_to.emit("reconstruct")  # before it is told anything: it may not have been made yet
            self.training.use_weights(training.task)

    def _finished(self, run: Run) -> None:
        self.editor.parameters.set_open(True)
        if run.state == "failed":
            self._failed(f"{run.name}: {run.sentence}", run.details)
        else:
            self.bring_to_view(self.result)

    def _failed(self, sentence: str, details: str = "") -> None:
        self.failure.set("error", sentence, details=details)
        self.bring_to_view(self.failure)


def _with_weights() -> set[str]:
    """Methods that take weights as a parameter."""
    return {id_ for id_, method in methods().items() if any(p.name == "weights" for p in describe(method.Params))}
