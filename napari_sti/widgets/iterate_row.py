"""A slider over the iterations of a run, with the data residual and the step length of the one that is shown."""

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from napari_sti.io.iterates import Iterate
from napari_sti.widgets.log_curves import Curve, LogCurves
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import text_label

_MEANING = (
    "Data residual |A x - y| / |y| and step length |x - x before| / |x| of every iteration, logarithmic axis; "
    "the one that is shown is marked."
)


class IterateRow(QWidget):
    """Editor of the number of an iterate, from 1; the last is the result."""

    valueChanged = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[Iterate, ...] = ()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("sti_iterate")
        self.slider.setAccessibleName("Iteration")
        self.slider.setToolTip("Show the maps after an earlier iteration; at the right end stands the result.")
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(1)
        self.slider.setPageStep(1)
        keep_wheel_for_scrolling(self.slider)
        self.place = QLabel()
        self.place.setObjectName("sti_iterate_place")
        self.numbers = text_label()
        self.numbers.setObjectName("sti_iterate_numbers")
        self.curves = LogCurves(height=72)
        self.curves.setObjectName("sti_iterate_curves")
        self.curves.setToolTip(_MEANING)
        self.curves.setAccessibleName("Residual and step length over the iterations")
        top = QHBoxLayout()
        top.setSpacing(MARGIN)
        top.addWidget(self.slider, 1)
        top.addWidget(self.place)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self.numbers)
        layout.addWidget(self.curves)
        self.slider.valueChanged.connect(self._moved)

    def value(self) -> int:
        """Number of the iterate."""
        return int(self.slider.value())

    def setValue(self, number: int) -> None:
        """Show another number; says nothing of it."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(number)
        self._show()

    def set_entries(self, entries: tuple[Iterate, ...]) -> None:
        """Show other iterates."""
        if entries == self._entries:
            return
        self._entries = entries
        with QSignalBlocker(self.slider):
            self.slider.setRange(1, max(len(entries), 1))
        widest = self.place.fontMetrics().horizontalAdvance(f"{len(entries)} of {len(entries)}")
        self.place.setMinimumWidth(widest + 4)  # the slider must not move under the mouse
        self.curves.set_curves(
            [
                Curve("data residual", tuple((e.number, e.residual) for e in entries if e.residual is not None)),
                Curve("step length", tuple((e.number, e.step) for e in entries if e.step is not None)),
            ]
        )
        self._show()

    def set_loading(self, loading: bool) -> None:
        """Say that the iterate is still being read."""
        self._show(loading)

    def _show(self, loading: bool = False) -> None:
        number, total = self.value(), len(self._entries)
        self.place.setText(f"{number} of {total}")
        if 1 <= number <= total:
            self.curves.mark(self._entries[number - 1].number)
            said = numbers_of(self._entries[number - 1])
            if loading:
                said = "is being read\N{HORIZONTAL ELLIPSIS}"
            elif number == total:
                said = f"the result: {said}" if said else "the result"
            self.numbers.setText(said)

    def _moved(self, number: int) -> None:
        self._show()
        self.valueChanged.emit(number)


def numbers_of(entry: Iterate) -> str:
    """Residual and step length of an iterate in words."""
    parts = []
    if entry.residual is not None:
        parts.append(f"data residual {entry.residual:.3g}")
    if entry.step is not None:
        parts.append(f"step length {entry.step:.3g}")
    return ", ".join(parts)
