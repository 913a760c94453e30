"""The Tracts panel: what is followed, from where, until when; and the sets that came of it."""

from dataclasses import replace
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSpinBox, QWidget

from napari_sti.core.errors import InputError
from napari_sti.maps.tracking import TrackParams
from napari_sti.widgets.command_row import CommandRow
from napari_sti.widgets.controls import Combo
from napari_sti.widgets.forms import ParamsForm
from napari_sti.widgets.look import MARGIN, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.tract_sources import CURSOR, TractChoice, tract_command
from napari_sti.widgets.tract_sets import TractSets
from napari_sti.widgets.tract_source_box import TractSeedBox, TractSourceBox

_FOLLOWING = (
    "Move the pointer over a slice, or the slices themselves in 3-D. A click on the image holds the tracts, another "
    "click frees them."
)
_HELD = "Held. A click on the image frees them."


class TractsPanel(Panel):
    """Editor of a `TractChoice`, and the sets that there are."""

    id = "tracts"
    title = "Tracts"
    order = 95
    help = "Follow the principal directions: streamlines from regions or at the cursor."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.session = controller.tracts
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_tracts_empty")
        self.source, self.seeds = TractSourceBox(), TractSeedBox()
        self.form = ParamsForm(TrackParams)
        if self.form.more is not None:
            self.form.more.button.setObjectName("sti_tracts_more")
        self.most = QSpinBox()
        self.most.setObjectName("sti_tracts_most")
        self.most.setRange(1, 1_000_000)
        self.most.setValue(10_000)
        keep_wheel_for_scrolling(self.most)
        self.form.add_more("Seeds", self.most, help="At most so many; chosen by chance where there are more.")
        self.within = Combo()
        self.within.setObjectName("sti_tracts_within")
        self.form.add_more("Stay within", self.within, help="A Labels layer that the streamlines may not leave.")
        self.state = text_label(muted=True)
        self.state.setObjectName("sti_tracts_state")
        self.note, self.failure, self.said = Note("warning"), Note("error"), Note("good")
        for part, name in ((self.note, "note"), (self.failure, "failure"), (self.said, "said")):
            part.setObjectName(f"sti_tracts_{name}")
        self.sets = TractSets(self.session)
        self.command = CommandRow()
        self.button = MainButton("Track")
        self.button.setObjectName("sti_tracts")
        self.stop = QPushButton("Stop following")
        self.stop.setObjectName("sti_tracts_stop")
        self.stop.setToolTip("Take the tracts at the cursor away.")
        self.footer = QWidget()
        self._busy_with = ""
        self._lay_out()
        self._connect()
        self._sources()

    def value(self) -> TractChoice:
        """What is to be tracked.

        Raises
        ------
        InputError
            If a number is outside its range.
        """
        source, v1, fa, frame = self.source.value()
        seeds, label, radius = self.seeds.value()
        within = str(self.within.currentData() or "")
        params = self.form.value()
        return TractChoice(source, v1, fa, frame, seeds, label, radius, int(self.most.value()), within, params)

    def entered(self) -> None:
        """Look for new results and layers."""
        self.session.sources_changed.emit()
        self.controller.compare.refresh()
        names = [layer.name for layer in self.controller.viewer.layers if type(layer).__name__ == "Labels"]
        self.seeds.set_layers(names)
        chosen = self.within.currentData()
        self.within.clear()
        self.within.addItem("the whole brain", "")
        for name in names:
            self.within.addItem(name, name)
        self.within.setCurrentIndex(max(self.within.findData(chosen), 0))
        self._show()

    def _lay_out(self) -> None:
        for part in (self.empty, self.source, self.seeds, self.form, self.state):
            self.rows.addWidget(part)
        for part in (self.note, self.failure, self.sets, self.said, self.command):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        row = QHBoxLayout(self.footer)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(MARGIN // 2)
        row.addWidget(self.button, 1)
        row.addWidget(self.stop)

    def _connect(self) -> None:
        session = self.session
        session.sources_changed.connect(self._sources)
        self.controller.view.changed.connect(self._follow)
        session.busy_changed.connect(self._busy)
        session.tracked.connect(self._tracked)
        session.noted.connect(self._noted)
        session.failed.connect(self._failed)
        session.saved.connect(self._saved)
        session.live.held.connect(self._show)
        session.live.changed.connect(self._show)
        self.empty.clicked.connect(self._go)
        for part in (self.source, self.seeds, self.form):
            part.valueChanged.connect(self._changed)
        self.most.valueChanged.connect(self._changed)
        self.within.activated.connect(self._changed)
        self.button.clicked.connect(self._press)
        self.stop.clicked.connect(self._stop)

    # ---- what goes in ----

    def _sources(self) -> None:
        names = {name: one.replicates for name, one in self.session.candidates.items()}
        self.empty.set("accent", "" if names else "There is no finished run yet; a DTI can be tracked on.")
        self.source.set_names(names)
        self._follow()
        self._changed()

    def _follow(self) -> None:
        self.source.follow(self.controller.view.value().run)

    def _changed(self, *_: object) -> None:
        """Let live tracts follow what was changed, and say what can be done."""
        choice, why = self._choice()
        if self.session.live.on:
            if choice is not None and choice.seeds == CURSOR and not why:
                self.session.live.start(choice)
            else:
                self.session.live.stop()
        self._show()

    def _choice(self) -> tuple[TractChoice | None, str]:
        try:
            choice = self.value()
        except InputError as error:
            return None, str(error)
        return choice, choice.why_not()

    def _show(self, *_: object) -> None:
        choice, why = self._choice()
        live = self.session.live
        at_cursor = choice is not None and choice.seeds == CURSOR
        self.stop.setVisible(live.on)
        text, words = "Follow the cursor" if at_cursor else "Track", why
        if self._busy_with:
            doing = self._busy_with
            text, words = "Cancel tracking", f"{doing[0].upper()}{doing[1:]} \N{HORIZONTAL ELLIPSIS}"
        elif live.on:
            text, words = "Keep these tracts", _HELD if live.holding else _FOLLOWING
        self.button.setText(text)
        self.button.set_quiet(bool(self._busy_with))
        self.button.setEnabled(bool(self._busy_with) or (live.now() is not None if live.on else not why))
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.command.setVisible(choice is not None and not why)
        if choice is not None and not why:
            self.command.setValue(tract_command(choice, self.session.candidates, live.place() if at_cursor else None))

    # ---- what is done ----

    def _press(self) -> None:
        for part in (self.note, self.failure, self.said):
            part.set("error", "")
        choice, why = self._choice()
        if self._busy_with:
            self.session.cancel()
        elif self.session.live.on:
            self.session.keep_live()
        elif choice is not None and not why:
            if choice.seeds == CURSOR:
                self.session.live.start(choice)
                self._show()
            else:
                self.session.start(choice)

    def _stop(self) -> None:
        self.session.live.stop()
        self._show()

    def _busy(self, what: str) -> None:
        self._busy_with = what
        self._show()

    def _tracked(self, layer: Any) -> None:
        self._show()
        self.bring_to_view(self.sets)

    def _noted(self, text: str) -> None:
        self.note.set("warning", text)

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self._show()
        self.bring_to_view(self.failure)

    def _saved(self, text: str) -> None:
        self.said.set("good", text)

    def _go(self) -> None:
        self.go_to.emit("reconstruct")

    def choose(self, **values: Any) -> None:
        """Change the choice, as scripts do: seeds, and parameters by their names."""
        seeds = values.pop("seeds", None)
        if seeds is not None:
            self.seeds.choose(str(seeds))
        if values:
            self.form.setValue(replace(self.form.value(), **values))
