"""The Reconstruct panel: which method, with which parameters, where, and what came out."""

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.jobs.estimate import estimate
from napari_sti.widgets.background import Background
from napari_sti.widgets.chips import ChipRow
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.device_box import DeviceBox
from napari_sti.widgets.look import MARGIN, MainButton, empty
from napari_sti.widgets.method_editor import Choice, MethodEditor
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.panels.data import study_chips
from napari_sti.widgets.session.command import recon_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.missing import missing
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.study_check import refusal, remarks
from napari_sti.widgets.words import count, duration

_CALM = 200
"""Milliseconds after the last change before memory and time are estimated again."""


class ReconstructPanel(Panel):
    """From the study to a tensor; editor of a `Choice` of method and parameters."""

    id = "reconstruct"
    title = "Reconstruct"
    order = 30
    help = "Choose a method and run it."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self._last: Run | None = None
        self.blocked = Note("warning", action="Go to Data")
        self.blocked.setObjectName("sti_blocked")
        self.blocked.button.setObjectName("sti_mend")
        self.chips = ChipRow()
        self.method = MethodEditor()
        self.device = DeviceBox()
        self.remarks = QVBoxLayout()
        self.remarks.setSpacing(MARGIN // 2)
        self._remarks: tuple[str, ...] = ()
        self.run_button = MainButton("Run")
        self.run_button.setObjectName("sti_run")
        self.result = Note("good")
        self.result.setObjectName("sti_result")
        self.failure = Note("error")
        self.failure.setObjectName("sti_failure")
        self.command = CommandRow()
        for part in (self.blocked, self.chips, self.method, self.device):
            self.rows.addWidget(part)
        self.rows.addLayout(self.remarks)
        for part in (self.run_button, self.result, self.failure, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._estimator = Background(self)
        self._connect()
        self._refresh()

    def value(self) -> Choice:
        """The method and its parameters."""
        return self.method.value()

    def setValue(self, choice: Choice) -> None:
        """Show another method and other parameters."""
        self.method.setValue(choice)

    def use_parameters(self, run: Run) -> None:
        """Take over method, parameters and device of an earlier run."""
        try:
            self.method.set_mapping(run.job.method, dict(run.job.params))
        except InputError as error:
            self._failed(str(error))
            return
        self.device.setValue(run.job.device)

    def why_not(self) -> str:
        """Why Run cannot be pressed, in one line; empty if it can."""
        studies = self.controller.studies
        if studies.empty:
            return "There is no study yet."
        if studies.check is None:
            return "The files of the study are being looked at."
        found = len(missing(studies.check.problems))
        if found:
            return f"{count(found, 'thing is', 'things are')} missing in the study."
        return refusal(self.method.method, studies.study, studies.check)

    def run_or_cancel(self) -> None:
        """Start a run, or cancel the one under way."""
        active = self.controller.runs.active
        if active is not None and active.job.kind == "recon":
            self.controller.runs.cancel(active)
        elif not self.why_not():
            self.start()

    def start(self) -> Run | None:
        """Start a run with what the panel shows."""
        self.failure.set("error", "")
        choice = self.method.value()
        self._last = self.controller.reconstruct(choice.method, choice.mapping(), self.device.value())
        self._refresh()
        return self._last

    def _connect(self) -> None:
        studies, runs = self.controller.studies, self.controller.runs
        studies.changed.connect(self._refresh)
        studies.checked.connect(self._refresh)
        self.method.valueChanged.connect(self._refresh)
        self.device.valueChanged.connect(self._refresh)
        runs.devices_changed.connect(self._devices)
        runs.added.connect(self._runs_changed)
        runs.changed.connect(self._runs_changed)
        runs.finished.connect(self._finished)
        runs.failed.connect(self._failed)
        self.blocked.clicked.connect(self._mend)
        self.run_button.clicked.connect(self.run_or_cancel)
        self._timer.timeout.connect(self._estimate)
        self._estimator.done.connect(self.device.set_estimate)
        self._estimator.failed.connect(self._no_estimate)

    def _refresh(self) -> None:
        studies = self.controller.studies
        why = self.why_not()
        self.blocked.set("warning", why, action="Go to Data")
        self.chips.setValue(study_chips(studies.study, studies.check) if not studies.empty else ())
        self._show_button(why)
        check = None if studies.empty else studies.check
        self._show_remarks(remarks(self.method.method, studies.study, check) if check is not None else ())
        self._show_command()
        self._timer.start()

    def _show_button(self, why: str) -> None:
        active = self.controller.runs.active
        running = active is not None and active.job.kind == "recon"
        cancelling = active is not None and active.cancelling
        text = "Run"
        if running:
            text = "Cancelling\N{HORIZONTAL ELLIPSIS}" if cancelling else "Cancel"
        if self.run_button.text() != text:
            self.run_button.setText(text)
            self.run_button.set_quiet(running)
        self.run_button.setEnabled(not cancelling if running else not why)
        shortcut = "Ctrl+Shift+." if running else "Ctrl+Shift+Return"
        self.run_button.setToolTip(why or f"{text.rstrip(chr(0x2026))} ({shortcut})")

    def _show_remarks(self, said: tuple[str, ...]) -> None:
        if said == self._remarks:
            return
        self._remarks = said
        empty(self.remarks)
        for number, text in enumerate(said):
            note = Note("accent", text)
            note.setObjectName(f"sti_remark_{number}")
            self.remarks.addWidget(note)

    def _show_command(self) -> None:
        try:
            choice = self.method.value()
        except InputError:
            return
        path = self.controller.study.path
        command = recon_command(path, choice.method, choice.mapping(), device=self.device.value())
        self.command.setValue(command)

    def _estimate(self) -> None:
        studies = self.controller.studies
        if not studies.complete:
            self.device.set_estimate(None)
            return
        try:
            choice = self.method.value()
        except InputError:
            return
        self._estimator.start(
            _estimate, studies.study, choice.method, choice.mapping(), self.device.value(), self.controller.runs.devices
        )

    def _no_estimate(self, _: Exception) -> None:
        self.device.set_estimate(None)

    def _devices(self) -> None:
        self.device.set_devices(self.controller.runs.devices)
        self._timer.start()

    def _runs_changed(self, _: Run) -> None:
        self._show_button(self.why_not())

    def _finished(self, run: Run) -> None:
        self._show_button(self.why_not())
        self._timer.start()  # the time that it took is the next estimate
        if run.job.kind != "recon":
            if run.state == "failed":
                self._show_failure(run)
            return
        if run.state == "done":
            self.failure.set("error", "")
            self.result.set("good", result_line(run))
            self.bring_to_view(self.result)
        elif run.state == "failed":
            self._show_failure(run)
        else:
            self.result.set("accent", f"{run.name} was cancelled; nothing was kept.")

    def _show_failure(self, run: Run) -> None:
        self.result.set("good", "")
        self.failure.set("error", f"{run.name}: {run.sentence}", details=run.details)
        self.bring_to_view(self.failure)

    def _failed(self, sentence: str) -> None:
        self.failure.set("error", sentence)
        self.bring_to_view(self.failure)

    def _mend(self) -> None:
        self.go_to.emit("data")


def result_line(run: Run) -> str:
    """What, how long, on what."""
    took = f" in {duration(run.seconds)}" if run.seconds is not None else ""
    steps = f", {count(run.iteration, 'iteration')}" if run.iteration else ""
    return f"{run.name} is done{took}{steps}: {run.about}."


def _estimate(study: Any, method: str, params: dict[str, Any], device: str, devices: list[dict[str, Any]]) -> Any:
    return estimate(study, method, params, device=device, devices=devices)
