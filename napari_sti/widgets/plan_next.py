"""The advised tilts of a plan, in words."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sti.maps.next_tilt import Plan
from napari_sti.maps.plan_report import next_sentence
from napari_sti.viz.numbers import degrees
from napari_sti.widgets.panel import text_label


class AdvisedTilts(QWidget):
    """Two lines for every tilt: what the head does, and what that brings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: list[QLabel] = []
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)

    def value(self) -> tuple[str, ...]:
        """The lines that are shown."""
        return tuple(label.text() for label in self._labels if label.text())

    def setValue(self, plan: Plan) -> None:
        """Show the tilts of another plan."""
        texts: list[str] = []
        before = plan.worth
        for advised in plan.next_tilts:
            vector = ", ".join(f"{v + 0.0:.2f}" for v in advised.b0_dir.round(2)).replace("-", "\N{MINUS SIGN}")
            texts.append(f"{'Then' if texts else 'Next'} ({before.orientations + 1}): {advised.words}")
            texts.append(f"{degrees(advised.tilt)} tilt, B0 ({vector}) in RAS; {next_sentence(advised, before)}.")
            before = advised.worth
        while len(self._labels) < len(texts):
            self._add_label()
        for number, label in enumerate(self._labels):
            label.setText(texts[number] if number < len(texts) else "")
            label.setVisible(bool(label.text()))

    def _add_label(self) -> None:
        label = text_label()
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = label.font()
        font.setBold(len(self._labels) % 2 == 0)
        label.setFont(font)
        self._rows.addWidget(label)
        self._labels.append(label)
