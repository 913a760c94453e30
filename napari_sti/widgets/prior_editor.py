"""What is asked of which prior about which image: the editor of a `PriorChoice`."""

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sti.lpn.question import ACTIONS, RISK, WAYS
from napari_sti.widgets.device_box import DeviceBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.note import Note
from napari_sti.widgets.prior_controls import combo, first_known, number, offer, way_box
from napari_sti.widgets.session.prior_choice import SCALINGS, PriorChoice, fits
from napari_sti.widgets.session.prior_model import Model, model_of
from napari_sti.widgets.session.prior_sources import Source, first_of
from napari_sti.widgets.session.weights import shipped
from napari_sti.widgets.weights_box import WeightsBox, WeightsCard

_FILES = "Priors and denoisers (*.safetensors *.pkl *.pt *.pth *.ckpt *.ts *.jit *.torchscript *.onnx);;All files (*)"
_HELP = {
    "value": "R of the image, and which voxels it comes from.",
    "prox": "What the denoiser makes of the image.",
    "compare": "R of two images and along the line between them, and where they differ.",
    "perturb": "How R grows along noise, blur, contrast, a blend with another image, or a painted lesion.",
    "cut": "\N{GREEK SMALL LETTER PSI}, f and R along a line: towards the other image, the brightness of the region, "
    "or noise.",
    "check": "Whether the denoiser is a prox: every check with its number.",
}


class PriorEditor(QWidget):
    """Editor of a `PriorChoice`."""

    valueChanged = Signal()
    train = Signal()
    """The person wants to train a prior on the chosen image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = Model("")
        self._sources: tuple[Source, ...] = ()
        self._forced = False
        self._by_hand = False
        """Whether somebody has chosen the image; until then the most sensible one is."""
        self._pairs = True
        """Whether image and prior follow each other; not while both are set."""
        self._last: dict[int, str] = {}
        """Weights that were taken last for images with so many values per voxel."""
        known = shipped("lpn", any_use=True)
        for name in reversed([one.name for one in known]):
            self._last[model_of(name).channels] = name
        self.weights = WeightsBox(known, files=_FILES)
        self.weights.combo.setObjectName("sti_prior_weights")
        self.weights.combo.setAccessibleName("Prior")
        self.card = WeightsCard()
        self.card.button.setObjectName("sti_prior_about")
        self.risk = Note("warning")
        self.risk.setObjectName("sti_prior_risk")
        self.action = combo("sti_prior_action", "What to find out.")
        for action, title in ACTIONS.items():
            self.action.addItem(title, action)
        self.image = combo("sti_prior_image", "The image that the prior is asked about.")
        self.other = combo("sti_prior_other", "The image to compare with, blend with, or cut towards.")
        self.region = combo(
            "sti_prior_region",
            "A Labels layer: its share of R is said, and only it is perturbed; a lesion is painted so.",
        )
        self.ways = {way: way_box(way) for way in WAYS}
        self._make_more()
        self._lay_out()
        self._connect()
        self.weights.setValue(first_known(known))
        self._action_changed()

    def value(self) -> PriorChoice:
        """What is asked."""
        return PriorChoice(
            weights=self.weights.value(),
            action=str(self.action.currentData()),
            image=str(self.image.currentData() or ""),
            other=str(self.other.currentData() or ""),
            region=str(self.region.currentData() or ""),
            ways=tuple(way for way, button in self.ways.items() if button.isChecked()),
            every_slice=bool(self.slices.currentData()),
            scaling=str(self.scaling.currentData()),
            factor=self.factor.value(),
            lesion=self.lesion.value(),
            noise=self.noise.value(),
            tolerance=self.tolerance.value(),
            dims=int(self.dims.currentData()),
            device=self.device.value(),
        )

    def setValue(self, choice: PriorChoice) -> None:
        """Ask something else; images that are not there stay unchosen."""
        self._pairs, self._by_hand = False, bool(choice.image)
        self.weights.setValue(choice.weights)
        for box, wanted in (
            (self.action, choice.action),
            (self.image, choice.image),
            (self.other, choice.other),
            (self.region, choice.region),
            (self.slices, choice.every_slice),
            (self.scaling, choice.scaling),
            (self.dims, choice.dims),
        ):
            box.setCurrentIndex(box.findData(wanted))
        for way, button in self.ways.items():
            button.setChecked(way in choice.ways)
        for box, given in (
            (self.factor, choice.factor),
            (self.lesion, choice.lesion),
            (self.noise, choice.noise),
            (self.tolerance, choice.tolerance),
        ):
            box.setValue(given)
        self.device.setValue(choice.device)
        self._pairs = True
        self._action_changed()

    def set_images(self, sources: Sequence[Source], regions: Sequence[str]) -> None:
        """Offer other images and regions; what was chosen by hand stays chosen while it is there."""
        self._sources = tuple(sources)
        offered = [(f"{one.title}   {one.about}", one.key) for one in sources]
        fitting = [one for one in sources if fits(one, self.model)]
        self._by_hand = self._by_hand and self.source() is not None
        offer(self.image, offered, None if self._by_hand else first_of(fitting or sources))
        offer(self.other, [("none", ""), *offered])
        offer(self.region, [("none", ""), *((name, name) for name in regions)])

    def source(self) -> Source | None:
        """The chosen image."""
        return next((one for one in self._sources if one.key == self.image.currentData()), None)

    def set_unit(self, unit: str, lesion: float) -> None:
        """Say in which unit the image is, and what a lesion could have."""
        self.lesion.setSuffix(f" {unit}" if unit else "")
        self.lesion.setValue(lesion)

    def _make_more(self) -> None:
        self.scaling = combo("sti_prior_scaling", "How values are brought to what the prior was trained on.")
        for key, title in SCALINGS.items():
            self.scaling.addItem(title, key)
        self.factor = number("sti_prior_factor", 1.0, "Values are multiplied by it.")
        self.slices = combo("sti_prior_slices", "Of a volume, for a prior of flat images.")
        self.slices.addItem("the one that is looked at", False)
        self.slices.addItem("all of them (axial)", True)
        self.dims = combo("sti_prior_dims", "What a denoiser of others takes.")
        self.dims.addItem("flat images", 2)
        self.dims.addItem("volumes", 3)
        self.lesion = number("sti_prior_lesion", 1.0, "Value of the painted lesion.")
        self.noise = number("sti_prior_noise", 0.1, "Standard deviation of the noise of the check, in its scale.")
        self.tolerance = number("sti_prior_tolerance", 1e-4, "Relative residual at which f(y) = x counts as solved.")
        self.tolerance.setRange(1e-9, 0.5)
        self.device = DeviceBox()
        self.device.combo.setObjectName("sti_prior_device")
        self.device.set_estimate(None)
        self.train_button = QPushButton("Train a prior on this image\N{HORIZONTAL ELLIPSIS}")
        self.train_button.setObjectName("sti_prior_train")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        top = Form()
        top.row("Prior", self.weights, help="Learned proximal network, or for checks any denoiser.")
        layout.addLayout(top)
        layout.addWidget(self.card)
        layout.addWidget(self.risk)
        self._form = Form()
        self._image_label = self._form.row("Image", self.image, help=self.image.toolTip())
        self._form.row("Ask", self.action)
        self._other_label = self._form.row("Other image", self.other, help=self.other.toolTip())
        self._region_label = self._form.row("Region", self.region, help=self.region.toolTip())
        self._ways = QWidget()
        ways = QGridLayout(self._ways)
        ways.setContentsMargins(0, 0, 0, 0)
        ways.setSpacing(MARGIN // 2)
        for place, box in enumerate(self.ways.values()):
            ways.addWidget(box, place // 3, place % 3)
        self._ways_label = self._form.row("By", self._ways)
        layout.addLayout(self._form)
        layout.addWidget(self._more())

    def _more(self) -> Fold:
        content = QWidget()
        form = Form(content)
        scale = QHBoxLayout()
        scale.setSpacing(MARGIN // 2)
        scale.addWidget(self.scaling, 1)
        scale.addWidget(self.factor, 1)
        form.row("Scale", scale, help=self.scaling.toolTip(), buddy=self.scaling)
        self._rows = {
            "slices": (form.row("Slices", self.slices, help=self.slices.toolTip()), self.slices),
            "dims": (form.row("Takes", self.dims, help=self.dims.toolTip()), self.dims),
            "lesion": (form.row("Lesion value", self.lesion, help=self.lesion.toolTip()), self.lesion),
            "noise": (form.row("Noise", self.noise, help=self.noise.toolTip()), self.noise),
            "tolerance": (form.row("Tolerance", self.tolerance, help=self.tolerance.toolTip()), self.tolerance),
        }
        form.addRow(self.device)
        form.addRow(self.train_button)
        fold = Fold("More", content)
        fold.button.setObjectName("sti_prior_more")
        return fold

    def _connect(self) -> None:
        self.weights.valueChanged.connect(self._model_changed)
        self.action.currentIndexChanged.connect(self._action_changed)
        self.image.currentIndexChanged.connect(self._image_changed)
        for box in (self.other, self.region, self.slices, self.scaling, self.dims):
            box.currentIndexChanged.connect(self._changed)
        for button in self.ways.values():
            button.toggled.connect(self._changed)
        for box in (self.factor, self.lesion, self.noise, self.tolerance, self.device):
            box.valueChanged.connect(self._changed)
        self.train_button.clicked.connect(self.train)

    def keep_image(self) -> None:
        """Leave the image chosen, whatever others come."""
        self._by_hand = True

    def _image_changed(self, *_: object) -> None:
        """Take the last prior of such images if the present one is of others."""
        self._by_hand = True
        source = self.source()
        if self._pairs and source is not None and not fits(source, self.model) and source.channels in self._last:
            self.weights.setValue(self._last[source.channels])
        self._changed()

    def _take_fitting_image(self) -> None:
        """Take an image that the prior can be asked about, if there is one."""
        fitting = [one for one in self._sources if fits(one, self.model)]
        if self._pairs and fitting and not fits(self.source(), self.model):
            with QSignalBlocker(self.image):
                self.image.setCurrentIndex(self.image.findData(first_of(fitting)))

    def _model_changed(self) -> None:
        self.model = model_of(self.weights.value())
        if self.model.channels and not self.model.problem:
            self._last[self.model.channels] = self.weights.value()
        self._take_fitting_image()
        self.card.setVisible(not self.model.program and not self.model.problem)
        if not self.model.program:
            self.card.set_weights(self.weights.value())
        self.risk.set("warning", RISK if self.model.program else "")
        with QSignalBlocker(self):
            wanted = "range" if self.model.wants_unit_range or self.model.program else "stated"
            self.scaling.setCurrentIndex(self.scaling.findData(wanted))
            self.noise.setValue(self.model.noise)
            only = "check" if self.model.program else "cut" if self.model.dims == 1 else ""
            if only and self.action.currentData() not in (only, "check"):
                self.action.setCurrentIndex(self.action.findData(only))
                self._forced = True
            elif not only and self._forced:
                self.action.setCurrentIndex(self.action.findData("value"))
                self._forced = False
        self._action_changed()

    def _action_changed(self, *_: object) -> None:
        self.action.setToolTip(_HELP[str(self.action.currentData())])
        self._changed()

    def _changed(self, *_: object) -> None:
        choice, model = self.value(), self.model
        flat = model.dims == 2 or (model.program and choice.dims == 2)
        source = self.source()
        stack = source is None or source.dims == 3
        points = model.dims == 1
        perturbs = choice.action == "perturb"
        shown = {
            "slices": flat and stack,
            "dims": model.program,
            "lesion": perturbs and "lesion" in choice.ways,
            "noise": choice.action == "check",
            "tolerance": choice.action not in ("prox", "check"),
        }
        for name, parts in self._rows.items():
            for part in parts:
                part.setVisible(shown[name])
        for part in (self._ways_label, self._ways):
            part.setVisible(perturbs)
        for part in (self._other_label, self.other):
            part.setVisible(choice.takes_other and not points)
        for part in (self._region_label, self.region):
            part.setVisible(choice.action not in ("prox", "check") and not points)
        for part in (self._image_label, self.image):
            part.setVisible(not points)
        self.factor.setVisible(choice.scaling == "factor")
        self.valueChanged.emit()
