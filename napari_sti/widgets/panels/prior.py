"""The Prior panel: what a learned prior thinks of an image, and whether it is one."""

from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_sti.jobs.history import runs_folder
from napari_sti.viz.display import layer_info
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.prior_editor import PriorEditor
from napari_sti.widgets.prior_outcome import PriorOutcome
from napari_sti.widgets.run_button import RunButton
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.prior_choice import PriorChoice, dims_of, prior_command, why_not
from napari_sti.widgets.session.prior_files import PriorAnswer
from napari_sti.widgets.session.prior_sources import LAYER
from napari_sti.widgets.words import count

_BUTTON = {
    "value": "Compute value and map",
    "prox": "Apply the prox",
    "compare": "Compare",
    "perturb": "Perturb",
    "cut": "Cut",
    "check": "Check this prior",
}
_LONG = ("value", "compare", "perturb")
_PATCH = {2: 64, 3: 24}
_SETTLED = 80
"""Milliseconds until what came out has found its place in the panel."""


class PriorPanel(Panel):
    """Editor of a `PriorChoice`, and what came of it."""

    id = "prior"
    title = "Prior"
    order = 90
    help = "See what a learned prior thinks of an image, and check that it is one."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.prior = controller.prior
        self._image = ""
        self.editor = PriorEditor()
        self.slice = text_label(muted=True)
        self.slice.setObjectName("sti_prior_slice")
        self.blocked = Note("warning")
        self.blocked.setObjectName("sti_prior_blocked")
        self.failure = Note("error")
        self.failure.setObjectName("sti_prior_failure")
        self.outcome = PriorOutcome()
        self.command = CommandRow()
        self.command.button.setObjectName("sti_prior_show_command")
        self.command.line.setObjectName("sti_prior_command")
        self.command.copy.setObjectName("sti_prior_copy_command")
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(_SETTLED)
        self._reveal.timeout.connect(self._show_outcome)
        self.footer = self.button = RunButton(_BUTTON["value"])
        self.button.setObjectName("sti_prior")
        for part in (self.editor, self.slice, self.blocked, self.failure, self.outcome, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self._connect()
        self._images()

    def value(self) -> PriorChoice:
        """What is asked."""
        return self.editor.value()

    def setValue(self, choice: PriorChoice) -> None:
        """Ask something else."""
        self.editor.setValue(choice)

    def entered(self) -> None:
        """Look for new images and regions."""
        self._images()

    def why_not(self) -> str:
        """Why the question cannot be asked, in one line; empty if it can."""
        return why_not(self.editor.value(), self.editor.model, self.prior.sources(), self.prior.regions())

    def _connect(self) -> None:
        self.editor.valueChanged.connect(self._show)
        self.editor.train.connect(self._train)
        self.prior.changed.connect(self._images)
        self.prior.answered.connect(self._answered)
        self.prior.failed.connect(self._failed)
        self.prior.saved.connect(self._saved)
        self.prior.exported.connect(self._exported)
        self.prior.runs.changed.connect(self._run_changed)
        self.prior.runs.devices_changed.connect(self._devices)
        self.button.clicked.connect(self._press)
        self.outcome.figure_wanted.connect(self.prior.save_figure)
        self.outcome.table_wanted.connect(self.prior.save_table)
        self.controller.viewer.dims.events.point.connect(self._moved)

    def _images(self) -> None:
        self.editor.set_images(self.prior.sources(), self.prior.regions())
        self._show()

    def _show(self) -> None:
        choice, model = self.editor.value(), self.editor.model
        if choice.image != self._image:
            self._image = choice.image
            self._take_unit(choice.image)
        why, busy = self.why_not(), self.prior.busy
        self.blocked.set("warning", "" if busy else why)
        self.outcome.setVisible(not busy and self.outcome.value() is not None)
        self.button.set_state(self.prior.run if busy else None, why, idle=_BUTTON[choice.action])
        self.button.setEnabled(not (busy or why))  # images are written before, and answers read after the run
        self._show_slice(choice)
        source = self.editor.source()
        trainable = source is not None and source.channels == 1
        self.editor.train_button.setEnabled(trainable and not busy)
        self.editor.train_button.setToolTip(
            "Writes the image into a folder of its own and opens Train with it."
            if trainable
            else "Choose an image layer; tensors are trained on from a dataset.yaml."
        )
        self.command.setVisible(not why)
        if not why:
            at = self.prior.looked_at(choice.image)
            self.command.setValue(prior_command(choice, model, at=at))

    def _show_slice(self, choice: PriorChoice) -> None:
        """Say which slice a prior of flat images is asked about."""
        at, dims = self.prior.looked_at(choice.image), dims_of(choice, self.editor.model)
        flat = dims == 2 and at is not None
        long = dims == 3 and choice.action in _LONG
        self.slice.setVisible((flat or long) and not self.why_not())
        if long:
            self.slice.setText("Asks about the whole volume, which takes minutes on a processor.")
        if not flat or at is None:
            return
        ours = layer_info(self.controller.viewer.layers[choice.image.removeprefix(LAYER)].metadata) is not None
        plane = ("sagittal ", "coronal ", "axial ")[at[0]] if ours else ""  # of other images nobody knows
        one = f"the {plane}slice that is looked at, number {at[1]}" + ("" if ours else f" of axis {at[0]}")
        every = f"every {'axial slice' if ours else 'slice of the last axis'}"
        self.slice.setText(f"Asks about {every if choice.every_slice else one}.")

    def _moved(self, event: object = None) -> None:
        if self.isVisible():
            self._show_slice(self.editor.value())

    def _take_unit(self, key: str) -> None:
        """Offer the upper end of the window of the image as the value of a lesion."""
        name = key.removeprefix(LAYER)
        if not key.startswith(LAYER) or name not in self.controller.viewer.layers:
            self.editor.set_unit("ppm" if key else "", 0.1 if key else 1.0)
            return
        layer = self.controller.viewer.layers[name]
        unit = str((layer_info(layer.metadata) or {}).get("unit", ""))
        self.editor.set_unit(unit, float(f"{float(layer.contrast_limits[1]):.3g}"))

    # ---- what is done ----

    def _press(self) -> None:
        if not (self.prior.busy or self.why_not()):
            self.failure.set("error", "")
            self.editor.keep_image()
            self.prior.start(self.editor.value(), self.editor.model)
        self._show()

    def _run_changed(self, run: object) -> None:
        if run is self.prior.run:
            self._show()

    def _answered(self, answer: PriorAnswer) -> None:
        model = answer.record["model"]["title"]
        on = "" if answer.bound is None else f" on {answer.bound.title}"
        layers = f"; {count(len(answer.layers), 'layer')} added" if answer.layers else ""
        if any("prior map" in keywords["name"] for _, keywords, _ in answer.layers):
            layers += ". In the map red is less likely than usual here, blue likelier"
        self.outcome.setValue(answer.record, f"{model}{on}{layers}.")
        self._show()
        self._reveal.start()

    def _show_outcome(self) -> None:
        self.bring_to_view(self.outcome.plot if self.outcome.plot.value() else self.outcome.said)

    def _failed(self, sentence: str, details: str) -> None:
        self.failure.set("error", sentence, details=details)
        self._show()
        self.bring_to_view(self.failure)

    def _saved(self, sentence: str) -> None:
        self.outcome.saved.set("good", sentence)

    def _devices(self) -> None:
        self.editor.device.set_devices(self.prior.runs.devices)

    # ---- training ----

    def _train(self) -> None:
        source = self.editor.source()
        if source is not None:
            words = "-".join(source.title.lower().split())
            safe = "".join(c for c in words if c.isalnum() or c in "-_")[:40] or "image"
            self.prior.export(source.key, _free(runs_folder() / "trainings" / f"{safe}-data"))

    def _exported(self, folder: Path) -> None:
        source = self.editor.source()
        if source is None:
            return
        flat = source.dims == 2 or self.editor.model.dims == 2
        edge = min([n for n in source.shape[: 2 if flat else 3] if n > 1], default=_PATCH[3])
        source_kind, patch = "slices" if flat else "volumes", min(_PATCH[2 if flat else 3], edge)
        self.go_to.emit("train")  # before it is told anything: it may not have been made yet
        self.controller.training.propose("lpn", {"source": source_kind, "data": str(folder), "patch": patch})


def _free(folder: Path) -> Path:
    """The folder, or the first like it that does not exist yet."""
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
