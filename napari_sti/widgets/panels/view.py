"""The View panel: which run, which map of it, in which window, from where."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QWidget,
)
from superqt import QLabeledDoubleRangeSlider

from napari_sti.viz.views import PLANES
from napari_sti.widgets.controls import Combo
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.iterate_row import IterateRow
from napari_sti.widgets.linked_views import LinkedDock
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.view import View
from napari_sti.widgets.view_more import SHAPE_HELP, ViewMore, range_slider, set_range

MAPS = (
    ("pev_colour", "PEV", "Principal eigenvector: red left-right, green front-back, blue up-down; brightness is MSA."),
    ("msa", "MSA", "Magnetic susceptibility anisotropy, l1 - (l2 + l3)/2, in ppm."),
    ("mms", "MMS", "Mean magnetic susceptibility, (l1 + l2 + l3)/3, in ppm; grey is 0."),
    ("field", "Field", "The measured field maps of the study."),
)


class ViewPanel(Panel):
    """Editor of a `View`."""

    id = "view"
    title = "View"
    order = 40
    help = "Choose what is shown."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.view = controller.view
        self.empty = Note("accent", action="Go to Reconstruct")
        self.empty.setObjectName("sti_view_empty")
        self.covered = Note("accent", action="Show PEV")
        self.covered.setObjectName("sti_view_covered")
        self.covered.button.setObjectName("sti_view_bring_back")
        self.run = Combo()
        self.run.setObjectName("sti_view_run")
        self.run.setToolTip("Which run is shown (next: Ctrl+Shift+Down, previous: Ctrl+Shift+Up).")
        self.maps, map_row = _choice([(f"sti_map_{key}", text, help) for key, text, help in MAPS])
        self.lines = QCheckBox("Lines")
        self.lines.setObjectName("sti_lines")
        self.lines.setToolTip("Draw the principal eigenvector as lines where MSA is above the floor (Ctrl+Shift+L).")
        self.ellipsoids = QCheckBox("Ellipsoids")
        self.ellipsoids.setObjectName("sti_ellipsoids")
        self.spread = QCheckBox("Spread")
        self.spread.setObjectName("sti_spread")
        self.iterate = IterateRow()
        self.window = _window_slider()
        self.auto = QPushButton("Auto")
        self.auto.setObjectName("sti_window_auto")
        self.auto.setToolTip("Floor and ceiling that suit the data.")
        self.planes, plane_row = _choice(
            [(f"sti_{plane}", plane.capitalize(), f"Show {plane} slices.") for plane in PLANES]
            + [("sti_3d", "3-D", "Show the volume in three dimensions.")]
        )
        self.convention = Combo()
        self.convention.setObjectName("sti_convention")
        self.convention.addItem("Neurological (right is right)", False)
        self.convention.addItem("Radiological (right is left)", True)
        self.convention.setToolTip("On which side of the screen the person's right is; never changes by itself.")
        self.three = QCheckBox("All three planes, with a crosshair")
        self.three.setObjectName("sti_three")
        self.linked = LinkedDock(controller, self)
        self.three.setEnabled(self.linked.possible)
        self.three.setToolTip("Show the other planes below the image; a click moves the crosshair in all of them.")
        self.more = ViewMore()
        self.unit, self.legend = self.more.unit, self.more.legend
        self.rows.addWidget(self.empty)
        self.rows.addWidget(self.covered)
        self.rows.addLayout(self._form(map_row, plane_row))
        self.rows.addWidget(Fold("More", self.more))
        self.rows.addStretch(1)
        self._connect()
        self._show()
        self._show_iterates()

    def value(self) -> View:
        """What is shown."""
        return self.view.value()

    def setValue(self, view: View) -> None:
        """Show something else."""
        self.view.set(view)

    def entered(self) -> None:
        """Show what is there now."""
        self._show()

    def _form(self, map_row: QHBoxLayout, plane_row: QHBoxLayout) -> Form:
        window = QHBoxLayout()
        window.setSpacing(MARGIN)
        window.addWidget(self.window, 1)
        window.addWidget(self.auto, 0, Qt.AlignmentFlag.AlignBottom)
        form = Form()
        form.setVerticalSpacing(MARGIN)
        form.row("Run", self.run)
        self.iterate_label = form.row("Iteration", self.iterate, buddy=self.iterate.slider)
        form.row("Map", map_row)
        over = QHBoxLayout()
        over.setSpacing(MARGIN)
        for box in (self.lines, self.ellipsoids, self.spread):
            over.addWidget(box)
        over.addStretch(1)
        form.row("Over it", over)
        self.window_label = form.row("MSA [ppm]", window, help=self.window.toolTip())
        form.row("Slices", plane_row)
        form.row("Left, right", self.convention)
        form.row("", self.three)
        return form

    def _connect(self) -> None:
        self.view.changed.connect(self._show)
        self.controller.layers.runs_changed.connect(self._show)
        self.empty.clicked.connect(self._go)
        self.covered.clicked.connect(self.view.bring_back)
        self.run.activated.connect(self._take_map)
        self.iterate.valueChanged.connect(self.controller.iterates.go)
        self.controller.iterates.changed.connect(self._show_iterates)
        self.maps.idClicked.connect(self._take_map)
        self.planes.idClicked.connect(self._take)
        self.lines.clicked.connect(self._take)
        self.ellipsoids.clicked.connect(self._take)
        self.spread.clicked.connect(self._take)
        self.three.clicked.connect(self._take)
        self.more.changed.connect(self._take_more)
        self.convention.activated.connect(self._take)
        self.window.valueChanged.connect(self._take_window)
        self.auto.clicked.connect(self._auto)

    def _take(self, *_: object) -> None:
        plane = self.planes.checkedId()
        view = self.view.value()
        self.view.change(
            run=self.run.currentText(),
            map=MAPS[self.maps.checkedId()][0] if self.maps.checkedId() >= 0 else view.map,
            lines=self.lines.isChecked(),
            spread=self.spread.isChecked() if self.spread.isEnabled() else view.spread,
            ellipsoids=self.ellipsoids.isChecked() if self.ellipsoids.isEnabled() else view.ellipsoids,
            three=self.three.isChecked(),
            radiological=bool(self.convention.currentData()),
            plane=PLANES[plane] if 0 <= plane < len(PLANES) else view.plane,
            solid=plane == len(PLANES),
        )

    def _take_map(self, *_: object) -> None:
        """Show a map, also if it is the one that something else has covered."""
        self._take()
        if self.view.covered():
            self.view.bring_back()

    def _take_more(self, values: dict[str, object]) -> None:
        view = self.view.value()
        clip = values.get("clip", view.clip)
        self.view.change(**values)
        if clip and clip != view.clip:  # all of the map at first
            self.view.change(clip_range=self.view.clip_limits())

    def _take_window(self, ends: tuple[float, float]) -> None:
        self.view.change(floor=round(ends[0], 6), ceiling=round(max(ends[1], ends[0] + 1e-4), 6))

    def _auto(self) -> None:
        self.view.auto_window()

    def _go(self) -> None:
        self.go_to.emit("reconstruct")

    def _show(self) -> None:
        view, names = self.view.value(), self.controller.layers.run_names()
        have_fields = bool(self.controller.layers.fields())
        self.empty.set("accent", "" if names else "There is no result yet: run a reconstruction, or open a run below.")
        if [self.run.itemText(i) for i in range(self.run.count())] != names:
            self.run.clear()
            self.run.addItems(names)
        self.run.setCurrentIndex(self.run.findText(view.run))
        self.run.setEnabled(bool(names))
        kinds = self.controller.layers.kinds(view.run)
        self.lines.setEnabled("pev_lines" in kinds)
        for part in (self.window, self.auto, self.window_label):
            part.setEnabled(self.view.window_acts())
        for number, (key, _, _) in enumerate(MAPS):
            button = self.maps.button(number)
            button.setEnabled(have_fields if key == "field" else key in kinds)
        self.maps.setExclusive(False)  # none may be shown
        covered = self.view.covered()
        for number, (key, _, _) in enumerate(MAPS):
            self.maps.button(number).setChecked(
                key == view.map and self.maps.button(number).isEnabled() and not covered
            )
        back = next((text for key, text, _ in MAPS if key == view.map), "PEV")
        self.covered.set("accent", covered, action=f"Show {back}")
        self.maps.setExclusive(True)
        self.lines.setChecked(view.lines)
        self._show_ellipsoids(view)
        self._show_spread(view)
        self.three.setChecked(view.three)
        self.convention.setCurrentIndex(int(view.radiological))
        self.planes.button(len(PLANES) if view.solid else PLANES.index(view.plane)).setChecked(True)
        self.more.show_view(view, self.view.styles.names(view.run), self.view.clip_limits())
        if names:
            self._show_window(view)

    def _show_iterates(self) -> None:
        session = self.controller.iterates
        for part in (self.iterate, self.iterate_label):
            part.setVisible(bool(session.entries))
        self.iterate.set_entries(session.entries)
        if session.entries:
            self.iterate.setValue(session.number)
            self.iterate.set_loading(session.loading)

    def _show_ellipsoids(self, view: View) -> None:
        can = self.view.can_draw("pev_glyphs")
        self.ellipsoids.setEnabled(can)
        self.ellipsoids.setChecked(view.ellipsoids and can)
        self.ellipsoids.setToolTip(
            f"Draw the tensors of the slice as ellipsoids (Ctrl+Shift+E). {SHAPE_HELP}"
            if can
            else "Only where the whole tensor is known: open the run, not one of its maps."
        )

    def _show_spread(self, view: View) -> None:
        has = bool(self.view.spread_kind())
        self.spread.setEnabled(has)
        self.spread.setChecked(view.spread and has)
        self.spread.setToolTip(
            "How far the map moves without any one orientation; for PEV in degrees, where MSA is above the floor."
            if has
            else "Known for runs that were started by 'Check what can be trusted' in Reconstruct."
        )

    def _show_window(self, view: View) -> None:
        if self.window.isSliderDown():
            return
        name, unit = self.view.styles.unit_of(view.modulate) if view.modulate else ("MSA", "ppm")
        text = f"{name} [{unit}]" if unit else name
        self.window_label.setText(text if len(text) <= 14 else f"{text[:12]}...")
        self.window_label.setToolTip(f"{text}. {self.window.toolTip()}")
        set_range(self.window, self.view.limits(), (view.floor, view.ceiling))


def _window_slider() -> QLabeledDoubleRangeSlider:
    slider = range_slider("sti_window", "Floor and ceiling of the PEV colours; the ceiling also ends the MSA scale.")
    set_range(slider, (0, 0.05), (0.005, 0.03))
    slider.setAccessibleName("MSA floor and ceiling in ppm")
    return slider


def _choice(entries: list[tuple[str, str, str]]) -> tuple[QButtonGroup, QHBoxLayout]:
    """A row of buttons of which one is pressed."""
    row = QHBoxLayout()
    row.setSpacing(2)
    group: QButtonGroup | None = None
    for number, (name, text, help) in enumerate(entries):
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(help)
        button.setCheckable(True)
        button.setMinimumWidth(button.fontMetrics().horizontalAdvance(text) + 10)  # some styles ask for far more
        group = group or QButtonGroup(button)
        group.addButton(button, number)
        row.addWidget(button, 1)
    assert group is not None
    group.setExclusive(True)
    return group, row
