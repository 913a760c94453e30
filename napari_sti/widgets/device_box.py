"""Where to compute: the devices that the worker found, and whether the run fits."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.memory import size_text
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.note import Note
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.words import duration

_TOO_MUCH = "This is more memory than is free: close other programs, take a smaller volume or another device."


class Needs(QWidget):
    """What a run needs: memory, time, and a warning where that is more than there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.estimate = text_label()
        self.estimate.setObjectName("sti_estimate")
        self.too_much = Note("warning")
        self.too_much.setObjectName("sti_too_much")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.estimate)
        layout.addWidget(self.too_much)

    def setValue(self, estimate: Mapping[str, Any] | None) -> None:
        """Show what `napari_sti.jobs.estimate.estimate` found out; None while it is not known."""
        self.estimate.setVisible(estimate is not None)
        if estimate is None:
            self.too_much.set("warning", "")
            return
        self.estimate.setText(estimate_text(estimate))
        if not estimate["enough"]:
            self.too_much.set("warning", _TOO_MUCH)
        else:
            self.too_much.set("accent", str(estimate.get("moved") or ""))


class DeviceBox(QWidget):
    """Editor of the name of a device, with what a run needs there below it, or elsewhere (`needs`)."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setObjectName("sti_device")
        self.combo.setAccessibleName("Device")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.combo.setToolTip("Where to compute; automatic takes a GPU where there is one.")
        keep_wheel_for_scrolling(self.combo)
        self.needs = Needs()
        self.estimate, self.too_much = self.needs.estimate, self.needs.too_much
        form = Form()
        form.row("Device", self.combo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        layout.addLayout(form)
        layout.addWidget(self.needs)
        self.set_devices([])
        self.combo.currentIndexChanged.connect(self._changed)

    def value(self) -> str:
        """Name of the device."""
        return str(self.combo.currentData())

    def setValue(self, name: str) -> None:
        """Choose another device; one that is not there becomes automatic."""
        self.combo.setCurrentIndex(max(0, self.combo.findData(name)))

    def set_devices(self, devices: Sequence[Mapping[str, Any]]) -> None:
        """Offer the devices that the worker found."""
        before = self.combo.currentData()
        self.combo.blockSignals(True)
        self.combo.clear()
        best = next((d for d in devices if str(d.get("name")).startswith("cuda")), None)
        best = best or next(iter(devices), None)
        means = f": {best['title']}" if best else ""
        self.combo.addItem(f"Automatic{means}", "auto")
        for device in devices:
            self.combo.addItem(str(device["title"]), str(device["name"]))
        self.combo.setCurrentIndex(max(0, self.combo.findData(before)))
        self.combo.blockSignals(False)

    def set_estimate(self, estimate: Mapping[str, Any] | None) -> None:
        """Show what `napari_sti.jobs.estimate.estimate` found out; None while it is not known."""
        self.needs.setValue(estimate)

    def _changed(self, _: int) -> None:
        self.valueChanged.emit()


def estimate_text(estimate: Mapping[str, Any]) -> str:
    """One line: what is needed, what is free, how long it takes."""
    text = f"Needs about {size_text(estimate['bytes'])}"
    if estimate.get("available") is not None:
        text += f"; {size_text(estimate['available'])} free"
    seconds = estimate.get("seconds")
    if seconds is not None:
        text += f". About {duration(seconds)}"
    elif estimate.get("device") == "cpu":
        text += ". The first run tells how long it takes here"
    return text + "."
