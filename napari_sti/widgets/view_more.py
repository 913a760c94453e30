"""What is folded under *More* in the View panel: how directions are coloured, where, and what is drawn of them."""

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget
from superqt import QLabeledDoubleRangeSlider

from napari_sti.viz.numbers import UNITS
from napari_sti.widgets.controls import named_combo
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.session.view_state import View

AXES = (("L-R", "left-right (red)"), ("P-A", "front-back (green)"), ("I-S", "up-down (blue)"))
SHAPES = (("anisotropic", "Ball + anisotropy"), ("signed", "|Eigenvalues|, grey = negative"))
SHAPE_HELP = (
    "Susceptibilities have both signs, an ellipsoid has no negative axes. 'Ball + anisotropy': semi-axes grow with "
    "l - MMS, a ball has no anisotropy and the ceiling is 4:1; the sign of the mean is not seen. '|Eigenvalues|': "
    "semi-axes are |l|, and what is diamagnetic is grey."
)


class ViewMore(QWidget):
    """Editor of the less used part of a `View`."""

    changed = Signal(dict)
    """Some fields of the view, by name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.unit = named_combo(
            "sti_display_unit", "Unit of susceptibilities and fields, on the image and in the status."
        )
        self.unit.addItems(list(UNITS))
        self.legend = _check("sti_legend", "Legend on the image", "Letters, colour key, colour bar and scale.")
        self.modulate = named_combo(
            "sti_modulate", "Whose values between floor and ceiling become brightness or opacity."
        )
        self.mode = named_combo("sti_modulate_mode", "Dark below the floor, or transparent: what lies below is seen.")
        self.mode.addItem("Brightness", False)
        self.mode.addItem("Opacity", True)
        self.clip = named_combo("sti_clip", "Show directions only where this map lies in the range below.")
        self.clip_range = range_slider("sti_clip_range", "Where directions are shown, in the unit of the map.")
        self.axes = [
            _check(f"sti_suppress_{text[0].lower()}", text, f"Leave {help} out of the colours.") for text, help in AXES
        ]
        self.even = _check(
            "sti_even",
            "All directions equally light",
            "Perceptually even colours (Oklab): what is bright is anisotropic, not front-back.",
        )
        self.slab = QDoubleSpinBox()
        self.slab.setObjectName("sti_slab")
        self.slab.setRange(0, 200)
        self.slab.setDecimals(1)
        self.slab.setSuffix(" mm")
        self.slab.setSpecialValueText("one slice")
        self.slab.setKeyboardTracking(False)
        self.slab.setToolTip("Thickness of what lines and ellipsoids are drawn of; one slice means all of it in 3-D.")
        keep_wheel_for_scrolling(self.slab)
        self.shape = named_combo("sti_glyph_shape", SHAPE_HELP)
        for key, text in SHAPES:
            self.shape.addItem(text, key)
        self._lay_out()
        self._connect()

    def show_view(self, view: View, names: list[str], clip_limits: tuple[float, float]) -> None:
        """Show a view; `names` are the layers that can modulate or clip."""
        self.unit.setCurrentText(view.unit)
        self.legend.setChecked(view.legend)
        _fill(self.modulate, [("MSA of the run", ""), *((name, name) for name in names)], view.modulate)
        self.mode.setCurrentIndex(int(view.opacity))
        _fill(self.clip, [("Nothing", ""), *((name, name) for name in names)], view.clip)
        for box, on in zip(self.axes, view.suppress, strict=True):
            box.setChecked(on)
        self.even.setChecked(view.even)
        with QSignalBlocker(self.slab):
            self.slab.setValue(view.slab)
        self.shape.setCurrentIndex(self.shape.findData(view.shape))
        for part in (self.clip_label, self.clip_range):
            part.setVisible(bool(view.clip))
        if view.clip and not self.clip_range.isSliderDown():
            set_range(self.clip_range, clip_limits, view.clip_range)

    def _lay_out(self) -> None:
        form = Form(self)
        form.setVerticalSpacing(MARGIN)
        form.row("Modulate by", self.modulate)
        form.row("as", self.mode)
        form.row("Clip by", self.clip)
        self.clip_label = form.row("shown", self.clip_range)
        axes = QHBoxLayout()
        for box in self.axes:
            axes.addWidget(box)
        axes.addStretch(1)
        form.row("Leave out", axes)
        form.row("Colours", self.even)
        form.row("Slab", self.slab)
        form.row("Ellipsoids", self.shape, help=SHAPE_HELP)
        form.row("Values in", self.unit)
        form.row("", self.legend)

    def _connect(self) -> None:
        for combo in (self.unit, self.modulate, self.mode, self.clip, self.shape):
            combo.activated.connect(self._take)
        for box in (self.legend, self.even, *self.axes):
            box.clicked.connect(self._take)
        self.slab.valueChanged.connect(self._take)
        self.clip_range.valueChanged.connect(self._take_range)

    def _take(self, *_: object) -> None:
        left, front, up = (box.isChecked() for box in self.axes)
        self.changed.emit(
            {
                "unit": self.unit.currentText(),
                "legend": self.legend.isChecked(),
                "modulate": str(self.modulate.currentData() or ""),
                "opacity": bool(self.mode.currentData()),
                "clip": str(self.clip.currentData() or ""),
                "suppress": (left, front, up),
                "even": self.even.isChecked(),
                "slab": self.slab.value(),
                "shape": str(self.shape.currentData()),
            }
        )

    def _take_range(self, ends: tuple[float, float]) -> None:
        self.changed.emit({"clip_range": (round(ends[0], 6), round(ends[1], 6))})


def range_slider(name: str, help: str) -> QLabeledDoubleRangeSlider:
    """A slider with two ends whose numbers stay whole at both ends of it."""
    slider = QLabeledDoubleRangeSlider(Qt.Orientation.Horizontal)
    slider.setObjectName(name)
    slider.setDecimals(3)
    slider.setRange(0, 1)
    slider.setValue((0, 1))
    slider.setEdgeLabelMode(QLabeledDoubleRangeSlider.EdgeLabelMode.NoLabel)
    slider.setToolTip(help)
    left, top, right, bottom = slider.layout().getContentsMargins()
    room = slider.fontMetrics().horizontalAdvance("0.0000") // 2 + 4  # half a label stands out at either end
    slider.layout().setContentsMargins(left + room, top, right + room, bottom)
    return slider


def set_range(slider: QLabeledDoubleRangeSlider, limits: tuple[float, float], ends: tuple[float, float]) -> None:
    """Show other ends on a slider whose range and decimals suit the data, be they 0.01 ppm or 4000."""
    low, high = min(limits[0], ends[0]), max(limits[1], ends[1])
    span = max(high - low, 1e-9)
    with QSignalBlocker(slider):
        slider.setDecimals(3 if span <= 2 else 1 if span <= 200 else 0)
        slider.setRange(low, high)
        slider.setSingleStep(span / 50)
        slider.setValue(ends)


def _fill(combo: QComboBox, items: list[tuple[str, str]], chosen: str) -> None:
    if [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())] != items:
        combo.clear()
        for text, data in items:
            combo.addItem(text, data)
    combo.setCurrentIndex(max(0, combo.findData(chosen)))


def _check(name: str, text: str, help: str) -> Any:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setToolTip(help)
    return box
