"""The Probe panel: click a voxel, and see its tensor, direction and fields in every run that is open."""

import shlex
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_sti.maps.probe import Probe
from napari_sti.viz.display import layer_info
from napari_sti.viz.numbers import Unit, world
from napari_sti.viz.status import value_at
from napari_sti.viz.views import go_to
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.look import MARGIN, Form, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.probe_arrow import DirectionView
from napari_sti.widgets.probe_bars import FieldBars
from napari_sti.widgets.probe_tables import PlaceTable, RunsHereTable, TensorMatrix, TensorNumbers
from napari_sti.widgets.session.controller import Controller

_ON = "A click in the image probes that voxel. Dragging and the wheel move the image as ever."
_OFF = "Off: press the button below, then click in the image. Or type a place:"


class ProbePanel(Panel):
    """Shows what a `ProbeSession` keeps."""

    id = "probe"
    title = "Probe"
    order = 54
    help = "Tensor, direction and field of every orientation in the voxel that you click, in every open run."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.probe = controller.probe
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_probe_empty")
        self.state = text_label(_OFF, muted=True)
        self.state.setObjectName("sti_probe_state")
        self.place = QLineEdit()
        self.place.setObjectName("sti_probe_place")
        self.place.setPlaceholderText("R, A, S, such as 12, -34.5, 8")
        self.place.setToolTip("A place in RAS mm, or as the status line writes it: R 12.0  P 34.5  S 8.0 mm.")
        self.typed = named_button("Probe", "sti_probe_typed", "Probe the voxel at this place.")
        self.failure = Note("error")
        self.failure.setObjectName("sti_probe_failure")
        self.places = PlaceTable()
        self.remove = named_button("Remove", "sti_probe_remove", "Take the chosen place away.")
        self.clear = named_button("Clear", "sti_probe_clear", "Take all places away, with their layer.")
        self.csv = named_button("Save CSV\N{HORIZONTAL ELLIPSIS}", "sti_probe_csv", "Save all places, runs and fields.")
        self.said = Note("good")
        self.said.setObjectName("sti_probe_said")
        self.heading = text_label()
        self.heading.setObjectName("sti_probe_heading")
        self.where = Note("warning")
        self.where.setObjectName("sti_probe_where")
        self.matrix, self.numbers = TensorMatrix(), TensorNumbers()
        self.arrow = DirectionView()
        self.bars = FieldBars()
        self.seen = text_label()
        self.seen.setObjectName("sti_probe_seen")
        self.fields = text_label(muted=True)
        self.fields.setObjectName("sti_probe_fields")
        self.runs = RunsHereTable()
        self.command = CommandRow()
        self.command.button.setObjectName("sti_probe_show_command")
        self.command.line.setObjectName("sti_probe_command")
        self.command.copy.setObjectName("sti_probe_copy_command")
        self.button = MainButton("Probe by clicking")
        self.button.setObjectName("sti_probe")
        self.button.setToolTip("Begin or stop to probe by clicking in the image.")
        self.footer = self.button
        self._results, self._list = QWidget(), QWidget()
        self._lay_out()
        self._connect()
        self._show()

    def entered(self) -> None:
        """Show what has come meanwhile."""
        self._show()

    def _lay_out(self) -> None:
        form = Form()
        row = QHBoxLayout()
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.place, 1)
        row.addWidget(self.typed)
        form.row("Place", row, help=self.place.toolTip(), buddy=self.place)
        for part in (self.empty, self.state):
            self.rows.addWidget(part)
        self.rows.addLayout(form)
        self.rows.addWidget(self.failure)
        listed = QVBoxLayout(self._list)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.addWidget(self.places)
        buttons = QHBoxLayout()
        buttons.setSpacing(MARGIN // 2)
        for button in (self.remove, self.clear, self.csv):
            buttons.addWidget(button)
        listed.addLayout(buttons)
        listed.addWidget(self.said)
        self.rows.addWidget(self._list)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        results.setSpacing(MARGIN)
        beside = QHBoxLayout()
        beside.setSpacing(MARGIN)
        beside.addWidget(self.matrix, 1, Qt.AlignmentFlag.AlignVCenter)
        beside.addWidget(self.arrow, 0, Qt.AlignmentFlag.AlignTop)
        results.addWidget(self.heading)
        results.addWidget(self.where)
        results.addWidget(self.seen)
        results.addLayout(beside)
        for part in (self.numbers, self.bars, self.fields, self.runs, self.command):
            results.addWidget(part)
        self.rows.addWidget(self._results)
        self.rows.addStretch(1)

    def _connect(self) -> None:
        probe = self.probe
        probe.changed.connect(self._show)
        probe.mode_changed.connect(self._mode)
        probe.failed.connect(self._failed)
        probe.saved.connect(self._saved)
        self.controller.layers.runs_changed.connect(self._show)
        self.controller.view.changed.connect(self._show)
        self.empty.clicked.connect(self._go)
        self.button.clicked.connect(self._press)
        self.typed.clicked.connect(self._type)
        self.place.returnPressed.connect(self._type)
        self.places.chosen.connect(self._chosen)
        self.remove.clicked.connect(self._remove)
        self.clear.clicked.connect(self._clear)
        self.csv.clicked.connect(self._save)
        self.runs.chosen.connect(self._run_chosen)

    # ---- what is done -------------------------------------------------------------------------------------------

    def _press(self) -> None:
        self.failure.set("error", "")
        self.probe.set_on(not self.probe.on)

    def _type(self) -> None:
        self.failure.set("error", "")
        self.probe.add_text(self.place.text())

    def _chosen(self, row: int) -> None:
        """Look at a place, and bring the image there."""
        self.probe.select(row)
        if self.probe.selected >= 0:
            go_to(self.controller.viewer, self.probe.shown(self.probe.selected))

    def _remove(self) -> None:
        self.probe.remove(self.probe.selected)

    def _clear(self) -> None:
        self.probe.clear()

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the probes", "probes.csv", "CSV (*.csv)")
        if name:
            self.probe.save(Path(name))

    def _run_chosen(self, row: int) -> None:
        here = self._here()
        if 0 <= row < len(here):
            self.controller.view.change(run=here[row].name)

    def _go(self) -> None:
        self.go_to.emit("reconstruct")

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self.bring_to_view(self.failure)

    def _saved(self, text: str) -> None:
        self.said.set("good", text)

    # ---- what is shown ------------------------------------------------------------------------------------------

    def _mode(self, on: bool) -> None:
        self.button.setText("Stop probing" if on else "Probe by clicking")
        self.button.set_quiet(on)
        self._show()

    def _here(self) -> list[Probe]:
        selected = self.probe.selected
        return self.probe.probes[selected] if 0 <= selected < len(self.probe.probes) else []

    def _show(self) -> None:
        runs = self.probe.runs()
        self.empty.set("accent", "" if runs else "There is no run to probe yet.")
        self.state.setText("" if not runs else _ON if self.probe.on else _OFF)
        self.state.setVisible(bool(runs))
        for part in (self.button, self.place, self.typed):
            part.setEnabled(bool(runs) or (part is self.button and self.probe.on))
        unit = self.controller.view.value().unit
        self._list.setVisible(bool(self.probe.probes))
        self.places.setValue(self.probe.probes, unit)
        self.places.select(self.probe.selected)
        here = self._here()
        self._results.setVisible(bool(here))
        if here:
            self._show_probe(here[0])
            self.runs.setValue(here, unit)
            self.runs.setVisible(len(here) > 1)
            self.command.setValue(self._command(here))

    def _show_probe(self, probe: Probe) -> None:
        unit = self.controller.view.value().unit
        number = self.probe.selected + 1
        i, j, k = probe.voxel
        self.heading.setText(f"Probe {number} in {probe.name}: {world(probe.place)}, voxel ({i}, {j}, {k}) of its file")
        outside = {"no value": "The tensor is not a number here."}.get(probe.where, f"This place lies {probe.where}.")
        self.where.set("warning", "" if probe.inside else outside)
        self.matrix.setValue(probe, unit)
        self.numbers.setValue(probe, unit)
        said = self._said_on_screen(unit)
        self.seen.setText(said)
        self.seen.setVisible(bool(said))
        others = [other.direction for other in self._here()[1:] if other.inside]
        self.arrow.setValue(probe.direction if probe.inside else (0, 0, 0), others)
        self.bars.setValue(probe.fields, unit)
        self.fields.setText(self._about_fields(probe))
        self.fields.setVisible(bool(self.fields.text()))

    def _said_on_screen(self, unit: Unit) -> str:
        """Value of the map of another panel that covers the run, which the numbers below are not of."""
        view = self.controller.view
        front = view.on_top.front
        if not view.covered() or front.cells or front.layer is None:
            return ""
        value = value_at(front.layer, self.probe.shown(self.probe.selected), unit)
        return f"On the screen: {front.run}, {value}" if value else ""

    def _about_fields(self, probe: Probe) -> str:
        if not probe.inside:
            return ""
        if probe.fields is None and self.probe.reading:
            return f"Reading the field maps of {self.probe.reading} \N{HORIZONTAL ELLIPSIS}"
        return self.probe.remark(probe.name)

    def _command(self, here: list[Probe]) -> str:
        """Write ``napari-sti probe ...`` for the runs whose folders are known."""
        folders = []
        for probe in here:
            layers = self.controller.layers.of_run(probe.name)
            paths = [str((layer_info(layer.metadata) or {}).get("path", "")) for layer in layers]
            folders += [path for path in paths[:1] if path]
        place = ",".join(f"{value:.1f}" for value in here[0].place)
        return shlex.join(["napari-sti", "probe", *folders, f"--at={place}"])
