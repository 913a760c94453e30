"""The Prepare panel: where white matter and fluid are, for the methods that need to know."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.maps.tissue_files import TITLES, Source, study_source
from napari_sti.viz.display import layer_info
from napari_sti.widgets.file_box import IMAGES
from napari_sti.widgets.look import MARGIN, Form, MainButton, empty
from napari_sti.widgets.mask_row import MaskRow, MaskState
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import Panel, text_label
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.mask_work import Made, layer_source

CONTRASTS = (
    ("", "choose\N{HORIZONTAL ELLIPSIS}"),
    ("t1", "T1 (white matter bright)"),
    ("t2star", "T2* magnitude (CSF bright)"),
)
WHICH = (("both", tuple(TITLES)), ("white matter", ("wm_mask",)), ("CSF", ("csf_mask",)))
_STUDY, _FILE = "study", "file"


class PreparePanel(Panel):
    """Two masks, where they come from, and an estimate of them."""

    id = "prepare"
    title = "Prepare"
    order = 20
    help = "Masks of white matter and CSF: from files, drawn, or estimated."

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(controller, parent)
        self.masks = controller.masks
        self._before: dict[str, Path | None] = {}
        self._file: Path | None = None
        self._layers: list[Any] = []
        self.blocked = Note("warning", action="Go to Data")
        self.blocked.setObjectName("sti_prepare_blocked")
        self.wm = MaskRow("wm_mask", "White matter")
        self.csf = MaskRow("csf_mask", "CSF")
        self.notes = QVBoxLayout()
        self.notes.setSpacing(MARGIN // 2)
        self._said: tuple[str, ...] = ()
        self.estimate_button = MainButton("Estimate")
        self.estimate_button.setObjectName("sti_estimate_masks")
        self.result = Note("good", action="Undo")
        self.result.setObjectName("sti_masks_result")
        self.failure = Note("error")
        self.failure.setObjectName("sti_masks_failure")
        self.rows.addWidget(self.blocked)
        self.rows.addWidget(text_label("For methods that treat white matter or CSF apart. Look at both before a run."))
        for part in (self.wm, self.csf):
            self.rows.addWidget(part)
        self.rows.addLayout(self.notes)
        self.rows.addLayout(self._form())
        for part in (self.estimate_button, self.result, self.failure):
            self.rows.addWidget(part)
        self.rows.addStretch(1)
        self._connect()
        self._show()

    def value(self) -> dict[str, Path | None]:
        """Files of the masks by attribute of `Study`."""
        return {name: self.masks.path(name) for name in TITLES}

    def setValue(self, paths: dict[str, Path | None]) -> None:
        """Make other files the masks of the study."""
        self.masks.set(paths)

    def entered(self) -> None:
        """Offer the layers that are there now."""
        self._offer_sources()

    def _form(self) -> Form:
        self.source = _combo("sti_mask_source", "The image that tissue is told from; it lies on the study's grid.")
        self.contrast = _combo("sti_mask_contrast", "What is bright in that image; never guessed.")
        for key, text in CONTRASTS:
            self.contrast.addItem(text, key)
        self.which = _combo("sti_mask_which", "Which mask the estimate is to be.")
        for text, names in WHICH:
            self.which.addItem(text, names)
        form = Form()
        form.row("Estimate from", self.source)
        form.row("Contrast", self.contrast)
        form.row("Masks", self.which)
        return form

    def _connect(self) -> None:
        studies, masks = self.controller.studies, self.masks
        studies.changed.connect(self._study_changed)
        studies.checked.connect(self._show)
        masks.changed.connect(self._show)
        masks.busy_changed.connect(self._busy)
        masks.failed.connect(self._failed)
        masks.made.connect(self._made)
        for row in (self.wm, self.csf):
            row.show_toggled.connect(self._toggle)
            row.file_chosen.connect(self._choose)
            row.draw_clicked.connect(self._draw)
            row.take_clicked.connect(self._take)
            row.drop_clicked.connect(self._drop)
        self.source.activated.connect(self._source_chosen)
        self.contrast.activated.connect(self._show)
        self.estimate_button.clicked.connect(self.estimate)
        self.result.clicked.connect(self._undo)
        self.blocked.clicked.connect(self._to_data)

    def why_not(self) -> str:
        """Why there can be no masks yet, in one line; empty if there can."""
        studies = self.controller.studies
        if studies.empty:
            return "There is no study yet."
        if not studies.study.has_fields or studies.study.mask is None:
            return "The study needs its field maps and the brain mask first."
        return ""

    def estimate(self) -> None:
        """Estimate with what the panel shows."""
        self._clear()
        names = self.which.currentData()
        self._before = {name: self.masks.path(name) for name in names}
        try:
            source = self._chosen_source()
        except InputError as error:
            self._failed(str(error))
            return
        self.masks.estimate(source, self.contrast.currentData(), names)

    def _chosen_source(self) -> Source:
        key = self.source.currentData()
        if key == _STUDY:
            return study_source(self.controller.study)
        if key == _FILE and self._file is not None:
            return study_source(self.controller.study, self._file)
        layer = self._layers[key]
        data, attributes, _ = layer.as_layer_data_tuple()
        return layer_source(layer.name, data, attributes)

    def _offer_sources(self) -> None:
        """List the study's magnitude, images in the viewer that are none of ours, and a file."""
        # The last entry is no image, and must not stay chosen when there is one.
        kept, study = self.source.currentText() if self.source.currentData() != "" else "", self.controller.study
        self._layers = [layer for layer in self.controller.viewer.layers if _can_be_source(layer)]
        with QSignalBlocker(self.source):
            self.source.clear()
            if study.magnitude:
                self.source.addItem("magnitude of the study", _STUDY)
            for number, layer in enumerate(self._layers):
                self.source.addItem(f"layer {layer.name}", number)
            if self._file is not None:
                self.source.addItem(self._file.name, _FILE)
            self.source.addItem("choose a file\N{HORIZONTAL ELLIPSIS}", "")
            self.source.setCurrentIndex(max(0, self.source.findText(kept) if kept else 0))
        self._show_button()

    def _source_chosen(self, _: int) -> None:
        if self.source.currentData() == "":
            file, _ = QFileDialog.getOpenFileName(self, "An image of this brain", "", IMAGES)
            if file:
                self._file = Path(file)
                self._offer_sources()
                self.source.setCurrentIndex(self.source.findData(_FILE))
        self._show_button()

    def _study_changed(self) -> None:
        self.result.set("good", "")
        self._clear()
        self._offer_sources()
        self._show()

    def _show(self, *_: Any) -> None:
        why = self.why_not()
        self.blocked.set("warning", why)
        report = self.masks.report
        for row in (self.wm, self.csf):
            name = row.name
            row.setValue(
                MaskState(
                    self.masks.path(name),
                    None if report is None else report.facts.get(name),
                    name in self.masks.drawing,
                    self.masks.is_shown(name),
                    usable=not why and not self.masks.busy,
                )
            )
        self._say(() if report is None else report.sentences)
        self._show_button()

    def _show_button(self) -> None:
        why = self.why_not() or ("" if self.source.currentData() != "" else "Choose an image.")
        why = why or ("" if self.contrast.currentData() else "Choose what is bright in the image.")
        self.estimate_button.setEnabled(not why and not self.masks.busy)
        self.estimate_button.setToolTip(why or "A simple estimate; look at it before you use it.")

    def _say(self, sentences: tuple[str, ...]) -> None:
        if sentences == self._said:
            return
        self._said = sentences
        empty(self.notes)
        for number, text in enumerate(sentences):
            note = Note("warning", text)
            note.setObjectName(f"sti_mask_note_{number}")
            self.notes.addWidget(note)

    def _busy(self, what: str) -> None:
        self.estimate_button.setText(f"{what}\N{HORIZONTAL ELLIPSIS}" if what else "Estimate")
        self._show()

    def _clear(self) -> None:
        self.failure.set("error", "")

    def _failed(self, sentence: str) -> None:
        self.result.set("good", "")
        self.failure.set("error", sentence)
        self.bring_to_view(self.failure)

    def _made(self, made: Made) -> None:
        if made.tissue is None:
            return
        words = {"wm_mask": f"white matter {made.tissue.wm_ml:.0f} ml", "csf_mask": f"CSF {made.tissue.csf_ml:.1f} ml"}
        found = ", ".join(words[name] for name in made.paths)
        said = " ".join((f"Estimated: {found}. Look at it, and correct it with Draw.", *made.tissue.remarks))
        self.result.set("warning" if made.tissue.remarks else "good", said, action="Undo")
        self.bring_to_view(self.result)

    def _undo(self) -> None:
        self.setValue(self._before)

    def _toggle(self, name: str, on: bool) -> None:
        (self.masks.show if on else self.masks.hide)((name,))

    def _choose(self, name: str, path: Path) -> None:
        self._clear()
        self.masks.choose(name, path)

    def _draw(self, name: str) -> None:
        self._clear()
        self.masks.draw(name)

    def _take(self, name: str) -> None:
        self._clear()
        self.masks.take(name)

    def _drop(self, name: str) -> None:
        self._clear()
        self.masks.drop(name)

    def _to_data(self) -> None:
        self.go_to.emit("data")


def _combo(name: str, help: str) -> QComboBox:
    box = QComboBox()
    box.setObjectName(name)
    box.setToolTip(help)
    box.setAccessibleName(help.partition(";")[0])
    # Long names of layers must not widen the dock.
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    keep_wheel_for_scrolling(box)
    return box


def _can_be_source(layer: Any) -> bool:
    """Whether tissue may be told from a layer: an image of numbers in three dimensions, none of our maps."""
    info = layer_info(layer.metadata)
    image = type(layer).__name__ == "Image" and layer.ndim == 3 and not layer.rgb and not layer.multiscale
    return image and (info is None or info.get("kind") == "image")
