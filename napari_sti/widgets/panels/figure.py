"""The Figure panel: what is looked at becomes panels of a publication figure; and the workspace as a file."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_sti.core.errors import InputError
from napari_sti.evaluate.figure_spec import FigureSpec, figure_from, figure_mapping
from napari_sti.widgets.controls import named_button
from napari_sti.widgets.figure_list import FigureList
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form, MainButton
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.session.controller import Controller

_FILES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg);;TIFF (*.tif);;Figure file (*.json)"
_WORKSPACES = "Workspaces (*.sti-workspace.json)"


class FigurePanel(Panel):
    """Editor of a `FigureSpec`, its preview, and the buttons of the workspace."""

    id = "figure"
    title = "Figure"
    order = 97
    help = "Arrange views as a publication figure; save and open the workspace."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.session, self.workspace = controller.figure, controller.workspace
        self.empty = Note("accent", "Look at a map of a run in the View panel, then add it as a panel of the figure.")
        self.empty.setObjectName("sti_figure_empty")
        self.add = named_button("Add this view", "sti_figure_add", "Take map, plane and slice as a panel.")
        self.picture = named_button(
            "Add picture\N{HORIZONTAL ELLIPSIS}",
            "sti_figure_picture",
            "Save what the canvas shows, also in 3-D, and take it as a panel.",
        )
        self.list = FigureList()
        self.name = QLineEdit()
        self.name.setObjectName("sti_figure_title")
        self.name.setPlaceholderText("none")
        self.columns = _number("sti_figure_columns", 1, 12, 2, "")
        self.panel_width = _number("sti_figure_width", 10, 400, 55, " mm")
        self.dpi = _number("sti_figure_dpi", 30, 1200, 300, " dpi")
        self.bars = _check("Colour bars and key", "sti_figure_bars")
        self.scale = _check("Scale", "sti_figure_scale")
        self.letters = _check("Letters", "sti_figure_letters")
        self.preview = QLabel()
        self.preview.setObjectName("sti_figure_preview")
        self.preview.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.preview.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.state = text_label(muted=True)
        self.state.setObjectName("sti_figure_state")
        self.note, self.failure, self.said = Note("warning"), Note("error"), Note("good")
        for part, name in ((self.note, "note"), (self.failure, "failure"), (self.said, "said")):
            part.setObjectName(f"sti_figure_{name}")
        self.open = named_button("Open figure\N{HORIZONTAL ELLIPSIS}", "sti_figure_open", "Read a figure file (.json).")
        self.keep = named_button(
            "Save workspace\N{HORIZONTAL ELLIPSIS}",
            "sti_workspace_save",
            "Runs, layers, camera and figure as one file; data stay where they are.",
        )
        self.restore = named_button(
            "Open workspace\N{HORIZONTAL ELLIPSIS}", "sti_workspace_open", "Everything as it was when it was saved."
        )
        self.footer = self.button = MainButton("Save figure\N{HORIZONTAL ELLIPSIS}")
        self.button.setObjectName("sti_figure")
        self._lay_out()
        self._connect()
        self._changed()

    def value(self) -> FigureSpec:
        """The figure as it is arranged."""
        return FigureSpec(
            panels=self.list.value(),
            columns=int(self.columns.value()),
            panel_mm=float(self.panel_width.value()),
            dpi=int(self.dpi.value()),
            convention=self.session.convention,
            title=str(self.name.text()).strip(),
            bars=bool(self.bars.isChecked()),
            scale_bar=bool(self.scale.isChecked()),
            letters=bool(self.letters.isChecked()),
        )

    def setValue(self, spec: FigureSpec) -> None:
        """Arrange another figure."""
        self.columns.setValue(spec.columns)
        self.panel_width.setValue(round(spec.panel_mm))
        self.dpi.setValue(spec.dpi)
        self.name.setText(spec.title)
        for box, on in ((self.bars, spec.bars), (self.scale, spec.scale_bar), (self.letters, spec.letters)):
            box.setChecked(on)
        self.list.setValue(spec.panels)

    def _lay_out(self) -> None:
        self.rows.addWidget(self.empty)
        _row(self.rows, self.add, self.picture)
        self.rows.addWidget(self.list)
        form = Form()
        form.row("Columns", self.columns)
        form.row("Title", self.name)
        self.rows.addLayout(form)
        more = QWidget()
        rows = Form(more)
        rows.row("Panel width", self.panel_width)
        rows.row("Resolution", self.dpi)
        for text, box in (("Show", self.bars), ("", self.scale), ("", self.letters)):
            rows.row(text, box)
        rows.row("", self.open)
        fold = Fold("More", more)
        fold.button.setObjectName("sti_figure_more")
        self.rows.addWidget(fold)
        for part in (self.state, self.note, self.failure, self.preview, self.said):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        _row(self.rows, self.keep, self.restore)

    def _connect(self) -> None:
        session, workspace = self.session, self.workspace
        session.previewed.connect(self._previewed)
        session.busy_changed.connect(self._busy)
        session.read.connect(self.setValue)
        for one in (session, workspace):
            one.saved.connect(self._saved)
            one.failed.connect(self._failed)
        workspace.opened.connect(self._saved)
        workspace.figure_wanted.connect(self._take_figure)
        workspace.window_wanted.connect(self._take_window)
        self.add.clicked.connect(self._add)
        self.picture.clicked.connect(self._add_picture)
        self.list.valueChanged.connect(self._changed)
        for box in (self.columns, self.panel_width, self.dpi):
            box.valueChanged.connect(self._changed)
        for box in (self.bars, self.scale, self.letters):
            box.toggled.connect(self._changed)
        self.name.editingFinished.connect(self._changed)
        self.open.clicked.connect(self._open)
        self.button.clicked.connect(self._save)
        self.keep.clicked.connect(self._save_workspace)
        self.restore.clicked.connect(self._open_workspace)

    # ---- the figure ----

    def _add(self) -> None:
        self._quiet()
        try:
            self.list.add(self.session.here())
        except InputError as error:
            self._failed(str(error))
            return
        if self.session.unsaved_tracts():
            self.note.set("warning", "The tracts are not in the figure: save them in the Tracts panel first.")

    def _add_picture(self) -> None:
        self._quiet()
        name, _ = QFileDialog.getSaveFileName(self, "Save what the canvas shows", "view.png", "PNG (*.png)")
        if name:
            self.list.add(self.session.take_picture(Path(name).with_suffix(".png")))

    def _changed(self, *_: object) -> None:
        spec = self.value()
        there = bool(spec.panels)
        self.empty.setVisible(not there)
        self.button.setEnabled(there)
        self.button.setToolTip("" if there else "Add a panel first.")
        self.preview.setVisible(there)
        self.workspace.figure = figure_mapping(spec) if there else {}
        if there:
            self.session.preview(spec)

    def _previewed(self, png: bytes) -> None:
        pixmap = QPixmap()
        pixmap.loadFromData(png)
        width = max(self.preview.width() - MARGIN, 100)
        self.preview.setPixmap(pixmap.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation))
        self.failure.set("error", "")

    def _busy(self, what: str) -> None:
        self.state.setText(f"{what[0].upper()}{what[1:]} \N{HORIZONTAL ELLIPSIS}" if what else "")
        self.state.setVisible(bool(what))

    def _save(self) -> None:
        self._quiet()
        name, _ = QFileDialog.getSaveFileName(self, "Save the figure", "figure.png", _FILES)
        if name:
            self.session.save(self.value(), Path(name))

    def _open(self) -> None:
        self._quiet()
        name, _ = QFileDialog.getOpenFileName(self, "Open a figure file", "", "Figure file (*.json)")
        if name:
            self.session.open(Path(name))

    # ---- the workspace ----

    def _save_workspace(self) -> None:
        self._quiet()
        name, _ = QFileDialog.getSaveFileName(self, "Save the workspace", "work.sti-workspace.json", _WORKSPACES)
        if name:
            self.workspace.save(Path(name), self._window())

    def _open_workspace(self) -> None:
        self._quiet()
        name, _ = QFileDialog.getOpenFileName(self, "Open a workspace", "", _WORKSPACES)
        if name:
            self.workspace.open(Path(name))

    def _window(self) -> dict[str, Any]:
        size = self.window().size()
        return {"size": [int(size.width()), int(size.height())]}

    def _take_window(self, state: Any) -> None:
        size = state.get("size") if isinstance(state, dict) else None
        if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and 200 < n < 20000 for n in size):
            self.window().resize(*size)

    def _take_figure(self, content: Any) -> None:
        try:
            self.setValue(figure_from(content))
        except InputError as error:
            self._failed(str(error))

    # ---- what is said ----

    def _quiet(self) -> None:
        for part in (self.note, self.failure, self.said):
            part.set("good", "")

    def _saved(self, text: str) -> None:
        self.said.set("good", text)
        self.bring_to_view(self.said)

    def _failed(self, text: str) -> None:
        self.failure.set("error", text)
        self.bring_to_view(self.failure)


def _row(rows: Any, *parts: QWidget) -> None:
    layout = QHBoxLayout()
    layout.setSpacing(MARGIN // 2)
    for part in parts:
        layout.addWidget(part)
    rows.addLayout(layout)


def _number(name: str, low: int, high: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox()
    box.setObjectName(name)
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(suffix)
    box.setKeyboardTracking(False)
    keep_wheel_for_scrolling(box)
    return box


def _check(text: str, name: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setChecked(True)
    return box
