"""The minimised functional, set like a formula: one term below the other, never wider than its place."""

import html
import re

from qtpy.QtCore import Qt
from qtpy.QtGui import QFont, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_sti.widgets.look import MARGIN, colour

_FAMILIES = ["Cambria Math", "STIX Two Math", "STIX Two Text", "Latin Modern Math", "DejaVu Serif", "serif"]
_OPEN, _CLOSE, _EITHER = "([{⟨", ")]}⟩", "‖|"
_SUBSCRIPT = re.compile(r"_(?:\{([^}]*)\}|\(([^)]*)\)|([A-Za-z0-9χθ]+))")
_BESIDES = re.compile(r"[;,]\s{2,}|;\s|\s{3,}")
_SIGNS = ("+", "−", "-")


class Formula(QLabel):
    """A formula in plain Unicode, shown with its terms below each other and its subscripts lowered."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plain = ""
        self.setObjectName("sti_formula")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setContentsMargins(MARGIN, MARGIN // 2, MARGIN // 2, MARGIN // 2)
        font = QFont(self.font())
        font.setFamilies(_FAMILIES)
        font.setPointSizeF(font.pointSizeF() * 1.08)
        self.setFont(font)

    def value(self) -> str:
        """The formula as plain text."""
        return self._plain

    def setValue(self, formula: str) -> None:
        """Show another formula."""
        self._plain = formula
        self.setAccessibleName(formula)
        self.setText(as_html(formula))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint a wash below the text, so that the formula stands apart from the sentences."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(self, "wash"))
        painter.end()
        super().paintEvent(event)


def as_html(formula: str) -> str:
    """Write a formula in rows: what comes before the colon, each term with its sign, and what else holds in small."""
    head, colon, body = formula.partition(":")
    if not colon:
        head, body = "", formula
    body, *besides = _BESIDES.split(body.strip(), maxsplit=1)
    rows = "".join(f'<tr><td width="16">{sign}</td><td>{_set(term)}</td></tr>' for sign, term in terms(body))
    # A head inside the table would widen the column of the signs.
    above = f"<div>{_set(head.strip())}:</div>" if head.strip() else ""
    below = "".join(f"<div><small>{_set(text.strip())}</small></div>" for text in besides)
    return f'{above}<table cellspacing="0" cellpadding="1">{rows}</table>{below}'


def terms(body: str) -> list[tuple[str, str]]:
    """Split a sum into its terms with their signs, at the signs that stand outside of brackets and norms."""
    found: list[tuple[str, str]] = []
    depth, within, sign, term = 0, "", "", ""
    for place, letter in enumerate(body):
        if letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif letter in _EITHER and not depth:
            within = "" if letter == within else within or letter
        spaced = body[place - 1 : place] == " " and body[place + 1 : place + 2] == " "
        if letter in _SIGNS and spaced and not depth and not within and term.strip():
            found.append((sign, term.strip()))
            sign, term = letter, ""
        else:
            term += letter
    return [*found, (sign, term.strip())] if term.strip() else found


def _set(text: str) -> str:
    lowered = _SUBSCRIPT.sub(lambda m: f"\0{next(filter(None, m.groups()), '')}\1", text)
    return html.escape(lowered, quote=False).replace("\0", "<sub>").replace("\1", "</sub>")
