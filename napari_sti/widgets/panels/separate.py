"""The Separate panel: susceptibility and R2' in, chi+ and chi- out."""

from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QVBoxLayout,
    QWidget,
)

from napari_sti.core.errors import InputError
from napari_sti.core.params import to_mapping
from napari_sti.widgets.chips import ChipRow
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.device_box import DeviceBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.log_curves import Curve, LogCurves
from napari_sti.widgets.note import Note
from napari_sti.widgets.outcome import Outcome
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.panels import panel_titles
from napari_sti.widgets.run_button import RunButton
from napari_sti.widgets.separate_chi import ChiBox
from napari_sti.widgets.separate_chips import separation_chips
from napari_sti.widgets.separate_dr import DrBox
from napari_sti.widgets.separate_method import SeparationEditor
from napari_sti.widgets.separate_rates import RatesBox
from napari_sti.widgets.separate_results import SeparationResults
from napari_sti.widgets.session.command import separate_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.estimator import Estimator
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.separate import SeparationChoice
from napari_sti.widgets.session.separate_sources import Lack
from napari_sti.widgets.session.weights import weights_problem

_CALM = 50
"""Milliseconds after the last change before the panel is looked through again."""


class SeparatePanel(Panel):
    """Editor of a `SeparationChoice`, and what came of it."""

    id = "separate"
    title = "Separate"
    order = 80
    help = "Separate sources: susceptibility into its para- and diamagnetic part."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.session = controller.separation
        self._lack: Lack | None = None
        self.chips = ChipRow()
        self.blocked = Note("warning")
        self.blocked.setObjectName("sti_separate_blocked")
        self.blocked.button.setObjectName("sti_separate_mend")
        self.chi = ChiBox()
        self.rates, self.dr, self.method, self.device = RatesBox(), DrBox(), SeparationEditor(), DeviceBox()
        self.naming = QCheckBox("Call the files chi-para and chi-dia")
        self.naming.setObjectName("sti_separate_naming")
        self.naming.setToolTip("As other scoring programs, such as qsm-ci, expect them; chi-dia is a magnitude.")
        self.footer = self.button = RunButton("Separate")
        self.button.setObjectName("sti_separate")
        self.curve = LogCurves("objective")
        self.curve.setObjectName("sti_separate_objective")
        self.curve.setToolTip("The minimised functional over the iterations, logarithmic axis.")
        self.numbers = text_label()
        self.numbers.setObjectName("sti_separate_numbers")
        self.outcome = Outcome()
        self.outcome.result.setObjectName("sti_separate_result")
        self.outcome.failure.setObjectName("sti_separate_failure")
        self.results = SeparationResults(self.session.found)
        self.command = CommandRow()
        self._estimator = Estimator(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._lay_out()
        self._connect()
        self._sources()
        self._study_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.device)
        inside.addWidget(self.naming)
        self.more = Fold("Device and names", content)
        self.more.button.setObjectName("sti_separate_more")
        self.rows.addWidget(self.chips)
        self.rows.addWidget(self.blocked)
        # What the run needs is seen without opening the fold where the device is chosen.
        for part in (self.chi, self.rates, self.dr, self.method, self.more, self.device.needs):
            self.rows.addWidget(part)
        for part in (self.numbers, self.curve):
            self.rows.addWidget(part)
        for part in (self.outcome, self.results, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self.curve.hide()
        self.numbers.hide()

    def _connect(self) -> None:
        session, studies, runs = self.session, self.controller.studies, self.controller.runs
        session.sources_changed.connect(self._sources)
        session.found.arrived.connect(self._arrived)
        session.found.failed.connect(self._failed)
        session.found.grid.failed.connect(self._failed)
        studies.changed.connect(self._study_changed)
        studies.checked.connect(self._due)
        runs.added.connect(self._run_changed)
        runs.changed.connect(self._run_changed)
        runs.finished.connect(self._finished)
        runs.devices_changed.connect(self._devices)
        self.naming.toggled.connect(self._due)
        self.chi.file_chosen.connect(self._add_file)
        for part in (self.chi, self.rates, self.dr, self.method, self.device):
            part.valueChanged.connect(self._due)
        self.blocked.clicked.connect(self._mend)
        self.button.clicked.connect(self.separate)
        self._timer.timeout.connect(self._refresh)
        self._estimator.estimated.connect(self.device.set_estimate)

    def value(self) -> SeparationChoice:
        """What is to be separated, and how."""
        method, params = self.method.value()
        naming = "para-dia" if self.naming.isChecked() else "sti"
        chi, device = self.chi.value(), self.device.value()
        return SeparationChoice(method, params, chi, self.rates.value(), self.dr.value(), device, naming)

    def setValue(self, choice: SeparationChoice) -> None:
        """Choose something else."""
        self.method.set_mapping(choice.method, to_mapping(choice.params))
        self.chi.setValue(choice.chi)
        self.rates.setValue(choice.rates)
        self.dr.setValue(choice.dr)
        self.device.setValue(choice.device)
        self.naming.setChecked(choice.naming == "para-dia")
        self._refresh()

    def use_parameters(self, run: Run) -> None:
        """Take over everything that an earlier separation was asked for."""
        try:
            self.setValue(self.session.choice_of(run))
        except InputError as error:
            self._failed(str(error))

    def entered(self) -> None:
        """Look for new layers and results."""
        self.session.refresh()
        self.results.refresh()
        self._refresh()

    def why_not(self) -> str:
        """Why Separate cannot be pressed, in one line; empty if it can."""
        return "" if self._lack is None else self._lack.text

    def separate(self) -> None:
        """Start a separation, unless one goes on or something is missing."""
        self._refresh()
        if self.session.active is None and not self.why_not():
            self.outcome.clear()
            self.session.start(self.value())
            self._refresh()

    # ---- what goes in ----------------------------------------------------------------------------------------------

    def _due(self, *_: object) -> None:
        self._timer.start()

    def _sources(self) -> None:
        self.chi.set_sources(self.session.sources)

    def _study_changed(self) -> None:
        study = self.controller.study
        self.rates.set_study(study)
        self.dr.set_tesla(study.tesla)
        self._due()

    def _add_file(self, path: Path) -> None:
        self.chi.setValue(self.session.add_file(path))
        self._refresh()

    def _refresh(self) -> None:
        choice, method = self.value(), self.method.method
        self.chi.set_needed(method.starts_from == "chi", self.session.source(choice.chi))
        self.rates.set_form(self.session.form(choice))
        self._lack = self.session.lack(choice)
        weights = weights_problem(self.method.weights())
        if self._lack is None and self.method.needs_weights and (weights or not self.method.weights()):
            self._lack = Lack(weights or f"{method.title} needs trained weights, and none are chosen.")
        self._show_lack()
        self.chips.setValue(separation_chips(self.session, choice))
        self._show_button()
        self._estimate(choice)
        self.command.setVisible(self._lack is None)
        if self._lack is None:
            given, study = self.session.given(choice), self.controller.study
            self.command.setValue(separate_command(study.path, choice.method, to_mapping(choice.params), given,
                                                   device=choice.device))  # fmt: skip

    def _estimate(self, choice: SeparationChoice) -> None:
        if self._lack is not None:
            self._estimator.forget()
            return
        study, params, known = self.controller.study, to_mapping(choice.params), self.controller.runs.devices
        form = self.session.form(choice)
        self._estimator.ask(study, choice.method, params, choice.device, known, separated=form)

    def _show_lack(self) -> None:
        lack, titles = self._lack, panel_titles()
        action = ""
        if lack is not None and lack.mend:
            action = "Choose R2′" if lack.mend == "rates" else f"Go to {titles.get(lack.mend, '')}"
        self.blocked.set("warning", "" if lack is None else lack.text, action=action)

    def _mend(self) -> None:
        if self._lack is not None and self._lack.mend == "rates":
            self.rates.choose()
        elif self._lack is not None and self._lack.mend:
            self.go_to.emit(self._lack.mend)

    def _devices(self) -> None:
        self.device.set_devices(self.controller.runs.devices)
        self._due()

    # ---- while it runs ---------------------------------------------------------------------------------------------

    def _show_button(self) -> None:
        self.button.set_state(self.session.active, self.why_not())

    def _run_changed(self, run: Run) -> None:
        self._show_button()
        if run.job.kind == "separate" and run.active:
            waiting = "" if run.state == "running" else "waiting for the run before"
            at = f"iteration {run.iteration}" if run.iteration else run.message or waiting or "starting"
            value = f", objective {run.objective:.4g}" if run.objective is not None else ""
            self.numbers.setText(f"{run.name}: {at}{value}")
            self.numbers.show()
            self.curve.setVisible(bool(run.objectives))
            self.curve.set_curves([Curve("objective", tuple(run.objectives))], ends="iterations")

    # ---- what comes out --------------------------------------------------------------------------------------------

    def _finished(self, run: Run) -> None:
        if run.job.kind != "separate":
            return
        self._run_changed(run)
        self.numbers.hide()
        if run.state == "done":
            self.outcome.done(run)
        elif run.state == "failed":
            self._failed(f"{run.name}: {run.sentence}", run.details)
        else:
            self.outcome.cancelled(run)
        self._refresh()

    def _arrived(self, _: str) -> None:
        self.bring_to_view(self.results)

    def _failed(self, sentence: str, details: str = "") -> None:
        self.outcome.failed(sentence, details)
        self.bring_to_view(self.outcome.failure)
