"""The Plan panel: what the head orientations of the study are worth, and which tilt would help most next."""

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.next_tilt import MAX_TILT, Plan
from napari_sti.maps.orientation_worth import FIBRE_MSA, FIELD_NOISE, OrientationWorth
from napari_sti.maps.plan_input import PlanInput
from napari_sti.maps.plan_report import angle_sentence, condition_sentence, known_sentence, verdict
from napari_sti.widgets.background import Background
from napari_sti.widgets.chips import ChipRow
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import ScientificBox, keep_wheel_for_scrolling
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.plan_next import AdvisedTilts
from napari_sti.widgets.plan_polar import PolarPicture
from napari_sti.widgets.plan_settings import PlanSettings, look_and_plan, plan_chips, plan_command
from napari_sti.widgets.plan_table import PlanTable
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.words import count

_CALM = 150
"""Milliseconds after the last change before anything is computed."""

_BAR = {"good": "good", "fair": "accent", "poor": "warning", "open": "warning"}


class PlanPanel(Panel):
    """Editor of `PlanSettings`; computes from headers alone, beside the window's thread."""

    id = "plan"
    title = "Plan"
    order = 110
    help = "What the head orientations are worth, and the next tilt that would help most."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self._due = True
        self._answer: tuple[PlanInput, Plan | None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._work = Background(self)
        self.chips = ChipRow()
        self.empty = Note("accent", action="Go to Data")
        self.empty.setObjectName("sti_plan_empty")
        self.faults = Note("warning", action="Go to Data")
        self.faults.setObjectName("sti_plan_faults")
        self.rows.addWidget(self.chips)
        self.rows.addWidget(self.empty)
        self.rows.addWidget(self.faults)
        self.rows.addWidget(self._outcome())
        self.rows.addStretch(1)
        self._connect()
        self._show()

    def value(self) -> PlanSettings:
        """What is chosen."""
        return PlanSettings(
            float(self.max_tilt.value()), float(self.noise.value()), float(self.msa.value()), self.steps.value()
        )

    def setValue(self, settings: PlanSettings) -> None:
        """Choose something else."""
        self.max_tilt.setValue(round(settings.max_tilt))
        self.noise.setValue(settings.noise)
        self.msa.setValue(settings.msa)
        self.steps.setValue(settings.steps)

    def answer(self) -> Plan | None:
        """What was computed last, if it is shown."""
        return None if self._answer is None else self._answer[1]

    def showEvent(self, event: QShowEvent | None) -> None:
        """Compute what changed while the panel was not seen."""
        super().showEvent(event)
        if self._due:
            self._timer.start()

    # ---- what it is made of -----------------------------------------------------------------------------------------

    def _outcome(self) -> QWidget:
        self.page = QWidget()
        layout = QVBoxLayout(self.page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addLayout(self._form())
        self.verdict = Note()
        self.verdict.setObjectName("sti_plan_verdict")
        self.verdict.setToolTip(
            "Known: the share of the usual variance that the measurement removes, summed over the six combinations."
        )
        self.picture = PolarPicture()
        self.picture.setObjectName("sti_plan_picture")
        self.next = AdvisedTilts()
        self.next.setObjectName("sti_plan_next")
        self.table = PlanTable()
        self.table.setObjectName("sti_plan_table")
        self.angle = text_label()
        self.angle.setObjectName("sti_plan_angle")
        self.command = CommandRow()
        self.command.button.setObjectName("sti_plan_show_command")
        self.command.line.setObjectName("sti_plan_command")
        self.command.copy.setObjectName("sti_plan_copy_command")
        for part in (self.verdict, self.next, self.picture, self.table, self.angle, self.command):
            layout.addWidget(part)
        return self.page

    def _form(self) -> QVBoxLayout:
        self.max_tilt = _whole_number(1, 90, MAX_TILT, "sti_plan_max_tilt", "°")
        self.max_tilt.setToolTip("Largest angle between the head and B0 that the person can hold.")
        self.noise = _ppm(FIELD_NOISE, "sti_plan_noise")
        self.noise.setToolTip(
            "Standard deviation of a field map: 1 / (SNR · 2π · TE · 42.58 · B0); 0.001 ppm is SNR 27 at 7 T, TE 20 ms."
        )
        self.steps = _whole_number(1, 6, 1, "sti_plan_steps", "")
        self.steps.setToolTip("How many further tilts are advised, one after the other.")
        self.msa = _ppm(FIBRE_MSA, "sti_plan_msa")
        self.msa.setToolTip("Anisotropy of the fibres whose direction is asked for; about 0.015 ppm in white matter.")
        form, content = Form(), QWidget()
        form.row("Largest tilt", self.max_tilt, help=self.max_tilt.toolTip())
        form.row("Field noise", self.noise, help=self.noise.toolTip())
        more = Form(content)
        more.row("Tilts to add", self.steps, help=self.steps.toolTip())
        more.row("Fibre MSA", self.msa, help=self.msa.toolTip())
        rows = QVBoxLayout()
        rows.setSpacing(MARGIN // 2)
        rows.addLayout(form)
        self.more = Fold("More", content)
        rows.addWidget(self.more)
        return rows

    def _connect(self) -> None:
        self.controller.studies.changed.connect(self._study_changed)
        self.controller.studies.checked.connect(self._changed)
        self.controller.view.changed.connect(self._view_changed)
        self.controller.destroyed.connect(self._work.close)
        for box in (self.max_tilt, self.noise, self.steps, self.msa):
            box.valueChanged.connect(self._changed)
        self._timer.timeout.connect(self._compute)
        self._work.done.connect(self._have)
        self._work.failed.connect(self._have_failed)
        self.empty.clicked.connect(self._to_data)
        self.faults.clicked.connect(self._to_data)

    # ---- what happens -----------------------------------------------------------------------------------------------

    def _to_data(self) -> None:
        self.go_to.emit("data")

    def _study_changed(self) -> None:
        if not self.controller.study.orientations:
            self._answer = None
            self._show()
        self._changed()

    def _changed(self, *_: object) -> None:
        self._due = True
        if self.isVisible():
            self._timer.start()

    def _view_changed(self) -> None:
        self.picture.set_radiological(self.controller.view.value().radiological)
        if self.answer() is not None:
            self._show_table(self.answer().worth)  # type: ignore[union-attr]

    def _compute(self) -> None:
        self._due = False
        if not self.controller.study.orientations:
            self._answer = None
            self._show()
            return
        self.picture.setEnabled(False)
        self._work.start(look_and_plan, self.controller.study, self.value())

    def _have(self, answer: tuple[PlanInput, Plan | None]) -> None:
        self._answer = answer
        self._show()

    def _have_failed(self, error: Exception) -> None:
        self._answer = None
        self._show(failure=sentence_for(error))

    # ---- what is shown ----------------------------------------------------------------------------------------------

    def _show(self, *, failure: str = "") -> None:
        given, found = self._answer or (None, None)
        self.picture.setEnabled(True)
        self.page.setVisible(found is not None or bool(failure))
        for part in (self.next, self.picture, self.table, self.angle, self.command):
            part.setVisible(found is not None)
        self.chips.setValue(plan_chips(given, simulated=self.controller.study.simulated) if given is not None else ())
        self._show_notes(given)
        if failure:
            self.verdict.set("error", failure)
        if given is None or found is None:
            return
        worth = found.worth
        self.verdict.set(_BAR[verdict(worth)], f"{condition_sentence(worth)} {known_sentence(worth)}")
        self.picture.setValue(found)
        self.picture.set_radiological(self.controller.view.value().radiological)
        self.next.setValue(found)
        self._show_table(worth)
        self.angle.setText(angle_sentence(worth))
        self.angle.setVisible(bool(self.angle.text()))
        self.command.setValue(plan_command(self.controller.study, self.value()))

    def _show_notes(self, given: PlanInput | None) -> None:
        if not self.controller.study.orientations:
            self.empty.set(
                "accent",
                "There are no head orientations yet: add field maps with their B0 directions. Headers suffice; no "
                "image is read here.",
            )
            self.faults.set("warning", "")
            return
        faults = () if given is None else given.faults
        without = given is not None and not len(given.known)
        self.empty.set("accent", "No B0 direction of this study can be told yet." if without else "")
        left_out = f"{count(len(faults), 'orientation is', 'orientations are')} left out. " if not without else ""
        self.faults.set("warning", f"{left_out}{faults[0]}" if faults else "", details="\n".join(faults[1:]))

    def _show_table(self, worth: OrientationWorth) -> None:
        self.table.setValue(worth, self.controller.view.value().unit)


def _whole_number(low: int, high: int, value: float, name: str, unit: str) -> QSpinBox:
    box = QSpinBox()
    box.setObjectName(name)
    box.setRange(low, high)
    box.setValue(round(value))
    box.setSuffix(unit)
    box.setKeyboardTracking(False)
    keep_wheel_for_scrolling(box)
    return box


def _ppm(value: float, name: str) -> ScientificBox:
    box = ScientificBox()
    box.setObjectName(name)
    box.setRange(1e-6, 1.0)
    box.setSuffix(" ppm")
    box.setValue(value)
    return box
