"""The Reconstruct panel: which method, with which parameters, where, and what came out."""

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.jobs.job import TENSOR_KINDS
from napari_sti.widgets.background import Background
from napari_sti.widgets.chips import ChipRow
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.device_box import DeviceBox
from napari_sti.widgets.method_combo import methods_in_order
from napari_sti.widgets.method_editor import Choice, MethodEditor
from napari_sti.widgets.more_runs import MoreRuns
from napari_sti.widgets.note import Note
from napari_sti.widgets.note_list import NoteList
from napari_sti.widgets.outcome import Outcome
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.panels import panel_titles
from napari_sti.widgets.panels.data import study_chips
from napari_sti.widgets.run_button import RunButton
from napari_sti.widgets.session.batch import Batch
from napari_sti.widgets.session.command import recon_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.estimator import Estimator
from napari_sti.widgets.session.field_range import FieldRange
from napari_sti.widgets.session.finished import StartingPoints
from napari_sti.widgets.session.obstacles import Obstacle, obstacle
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.study_check import StudyCheck, remarks
from napari_sti.widgets.session.tissue import mask_chips, mask_shares
from napari_sti.widgets.session.weights import has_weights, unlike_training, weights_problem
from napari_sti.widgets.start_box import StartBox


class ReconstructPanel(Panel):
    """From the study to a tensor; editor of a `Choice` of method and parameters."""

    id = "reconstruct"
    title = "Reconstruct"
    order = 30
    help = "Choose a method and run it."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.blocked = Note("warning", action="Go to Data")
        self.blocked.setObjectName("sti_blocked")
        self.blocked.button.setObjectName("sti_mend")
        self._mend_in = "data"
        self.chips = ChipRow()
        self._shares: dict[str, float] = {}
        self._masks_shown: tuple[str, dict[str, Any]] = ("", {})
        self.method = MethodEditor()
        self.start_box = StartBox()
        self.device = DeviceBox()
        self.remarks = NoteList("sti_remark")
        self.footer = self.run_button = RunButton("Run")
        self.run_button.setObjectName("sti_run")
        self.batch = Batch(controller.runs, self)
        self.more_runs = MoreRuns(self.batch)
        self.outcome = Outcome()
        self.result, self.failure = self.outcome.result, self.outcome.failure
        self.command = CommandRow()
        for part in (self.blocked, self.chips, self.method, self.start_box, self.device, self.remarks):
            self.rows.addWidget(part)
        for part in (self.more_runs, self.outcome, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self._estimator, self._sharer = Estimator(self), Background(self)
        self._field = FieldRange(controller.studies, self)
        self.points = StartingPoints(controller.runs, controller.studies, self)
        self._connect()
        self._refresh()

    def value(self) -> Choice:
        """The method and its parameters."""
        return self.method.value()

    def setValue(self, choice: Choice) -> None:
        """Show another method and other parameters."""
        self.method.setValue(choice)

    def use_parameters(self, run: Run) -> None:
        """Take over method, parameters, device and start of an earlier run."""
        try:
            self.method.set_mapping(run.job.method, dict(run.job.params))
        except InputError as error:
            self._failed(str(error))
            return
        self.device.setValue(run.job.device)
        self.start_box.setValue(run.job.start)

    def use_weights(self, method: str, file: str) -> None:
        """Choose a method with weights that were trained here."""
        try:
            self.method.set_mapping(method, {"weights": file})
        except InputError as error:
            self._failed(str(error))

    def why_not(self) -> str:
        """Why Run cannot be pressed, in one line; empty if it can."""
        found = self._obstacle()
        return "" if found is None else found.text

    def run(self) -> None:
        """Start a run, unless one goes on or something is missing."""
        if self._active() is None and not self.why_not():
            self.start()

    def _active(self) -> Run | None:
        """The reconstruction that runs, else the first that waits."""
        return self.controller.runs.first_active(*TENSOR_KINDS)

    def start(self) -> Run | None:
        """Start a run with what the panel shows."""
        self.outcome.clear()
        choice, start = self.method.value(), self.start_box.value()
        run = self.controller.reconstruct(choice.method, choice.mapping(), self.device.value(), start=start)
        self._refresh()
        return run

    def start_trust(self) -> Run | None:
        """Start the runs that tell what can be trusted, with what the panel shows."""
        self.outcome.clear()
        choice = self.method.value()
        run = self.controller.reconstruct(choice.method, choice.mapping(), self.device.value(), kind="trust")
        self._refresh()
        return run

    def start_all(self) -> None:
        """Queue every method that the study allows, with its defaults; each is a run with a name of its own."""
        self.outcome.clear()
        device = self.device.value()
        self.batch.begin(self.controller.reconstruct(method.id, {}, device) for method in self.runnable())
        self._refresh()

    def runnable(self) -> list[Method]:
        """Methods that could run on the study of now, in the order of the list."""
        ordered = methods_in_order(self.method.methods)
        return [m for m in ordered if has_weights(m) and obstacle(m, self.controller.studies) is None]

    def _obstacle(self, *, trust: bool = False) -> Obstacle | None:
        found = obstacle(self.method.method, self.controller.studies, trust=trust)
        why = weights_problem(self.method.weights()) if found is None else ""
        return Obstacle(why) if why else found

    def _connect(self) -> None:
        studies, runs = self.controller.studies, self.controller.runs
        studies.changed.connect(self._refresh)
        studies.checked.connect(self._checked)
        for part in (self.method, self.start_box, self.device):
            part.valueChanged.connect(self._refresh)
        self.method.valueChanged.connect(self._show_masks)
        self.points.changed.connect(self._have_points)
        runs.devices_changed.connect(self._devices)
        self.controller.training.weights_wanted.connect(self.use_weights)
        runs.added.connect(self._runs_changed)
        runs.changed.connect(self._runs_changed)
        runs.finished.connect(self._finished)
        runs.failed.connect(self._failed)
        self.blocked.clicked.connect(self._mend)
        self.run_button.clicked.connect(self.run)
        self.more_runs.trust_wanted.connect(self.start_trust)
        self.more_runs.all_wanted.connect(self.start_all)
        self._estimator.estimated.connect(self.device.set_estimate)
        self._sharer.done.connect(self._have_shares)
        self._field.changed.connect(self._refresh)

    # ---- what goes in ------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        studies, method = self.controller.studies, self.method.method
        found = self._obstacle()
        self._show_obstacle(found)
        study_part = study_chips(studies.study, studies.check) if not studies.empty else ()
        tissue = mask_chips(method, studies.study, self._shares) if not studies.empty else ()
        self.chips.setValue((*study_part, *tissue))
        self.start_box.set_taken(method.takes_start)
        self._show_button("" if found is None else found.text)
        self._show_more_runs()
        check = None if studies.empty else studies.check
        self.remarks.setValue(self._what_to_know(method, check) if check is not None else ())
        self._show_command()
        self._estimate()

    def _what_to_know(self, method: Method, check: StudyCheck) -> tuple[str, ...]:
        study = self.controller.study
        unlike = unlike_training(self.method.weights(), study, check, self._field.of(study))
        return (*remarks(method, study, check), *unlike)

    def _show_obstacle(self, found: Obstacle | None) -> None:
        known = panel_titles()
        self._mend_in = "data" if found is None or found.panel not in known else found.panel
        mend = f"Go to {known[self._mend_in]}" if found is not None and found.panel else ""
        self.blocked.set("warning", "" if found is None else found.text, action=mend)

    def _checked(self) -> None:
        self._shares = {}
        self._sharer.start(mask_shares, self.controller.study)
        self._show_masks()
        self._refresh()

    def _have_shares(self, shares: dict[str, float]) -> None:
        self._shares = shares
        self._refresh()

    def _have_points(self) -> None:
        self.start_box.set_points(self.points.points)

    def _show_masks(self) -> None:
        """Bring the masks that the method goes by to the person's eyes, once for each method and file."""
        files = {name: getattr(self.controller.study, name) for name in self.method.method.needs.masks}
        wanted = {name: file for name, file in files.items() if file is not None}
        if wanted and (self.method.method.id, wanted) != self._masks_shown:
            self.controller.masks.show(tuple(wanted))
        self._masks_shown = (self.method.method.id, wanted)

    def _show_button(self, why: str) -> None:
        self.run_button.set_state(self._active(), why, "Run (Ctrl+Shift+Return)")

    def _show_more_runs(self) -> None:
        found = self._obstacle(trust=True)
        orientations = len(self.controller.study.orientations)
        self.more_runs.set_trust(orientations, "" if found is None else found.text)
        runnable = self.runnable()
        self.more_runs.set_runnable(runnable, len(self.method.methods) - len(runnable))

    def _show_command(self) -> None:
        try:
            choice = self.method.value()
        except InputError:
            return
        path, start = self.controller.study.path, self.start_box.value()
        command = recon_command(path, choice.method, choice.mapping(), device=self.device.value(), start=start)
        self.command.setValue(command)

    def _estimate(self) -> None:
        studies = self.controller.studies
        try:
            choice = self.method.value()
        except InputError:
            return
        if studies.complete:
            where, known = self.device.value(), self.controller.runs.devices
            self._estimator.ask(studies.study, choice.method, choice.mapping(), where, known)
        else:
            self._estimator.forget()

    def _devices(self) -> None:
        self.device.set_devices(self.controller.runs.devices)
        self._estimate()

    def _mend(self) -> None:
        self.go_to.emit(self._mend_in)

    # ---- what comes out ----------------------------------------------------------------------------------------

    def _runs_changed(self, _: Run) -> None:
        self._show_button(self.why_not())

    def _finished(self, run: Run) -> None:
        self._refresh()  # the time that it took is the next estimate
        if not run.job.makes_tensor:
            if run.state == "failed":
                self._show_failure(run)
            return
        if run.state == "done":
            self.outcome.done(run, self.remarks.value())
            self.bring_to_view(self.result)
        elif run.state == "failed":
            self._show_failure(run)
        else:
            self.outcome.cancelled(run)
            self.bring_to_view(self.result)

    def _show_failure(self, run: Run) -> None:
        self.outcome.failed(f"{run.name}: {run.sentence}", run.details)
        self.bring_to_view(self.failure)

    def _failed(self, sentence: str) -> None:
        self.outcome.failed(sentence)
        self.bring_to_view(self.failure)
