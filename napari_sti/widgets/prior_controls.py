"""Small parts of the Prior panel: its boxes, and which prior is chosen at first."""

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy

from napari_sti.lpn.question import WAYS
from napari_sti.recon.weights import Weights
from napari_sti.widgets.number_boxes import ScientificBox, keep_wheel_for_scrolling
from napari_sti.widgets.session.prior_model import model_of

_WAY_HELP = {
    "noise": "Gaussian noise of growing strength.",
    "blur": "A Gaussian blur of growing width.",
    "contrast": "Differences from the mean, smaller and larger.",
    "blend": "The straight line to the other image.",
    "lesion": "The painted region takes another value, step by step.",
}


def first_known(known: Sequence[Weights]) -> str:
    """Name of the weights that are chosen at first: of flat images if there are some."""
    models = [model_of(one.name) for one in known]
    best = next((m for m in models if m.dims == 2), models[0] if models else None)
    return "" if best is None else best.weights


def offer(box: QComboBox, entries: Sequence[tuple[str, str]], first: str | None = None) -> None:
    """Offer entries, and keep the choice if it is among them; `first` is chosen whatever was before."""
    chosen = box.currentData() if first is None else first
    if chosen == box.currentData() and [(box.itemText(i), box.itemData(i)) for i in range(box.count())] == list(
        entries
    ):
        return
    with QSignalBlocker(box):
        box.clear()
        for title, key in entries:
            box.addItem(title, key)
        box.setCurrentIndex(max(box.findData(chosen), 0) if entries else -1)


def combo(name: str, help: str) -> QComboBox:
    """A list to choose from, which never widens the panel."""
    box = QComboBox()
    box.setObjectName(name)
    box.setToolTip(help)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    keep_wheel_for_scrolling(box)
    return box


def number(name: str, value: float, help: str) -> ScientificBox:
    """A box for a number."""
    box = ScientificBox()
    box.setObjectName(name)
    box.setToolTip(help)
    box.setValue(value)
    return box


def way_box(way: str) -> QCheckBox:
    """A box to check for one of the ways to perturb an image."""
    box = QCheckBox(WAYS[way])
    box.setObjectName(f"sti_prior_way_{way}")
    box.setToolTip(_WAY_HELP[way])
    box.setChecked(way in ("noise", "blur"))
    return box
