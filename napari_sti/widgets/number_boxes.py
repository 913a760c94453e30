"""Boxes for numbers that keep what was typed: 1e-6 stays 1e-6, and 0.005 never becomes 0.01."""

import math

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

_ALL_DECIMALS = 323
"""As many as a double can have, so that the box never rounds."""


def number_text(value: float) -> str:
    """Shortest text that reads back as the same number, in plain or scientific notation."""
    mantissa, _, exponent = repr(float(value)).partition("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


class ScientificBox(QDoubleSpinBox):
    """A box for a floating-point number with unit, in plain or scientific notation, exact to the last bit.

    The arrows change the leading digit: 0.002 goes to 0.003, 1e-6 to 2e-6 and down to 9e-7.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(_ALL_DECIMALS)
        self.setRange(-1e300, 1e300)
        self.setKeyboardTracking(False)
        keep_wheel_for_scrolling(self)

    def textFromValue(self, value: float) -> str:
        """Shortest exact text."""
        return number_text(value)

    def valueFromText(self, text: str | None) -> float:
        """Read plain or scientific notation, with a point or a comma."""
        number = _parse(self._bare(text or ""))
        return self.value() if number is None else number

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept what reads as a number within the range, allow what may become one."""
        text = text or ""
        bare = self._bare(text)
        number = _parse(bare)
        if number is None:
            may_become = set(bare.lower()) <= set("0123456789.,+-e ")
            state = QValidator.State.Intermediate if may_become else QValidator.State.Invalid
        elif self.minimum() <= number <= self.maximum():
            state = QValidator.State.Acceptable
        else:
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str | None) -> str:
        """Bring a number outside the range to its end when the box is left."""
        number = _parse(self._bare(text or ""))
        if number is None:
            number = self.value()
        return f"{self.prefix()}{number_text(min(max(number, self.minimum()), self.maximum()))}{self.suffix()}"

    def stepBy(self, steps: int) -> None:
        """Change the leading digit."""
        value = self.value()
        for _ in range(abs(steps)):
            value = _next_leading_digit(value, 1 if steps > 0 else -1)
        self.setValue(min(max(value, self.minimum()), self.maximum()))

    def _bare(self, text: str) -> str:
        return text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip()


def _parse(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _next_leading_digit(value: float, direction: int) -> float:
    if value == 0:
        return direction * 1e-3
    exponent = math.floor(math.log10(abs(value)))
    growing = (value > 0) == (direction > 0)
    if not growing and number_text(abs(value)).lstrip("0.").startswith("1") and abs(value) == float(f"1e{exponent}"):
        exponent -= 1  # from 1e-6 down comes 9e-7, not 0
    step = float(f"1e{exponent}")
    return float(f"{value + direction * step:.12g}")


class _WheelGuard(QObject):
    """Lets the wheel scroll the panel instead of changing a box that is not being edited."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel and not watched.hasFocus():  # type: ignore[union-attr]
            event.ignore()
            return True
        return False


def keep_wheel_for_scrolling(box: QWidget) -> None:
    """Let the wheel change the box only while it has the focus."""
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelGuard(box))
